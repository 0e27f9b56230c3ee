/* SPDX-License-Identifier: MIT */
/* side_table.h - blocks by address, for few of them: samples, and what a block map cannot hold. */
#ifndef HEAPSIGHT_LIB_TRACE_SIDE_TABLE_H
#define HEAPSIGHT_LIB_TRACE_SIDE_TABLE_H

#include "base/vec.h"
#include "trace/block_map.h"

typedef struct {
    hsight__vec entries; /* a power of two of them, or none; see side_table.c */
    size_t count;
    uint64_t seed;
} hsight__side_table;

/* Allocates nothing. */
void hsight__side_table_init(hsight__side_table *table, const hsight_allocator *allocator);
void hsight__side_table_free(hsight__side_table *table);
/* An empty block where there is none. O(1). */
hsight__block hsight__side_table_get(const hsight__side_table *table, const void *address);
/* Enter, change or (a block with neither stack nor code) remove. Amortised O(1); only entering can
 * fail: false when memory is refused. */
bool hsight__side_table_put(hsight__side_table *table, const void *address,
                            const hsight__block *block);
/* Every entry once: start with *at 0; false at the end. Nothing may change meanwhile. */
bool hsight__side_table_next(const hsight__side_table *table, size_t *at, const void **address);

#endif
