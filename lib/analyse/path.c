/* SPDX-License-Identifier: MIT */
/* path.c - why is it alive: the ways from roots to a set of objects, one row for each shape.
 *
 *   1  tree.c    a breadth-first tree from the roots: one shortest path to every object
 *   2  ways.c    every root and every strong reference that holds a target: the last steps
 *   3  mark      the objects on the tree paths to those references
 *   4  shape     for marked objects, in the order of the tree, the shape of their path
 *   5  count     for each way the shape of path + last step; equal shapes share a row
 *   6  rows      sort; count the objects on the ways of each row that is kept, and write out its
 *                example (path_rows.c)
 *
 * A path is cut at the first target on it. A target behind another target is held by it, and so by
 * whatever holds that one: both are counted in one row, and a tree or list of a million objects
 * that hold one another is one row and not a million. This also keeps a path from passing its own
 * target.
 *
 * I1  a row's example ends at a target, passes no other, and no step of it is weak
 * I2  each row counts a target once, however many ways of that shape it has
 * I3  the direct example exists: a way behind a target has the shape of that target's own tree path
 *
 * O(nodes + edges + roots) for steps 1 to 5, O(rows log rows) and the objects on the ways of each
 * row kept for step 6. 17 bytes a node, 8 a target, 12 a way and about 200 a shape while it works,
 * freed before return. */
#include "analyse/path_search.h"

#include "base/checked.h"
#include "graph/graph_allocator.h"

static void search_init(hsight__path_search *search, const hsight_graph *graph)
{
    const hsight_allocator *allocator = hsight__graph_allocator(graph);
    *search = (hsight__path_search){.graph = graph};
    hsight__tree_init(&search->tree, allocator);
    hsight__ways_init(&search->ways, allocator);
    hsight__vec_init(&search->marks, allocator, sizeof(uint64_t));
    hsight__vec_init(&search->node_shapes, allocator, sizeof(uint32_t));
    hsight__shapes_init(&search->shapes, graph);
    hsight__vec_init(&search->rows, allocator, sizeof(hsight__path_row));
    hsight__vec_init(&search->links, allocator, sizeof(uint32_t));
}

static void search_free(hsight__path_search *search)
{
    hsight__tree_free(&search->tree);
    hsight__ways_free(&search->ways);
    hsight__vec_free(&search->marks);
    hsight__vec_free(&search->node_shapes);
    hsight__shapes_free(&search->shapes);
    hsight__vec_free(&search->rows);
    hsight__vec_free(&search->links);
}

/* ---- 3: which objects lead to a target ------------------------------------------------------- */

/* Every walk up the tree stops where an earlier one came by: O(nodes) together. */
static hsight_status mark_ways(hsight__path_search *search, hsight_error *err)
{
    size_t words = (size_t)hsight_graph_node_count(search->graph) / 64 + 1;
    hsight_status status = hsight__vec_append_zeros(&search->marks, words, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    const hsight__way *ways = search->ways.ways.data;
    for (size_t i = 0; i < search->ways.ways.count; i++) {
        uint32_t node = ways[i].source;
        while (node != 0 && hsight__path_mark(search, node)) {
            node = hsight__tree_parent(&search->tree, node);
        }
    }
    return HSIGHT_OK;
}

/* ---- 4: the shapes of their paths ------------------------------------------------------------ */

static hsight__shape_kind kind_of(const hsight__path_search *search, uint32_t node)
{
    return hsight__ways_is_target(&search->ways, node) ? HSIGHT__SHAPE_TARGET : HSIGHT__SHAPE_STEP;
}

/* The shape of a way: path to its source, plus the last step to `node`. */
static hsight_status shape_way(hsight__path_search *search, hsight__way way, uint32_t node,
                               uint32_t *out, hsight_error *err)
{
    hsight__shape_kind kind = kind_of(search, node);
    hsight_node_id target = {node};
    if (way.source == 0) {
        return hsight__shapes_root(&search->shapes, way.edge, target, kind, out, err);
    }
    hsight_node_id source = {way.source};
    hsight_references references = hsight_graph_references(search->graph, source);
    return hsight__shapes_step(&search->shapes, hsight__path_node_shape(search, way.source), source,
                               references.labels[way.edge - references.first], target, kind, out,
                               err);
}

/* The parent of a marked object is marked and comes first, so its shape is known. */
static hsight_status shape_node(hsight__path_search *search, uint32_t node, hsight_error *err)
{
    hsight__way way = {hsight__tree_parent(&search->tree, node),
                       hsight__tree_edge(&search->tree, node)};
    uint32_t shape = 0;
    hsight_status status = shape_way(search, way, node, &shape, err);
    if (status == HSIGHT_OK) {
        ((uint32_t *)search->node_shapes.data)[node] = shape;
    }
    return status;
}

static hsight_status shape_marked(hsight__path_search *search, hsight_error *err)
{
    size_t items = (size_t)hsight_graph_node_count(search->graph) + 1;
    hsight_status status = hsight__vec_append_zeros(&search->node_shapes, items, err);
    const uint32_t *order = search->tree.order.data;
    for (size_t i = 0; status == HSIGHT_OK && i < search->tree.order.count; i++) {
        if (hsight__path_is_marked(search, order[i])) {
            status = shape_node(search, order[i], err);
        }
    }
    return status;
}

/* ---- 5: targets counted by shape ------------------------------------------------------------- */

/* The row of a shape, made when there is none yet. Borrowed until the next call. */
static hsight__path_row *row_of(hsight__path_search *search, uint32_t shape, hsight_error *err)
{
    uint32_t *row = &hsight__shape_at(&search->shapes, shape)->row;
    if (*row == 0) {
        hsight__path_row fresh = {.shape = shape, .rank = UINT32_MAX};
        if (hsight__vec_push(&search->rows, &fresh, err) != HSIGHT_OK) {
            return NULL;
        }
        *row = (uint32_t)search->rows.count;
    }
    return (hsight__path_row *)search->rows.data + (*row - 1);
}

/* Put a way into the list of its row. */
static void link_way(hsight__path_search *search, hsight__path_row *row, uint32_t at)
{
    ((uint32_t *)search->links.data)[at] = row->last_way;
    row->last_way = at + 1;
}

static void count_direct(hsight__path_row *row, uint32_t number, uint32_t node, hsight__way way,
                         uint32_t rank)
{
    if (row->seen_direct != number + 1) {
        row->seen_direct = number + 1;
        row->direct_count++;
    }
    if (row->target == 0 || rank < row->rank) {
        row->target = node;
        row->way = way;
        row->rank = rank;
    }
}

/* A way from behind another target adds to the count of that target's row, but is no example. */
static bool is_direct(const hsight__path_search *search, hsight__way way)
{
    if (way.source == 0) {
        return true;
    }
    uint32_t shape = hsight__path_node_shape(search, way.source);
    return hsight__shape_at(&search->shapes, shape)->kind != HSIGHT__SHAPE_TARGET;
}

/* Way number `at`, which leads to target number `number`. */
static hsight_status count_way(hsight__path_search *search, uint32_t number, uint32_t at,
                               hsight_error *err)
{
    uint32_t node = ((const uint32_t *)search->ways.targets.data)[number];
    hsight__way way = ((const hsight__way *)search->ways.ways.data)[at];
    uint32_t shape = 0;
    hsight_status status = shape_way(search, way, node, &shape, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    hsight__path_row *row = row_of(search, shape, err);
    if (row == NULL) {
        return HSIGHT_ENOMEM;
    }
    if (row->seen != number + 1) {
        row->seen = number + 1;
        row->object_count++;
        uint64_t bytes = hsight_graph_shallow_bytes(search->graph, (hsight_node_id){node});
        row->bytes = hsight__add_saturated(row->bytes, bytes);
    }
    if (is_direct(search, way)) {
        uint32_t rank = way.source == 0 ? 0 : hsight__tree_rank(&search->tree, way.source);
        count_direct(row, number, node, way, rank);
        link_way(search, row, at);
    }
    return HSIGHT_OK;
}

static hsight_status count_targets(hsight__path_search *search, hsight_error *err)
{
    const hsight__ways *ways = &search->ways;
    const uint32_t *targets = ways->targets.data;
    const uint32_t *ends = ways->ends.data;
    hsight_status status = hsight__vec_append_zeros(&search->links, ways->ways.count, err);
    uint32_t at = 0;
    for (uint32_t number = 0; number < ways->targets.count; number++) {
        search->unreached_count += !hsight__tree_is_reached(&search->tree, targets[number]);
        for (; status == HSIGHT_OK && at < ends[number]; at++) {
            status = count_way(search, number, at, err);
        }
    }
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static hsight_status search_run(hsight__path_search *search, const hsight_node_id *targets,
                                uint32_t target_count, hsight_error *err)
{
    const hsight_graph *graph = search->graph;
    hsight_status status =
        hsight__ways_set_targets(&search->ways, graph, targets, target_count, err);
    if (status == HSIGHT_OK) {
        status = hsight__tree_grow(&search->tree, graph, err);
    }
    if (status == HSIGHT_OK) {
        status = hsight__ways_collect(&search->ways, graph, &search->tree, err);
    }
    if (status == HSIGHT_OK) {
        status = mark_ways(search, err);
    }
    if (status == HSIGHT_OK) {
        status = shape_marked(search, err);
    }
    return status == HSIGHT_OK ? count_targets(search, err) : status;
}

hsight_status hsight_paths_find(const hsight_graph *graph, const hsight_node_id *targets,
                                uint32_t target_count, uint32_t limit, hsight_paths **out,
                                hsight_error *err)
{
    const hsight_allocator *allocator = hsight__graph_allocator(graph);
    hsight_paths *paths = allocator->allocate(allocator->state, sizeof *paths);
    if (paths == NULL) {
        return hsight__fail_memory(err, sizeof *paths);
    }
    *paths = (hsight_paths){.allocator = allocator};
    hsight__vec_init(&paths->rows, allocator, sizeof(hsight_path));
    hsight__vec_init(&paths->steps, allocator, sizeof(hsight_path_step));
    hsight__path_search search;
    search_init(&search, graph);
    hsight_status status = search_run(&search, targets, target_count, err);
    if (status == HSIGHT_OK) {
        status = hsight__path_rows_write(&search, limit, paths, err);
    }
    search_free(&search);
    if (status != HSIGHT_OK) {
        hsight_paths_free(paths);
        return status;
    }
    *out = paths;
    return HSIGHT_OK;
}

void hsight_paths_free(hsight_paths *paths)
{
    if (paths != NULL) {
        const hsight_allocator *allocator = paths->allocator;
        hsight__vec_free(&paths->rows);
        hsight__vec_free(&paths->steps);
        allocator->release(allocator->state, paths, sizeof *paths);
    }
}

uint32_t hsight_paths_count(const hsight_paths *paths)
{
    return (uint32_t)paths->rows.count;
}

const hsight_path *hsight_paths_rows(const hsight_paths *paths)
{
    return paths->rows.data;
}

uint32_t hsight_paths_omitted_count(const hsight_paths *paths)
{
    return paths->omitted_count;
}

uint64_t hsight_paths_unreached_count(const hsight_paths *paths)
{
    return paths->unreached_count;
}
