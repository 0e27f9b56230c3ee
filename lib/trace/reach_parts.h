/* SPDX-License-Identifier: MIT */
/* reach_parts.h - what a search for native blocks is made of.
 *
 *   region  8 MiB of addresses, as a leaf of the block map
 *           begins: a bit for every 16 bytes, set where a block began when the search did
 *           seen:   the same, set once something leads to that block
 *   long    by address: blocks that the search back through `begins` would be slow for or that
 *           reach into another region, and those of the side table */
#ifndef HEAPSIGHT_LIB_TRACE_REACH_PARTS_H
#define HEAPSIGHT_LIB_TRACE_REACH_PARTS_H

#include <heapsight/reach.h>

#include "trace/own_memory.h"
#include "trace/tracer_parts.h"

#define HSIGHT__REACH_WORDS  (HSIGHT__LEAF_SLOTS / 64)
#define HSIGHT__REGION_BYTES (UINT64_C(1) << HSIGHT__LEAF_SHIFT)
#define HSIGHT__LONG_BYTES   (UINT64_C(64) << 10) /* 64 words of `begins` */

typedef struct {
    uint64_t base;
    const hsight__slot *slots;
    uint64_t *begins; /* HSIGHT__REACH_WORDS, and as many for `seen` behind them */
    uint64_t *seen;
} hsight__region;

typedef struct {
    uint64_t begin;
    uint64_t bytes;
    bool is_side; /* in the side table, not in a region */
    bool is_seen; /* the same */
} hsight__long_block;

typedef struct {
    uint64_t begin;
    uint64_t bytes;
} hsight__span;

enum { HSIGHT__MET_REGIONS = 256 };

typedef struct {
    uint64_t number; /* base / HSIGHT__REGION_BYTES */
    const hsight__region *region;
} hsight__met_region;

struct hsight_reach {
    hsight_tracer *tracer;
    const hsight_allocator *allocator;
    hsight__own_memory *memory;
    hsight__vec regions;   /* hsight__region, ascending */
    hsight__map region_of; /* base / HSIGHT__REGION_BYTES -> place in regions + 1 */
    hsight__vec longs;     /* hsight__long_block, ascending */
    bool has_side_blocks;  /* rare: some in `longs` are those of the side table */
    hsight__vec pending;   /* hsight__span: to be looked into */
    uint64_t led_bytes;    /* of the blocks that became pending for an address, or were passed */
    const hsight_reach_object *ignored;
    size_t ignored_count;
    hsight__met_region met[HSIGHT__MET_REGIONS]; /* by number: found lately */
};

#endif
