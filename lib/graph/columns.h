/* SPDX-License-Identifier: MIT */
/* columns.h - the columns of a frozen graph, as the builder leaves them and the file maps them.
 *
 * Internal to lib/: graph, snapshot and store see it; analyses use graph.h. Every node column has
 * node_count + 1 items, item 0 unused and zero. All multi-byte values are host order.
 *   first_edge[n] .. first_edge[n + 1]   edges of node n; first_edge has node_count + 2 items,
 *                                        first_edge[0] == first_edge[1] == 0
 *   types, shallow, refcounts            numbers.h; a size of all ones has a pair, in a file too
 *   string_offsets[s] .. [s + 1]         bytes of string s; string_count + 2 items; string 0 is ""
 * preview_nodes are strictly ascending. */
#ifndef HEAPSIGHT_LIB_GRAPH_COLUMNS_H
#define HEAPSIGHT_LIB_GRAPH_COLUMNS_H

#include <heapsight/graph.h>

#include "graph/numbers.h"

typedef struct {
    uint32_t node_count;
    uint32_t edge_count;
    uint32_t type_count;
    uint32_t string_count;
    uint32_t root_count;
    uint32_t preview_count;

    const uint64_t *addresses;
    hsight__numbers types;
    hsight__numbers shallow; /* bytes */
    hsight__numbers refcounts;
    const uint8_t *flags;
    const uint32_t *first_edge;
    const hsight_node_id *targets;
    const hsight_label *labels;

    const uint32_t *preview_nodes;
    const uint32_t *preview_strings;

    const uint32_t *type_names; /* type_count + 1 items */
    const uint32_t *type_nodes; /* type_count + 1 items */
    const uint64_t *string_offsets;
    const char *string_bytes;
    uint64_t string_bytes_count; /* what string_bytes points to; the last offset must equal it */
    const hsight_root *roots;
} hsight__columns;

/* Called once when the graph is freed; gives back the memory behind the columns. */
typedef void (*hsight__columns_release)(void *owner, const hsight__columns *columns);

/* Limits of the columns; the file and the builder refuse more. */
#define HSIGHT__NODE_COUNT_MAX (UINT32_MAX - 2)
#define HSIGHT__EDGE_COUNT_MAX (UINT32_MAX - 1)
#define HSIGHT__ROOT_COUNT_MAX (UINT32_MAX - 1)

/* Everything that reading the columns relies on: hsight_graph_check() but for the addresses,
 * without allocating. Sizes of the arrays are the caller's to know. O(nodes + edges).
 * @return HSIGHT_OK, or HSIGHT_EINVAL with the first violation in err */
hsight_status hsight__columns_check(const hsight__columns *columns, hsight_error *err);

/* Wrap columns as a graph. The columns are not checked: call hsight__columns_check() first on
 * foreign data. `owner` is consumed on success.
 * @param allocator  borrowed until the graph is freed; also what reverse and the analyses use for
 *                   this graph; NULL = default */
hsight_status hsight__graph_wrap(const hsight_allocator *allocator, const hsight__columns *columns,
                                 hsight__columns_release release, void *owner, hsight_graph **out,
                                 hsight_error *err);
/* Borrowed until the graph is freed. */
const hsight__columns *hsight__graph_columns(const hsight_graph *graph);

#endif
