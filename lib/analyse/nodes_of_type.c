/* SPDX-License-Identifier: MIT */
/* nodes_of_type.c - the objects of a type, by its exact name.
 *
 * Two types may share a name, so a byte a type says whether it matches; then two passes over the
 * nodes, one to count and one to fill. O(nodes + types); for an unknown name the cost of the hint
 * (near_name.c). The list belongs to the caller. */
#include <heapsight/path.h>

#include "base/checked.h"
#include "base/vec.h"
#include "graph/graph_allocator.h"

#include "analyse/near_name.h"

#include <string.h>

static bool is_equal(hsight_string a, hsight_string b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* One byte a type: 1 where the name matches. @return how many do */
static uint32_t match_types(const hsight_graph *graph, hsight_string name, uint8_t *matches)
{
    uint32_t type_count = hsight_graph_type_count(graph);
    uint32_t count = 0;
    for (uint32_t type = 1; type <= type_count; type++) {
        matches[type] = is_equal(hsight_graph_type_name(graph, (hsight_type_id){type}), name);
        count += matches[type];
    }
    return count;
}

/* Put the objects of matching types into `out`, or only count them where it is NULL. */
static uint32_t list_nodes(const hsight_graph *graph, const uint8_t *matches, hsight_node_id *out)
{
    uint32_t node_count = hsight_graph_node_count(graph);
    uint32_t found = 0;
    for (uint32_t index = 1; index <= node_count; index++) {
        hsight_node_id node = {index};
        if (matches[hsight_graph_type(graph, node).index]) {
            if (out != NULL) {
                out[found] = node;
            }
            found++;
        }
    }
    return found;
}

static hsight_status hand_out(const hsight_graph *graph, const uint8_t *matches,
                              hsight_node_id **out, uint32_t *count, hsight_error *err)
{
    uint32_t found = list_nodes(graph, matches, NULL);
    hsight_node_id *nodes = NULL;
    size_t bytes;
    if (!hsight__multiply_size(found, sizeof *nodes, &bytes)) {
        return hsight__fail_memory(err, SIZE_MAX);
    }
    if (found > 0) {
        const hsight_allocator *allocator = hsight_allocator_default();
        nodes = allocator->allocate(allocator->state, bytes);
        if (nodes == NULL) {
            return hsight__fail_memory(err, bytes);
        }
        list_nodes(graph, matches, nodes);
    }
    *out = nodes;
    *count = found;
    return HSIGHT_OK;
}

hsight_status hsight_nodes_of_type(const hsight_graph *graph, hsight_string type_name,
                                   hsight_node_id **out, uint32_t *count, hsight_error *err)
{
    hsight__vec matches;
    hsight__vec_init(&matches, hsight__graph_allocator(graph), 1);
    size_t types = (size_t)hsight_graph_type_count(graph) + 1;
    hsight_status status = hsight__vec_append_zeros(&matches, types, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    if (match_types(graph, type_name, matches.data) == 0) {
        status = hsight__fail_near_name(graph, type_name, err);
    } else {
        status = hand_out(graph, matches.data, out, count, err);
    }
    hsight__vec_free(&matches);
    return status;
}

void hsight_nodes_free(hsight_node_id *nodes, uint32_t count)
{
    if (nodes != NULL) {
        const hsight_allocator *allocator = hsight_allocator_default();
        allocator->release(allocator->state, nodes, (size_t)count * sizeof *nodes);
    }
}
