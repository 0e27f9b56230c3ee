/* SPDX-License-Identifier: MIT */
/* tree.c - breadth first from the roots, one kind of root after the other.
 *
 * Kinds take turns in the order of HSIGHT_ROOT_LIST, and a turn ends when nothing new is found:
 * what a module reaches is a module's for good. Weak references are not followed.
 *
 *   order    [ roots of kind 1 | their referents, nearest first | roots of kind 2 | ... ]
 *
 * I1  a parent stands before its child in `order`
 * I2  inside one turn, distance from the roots never falls along `order`, so neither does `parent`
 * I3  an object is in `order` exactly when its `parent` is not UNREACHED
 * I4  the objects of one turn stand together, and so an object and its parent are of one turn
 *
 * Each object is queued once and each edge looked at once; 12 bytes a node. The queue is `order`
 * itself: no recursion, no stack. */
#include "analyse/tree.h"

void hsight__tree_init(hsight__tree *tree, const hsight_allocator *allocator)
{
    hsight__vec_init(&tree->order, allocator, sizeof(uint32_t));
    hsight__vec_init(&tree->parent, allocator, sizeof(uint32_t));
    hsight__vec_init(&tree->edge, allocator, sizeof(uint32_t));
}

void hsight__tree_free(hsight__tree *tree)
{
    hsight__vec_free(&tree->order);
    hsight__vec_free(&tree->parent);
    hsight__vec_free(&tree->edge);
}

static hsight_status reserve(hsight__tree *tree, const hsight_graph *graph, hsight_error *err)
{
    size_t items = (size_t)hsight_graph_node_count(graph) + 1;
    hsight_status status = hsight__vec_reserve(&tree->order, items, err);
    if (status == HSIGHT_OK) {
        status = hsight__vec_append_zeros(&tree->parent, items, err);
    }
    if (status == HSIGHT_OK) {
        status = hsight__vec_append_zeros(&tree->edge, items, err);
    }
    return status;
}

/* Room for every node was reserved, and each is put in once. */
static void put(hsight__tree *tree, uint32_t node, uint32_t parent, uint32_t edge)
{
    ((uint32_t *)tree->parent.data)[node] = parent;
    ((uint32_t *)tree->edge.data)[node] = edge;
    ((uint32_t *)tree->order.data)[tree->order.count++] = node;
}

static void put_roots(hsight__tree *tree, const hsight_graph *graph, hsight_root_kind kind)
{
    uint32_t root_count = hsight_graph_root_count(graph);
    for (uint32_t i = 0; i < root_count; i++) {
        const hsight_root *root = hsight_graph_root(graph, i);
        if (root->kind == (uint32_t)kind && !hsight__tree_is_reached(tree, root->node.index)) {
            put(tree, root->node.index, HSIGHT__TREE_ROOT, i);
        }
    }
}

static void put_referents(hsight__tree *tree, const hsight_graph *graph, uint32_t position)
{
    hsight_node_id source = {((const uint32_t *)tree->order.data)[position]};
    hsight_references references = hsight_graph_references(graph, source);
    for (uint32_t i = 0; i < references.count; i++) {
        uint32_t target = references.targets[i].index;
        if (!hsight__tree_is_reached(tree, target) &&
            !hsight__label_is_weak(references.labels[i])) {
            put(tree, target, HSIGHT__TREE_FIRST + position, references.first + i);
        }
    }
}

hsight_status hsight__tree_grow(hsight__tree *tree, const hsight_graph *graph, hsight_error *err)
{
    static const hsight_root_kind kinds[] = {
#define TREE_KIND(name, number, text) HSIGHT_ROOT_##name,
        HSIGHT_ROOT_LIST(TREE_KIND)
#undef TREE_KIND
    };
    hsight_status status = reserve(tree, graph, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    uint32_t position = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        tree->profiler_begin = position; /* its turn is the last */
        put_roots(tree, graph, kinds[i]);
        for (; position < tree->order.count; position++) {
            put_referents(tree, graph, position);
        }
    }
    return HSIGHT_OK;
}
