/* SPDX-License-Identifier: MIT */
/* take_rows.h - rows of a trace from a copy of the tracer's stacks. */
#ifndef HEAPSIGHT_LIB_TRACE_TAKE_ROWS_H
#define HEAPSIGHT_LIB_TRACE_TAKE_ROWS_H

#include "trace/reach_sums.h"
#include "trace/sampler.h"
#include "trace/stacks.h"

/* Figures of blocks are sums of parts until a trace is taken. */
static inline uint64_t hsight__whole_blocks(uint64_t units)
{
    return (units + HSIGHT__BLOCK_UNITS / 2) / HSIGHT__BLOCK_UNITS;
}

/* `stacks` are hsight__stack, item 0 unused; `stack_of` leads from a node to a stack of the trace.
 * A stack that changed in `epoch` knows its share of the highest mark; 0: none does, it is now.
 * Rows are appended, ascending and without such of zeros. @return HSIGHT_OK or HSIGHT_ENOMEM */
hsight_status hsight__take_rows(const hsight__vec *stacks, const uint32_t *stack_of, uint64_t epoch,
                                hsight__vec *rows, hsight_error *err);
/* The same for hsight__reach_sum, by stack, into hsight_native_row. */
hsight_status hsight__take_native_rows(const hsight__vec *sums, const hsight__vec *stacks,
                                       const uint32_t *stack_of, hsight__vec *rows,
                                       hsight_error *err);

#endif
