/* SPDX-License-Identifier: MIT */
/* take_rows.c - figures of the tracer's stacks become rows of a trace.
 *
 * Sums are made before they are rounded. O(n log n) for n stacks. */
#include "trace/take_rows.h"

#include <stdlib.h>

static void add_figures(hsight_trace_figures *sum, const hsight_trace_figures *more)
{
    sum->live_bytes += more->live_bytes;
    sum->live_blocks += more->live_blocks;
    sum->total_bytes += more->total_bytes;
    sum->total_blocks += more->total_blocks;
    sum->peak_bytes += more->peak_bytes;
    sum->peak_blocks += more->peak_blocks;
    sum->temporary_bytes += more->temporary_bytes;
    sum->temporary_blocks += more->temporary_blocks;
}

static hsight_trace_row make_row(const hsight__stack *stack, uint32_t number, uint64_t epoch)
{
    const hsight__figures *known = &stack->figures;
    hsight_trace_figures figures = {
        .live_bytes = hsight__live_bytes(known),
        .live_blocks = hsight__live_blocks(known),
        .total_bytes = known->allocated_bytes,
        .total_blocks = known->allocated_blocks,
        .peak_bytes = known->peak_bytes,
        .peak_blocks = known->peak_blocks,
        .temporary_bytes = known->temporary_bytes,
        .temporary_blocks = known->temporary_blocks,
    };
    if (stack->epoch != epoch) { /* it did not change since the highest mark */
        figures.peak_bytes = figures.live_bytes;
        figures.peak_blocks = figures.live_blocks;
    }
    return (hsight_trace_row){.stack = {number}, .figures = figures};
}

static void round_blocks(hsight_trace_figures *figures)
{
    figures->live_blocks = hsight__whole_blocks(figures->live_blocks);
    figures->total_blocks = hsight__whole_blocks(figures->total_blocks);
    figures->peak_blocks = hsight__whole_blocks(figures->peak_blocks);
    figures->temporary_blocks = hsight__whole_blocks(figures->temporary_blocks);
}

/* Round, and leave out stacks of which every block was dropped. */
static void drop_zeros(hsight__vec *rows)
{
    hsight_trace_row *all = rows->data;
    size_t kept = 0;
    for (size_t i = 0; i < rows->count; i++) {
        if (all[i].figures.total_blocks != 0) {
            round_blocks(&all[i].figures);
            all[kept++] = all[i];
        }
    }
    rows->count = kept;
}

static int compare_rows(const void *a, const void *b)
{
    uint32_t first = ((const hsight_trace_row *)a)->stack.index;
    uint32_t second = ((const hsight_trace_row *)b)->stack.index;
    return (first > second) - (first < second);
}

/* Rows are sorted: equal stacks become one. */
static void add_equal(hsight__vec *rows)
{
    hsight_trace_row *all = rows->data;
    size_t last = 0;
    for (size_t i = 1; i < rows->count; i++) {
        if (all[i].stack.index == all[last].stack.index) {
            add_figures(&all[last].figures, &all[i].figures);
        } else {
            all[++last] = all[i];
        }
    }
    rows->count = last + 1;
}

hsight_status hsight__take_rows(const hsight__vec *stacks, const uint32_t *stack_of, uint64_t epoch,
                                hsight__vec *rows, hsight_error *err)
{
    const hsight__stack *all = stacks->data;
    hsight_status status = hsight__vec_reserve(rows, stacks->count, err);
    for (size_t i = 1; i < stacks->count && status == HSIGHT_OK; i++) {
        hsight_trace_row row = make_row(&all[i], stack_of[all[i].node], epoch);
        status = hsight__vec_push(rows, &row, err);
    }
    if (status == HSIGHT_OK && rows->count != 0) {
        qsort(rows->data, rows->count, sizeof(hsight_trace_row), compare_rows);
        add_equal(rows);
        drop_zeros(rows);
    }
    return status;
}

/* ---- native blocks ---- */

static int compare_native(const void *a, const void *b)
{
    uint32_t first = ((const hsight_native_row *)a)->stack.index;
    uint32_t second = ((const hsight_native_row *)b)->stack.index;
    return (first > second) - (first < second);
}

static void add_equal_native(hsight__vec *rows)
{
    hsight_native_row *all = rows->data;
    size_t last = 0;
    for (size_t i = 1; i < rows->count; i++) {
        if (all[i].stack.index == all[last].stack.index) {
            all[last].bytes += all[i].bytes;
            all[last].blocks += all[i].blocks;
        } else {
            all[++last] = all[i];
        }
    }
    rows->count = last + 1;
}

hsight_status hsight__take_native_rows(const hsight__vec *sums, const hsight__vec *stacks,
                                       const uint32_t *stack_of, hsight__vec *rows,
                                       hsight_error *err)
{
    const hsight__reach_sum *sum = sums->data;
    const hsight__stack *all = stacks->data;
    hsight_status status = HSIGHT_OK;
    for (size_t i = 1; i < sums->count && status == HSIGHT_OK; i++) {
        hsight_native_row row = {{stack_of[all[i].node]}, 0, sum[i].bytes, sum[i].blocks};
        status = row.blocks != 0 ? hsight__vec_push(rows, &row, err) : HSIGHT_OK;
    }
    if (status == HSIGHT_OK && rows->count != 0) {
        qsort(rows->data, rows->count, sizeof(hsight_native_row), compare_native);
        add_equal_native(rows);
    }
    return status;
}
