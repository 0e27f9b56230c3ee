/* SPDX-License-Identifier: MIT */
/* join.c - address of an object -> begin of its block -> stack of the live block table. */
#include "join.h"

#include "hook.h"
#include "native.h"
#include "visit.h"

/* Stacks of all objects by the tracer's numbers; later turned into those of the trace. */
static void look_up(const hsight_graph *graph, const uint8_t *preheaders, uint32_t preheader_count,
                    hsight_stack_id *out)
{
    hsight_tracer *tracer = hsight_hook_tracer();
    for (uint32_t n = 1; n <= hsight_graph_node_count(graph); n++) {
        hsight_node_id node = {n};
        uint32_t type = hsight_graph_type(graph, node).index;
        uint64_t before = type < preheader_count ? preheaders[type] : 0;
        uintptr_t block = (uintptr_t)(hsight_graph_address(graph, node) - before);
        out[n].index = hsight_tracer_stack_of(tracer, (const void *)block);
    }
}

static void renumber(hsight_stack_id *stacks, uint32_t count, const hsight_stack_id *map,
                     uint32_t map_count)
{
    for (uint32_t n = 1; n <= count; n++) {
        stacks[n].index = stacks[n].index < map_count ? map[stacks[n].index].index : 0;
    }
}

/* Trace and join; consumes `stacks` on success. */
static hsight_status take(hsight_snapshot *snapshot, const hsight_reach *reach,
                          hsight_stack_id *stacks, hsight_error *err)
{
    uint32_t count = hsight_graph_node_count(hsight_snapshot_graph(snapshot)), map_count = 0;
    hsight_trace *trace = NULL;
    hsight_stack_id *map = NULL;
    hsight_status status = hsight_hook_take(reach, &trace, &map, &map_count, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    renumber(stacks, count, map, map_count);
    hsight_stack_map_free(map, map_count);
    status = hsight_snapshot_join(snapshot, trace, stacks, err);
    if (status != HSIGHT_OK) {
        hsight_trace_free(trace);
    }
    return status;
}

hsight_status hsight__join(hsight_snapshot *snapshot, const uint8_t *preheaders,
                           uint32_t preheader_count, hsight_error *err)
{
    if (!hsight_hook_is_running() || preheaders == NULL) {
        return HSIGHT_OK;
    }
    const hsight_graph *graph = hsight_snapshot_graph(snapshot);
    const hsight_allocator *memory = hsight_allocator_default();
    size_t bytes = ((size_t)hsight_graph_node_count(graph) + 1) * sizeof(hsight_stack_id);
    hsight_stack_id *stacks = memory->allocate(memory->state, bytes);
    if (stacks == NULL) {
        return hsight__out_of_memory(err);
    }
    stacks[0].index = 0;
    look_up(graph, preheaders, preheader_count, stacks);
    hsight_reach *reach =
        hsight__search_native(graph, preheaders, preheader_count, hsight_hook_tracer());
    hsight_status status = take(snapshot, reach, stacks, err);
    hsight_reach_free(reach);
    if (status != HSIGHT_OK) {
        memory->release(memory->state, stacks, bytes);
    }
    return status;
}
