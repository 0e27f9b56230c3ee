/* SPDX-License-Identifier: MIT */
/* builder_parts.h - what the three files of the builder share: builder.c (objects, types, strings,
 * roots), builder_edges.c (references) and builder_finish.c (freezing).
 *
 *     addresses     [ 0 | 1 2 3 4 5 6 7 ]     one item for each node that was seen
 *     numbers ...   [ 0 | 1 2 3 4 ]           `described` is the last one filled; what is behind it
 *                                             is never looked at
 *     first_edge    [ 0 | 0 2 5 ]             first_edge.count - 1 is the last source with edges;
 *                                             they end at targets.count
 *     targets, labels                         the walker's edges, in order of their source
 *     late_*                                  edges of hsight_builder_add_edge(), in the order they
 *                                             came; merged when frozen
 *
 * B1  1 <= described + 1 <= addresses.count, and described + 1 <= room <= capacity of flags and
 *     of the items of numbers (whose own `count` is only up to date while they grow or freeze)
 * B2  first_edge.count <= addresses.count; first_edge ascends; first_edge[0] == 0
 * B3  target_span is the highest of target - 1, modulo 2^32, over `targets`; 0 when there are none
 */
#ifndef HEAPSIGHT_LIB_GRAPH_BUILDER_PARTS_H
#define HEAPSIGHT_LIB_GRAPH_BUILDER_PARTS_H

#include <heapsight/builder.h>

#include "base/error.h"
#include "base/strings.h"
#include "base/vec.h"
#include "graph/columns.h"
#include "graph/growing_numbers.h"
#include "graph/sparse.h"

enum {
    HSIGHT__COLUMN_TYPES,     /* uint16_t */
    HSIGHT__COLUMN_SHALLOW,   /* uint16_t, bytes */
    HSIGHT__COLUMN_REFCOUNTS, /* uint8_t */
    HSIGHT__NUMBER_COLUMNS
};

struct hsight_builder {
    const hsight_allocator *allocator;

    hsight__vec addresses; /* uint64_t */
    hsight__growing_numbers numbers[HSIGHT__NUMBER_COLUMNS];
    hsight__vec flags; /* uint8_t */
    uint32_t described;
    size_t room;
    hsight__sparse previews; /* uint32_t */

    hsight__vec first_edge; /* uint32_t */
    hsight__vec targets;    /* hsight_node_id */
    hsight__vec labels;     /* hsight_label */
    uint32_t target_span;
    hsight__vec late_sources; /* hsight_node_id */
    hsight__vec late_targets; /* hsight_node_id */
    hsight__vec late_labels;  /* hsight_label */

    hsight__vec type_names; /* uint32_t */
    hsight__vec type_nodes; /* uint32_t */
    hsight__vec roots;      /* hsight_root */
    hsight__strings strings;
};

static inline uint32_t hsight__builder_last_node(const hsight_builder *builder)
{
    return (uint32_t)(builder->addresses.count - 1);
}

/* Fill the columns of the nodes up to `node` that were never described with zeros. */
hsight_status hsight__builder_describe_up_to(hsight_builder *builder, uint32_t node,
                                             hsight_error *err);

/* Bring `count` of the described columns up to date. */
void hsight__builder_sync(hsight_builder *builder);

/* The smallest capacity of the described columns. */
size_t hsight__builder_measure_room(const hsight_builder *builder);

#endif
