/* SPDX-License-Identifier: MIT */
/* tree.h - the breadth-first tree from the roots: one way to reach each object. */
#ifndef HEAPSIGHT_LIB_ANALYSE_TREE_H
#define HEAPSIGHT_LIB_ANALYSE_TREE_H

#include "base/vec.h"

#include <heapsight/graph.h>

#include <assert.h>
#include <stdbool.h>

typedef struct {
    hsight__vec order; /* uint32_t: the objects reached, in the order in which they were */
    hsight__vec
        parent;       /* uint32_t by node: HSIGHT__TREE_*, or 2 + position of the parent in order */
    hsight__vec edge; /* uint32_t by node: the edge from the parent; for a root, its root number */
    uint32_t profiler_begin; /* in `order`: from here on, only the profiler reaches them */
} hsight__tree;

enum { HSIGHT__TREE_UNREACHED = 0, HSIGHT__TREE_ROOT = 1, HSIGHT__TREE_FIRST = 2 };

/* Allocates nothing. */
void hsight__tree_init(hsight__tree *tree, const hsight_allocator *allocator);
void hsight__tree_free(hsight__tree *tree);
/* Once for a tree. O(nodes + edges + roots). @return HSIGHT_OK or HSIGHT_ENOMEM */
hsight_status hsight__tree_grow(hsight__tree *tree, const hsight_graph *graph, hsight_error *err);

/* Of two objects that one kind of root reaches, that of smaller rank is not farther away. */
static inline uint32_t hsight__tree_rank(const hsight__tree *tree, uint32_t node)
{
    return ((const uint32_t *)tree->parent.data)[node];
}

static inline bool hsight__tree_is_reached(const hsight__tree *tree, uint32_t node)
{
    return hsight__tree_rank(tree, node) != HSIGHT__TREE_UNREACHED;
}

/* The parent of an object that was reached, 0 for a root. */
static inline uint32_t hsight__tree_parent(const hsight__tree *tree, uint32_t node)
{
    uint32_t rank = hsight__tree_rank(tree, node);
    assert(rank != HSIGHT__TREE_UNREACHED);
    return rank == HSIGHT__TREE_ROOT
               ? 0
               : ((const uint32_t *)tree->order.data)[rank - HSIGHT__TREE_FIRST];
}

static inline uint32_t hsight__tree_edge(const hsight__tree *tree, uint32_t node)
{
    return ((const uint32_t *)tree->edge.data)[node];
}

/* Of an object that was reached: would nothing hold it without the profiler? */
static inline bool hsight__tree_is_profilers(const hsight__tree *tree, const hsight_graph *graph,
                                             uint32_t node)
{
    uint32_t rank = hsight__tree_rank(tree, node);
    return rank == HSIGHT__TREE_ROOT
               ? hsight_graph_root(graph, hsight__tree_edge(tree, node))->kind ==
                     HSIGHT_ROOT_PROFILER
               : rank - HSIGHT__TREE_FIRST >= tree->profiler_begin;
}

static inline bool hsight__label_is_weak(hsight_label label)
{
    return hsight_label_kind_of(label) == HSIGHT_LABEL_WEAK;
}

#endif
