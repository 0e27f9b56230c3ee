/* SPDX-License-Identifier: MIT */
/* subgraph.c - the part of a graph that a picture shows: three lists.
 *
 * I1  no object is in `nodes` twice, and each stands for at least one
 * I2  every edge and root names positions in `nodes`
 *
 * Adding is amortised O(1). The lists and their memory, from the graph's allocator, belong to the
 * subgraph; the graph is borrowed. */
#include "analyse/subgraph_parts.h"

#include "graph/graph_allocator.h"

#include <assert.h>

hsight_status hsight__subgraph_begin(const hsight_graph *graph, hsight_direction direction,
                                     hsight_subgraph **out, hsight_error *err)
{
    const hsight_allocator *allocator = hsight__graph_allocator(graph);
    hsight_subgraph *subgraph = allocator->allocate(allocator->state, sizeof *subgraph);
    if (subgraph == NULL) {
        return hsight__fail_memory(err, sizeof *subgraph);
    }
    subgraph->allocator = allocator;
    subgraph->graph = graph;
    subgraph->snapshot = NULL;
    subgraph->direction = direction;
    hsight__vec_init(&subgraph->nodes, allocator, sizeof(hsight_subgraph_node));
    hsight__vec_init(&subgraph->edges, allocator, sizeof(hsight_subgraph_edge));
    hsight__vec_init(&subgraph->roots, allocator, sizeof(hsight_subgraph_root));
    hsight__map_init(&subgraph->positions, allocator);
    *out = subgraph;
    return HSIGHT_OK;
}

void hsight__subgraph_finish(hsight_subgraph *subgraph)
{
    hsight__map_free(&subgraph->positions);
    hsight__vec_shrink(&subgraph->nodes);
    hsight__vec_shrink(&subgraph->edges);
    hsight__vec_shrink(&subgraph->roots);
}

void hsight_subgraph_free(hsight_subgraph *subgraph)
{
    if (subgraph != NULL) {
        const hsight_allocator *allocator = subgraph->allocator;
        hsight__vec_free(&subgraph->nodes);
        hsight__vec_free(&subgraph->edges);
        hsight__vec_free(&subgraph->roots);
        hsight__map_free(&subgraph->positions);
        allocator->release(allocator->state, subgraph, sizeof *subgraph);
    }
}

uint32_t hsight__subgraph_find(const hsight_subgraph *subgraph, hsight_node_id node)
{
    return hsight__map_get(&subgraph->positions, node.index);
}

hsight_status hsight__subgraph_add_node(hsight_subgraph *subgraph, const hsight_subgraph_node *node,
                                        uint32_t *position, hsight_error *err)
{
    assert(node->standing_for >= 1);
    hsight_status status = hsight__vec_reserve(&subgraph->nodes, 1, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    uint32_t *known = hsight__map_put(&subgraph->positions, node->node.index, err);
    if (known == NULL) {
        return HSIGHT_ENOMEM;
    }
    if (*known == 0) {
        uint32_t at = (uint32_t)subgraph->nodes.count++;
        *hsight__subgraph_node_at(subgraph, at) = *node;
        *known = at + 1;
    }
    *position = *known - 1;
    return HSIGHT_OK;
}

hsight_status hsight__subgraph_add_edge(hsight_subgraph *subgraph, uint32_t from, uint32_t to,
                                        hsight_label label, hsight_error *err)
{
    assert(from < subgraph->nodes.count && to < subgraph->nodes.count);
    hsight_subgraph_edge edge = {from, to, label};
    return hsight__vec_push(&subgraph->edges, &edge, err);
}

hsight_status hsight__subgraph_add_root(hsight_subgraph *subgraph, const hsight_root *root,
                                        uint32_t to, hsight_error *err)
{
    assert(to < subgraph->nodes.count);
    hsight_subgraph_root item = {root, to};
    return hsight__vec_push(&subgraph->roots, &item, err);
}

hsight_direction hsight_subgraph_direction(const hsight_subgraph *subgraph)
{
    return subgraph->direction;
}

uint32_t hsight_subgraph_node_count(const hsight_subgraph *subgraph)
{
    return (uint32_t)subgraph->nodes.count;
}

uint32_t hsight_subgraph_edge_count(const hsight_subgraph *subgraph)
{
    return (uint32_t)subgraph->edges.count;
}

uint32_t hsight_subgraph_root_count(const hsight_subgraph *subgraph)
{
    return (uint32_t)subgraph->roots.count;
}

const hsight_subgraph_node *hsight_subgraph_nodes(const hsight_subgraph *subgraph)
{
    return subgraph->nodes.data;
}

const hsight_subgraph_edge *hsight_subgraph_edges(const hsight_subgraph *subgraph)
{
    return subgraph->edges.data;
}

const hsight_subgraph_root *hsight_subgraph_roots(const hsight_subgraph *subgraph)
{
    return subgraph->roots.data;
}

const hsight_graph *hsight_subgraph_graph(const hsight_subgraph *subgraph)
{
    return subgraph->graph;
}

void hsight_subgraph_show_sites(hsight_subgraph *subgraph, const hsight_snapshot *snapshot)
{
    subgraph->snapshot = snapshot;
}

hsight_frame_id hsight_subgraph_site(const hsight_subgraph *subgraph, hsight_node_id node,
                                     const hsight_trace **trace)
{
    *trace = subgraph->snapshot != NULL ? hsight_snapshot_trace(subgraph->snapshot) : NULL;
    if (*trace == NULL) {
        return (hsight_frame_id){0};
    }
    return hsight_trace_innermost(*trace, hsight_snapshot_stack(subgraph->snapshot, node));
}
