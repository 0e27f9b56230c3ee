/* SPDX-License-Identifier: MIT */
/* reach_sums.h - what was not reached, for a trace. */
#ifndef HEAPSIGHT_LIB_TRACE_REACH_SUMS_H
#define HEAPSIGHT_LIB_TRACE_REACH_SUMS_H

#include <heapsight/reach.h>

#include "base/vec.h"

typedef struct {
    uint64_t bytes;
    uint64_t blocks;
} hsight__reach_sum;

/* Blocks of `reach` that nothing led to and that are alive still, added to `sums` by the number of
 * the tracer's stack; stacks that `sums` has no item for are left out. O(heap / 1024). */
void hsight__reach_sum_native(const hsight_reach *reach, hsight__vec *sums);

#endif
