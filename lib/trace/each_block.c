/* SPDX-License-Identifier: MIT */
/* each_block.c - every live block of an exact trace, one after the other.
 *
 * What is handed out was alive when it was read (live_slots.h), and its memory is copied by the
 * system (own_memory.c), because blocks of the domain raw come and go without the GIL. O(heap / 16)
 * and what the visitor reads.
 */
#include "trace/live_slots.h"

#include "base/error.h"

#include <string.h>

typedef struct {
    hsight_tracer *tracer;
    hsight_block_reader reader;
    hsight_block_visitor visit;
    void *state;
} job;

static void visit_blocks(const hsight__live_block *blocks, size_t count, void *state)
{
    const job *work = state;
    for (size_t i = 0; i < count; i++) {
        work->visit(&work->reader, blocks[i].begin, blocks[i].bytes, work->state);
    }
}

static void visit_leaf(hsight__slot *leaf, uint64_t base, void *state)
{
    const job *work = state;
    hsight__live_slots(work->tracer, work->reader.memory, leaf, base, visit_blocks, state);
}

hsight_status hsight_tracer_each_block(hsight_tracer *tracer, hsight_block_visitor visit,
                                       void *state, hsight_error *err)
{
    if (hsight_tracer_mode(tracer) != HSIGHT_TRACE_EXACT) {
        return hsight__fail(err, HSIGHT_EINVAL, "live blocks are known in mode exact only");
    }
    job work = {.tracer = tracer, .visit = visit, .state = state};
    const hsight_allocator *allocator = tracer->memory.allocator;
    hsight_status status = hsight__own_memory_new(allocator, &work.reader.memory, err);
    if (status == HSIGHT_OK) {
        hsight__block_map_visit(&tracer->blocks.map, visit_leaf, &work);
        hsight__own_memory_free(work.reader.memory);
    }
    return status;
}

bool hsight_block_read(const hsight_block_reader *reader, uint64_t address, void *out, size_t bytes)
{
    char *to = out;
    while (bytes > 0) {
        size_t here;
        const void *copy = hsight__own_memory_read(reader->memory, address, &here);
        if (copy == NULL) {
            return false;
        }
        here = here < bytes ? here : bytes;
        memcpy(to, copy, here);
        to += here;
        address += here;
        bytes -= here;
    }
    return true;
}
