/* SPDX-License-Identifier: MIT */
/* ways.h - the last step of every path: which roots and references hold the objects asked for. */
#ifndef HEAPSIGHT_LIB_ANALYSE_WAYS_H
#define HEAPSIGHT_LIB_ANALYSE_WAYS_H

#include "analyse/tree.h"

typedef struct {
    uint32_t source; /* the object that refers to the target; 0: the target is a root's object */
    uint32_t edge;   /* the reference, or the root's number */
} hsight__way;

typedef struct {
    hsight__vec bits;    /* uint64_t: node n is asked for when bit n % 64 of item n / 64 is set */
    hsight__vec ranks;   /* uint32_t: targets in the items of `bits` before this one */
    hsight__vec targets; /* uint32_t: distinct, ascending */
    hsight__vec ways;    /* hsight__way: those of one target together, roots first, then by edge */
    hsight__vec ends;    /* uint32_t: those of targets[i] are ways[ends[i - 1]] to ways[ends[i]] */
} hsight__ways;

/* Allocates nothing. */
void hsight__ways_init(hsight__ways *ways, const hsight_allocator *allocator);
void hsight__ways_free(hsight__ways *ways);

/* Which objects are asked for. O(nodes / 64 + count).
 * @return HSIGHT_OK, HSIGHT_ENOMEM, HSIGHT_EINVAL for an object that the graph does not have */
hsight_status hsight__ways_set_targets(hsight__ways *ways, const hsight_graph *graph,
                                       const hsight_node_id *targets, uint32_t count,
                                       hsight_error *err);
/* Find what holds them: strong references from objects in the tree, and roots. Once, after
 * set_targets. O(nodes + edges + roots).
 * @return HSIGHT_OK, HSIGHT_ENOMEM, HSIGHT_ELIMIT for 2^32 references and roots and more */
hsight_status hsight__ways_collect(hsight__ways *ways, const hsight_graph *graph,
                                   const hsight__tree *tree, hsight_error *err);

static inline bool hsight__ways_is_target(const hsight__ways *ways, uint32_t node)
{
    return (((const uint64_t *)ways->bits.data)[node / 64] >> (node % 64) & 1) != 0;
}

#endif
