/* SPDX-License-Identifier: MIT */
/* join.c - address of an object -> begin of its block -> stack of the live block table. */
#include "join.h"

#include "block_sizes.h"
#include "hook.h"
#include "native.h"
#include "type_table.h"

#include <stdlib.h>

/* ---- during the walk ---- */

static void look_up(hsight__walk *walk, hsight__type_info *const *infos, hsight_stack_id *out)
{
    const uint64_t *addresses = hsight_builder_addresses(walk->visit.builder);
    hsight_tracer *tracer = hsight_hook_tracer();
    uint32_t count = hsight_builder_node_count(walk->visit.builder);
    out[0].index = 0;
    for (uint32_t node = 1; node <= count; node++) {
        hsight_type_id type = hsight_builder_type(walk->visit.builder, (hsight_node_id){node});
        uint64_t before = hsight__type_preheader_bytes(infos[type.index]);
        uintptr_t block = (uintptr_t)(addresses[node] - before);
        out[node].index = hsight_tracer_stack_of(tracer, (const void *)block);
    }
}

static void find_stacks(hsight__walk *walk, hsight_capture_blocks *blocks)
{
    const hsight_allocator *memory = hsight_allocator_default();
    hsight__type_info **infos = hsight__type_table_by_id(&walk->visit);
    blocks->bytes =
        ((size_t)hsight_builder_node_count(walk->visit.builder) + 1) * sizeof(hsight_stack_id);
    blocks->stacks = infos != NULL ? memory->allocate(memory->state, blocks->bytes) : NULL;
    if (blocks->stacks == NULL) {
        hsight__visit_fail(&walk->visit, HSIGHT_ENOMEM,
                           "out of memory while objects were joined with their stacks");
    } else {
        look_up(walk, infos, blocks->stacks);
    }
    free(infos);
}

void hsight__find_blocks(hsight__walk *walk, hsight__block_sizes *sizes,
                         hsight_capture_blocks *blocks)
{
    if (!hsight_hook_is_running()) {
        return;
    }
    find_stacks(walk, blocks);
    if (walk->visit.status == HSIGHT_OK) {
        blocks->reach =
            hsight__search_native(walk, hsight_hook_tracer(), hsight__block_sizes_note, sizes);
    }
}

void hsight_capture_blocks_free(hsight_capture_blocks *blocks)
{
    const hsight_allocator *memory = hsight_allocator_default();
    if (blocks->stacks != NULL) {
        memory->release(memory->state, blocks->stacks, blocks->bytes);
    }
    hsight_reach_free(blocks->reach);
    *blocks = (hsight_capture_blocks){0};
}

/* ---- after it ---- */

static void renumber(hsight_stack_id *stacks, uint32_t count, const hsight_stack_id *map,
                     uint32_t map_count)
{
    for (uint32_t n = 1; n <= count; n++) {
        stacks[n].index = stacks[n].index < map_count ? map[stacks[n].index].index : 0;
    }
}

hsight_status hsight__join(hsight_snapshot *snapshot, hsight_capture_blocks *blocks,
                           hsight_error *err)
{
    if (blocks->stacks == NULL) {
        return HSIGHT_OK;
    }
    uint32_t count = hsight_graph_node_count(hsight_snapshot_graph(snapshot)), map_count = 0;
    hsight_trace *trace = NULL;
    hsight_stack_id *map = NULL;
    hsight_status status = hsight_hook_take(blocks->reach, &trace, &map, &map_count, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    renumber(blocks->stacks, count, map, map_count);
    hsight_stack_map_free(map, map_count);
    status = hsight_snapshot_join(snapshot, trace, blocks->stacks, err);
    if (status == HSIGHT_OK) {
        blocks->stacks = NULL; /* the snapshot's now */
    } else {
        hsight_trace_free(trace);
    }
    return status;
}
