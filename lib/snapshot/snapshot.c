/* SPDX-License-Identifier: MIT */
/* snapshot.c - a graph, where it was taken, and the sum of its sizes: one immutable value.
 *
 *     [ hsight_snapshot | label interpreter platform arguments capture ... ]    one block
 *
 * The snapshot owns the graph and the trace joined to it, and takes its block from the graph's
 * allocator. The strings of its info point behind the struct; each is followed by a NUL that its
 * length does not count. O(nodes) once. */
#include "snapshot/snapshot_join.h"

#include "base/checked.h"
#include "base/error.h"
#include "graph/graph_allocator.h"

#include <stdbool.h>
#include <string.h>

struct hsight_snapshot {
    hsight_graph *graph;
    hsight_snapshot_info info;
    uint64_t total_bytes;
    hsight_trace *trace;           /* NULL: no tracer was running */
    const hsight_stack_id *stacks; /* by node; item 0 unused */
    bool owns_stacks;
    size_t block_bytes;
    char text[];
};

enum { STRING_COUNT = 8 };

static void list_strings(hsight_snapshot_info *info, hsight_string *strings[STRING_COUNT])
{
    strings[0] = &info->label;
    strings[1] = &info->interpreter;
    strings[2] = &info->platform;
    strings[3] = &info->arguments;
    strings[4] = &info->capture;
    strings[5] = &info->overcounted_types;
    strings[6] = &info->doubted_types;
    strings[7] = &info->invalid_types;
}

/* Bytes of the whole block; false when they cannot be addressed. */
static bool measure(hsight_snapshot_info info, size_t *out)
{
    hsight_string *strings[STRING_COUNT];
    list_strings(&info, strings);
    size_t bytes = sizeof(hsight_snapshot) + STRING_COUNT;
    for (int i = 0; i < STRING_COUNT; i++) {
        if (!hsight__add_size(bytes, strings[i]->length, &bytes)) {
            return false;
        }
    }
    *out = bytes;
    return true;
}

static void copy_strings(hsight_snapshot *snapshot)
{
    hsight_string *strings[STRING_COUNT];
    list_strings(&snapshot->info, strings);
    char *at = snapshot->text;
    for (int i = 0; i < STRING_COUNT; i++) {
        if (strings[i]->length > 0) {
            memcpy(at, strings[i]->data, strings[i]->length);
        }
        strings[i]->data = at;
        at += strings[i]->length;
        *at++ = '\0';
    }
}

hsight_status hsight_snapshot_new(hsight_graph *graph, const hsight_snapshot_info *info,
                                  hsight_snapshot **out, hsight_error *err)
{
    size_t bytes;
    if (!measure(*info, &bytes)) {
        return hsight__fail_memory(err, SIZE_MAX);
    }
    const hsight_allocator *allocator = hsight__graph_allocator(graph);
    hsight_snapshot *snapshot = allocator->allocate(allocator->state, bytes);
    if (snapshot == NULL) {
        return hsight__fail_memory(err, bytes);
    }
    snapshot->graph = graph;
    snapshot->info = *info;
    snapshot->block_bytes = bytes;
    snapshot->trace = NULL;
    snapshot->stacks = NULL;
    snapshot->owns_stacks = false;
    copy_strings(snapshot);
    snapshot->total_bytes = hsight_graph_total_bytes(graph);
    *out = snapshot;
    return HSIGHT_OK;
}

static void free_stacks(const hsight_snapshot *snapshot)
{
    if (snapshot->owns_stacks) {
        const hsight_allocator *allocator = hsight_allocator_default();
        size_t bytes =
            ((size_t)hsight_graph_node_count(snapshot->graph) + 1) * sizeof *snapshot->stacks;
        allocator->release(allocator->state, (void *)snapshot->stacks, bytes);
    }
}

void hsight_snapshot_free(hsight_snapshot *snapshot)
{
    if (snapshot == NULL) {
        return;
    }
    hsight_graph *graph = snapshot->graph;
    const hsight_allocator *allocator = hsight__graph_allocator(graph);
    free_stacks(snapshot);
    hsight_trace_free(snapshot->trace);
    allocator->release(allocator->state, snapshot, snapshot->block_bytes);
    hsight_graph_free(graph);
}

const hsight_graph *hsight_snapshot_graph(const hsight_snapshot *snapshot)
{
    return snapshot->graph;
}

const hsight_snapshot_info *hsight_snapshot_get_info(const hsight_snapshot *snapshot)
{
    return &snapshot->info;
}

uint64_t hsight_snapshot_total_bytes(const hsight_snapshot *snapshot)
{
    return snapshot->total_bytes;
}

hsight_status hsight__snapshot_join_column(hsight_snapshot *snapshot, hsight_trace *trace,
                                           const hsight_stack_id *stacks, hsight_error *err)
{
    if (snapshot->trace != NULL) {
        return hsight__fail(err, HSIGHT_EINVAL, "the snapshot has a trace already");
    }
    if (stacks[0].index != 0) {
        return hsight__fail(err, HSIGHT_EINVAL, "object 0 is none, but stack %u allocated it",
                            stacks[0].index);
    }
    uint32_t stack_count = hsight_trace_stack_count(trace);
    for (uint32_t node = 1; node <= hsight_graph_node_count(snapshot->graph); node++) {
        if (stacks[node].index > stack_count) {
            return hsight__fail(err, HSIGHT_EINVAL, "object %u: stack %u, only %u stacks are known",
                                node, stacks[node].index, stack_count);
        }
    }
    snapshot->trace = trace;
    snapshot->stacks = stacks;
    return HSIGHT_OK;
}

hsight_status hsight_snapshot_join(hsight_snapshot *snapshot, hsight_trace *trace,
                                   hsight_stack_id *stacks, hsight_error *err)
{
    hsight_status status = hsight__snapshot_join_column(snapshot, trace, stacks, err);
    snapshot->owns_stacks = snapshot->owns_stacks || status == HSIGHT_OK;
    return status;
}

const hsight_trace *hsight_snapshot_trace(const hsight_snapshot *snapshot)
{
    return snapshot->trace;
}

hsight_stack_id hsight_snapshot_stack(const hsight_snapshot *snapshot, hsight_node_id node)
{
    return snapshot->stacks != NULL ? snapshot->stacks[node.index] : (hsight_stack_id){0};
}

const hsight_stack_id *hsight__snapshot_stacks(const hsight_snapshot *snapshot)
{
    return snapshot->stacks;
}
