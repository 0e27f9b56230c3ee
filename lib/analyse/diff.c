/* SPDX-License-Identifier: MIT */
/* diff.c - what grew: two histograms, both sorted by name, merged like a zip.
 *
 * I1  no row has count_delta == 0 and bytes_delta == 0
 * I2  count_after - count_delta is what the type had before, likewise for bytes, where the change
 *     is one that 63 bits hold
 *
 * O(nodes of both + types log types); 48 bytes a changed type, from the allocator of `after`, owned
 * by the diff. Names are borrowed from the graphs. */
#include <heapsight/diff.h>

#include "base/checked.h"
#include "base/vec.h"
#include "graph/graph_allocator.h"

#include "analyse/order.h"

#include <stdlib.h>

struct hsight_diff {
    const hsight_allocator *allocator;
    hsight__vec rows; /* hsight_diff_row */
};

static int by_name(const void *a, const void *b)
{
    const hsight_diff_row *left = a, *right = b;
    return hsight__order_strings(left->type, right->type);
}

static int by_bytes(const void *a, const void *b)
{
    const hsight_diff_row *left = a, *right = b;
    int order = hsight__order_signed_descending(left->bytes_delta, right->bytes_delta);
    return order != 0 ? order : by_name(a, b);
}

static int by_count(const void *a, const void *b)
{
    const hsight_diff_row *left = a, *right = b;
    int order = hsight__order_signed_descending(left->count_delta, right->count_delta);
    return order != 0 ? order : by_name(a, b);
}

/* Either side may be NULL: the type is only in the other snapshot. */
static hsight_diff_row compare(const hsight_histogram_row *before,
                               const hsight_histogram_row *after)
{
    static const hsight_histogram_row none = {{"", 0}, 0, 0, HSIGHT_SIZES_EXACT};
    hsight_string type = after != NULL ? after->type : before->type;
    before = before != NULL ? before : &none;
    after = after != NULL ? after : &none;
    return (hsight_diff_row){.type = type,
                             .count_delta = hsight__change_saturated(before->count, after->count),
                             .bytes_delta = hsight__change_saturated(before->bytes, after->bytes),
                             .count_after = after->count,
                             .bytes_after = after->bytes};
}

typedef struct {
    const hsight_histogram_row *row;
    const hsight_histogram_row *end;
} cursor;

static cursor cursor_over(const hsight_histogram *histogram)
{
    const hsight_histogram_row *rows = hsight_histogram_rows(histogram);
    uint32_t count = hsight_histogram_count(histogram);
    return (cursor){rows, count > 0 ? rows + count : rows};
}

/* Below 0: the name at `before` comes first; above 0: the one at `after`; an end comes last. */
static int next_side(cursor before, cursor after)
{
    if (before.row == before.end || after.row == after.end) {
        return before.row == before.end ? 1 : -1;
    }
    return hsight__order_strings(before.row->type, after.row->type);
}

static hsight_status merge(hsight__vec *rows, cursor before, cursor after, hsight_error *err)
{
    hsight_status status = HSIGHT_OK;
    while (status == HSIGHT_OK && (before.row != before.end || after.row != after.end)) {
        int side = next_side(before, after);
        hsight_diff_row row =
            compare(side <= 0 ? before.row++ : NULL, side >= 0 ? after.row++ : NULL);
        if (row.count_delta != 0 || row.bytes_delta != 0) {
            status = hsight__vec_push(rows, &row, err);
        }
    }
    return status;
}

static hsight_status fill(hsight__vec *rows, const hsight_graph *before, const hsight_graph *after,
                          hsight_error *err)
{
    hsight_histogram *old_types = NULL, *new_types = NULL;
    hsight_status status = hsight_histogram_new(before, HSIGHT_SORT_NAME, &old_types, err);
    if (status != HSIGHT_OK) {
        goto out;
    }
    status = hsight_histogram_new(after, HSIGHT_SORT_NAME, &new_types, err);
    if (status != HSIGHT_OK) {
        goto out;
    }
    status = merge(rows, cursor_over(old_types), cursor_over(new_types), err);
out:
    hsight_histogram_free(old_types);
    hsight_histogram_free(new_types);
    return status;
}

hsight_status hsight_diff_new(const hsight_graph *before, const hsight_graph *after,
                              hsight_sort sort, hsight_diff **out, hsight_error *err)
{
    if (!hsight__order_is_sort(sort)) {
        return hsight__fail(err, HSIGHT_EINVAL, "diff: sort order %d is not known", (int)sort);
    }
    const hsight_allocator *allocator = hsight__graph_allocator(after);
    hsight_diff *diff = allocator->allocate(allocator->state, sizeof *diff);
    if (diff == NULL) {
        return hsight__fail_memory(err, sizeof *diff);
    }
    diff->allocator = allocator;
    hsight__vec_init(&diff->rows, allocator, sizeof(hsight_diff_row));
    hsight_status status = fill(&diff->rows, before, after, err);
    if (status != HSIGHT_OK) {
        hsight_diff_free(diff);
        return status;
    }
    if (sort != HSIGHT_SORT_NAME && diff->rows.count > 0) {
        qsort(diff->rows.data, diff->rows.count, sizeof(hsight_diff_row),
              sort == HSIGHT_SORT_COUNT ? by_count : by_bytes);
    }
    hsight__vec_shrink(&diff->rows);
    *out = diff;
    return HSIGHT_OK;
}

void hsight_diff_free(hsight_diff *diff)
{
    if (diff != NULL) {
        const hsight_allocator *allocator = diff->allocator;
        hsight__vec_free(&diff->rows);
        allocator->release(allocator->state, diff, sizeof *diff);
    }
}

uint32_t hsight_diff_count(const hsight_diff *diff)
{
    return (uint32_t)diff->rows.count;
}

const hsight_diff_row *hsight_diff_rows(const hsight_diff *diff)
{
    return diff->rows.data;
}
