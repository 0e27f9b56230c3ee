/* SPDX-License-Identifier: MIT */
/* trace_chunks.h - the allocations of a snapshot as chunks of a file, in both directions. */
#ifndef HEAPSIGHT_LIB_STORE_TRACE_CHUNKS_H
#define HEAPSIGHT_LIB_STORE_TRACE_CHUNKS_H

#include "snapshot/snapshot_join.h"
#include "store/container.h"

/* TINF: numbers of hsight_trace_info in this order, domains last. Later versions may append. */
enum { HSIGHT__TRACE_NUMBERS = 11 + 3 * HSIGHT_DOMAIN_COUNT };
typedef struct {
    uint64_t number[HSIGHT__TRACE_NUMBERS];
} hsight__trace_numbers;

/* Fill data and bytes of the chunks of a trace. Borrows the snapshot and `numbers`, which it fills.
 */
void hsight__chunks_of_trace(const hsight_snapshot *snapshot, hsight__trace_numbers *numbers,
                             hsight__chunk chunks[HSIGHT__CHUNK_COUNT]);

/* Check the chunks of a trace and join it to the snapshot of the same file; columns are used where
 * they lie. O(stacks + objects); memory from the graph's allocator.
 * HSIGHT_OK, HSIGHT_EFORMAT, HSIGHT_EVERSION or HSIGHT_ENOMEM. */
hsight_status hsight__trace_of_chunks(const hsight__container *container, hsight_snapshot *snapshot,
                                      hsight_error *err);

#endif
