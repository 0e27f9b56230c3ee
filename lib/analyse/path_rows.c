/* SPDX-License-Identifier: MIT */
/* path_rows.c - the rows of a path search: sorted, cut to the limit, written out step by step.
 *
 * Only kept rows are walked: the length that sorting needs comes from the shape. All steps share
 * one block; it is sized by a first walk, so that the pointers into it stay.
 *
 * How many objects stand in the place of a step is counted by walking up the ways of the row. The
 * example goes first and is not counted: what it shows step by step needs no number, also where a
 * loop was taken out and several of its steps have one shape.
 *
 * I1  rows are sorted by object_count descending, root kind, length; ties by the root's number and
 *     the example, so that equal input gives equal output
 * I2  between two rows no object is marked and no shape has a node_count
 * I3  where all ways of a row come from one object, each step but the last counts 1
 *
 * O(rows log rows); for each row kept the objects on its ways, which is O(nodes) at most. The steps
 * are bounded; their block belongs to hsight_paths. */
#include "analyse/path_search.h"

#include "analyse/order.h"

#include <stdlib.h>
#include <string.h>

/* 768 MiB of steps. More comes from objects that hang one below the other, each with a row of its
 * own (a list of lists of lists), and nobody reads it. */
enum { STEPS_MAX = 1 << 26 };

/* A row with what qsort's callback, which gets no context, must know of its shape. */
typedef struct {
    hsight__path_row row;
    uint32_t root_kind;
    uint32_t root;
    uint32_t length;
} sort_row;

static int ascending(uint32_t left, uint32_t right)
{
    return (left > right) - (left < right);
}

static int by_weight(const void *a, const void *b)
{
    const sort_row *left = a, *right = b;
    int order = hsight__order_descending(left->row.object_count, right->row.object_count);
    order = order != 0 ? order : ascending(left->root_kind, right->root_kind);
    order = order != 0 ? order : ascending(left->length, right->length);
    order = order != 0 ? order : ascending(left->root, right->root);
    order = order != 0 ? order : ascending(left->row.target, right->row.target);
    return order != 0 ? order : ascending(left->row.way.edge, right->row.way.edge);
}

static hsight_status sort_rows(const hsight__path_search *search, hsight__vec *sorted,
                               hsight_error *err)
{
    hsight_status status = hsight__vec_append_zeros(sorted, search->rows.count, err);
    if (status != HSIGHT_OK || sorted->count == 0) {
        return status;
    }
    const hsight__path_row *rows = search->rows.data;
    sort_row *items = sorted->data;
    for (size_t i = 0; i < sorted->count; i++) {
        const hsight__shape *shape = hsight__shape_at(&search->shapes, rows[i].shape);
        items[i] = (sort_row){.row = rows[i],
                              .root_kind = hsight_graph_root(search->graph, shape->root)->kind,
                              .root = shape->root,
                              .length = shape->length};
    }
    qsort(items, sorted->count, sizeof(sort_row), by_weight);
    return HSIGHT_OK;
}

/* Steps of the example: the target and everything above it. */
static uint32_t count_steps(const hsight__path_search *search, const hsight__path_row *row)
{
    uint32_t count = 1;
    for (uint32_t node = row->way.source; node != 0;
         node = hsight__tree_parent(&search->tree, node)) {
        count++;
    }
    return count;
}

static hsight_label edge_label(const hsight__path_search *search, hsight__way way)
{
    if (way.source == 0) {
        return (hsight_label){0};
    }
    hsight_references references =
        hsight_graph_references(search->graph, (hsight_node_id){way.source});
    return references.labels[way.edge - references.first];
}

/* Mark the objects from `node` up to where a walk came by before, and count them by shape. */
static void count_up(hsight__path_search *search, uint32_t node, uint32_t weight)
{
    for (; node != 0 && hsight__path_mark(search, node);
         node = hsight__tree_parent(&search->tree, node)) {
        uint32_t shape = hsight__path_node_shape(search, node);
        hsight__shape_at(&search->shapes, shape)->node_count += weight;
    }
}

/* Undo count_up(). */
static void clear_up(hsight__path_search *search, uint32_t node)
{
    for (; node != 0 && hsight__path_unmark(search, node);
         node = hsight__tree_parent(&search->tree, node)) {
        uint32_t shape = hsight__path_node_shape(search, node);
        hsight__shape_at(&search->shapes, shape)->node_count = 0;
    }
}

/* Afterwards the node_count of a shape says how many objects besides the example's have it. */
static void count_others(hsight__path_search *search, const hsight__path_row *row)
{
    const hsight__way *ways = search->ways.ways.data;
    const uint32_t *links = search->links.data;
    count_up(search, row->way.source, 0);
    for (uint32_t at = row->last_way; at != 0; at = links[at - 1]) {
        count_up(search, ways[at - 1].source, 1);
    }
}

static void clear_counts(hsight__path_search *search, const hsight__path_row *row)
{
    const hsight__way *ways = search->ways.ways.data;
    const uint32_t *links = search->links.data;
    for (uint32_t at = row->last_way; at != 0; at = links[at - 1]) {
        clear_up(search, ways[at - 1].source);
    }
}

/* Write the steps backwards from the target. @return the number of the root where they begin */
static uint32_t write_steps(const hsight__path_search *search, const hsight__path_row *row,
                            hsight_path_step *steps, uint32_t count)
{
    hsight__way way = row->way;
    steps[count - 1] = (hsight_path_step){
        .node = {row->target}, .label = edge_label(search, way), .object_count = row->direct_count};
    for (uint32_t i = count - 1; i > 0; i--) {
        uint32_t node = way.source;
        way = (hsight__way){hsight__tree_parent(&search->tree, node),
                            hsight__tree_edge(&search->tree, node)};
        const hsight__shape *shape =
            hsight__shape_at(&search->shapes, hsight__path_node_shape(search, node));
        steps[i - 1] = (hsight_path_step){.node = {node},
                                          .label = edge_label(search, way),
                                          .object_count = 1 + shape->node_count};
    }
    return way.edge;
}

static hsight_status reserve(const hsight__path_search *search, const sort_row *rows, size_t kept,
                             hsight_paths *paths, hsight_error *err)
{
    size_t step_count = 0;
    for (size_t i = 0; i < kept; i++) {
        step_count += count_steps(search, &rows[i].row);
        if (step_count > STEPS_MAX) {
            return hsight__fail(
                err, HSIGHT_ELIMIT,
                "paths: the first %zu of %zu rows have more than %d steps together; "
                "set a limit to the rows",
                i + 1, kept, STEPS_MAX);
        }
    }
    hsight_status status = hsight__vec_reserve(&paths->steps, step_count, err);
    return status == HSIGHT_OK ? hsight__vec_reserve(&paths->rows, kept, err) : status;
}

/* There is room for it. */
static void write_row(hsight__path_search *search, const hsight__path_row *row, hsight_paths *paths)
{
    uint32_t step_count = count_steps(search, row);
    hsight_path_step *steps = (hsight_path_step *)paths->steps.data + paths->steps.count;
    count_others(search, row);
    uint32_t root = write_steps(search, row, steps, step_count);
    clear_counts(search, row);
    paths->steps.count += step_count;
    hsight_path *path = (hsight_path *)paths->rows.data + paths->rows.count++;
    *path = (hsight_path){.root = hsight_graph_root(search->graph, root),
                          .steps = steps,
                          .step_count = step_count,
                          .object_count = row->object_count,
                          .bytes = row->bytes};
}

hsight_status hsight__path_rows_write(hsight__path_search *search, uint32_t limit,
                                      hsight_paths *paths, hsight_error *err)
{
    hsight__vec sorted;
    hsight__vec_init(&sorted, paths->allocator, sizeof(sort_row));
    hsight_status status = sort_rows(search, &sorted, err);
    if (status != HSIGHT_OK) {
        goto out;
    }
    const sort_row *rows = sorted.data;
    size_t kept = limit != 0 && limit < sorted.count ? limit : sorted.count;
    status = reserve(search, rows, kept, paths, err);
    if (status != HSIGHT_OK) {
        goto out;
    }
    memset(search->marks.data, 0, search->marks.count * sizeof(uint64_t));
    for (size_t i = 0; i < kept; i++) {
        write_row(search, &rows[i].row, paths);
    }
    paths->omitted_count = (uint32_t)(sorted.count - kept);
    paths->unreached_count = search->unreached_count;
out:
    hsight__vec_free(&sorted);
    return status;
}
