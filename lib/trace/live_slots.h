/* SPDX-License-Identifier: MIT */
/* live_slots.h - the live blocks of a leaf of the block map, as they are when they are read. */
#ifndef HEAPSIGHT_LIB_TRACE_LIVE_SLOTS_H
#define HEAPSIGHT_LIB_TRACE_LIVE_SLOTS_H

#include "trace/own_memory.h"
#include "trace/tracer_parts.h"

enum { HSIGHT__SLOT_GROUP = 64 };

/* What visitors of blocks read them with. */
struct hsight_block_reader {
    hsight__own_memory *memory;
};

typedef struct {
    uint64_t begin;
    uint64_t bytes;
} hsight__live_block;

/* Some of them, HSIGHT__SLOT_GROUP at most, ascending. The tracer is not locked. */
typedef void (*hsight__live_visitor)(const hsight__live_block *blocks, size_t count, void *state);

/* Blocks come and go meanwhile, of the domain raw even while the GIL is held: each was alive when
 * it was read. Pages of the leaf that nothing was ever written to are passed over, so looking takes
 * no memory. O(slots). */
void hsight__live_slots(hsight_tracer *tracer, hsight__own_memory *memory, const hsight__slot *leaf,
                        uint64_t base, hsight__live_visitor visit, void *state);

#endif
