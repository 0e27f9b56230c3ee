/* SPDX-License-Identifier: MIT */
/* each_block.c - every live block of an exact trace, one after the other.
 *
 * Blocks of the domain raw come and go meanwhile without the GIL: what is handed out was alive when
 * it was read, and its memory is copied by the system (own_memory.c). The lock is taken for 64
 * slots at a time and is not held while the visitor runs. Pages of the table that were never
 * touched are passed over, so that looking takes no memory. O(heap / 16) and what the visitor
 * reads.
 */
#include "trace/own_memory.h"
#include "trace/tracer_parts.h"

#include "base/error.h"

#include <string.h>

struct hsight_block_reader {
    hsight__own_memory *memory;
};

typedef struct {
    hsight_tracer *tracer;
    hsight_block_reader reader;
    hsight_block_visitor visit;
    void *state;
} job;

typedef struct {
    uint64_t address;
    uint64_t bytes;
} found;

/* `is_size`: the slot before is of a block that has its size in the next one, which may look like a
 * block itself. */
static size_t read_slots(hsight_tracer *tracer, const hsight__slot *slots, uint64_t base,
                         bool *is_size, found out[64])
{
    size_t count = 0;
    hsight__lock_take(&tracer->lock);
    for (size_t i = 0; i < 64; i++) {
        hsight__block block = *is_size ? (hsight__block){0} : hsight__slot_read(&slots[i]);
        *is_size = !*is_size && hsight__slot_is_split(&slots[i]);
        if (block.stack != 0) {
            out[count++] = (found){base + i * HSIGHT__GRANULE_BYTES, block.bytes};
        }
    }
    hsight__lock_release(&tracer->lock);
    return count;
}

static void visit_leaf(hsight__slot *leaf, uint64_t base, void *state)
{
    job *work = state;
    const size_t page_slots =
        hsight__own_memory_page_bytes(work->reader.memory) / sizeof(hsight__slot);
    uint64_t touched = 0;
    bool is_size = false;
    for (size_t at = 0; at < HSIGHT__LEAF_SLOTS; at += 64) {
        size_t page = at / page_slots;
        if (at % (page_slots * 64) == 0) {
            touched = hsight__own_memory_touched(work->reader.memory, leaf + at);
        }
        if ((touched >> page % 64 & 1) == 0) {
            continue;
        }
        found all[64];
        size_t count =
            read_slots(work->tracer, leaf + at, base + at * HSIGHT__GRANULE_BYTES, &is_size, all);
        for (size_t i = 0; i < count; i++) {
            work->visit(&work->reader, all[i].address, all[i].bytes, work->state);
        }
    }
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
