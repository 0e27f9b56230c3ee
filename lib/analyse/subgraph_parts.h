/* SPDX-License-Identifier: MIT */
/* subgraph_parts.h - a subgraph while it is put together, for the two files that do. */
#ifndef HEAPSIGHT_LIB_ANALYSE_SUBGRAPH_PARTS_H
#define HEAPSIGHT_LIB_ANALYSE_SUBGRAPH_PARTS_H

#include "base/map.h"

#include <heapsight/subgraph.h>

struct hsight_subgraph {
    const hsight_allocator *allocator;
    const hsight_graph *graph;
    const hsight_snapshot *snapshot; /* of sites to show, or NULL */
    hsight_direction direction;
    hsight__vec nodes;     /* hsight_subgraph_node, no object twice */
    hsight__vec edges;     /* hsight_subgraph_edge */
    hsight__vec roots;     /* hsight_subgraph_root */
    hsight__map positions; /* node id -> 1 + position in `nodes`; freed by finish */
};

hsight_status hsight__subgraph_begin(const hsight_graph *graph, hsight_direction direction,
                                     hsight_subgraph **out, hsight_error *err);
/* Give back what only building needs. */
void hsight__subgraph_finish(hsight_subgraph *subgraph);

/* 1 + position of a node that is in, else 0. */
uint32_t hsight__subgraph_find(const hsight_subgraph *subgraph, hsight_node_id node);
/* Add `node` unless its object is in already. Its position goes to *position. */
hsight_status hsight__subgraph_add_node(hsight_subgraph *subgraph, const hsight_subgraph_node *node,
                                        uint32_t *position, hsight_error *err);
hsight_status hsight__subgraph_add_edge(hsight_subgraph *subgraph, uint32_t from, uint32_t to,
                                        hsight_label label, hsight_error *err);
hsight_status hsight__subgraph_add_root(hsight_subgraph *subgraph, const hsight_root *root,
                                        uint32_t to, hsight_error *err);

static inline hsight_subgraph_node *hsight__subgraph_node_at(const hsight_subgraph *subgraph,
                                                             uint32_t position)
{
    return (hsight_subgraph_node *)subgraph->nodes.data + position;
}

#endif
