/* SPDX-License-Identifier: MIT */
/* path_search.h - a path search in progress: what path.c works with and path_rows.c reads. */
#ifndef HEAPSIGHT_LIB_ANALYSE_PATH_SEARCH_H
#define HEAPSIGHT_LIB_ANALYSE_PATH_SEARCH_H

#include "analyse/shape.h"
#include "analyse/tree.h"
#include "analyse/ways.h"

#include <heapsight/path.h>

/* All ways in of one shape, and the shortest of them. */
typedef struct {
    uint32_t shape;
    uint32_t target;       /* the example: where it ends, */
    hsight__way way;       /* its last step, */
    uint32_t rank;         /* and how near its source is (hsight__tree_rank) */
    uint32_t direct_count; /* targets held this way themselves */
    uint32_t last_way;     /* 1 + number of the last such way; see links */
    uint32_t seen;         /* 1 + number of the target counted last in object_count, */
    uint32_t seen_direct;  /* and in direct_count */
    uint64_t object_count; /* direct_count and the targets that only hang below those */
    uint64_t bytes;
} hsight__path_row;

typedef struct {
    const hsight_graph *graph;
    hsight__tree tree;
    hsight__ways ways;
    hsight__vec marks;       /* uint64_t: one bit a node: a walk came by */
    hsight__vec node_shapes; /* uint32_t by node: shape of its tree path, 0 where not marked */
    hsight__shapes shapes;
    hsight__vec rows;  /* hsight__path_row */
    hsight__vec links; /* uint32_t by way: as last_way, the one before it in its row, 0 = none */
    uint64_t unreached_count;
} hsight__path_search;

/* The answer, as the caller owns it. */
struct hsight_paths {
    const hsight_allocator *allocator;
    hsight__vec rows;  /* hsight_path */
    hsight__vec steps; /* hsight_path_step: those of all rows, one after the other */
    uint32_t omitted_count;
    uint64_t unreached_count;
};

/* Sets the bit; was it clear? */
static inline bool hsight__path_mark(hsight__path_search *search, uint32_t node)
{
    uint64_t *word = (uint64_t *)search->marks.data + node / 64;
    uint64_t bit = UINT64_C(1) << (node % 64);
    bool was_clear = (*word & bit) == 0;
    *word |= bit;
    return was_clear;
}

/* Clears the bit; was it set? */
static inline bool hsight__path_unmark(hsight__path_search *search, uint32_t node)
{
    uint64_t *word = (uint64_t *)search->marks.data + node / 64;
    uint64_t bit = UINT64_C(1) << (node % 64);
    bool was_set = (*word & bit) != 0;
    *word &= ~bit;
    return was_set;
}

static inline bool hsight__path_is_marked(const hsight__path_search *search, uint32_t node)
{
    return (((const uint64_t *)search->marks.data)[node / 64] >> (node % 64) & 1) != 0;
}

static inline uint32_t hsight__path_node_shape(const hsight__path_search *search, uint32_t node)
{
    return ((const uint32_t *)search->node_shapes.data)[node];
}

/* Sort the rows, keep `limit` of them (0 = all) and write those out as paths. Clears the marks.
 * O(rows log rows) and, for each row kept, the objects on its ways. */
hsight_status hsight__path_rows_write(hsight__path_search *search, uint32_t limit,
                                      hsight_paths *paths, hsight_error *err);

#endif
