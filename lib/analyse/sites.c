/* SPDX-License-Identifier: MIT */
/* sites.c - who made what: objects and bytes by type name and allocation site.
 *
 * One pass finds the row of each object's (type, innermost frame) through a hash map; rows of types
 * that share a name are merged afterwards, as in histogram.c.
 *
 * I1  no two rows have the same name and site, and no row counts 0 objects
 * I2  the counts add up to the nodes of the graph, the bytes to their shallow sizes, as far as 64
 *     bits go
 *
 * O(nodes + rows log rows) time; 40 bytes a row and 24 for finding it, from the graph's allocator.
 */
#include <heapsight/site.h>

#include "base/checked.h"
#include "base/map.h"
#include "graph/graph_allocator.h"

#include "analyse/order.h"

#include <stdlib.h>

struct hsight_sites {
    const hsight_allocator *allocator;
    hsight__vec rows; /* hsight_site_row */
};

static int by_name(const void *a, const void *b)
{
    const hsight_site_row *left = a, *right = b;
    int order = hsight__order_strings(left->type, right->type);
    return order != 0
               ? order
               : (left->site.index > right->site.index) - (left->site.index < right->site.index);
}

static int by_bytes(const void *a, const void *b)
{
    const hsight_site_row *left = a, *right = b;
    int order = hsight__order_descending(left->bytes, right->bytes);
    return order != 0 ? order : by_name(a, b);
}

static int by_count(const void *a, const void *b)
{
    const hsight_site_row *left = a, *right = b;
    int order = hsight__order_descending(left->count, right->count);
    return order != 0 ? order : by_name(a, b);
}

static hsight_status count_node(const hsight_snapshot *snapshot, hsight_node_id node,
                                hsight__map *places, hsight__vec *rows, hsight_error *err)
{
    const hsight_graph *graph = hsight_snapshot_graph(snapshot);
    hsight_type_id type = hsight_graph_type(graph, node);
    hsight_frame_id site = hsight_trace_innermost(hsight_snapshot_trace(snapshot),
                                                  hsight_snapshot_stack(snapshot, node));
    uint32_t *place = hsight__map_put(places, (uint64_t)type.index << 32 | site.index, err);
    if (place == NULL) {
        return HSIGHT_ENOMEM;
    }
    if (*place == 0) {
        hsight_site_row fresh = {.type = hsight_graph_type_name(graph, type), .site = site};
        *place = (uint32_t)rows->count + 1;
        hsight_status status = hsight__vec_push(rows, &fresh, err);
        if (status != HSIGHT_OK) {
            return status;
        }
    }
    hsight_site_row *row = (hsight_site_row *)rows->data + (*place - 1);
    row->count++;
    row->bytes = hsight__add_saturated(row->bytes, hsight_graph_shallow_bytes(graph, node));
    return HSIGHT_OK;
}

/* `nodes` NULL: the first `node_count`. */
static hsight_status count_nodes(const hsight_snapshot *snapshot, const hsight_node_id *nodes,
                                 uint32_t node_count, hsight__vec *rows, hsight_error *err)
{
    hsight__map places;
    hsight__map_init(&places, rows->allocator);
    hsight_status status = HSIGHT_OK;
    for (uint32_t i = 0; i < node_count && status == HSIGHT_OK; i++) {
        hsight_node_id node = nodes != NULL ? nodes[i] : (hsight_node_id){i + 1};
        status = count_node(snapshot, node, &places, rows, err);
    }
    hsight__map_free(&places);
    return status;
}

/* Rows are sorted by name and site: add each to the one before it when both are equal. */
static void merge_equal(hsight__vec *rows)
{
    hsight_site_row *row = rows->data;
    size_t kept = 0;
    for (size_t i = 0; i < rows->count; i++) {
        if (kept > 0 && by_name(&row[kept - 1], &row[i]) == 0) {
            row[kept - 1].count += row[i].count;
            row[kept - 1].bytes = hsight__add_saturated(row[kept - 1].bytes, row[i].bytes);
        } else {
            row[kept++] = row[i];
        }
    }
    rows->count = kept;
}

static void sort_rows(hsight__vec *rows, hsight_sort sort)
{
    if (rows->count == 0) {
        return;
    }
    qsort(rows->data, rows->count, sizeof(hsight_site_row), by_name);
    merge_equal(rows);
    if (sort != HSIGHT_SORT_NAME) {
        qsort(rows->data, rows->count, sizeof(hsight_site_row),
              sort == HSIGHT_SORT_COUNT ? by_count : by_bytes);
    }
}

hsight_status hsight_sites_new(const hsight_snapshot *snapshot, hsight_sort sort,
                               hsight_sites **out, hsight_error *err)
{
    uint32_t node_count = hsight_graph_node_count(hsight_snapshot_graph(snapshot));
    return hsight_sites_of(snapshot, NULL, node_count, sort, out, err);
}

hsight_status hsight_sites_of(const hsight_snapshot *snapshot, const hsight_node_id *nodes,
                              uint32_t node_count, hsight_sort sort, hsight_sites **out,
                              hsight_error *err)
{
    if (!hsight__order_is_sort(sort)) {
        return hsight__fail(err, HSIGHT_EINVAL, "sites: sort order %d is not known", (int)sort);
    }
    if (hsight_snapshot_trace(snapshot) == NULL) {
        return hsight__fail(err, HSIGHT_ENOTFOUND,
                            "no allocation sites in this snapshot: no tracer was running when it "
                            "was taken");
    }
    const hsight_allocator *allocator = hsight__graph_allocator(hsight_snapshot_graph(snapshot));
    hsight_sites *sites = allocator->allocate(allocator->state, sizeof *sites);
    if (sites == NULL) {
        return hsight__fail_memory(err, sizeof *sites);
    }
    sites->allocator = allocator;
    hsight__vec_init(&sites->rows, allocator, sizeof(hsight_site_row));
    hsight_status status = count_nodes(snapshot, nodes, node_count, &sites->rows, err);
    if (status != HSIGHT_OK) {
        hsight_sites_free(sites);
        return status;
    }
    sort_rows(&sites->rows, sort);
    *out = sites;
    return HSIGHT_OK;
}

void hsight_sites_free(hsight_sites *sites)
{
    if (sites != NULL) {
        const hsight_allocator *allocator = sites->allocator;
        hsight__vec_free(&sites->rows);
        allocator->release(allocator->state, sites, sizeof *sites);
    }
}

uint32_t hsight_sites_count(const hsight_sites *sites)
{
    return (uint32_t)sites->rows.count;
}

const hsight_site_row *hsight_sites_rows(const hsight_sites *sites)
{
    return sites->rows.data;
}
