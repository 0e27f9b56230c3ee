/* SPDX-License-Identifier: MIT */
/* histogram.c - what is using the memory: objects and bytes by type name.
 *
 * Objects are counted in a column of one row a type, so the pass over the nodes touches no name.
 * Only then rows are sorted by name, rows of one name merged, and what is left put into the order
 * that was asked for.
 *
 * I1  no two rows have the same name, and no row counts 0 objects
 * I2  the counts add up to the nodes of the graph, the bytes to their shallow sizes, as far as 64
 *     bits go
 *
 * O(nodes + types log types) time; 40 bytes a type, from the graph's allocator, owned by the
 * histogram. Names are borrowed from the graph. */
#include <heapsight/histogram.h>

#include "base/checked.h"
#include "base/vec.h"
#include "graph/graph_allocator.h"

#include "analyse/order.h"

#include <stdlib.h>

struct hsight_histogram {
    const hsight_allocator *allocator;
    hsight__vec rows; /* hsight_histogram_row */
};

static int by_name(const void *a, const void *b)
{
    const hsight_histogram_row *left = a, *right = b;
    return hsight__order_strings(left->type, right->type);
}

static int by_bytes(const void *a, const void *b)
{
    const hsight_histogram_row *left = a, *right = b;
    int order = hsight__order_descending(left->bytes, right->bytes);
    return order != 0 ? order : by_name(a, b);
}

static int by_count(const void *a, const void *b)
{
    const hsight_histogram_row *left = a, *right = b;
    int order = hsight__order_descending(left->count, right->count);
    return order != 0 ? order : by_name(a, b);
}

static hsight_sizes sizes_of(uint32_t flags)
{
    return (flags & HSIGHT_NODE_SIZE_LOWER_BOUND) != 0 ? HSIGHT_SIZES_LOWER_BOUND
           : (flags & HSIGHT_NODE_SIZE_FORMULA) != 0   ? HSIGHT_SIZES_FORMULA
                                                       : HSIGHT_SIZES_EXACT;
}

static void mark(hsight_histogram_row *row, hsight_sizes sizes)
{
    row->sizes = sizes > row->sizes ? sizes : row->sizes;
}

/* One row a type, in the order of the types; row 0 stays empty. */
static hsight_status count_types(const hsight_graph *graph, hsight__vec *rows, hsight_error *err)
{
    uint32_t type_count = hsight_graph_type_count(graph);
    hsight_status status = hsight__vec_append_zeros(rows, (size_t)type_count + 1, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    hsight_histogram_row *row = rows->data;
    for (uint32_t type = 1; type <= type_count; type++) {
        row[type].type = hsight_graph_type_name(graph, (hsight_type_id){type});
    }
    uint32_t node_count = hsight_graph_node_count(graph);
    for (uint32_t index = 1; index <= node_count; index++) {
        hsight_node_id node = {index};
        uint32_t type = hsight_graph_type(graph, node).index;
        row[type].count++;
        row[type].bytes =
            hsight__add_saturated(row[type].bytes, hsight_graph_shallow_bytes(graph, node));
        mark(&row[type], sizes_of(hsight_graph_flags(graph, node)));
    }
    return HSIGHT_OK;
}

static void drop_empty(hsight__vec *rows)
{
    hsight_histogram_row *row = rows->data;
    size_t kept = 0;
    for (size_t i = 0; i < rows->count; i++) {
        if (row[i].count > 0) {
            row[kept++] = row[i];
        }
    }
    rows->count = kept;
}

/* Rows are sorted by name: add each to the one before it when the names are equal. */
static void merge_equal_names(hsight__vec *rows)
{
    hsight_histogram_row *row = rows->data;
    size_t kept = 0;
    for (size_t i = 0; i < rows->count; i++) {
        if (kept > 0 && by_name(&row[kept - 1], &row[i]) == 0) {
            row[kept - 1].count += row[i].count;
            row[kept - 1].bytes = hsight__add_saturated(row[kept - 1].bytes, row[i].bytes);
            mark(&row[kept - 1], row[i].sizes);
        } else {
            row[kept++] = row[i];
        }
    }
    rows->count = kept;
}

static hsight_status fill(hsight__vec *rows, const hsight_graph *graph, hsight_sort sort,
                          hsight_error *err)
{
    hsight_status status = count_types(graph, rows, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    drop_empty(rows);
    qsort(rows->data, rows->count, sizeof(hsight_histogram_row), by_name);
    merge_equal_names(rows);
    if (sort != HSIGHT_SORT_NAME) {
        qsort(rows->data, rows->count, sizeof(hsight_histogram_row),
              sort == HSIGHT_SORT_COUNT ? by_count : by_bytes);
    }
    hsight__vec_shrink(rows);
    return HSIGHT_OK;
}

hsight_status hsight_histogram_new(const hsight_graph *graph, hsight_sort sort,
                                   hsight_histogram **out, hsight_error *err)
{
    if (!hsight__order_is_sort(sort)) {
        return hsight__fail(err, HSIGHT_EINVAL, "histogram: sort order %d is not known", (int)sort);
    }
    const hsight_allocator *allocator = hsight__graph_allocator(graph);
    hsight_histogram *histogram = allocator->allocate(allocator->state, sizeof *histogram);
    if (histogram == NULL) {
        return hsight__fail_memory(err, sizeof *histogram);
    }
    histogram->allocator = allocator;
    hsight__vec_init(&histogram->rows, allocator, sizeof(hsight_histogram_row));
    hsight_status status = fill(&histogram->rows, graph, sort, err);
    if (status != HSIGHT_OK) {
        hsight_histogram_free(histogram);
        return status;
    }
    *out = histogram;
    return HSIGHT_OK;
}

void hsight_histogram_free(hsight_histogram *histogram)
{
    if (histogram != NULL) {
        const hsight_allocator *allocator = histogram->allocator;
        hsight__vec_free(&histogram->rows);
        allocator->release(allocator->state, histogram, sizeof *histogram);
    }
}

uint32_t hsight_histogram_count(const hsight_histogram *histogram)
{
    return (uint32_t)histogram->rows.count;
}

const hsight_histogram_row *hsight_histogram_rows(const hsight_histogram *histogram)
{
    return histogram->rows.data;
}
