/* SPDX-License-Identifier: MIT */
/* live_slots.c - slots are read with the tracer locked, a group at a time, because a size and its
 * block lie in two of them. The lock is not held while the visitor runs. Owns nothing. */
#include "trace/live_slots.h"

/* `is_size`: the slot before is of a block that has its size in the next one, which may look like a
 * block itself. */
static size_t read_group(hsight_tracer *tracer, const hsight__slot *slots, uint64_t base,
                         bool *is_size, hsight__live_block out[HSIGHT__SLOT_GROUP])
{
    size_t count = 0;
    hsight__lock_take(&tracer->lock);
    for (size_t i = 0; i < HSIGHT__SLOT_GROUP; i++) {
        hsight__block block = *is_size ? (hsight__block){0} : hsight__slot_read(&slots[i]);
        *is_size = !*is_size && hsight__slot_is_split(&slots[i]);
        if (block.stack != 0) {
            out[count++] = (hsight__live_block){base + i * HSIGHT__GRANULE_BYTES, block.bytes};
        }
    }
    hsight__lock_release(&tracer->lock);
    return count;
}

void hsight__live_slots(hsight_tracer *tracer, hsight__own_memory *memory, const hsight__slot *leaf,
                        uint64_t base, hsight__live_visitor visit, void *state)
{
    const size_t page_slots = hsight__own_memory_page_bytes(memory) / sizeof(hsight__slot);
    uint64_t touched = 0;
    bool is_size = false;
    for (size_t at = 0; at < HSIGHT__LEAF_SLOTS; at += HSIGHT__SLOT_GROUP) {
        size_t page = at / page_slots;
        if (at % (page_slots * 64) == 0) { /* a bit for each of 64 pages */
            touched = hsight__own_memory_touched(memory, leaf + at);
        }
        if ((touched >> page % 64 & 1) != 0) {
            hsight__live_block blocks[HSIGHT__SLOT_GROUP];
            size_t count =
                read_group(tracer, leaf + at, base + at * HSIGHT__GRANULE_BYTES, &is_size, blocks);
            visit(blocks, count, state);
        }
    }
}
