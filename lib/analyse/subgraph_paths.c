/* SPDX-License-Identifier: MIT */
/* subgraph_paths.c - the union of some paths as one picture: shared steps appear once.
 *
 * The last object of each path is a start object. Every object gets the count of its step, so that
 * one box stands for all that are held alike; a start object also gets what hangs below it. Where
 * paths share an object, the larger counts stay.
 *
 * O(steps): references and roots that are in already are known by hash. */
#include "analyse/subgraph_parts.h"

#include <stdbool.h>

typedef struct {
    hsight_subgraph *subgraph;
    hsight__map pairs;  /* (from, to) of an edge -> a number for the pair, from 1 */
    hsight__map labels; /* (number of the pair, label) -> 1 */
    hsight__map roots;  /* address of a root -> 1 */
} joiner;

/* Was `key` new to the set? */
static hsight_status join_set(hsight__map *set, uint64_t key, bool *is_new, hsight_error *err)
{
    uint32_t *value = hsight__map_put(set, key, err);
    if (value == NULL) {
        return HSIGHT_ENOMEM;
    }
    *is_new = *value == 0;
    *value = 1;
    return HSIGHT_OK;
}

static hsight_status join_edge(joiner *join, uint32_t from, uint32_t to, hsight_label label,
                               hsight_error *err)
{
    uint32_t *pair = hsight__map_put(&join->pairs, (uint64_t)from << 32 | to, err);
    if (pair == NULL) {
        return HSIGHT_ENOMEM;
    }
    *pair = *pair != 0 ? *pair : (uint32_t)join->pairs.count;
    bool is_new = false;
    hsight_status status =
        join_set(&join->labels, (uint64_t)*pair << 32 | label.bits, &is_new, err);
    return is_new ? hsight__subgraph_add_edge(join->subgraph, from, to, label, err) : status;
}

static hsight_status join_root(joiner *join, const hsight_root *root, uint32_t to,
                               hsight_error *err)
{
    bool is_new = false;
    hsight_status status = join_set(&join->roots, (uint64_t)(uintptr_t)root, &is_new, err);
    return is_new ? hsight__subgraph_add_root(join->subgraph, root, to, err) : status;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The object of step `index`. */
static hsight_status join_step(joiner *join, const hsight_path *path, uint32_t index,
                               uint32_t *position, hsight_error *err)
{
    const hsight_path_step *step = &path->steps[index];
    bool is_last = index + 1 == path->step_count;
    hsight_subgraph_node node = {.node = step->node,
                                 .depth = path->step_count - 1 - index,
                                 .is_start = is_last,
                                 .standing_for = step->object_count,
                                 .hanging_count =
                                     is_last ? path->object_count - step->object_count : 0};
    hsight_status status = hsight__subgraph_add_node(join->subgraph, &node, position, err);
    if (status == HSIGHT_OK) {
        hsight_subgraph_node *joined = hsight__subgraph_node_at(join->subgraph, *position);
        joined->depth = joined->depth < node.depth ? joined->depth : node.depth;
        joined->standing_for = larger(joined->standing_for, node.standing_for);
        joined->hanging_count = larger(joined->hanging_count, node.hanging_count);
    }
    return status;
}

static hsight_status join_path(joiner *join, const hsight_path *path, hsight_error *err)
{
    uint32_t position = 0;
    hsight_status status = join_step(join, path, 0, &position, err);
    if (status == HSIGHT_OK) {
        status = join_root(join, path->root, position, err);
    }
    for (uint32_t i = 1; status == HSIGHT_OK && i < path->step_count; i++) {
        uint32_t from = position;
        status = join_step(join, path, i, &position, err);
        if (status == HSIGHT_OK) {
            status = join_edge(join, from, position, path->steps[i].label, err);
        }
    }
    return status;
}

static hsight_status join_all(joiner *join, const hsight_paths *paths, hsight_error *err)
{
    const hsight_path *rows = hsight_paths_rows(paths);
    uint32_t count = hsight_paths_count(paths);
    hsight_status status = HSIGHT_OK;
    for (uint32_t i = 0; status == HSIGHT_OK && i < count; i++) {
        status = join_path(join, &rows[i], err);
    }
    return status;
}

hsight_status hsight_subgraph_of_paths(const hsight_graph *graph, const hsight_paths *paths,
                                       hsight_subgraph **out, hsight_error *err)
{
    joiner join;
    hsight_status status = hsight__subgraph_begin(graph, HSIGHT_REFERRERS, &join.subgraph, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    const hsight_allocator *allocator = join.subgraph->allocator;
    hsight__map_init(&join.pairs, allocator);
    hsight__map_init(&join.labels, allocator);
    hsight__map_init(&join.roots, allocator);
    status = join_all(&join, paths, err);
    hsight__map_free(&join.pairs);
    hsight__map_free(&join.labels);
    hsight__map_free(&join.roots);
    if (status != HSIGHT_OK) {
        hsight_subgraph_free(join.subgraph);
        return status;
    }
    hsight__subgraph_finish(join.subgraph);
    *out = join.subgraph;
    return HSIGHT_OK;
}
