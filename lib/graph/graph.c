/* SPDX-License-Identifier: MIT */
/* graph.c - the frozen graph: a set of columns, and who gives them back.
 *
 * The columns (columns.h draws them, check.c lists their invariants) belong to `owner`: the builder
 * that made them or the file that maps them. Nothing here changes after hsight__graph_wrap(), so
 * any number of threads may read. Accessors trust ids: a wrong one is our bug and asserts. */
#include "graph/columns.h"
#include "graph/graph_allocator.h"

#include "base/error.h"
#include "base/sorted.h"

#include <assert.h>

struct hsight_graph {
    hsight__columns columns;
    const hsight_allocator *allocator;
    hsight__columns_release release;
    void *owner;
};

hsight_status hsight__graph_wrap(const hsight_allocator *allocator, const hsight__columns *columns,
                                 hsight__columns_release release, void *owner, hsight_graph **out,
                                 hsight_error *err)
{
    if (allocator == NULL) {
        allocator = hsight_allocator_default();
    }
    hsight_graph *graph = allocator->allocate(allocator->state, sizeof *graph);
    if (graph == NULL) {
        return hsight__fail_memory(err, sizeof *graph);
    }
    *graph = (hsight_graph){*columns, allocator, release, owner};
    *out = graph;
    return HSIGHT_OK;
}

void hsight_graph_free(hsight_graph *graph)
{
    if (graph == NULL) {
        return;
    }
    const hsight_allocator *allocator = graph->allocator;
    if (graph->release != NULL) {
        graph->release(graph->owner, &graph->columns);
    }
    allocator->release(allocator->state, graph, sizeof *graph);
}

const hsight__columns *hsight__graph_columns(const hsight_graph *graph)
{
    return &graph->columns;
}

const hsight_allocator *hsight__graph_allocator(const hsight_graph *graph)
{
    return graph->allocator;
}

uint32_t hsight_graph_node_count(const hsight_graph *graph)
{
    return graph->columns.node_count;
}

uint32_t hsight_graph_edge_count(const hsight_graph *graph)
{
    return graph->columns.edge_count;
}

uint32_t hsight_graph_type_count(const hsight_graph *graph)
{
    return graph->columns.type_count;
}

uint32_t hsight_graph_string_count(const hsight_graph *graph)
{
    return graph->columns.string_count;
}

uint32_t hsight_graph_root_count(const hsight_graph *graph)
{
    return graph->columns.root_count;
}

static void assert_node(const hsight_graph *graph, hsight_node_id node)
{
    assert(node.index >= 1 && node.index <= graph->columns.node_count);
    (void)graph;
    (void)node;
}

uint64_t hsight_graph_address(const hsight_graph *graph, hsight_node_id node)
{
    assert_node(graph, node);
    return graph->columns.addresses[node.index];
}

hsight_type_id hsight_graph_type(const hsight_graph *graph, hsight_node_id node)
{
    assert_node(graph, node);
    return (hsight_type_id){(uint32_t)hsight__numbers_at(&graph->columns.types, node.index)};
}

uint32_t hsight_graph_flags(const hsight_graph *graph, hsight_node_id node)
{
    assert_node(graph, node);
    return graph->columns.flags[node.index];
}

uint32_t hsight_graph_refcount(const hsight_graph *graph, hsight_node_id node)
{
    assert_node(graph, node);
    return (uint32_t)hsight__numbers_at(&graph->columns.refcounts, node.index);
}

uint64_t hsight_graph_shallow_bytes(const hsight_graph *graph, hsight_node_id node)
{
    assert_node(graph, node);
    return hsight__numbers_at(&graph->columns.shallow, node.index);
}

uint64_t hsight_graph_total_bytes(const hsight_graph *graph)
{
    return hsight__numbers_sum(&graph->columns.shallow, graph->columns.node_count);
}

hsight_references hsight_graph_references(const hsight_graph *graph, hsight_node_id node)
{
    assert_node(graph, node);
    const hsight__columns *columns = &graph->columns;
    uint32_t first = columns->first_edge[node.index];
    uint32_t count = columns->first_edge[node.index + 1] - first;
    if (count == 0) {
        return (hsight_references){.first = first};
    }
    return (hsight_references){columns->targets + first, columns->labels + first, first, count};
}

hsight_node_id hsight_graph_edge_source(const hsight_graph *graph, uint32_t edge)
{
    const hsight__columns *columns = &graph->columns;
    assert(edge < columns->edge_count);
    uint32_t low = 1; /* first_edge[low] <= edge < first_edge[high] */
    uint32_t high = columns->node_count + 1;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (columns->first_edge[middle] <= edge) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return (hsight_node_id){low};
}

hsight_string hsight_graph_string(const hsight_graph *graph, hsight_string_id string)
{
    const hsight__columns *columns = &graph->columns;
    assert(string.index <= columns->string_count);
    uint64_t begin = columns->string_offsets[string.index];
    size_t length = (size_t)(columns->string_offsets[string.index + 1] - begin);
    return (hsight_string){length > 0 ? columns->string_bytes + begin : "", length};
}

hsight_string hsight_graph_preview(const hsight_graph *graph, hsight_node_id node)
{
    assert_node(graph, node);
    const hsight__columns *columns = &graph->columns;
    size_t at = hsight__sorted_find(columns->preview_nodes, columns->preview_count, node.index);
    uint32_t string = at < columns->preview_count ? columns->preview_strings[at] : 0;
    return hsight_graph_string(graph, (hsight_string_id){string});
}

hsight_string hsight_graph_type_name(const hsight_graph *graph, hsight_type_id type)
{
    assert(type.index <= graph->columns.type_count);
    return hsight_graph_string(graph, (hsight_string_id){graph->columns.type_names[type.index]});
}

hsight_node_id hsight_graph_type_node(const hsight_graph *graph, hsight_type_id type)
{
    assert(type.index <= graph->columns.type_count);
    return (hsight_node_id){graph->columns.type_nodes[type.index]};
}

const hsight_root *hsight_graph_root(const hsight_graph *graph, uint32_t index)
{
    assert(index < graph->columns.root_count);
    return &graph->columns.roots[index];
}

hsight_node_id hsight_graph_find_address(const hsight_graph *graph, uint64_t address)
{
    const hsight__columns *columns = &graph->columns;
    for (uint32_t node = 1; address != 0 && node <= columns->node_count; node++) {
        if (columns->addresses[node] == address) {
            return (hsight_node_id){node};
        }
    }
    return (hsight_node_id){0};
}
