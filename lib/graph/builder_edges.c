/* SPDX-License-Identifier: MIT */
/* builder_edges.c - references of a graph that is being written.
 *
 * builder_parts.h draws the columns and lists the invariants B1..B4. The walker's edges come in
 * order of their source and go straight to their final place; edges of hsight_builder_add_edge()
 * wait in columns of their own. Amortised O(1) for each edge. */
#include "graph/builder_parts.h"

#include <assert.h>

static size_t edge_count(const hsight_builder *builder)
{
    return builder->targets.count + builder->late_targets.count;
}

static hsight_status require_room(const hsight_builder *builder, uint32_t extra, hsight_error *err)
{
    if (extra <= HSIGHT__EDGE_COUNT_MAX - edge_count(builder)) {
        return HSIGHT_OK;
    }
    return hsight__fail(err, HSIGHT_ELIMIT, "more than %u references", HSIGHT__EDGE_COUNT_MAX);
}

hsight_status hsight_builder_add_edge(hsight_builder *builder, hsight_node_id source,
                                      hsight_node_id target, hsight_label label, hsight_error *err)
{
    if (source.index == 0 || target.index == 0) {
        return hsight__fail(err, HSIGHT_EINVAL,
                            "a reference from object %u to object %u: 0 is none", source.index,
                            target.index);
    }
    hsight_status status = require_room(builder, 1, err);
    if (status == HSIGHT_OK) {
        status = hsight__vec_reserve(&builder->late_sources, 1, err);
    }
    if (status == HSIGHT_OK) {
        status = hsight__vec_reserve(&builder->late_targets, 1, err);
    }
    if (status == HSIGHT_OK) {
        status = hsight__vec_reserve(&builder->late_labels, 1, err);
    }
    if (status == HSIGHT_OK) {
        ((hsight_node_id *)builder->late_sources.data)[builder->late_sources.count++] = source;
        ((hsight_node_id *)builder->late_targets.data)[builder->late_targets.count++] = target;
        ((hsight_label *)builder->late_labels.data)[builder->late_labels.count++] = label;
    }
    return status;
}

/* Everything that can go wrong with add_edges, before anything changes. */
HSIGHT__RARE static hsight_status prepare_edges(hsight_builder *builder, uint32_t source,
                                                uint32_t count, hsight_error *err)
{
    if (source > hsight__builder_last_node(builder)) {
        return hsight__fail(err, HSIGHT_EINVAL, "object %u is unknown: %u objects were added",
                            source, hsight__builder_last_node(builder));
    }
    size_t last_source = builder->first_edge.count - 1;
    if (source < last_source || source == 0) {
        return hsight__fail(
            err, HSIGHT_EINVAL,
            "references of object %u after those of object %zu: sources must ascend", source,
            last_source);
    }
    hsight_status status = require_room(builder, count, err);
    if (status == HSIGHT_OK) {
        status = hsight__vec_reserve(&builder->first_edge, source - last_source, err);
    }
    if (status == HSIGHT_OK) {
        status = hsight__vec_reserve(&builder->targets, count, err);
    }
    return status == HSIGHT_OK ? hsight__vec_reserve(&builder->labels, count, err) : status;
}

static inline bool fits(const hsight_builder *builder, uint32_t source, uint32_t count)
{
    size_t known = builder->first_edge.count;
    size_t edges = builder->targets.count;
    return source >= known - 1 && source != 0 && source < builder->addresses.count &&
           source < builder->first_edge.capacity && count <= builder->targets.capacity - edges &&
           count <= builder->labels.capacity - edges &&
           count <= HSIGHT__EDGE_COUNT_MAX - edge_count(builder);
}

hsight_status hsight_builder_add_edges(hsight_builder *builder, hsight_node_id source,
                                       const hsight_node_id *targets, const hsight_label *labels,
                                       uint32_t count, hsight_error *err)
{
    if (!fits(builder, source.index, count)) {
        hsight_status status = prepare_edges(builder, source.index, count, err);
        if (status != HSIGHT_OK) {
            return status;
        }
    }
    size_t edges = builder->targets.count;
    uint32_t *first = builder->first_edge.data;
    while (builder->first_edge.count <= source.index) {
        first[builder->first_edge.count++] = (uint32_t)edges;
    }
    hsight_node_id *to_target = (hsight_node_id *)builder->targets.data + edges;
    hsight_label *to_label = (hsight_label *)builder->labels.data + edges;
    uint32_t span = builder->target_span;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t target = targets[i].index;
        to_target[i].index = target;
        to_label[i] = labels[i];
        span = target - 1 > span ? target - 1 : span; /* 0 - 1 is above all: B3 */
    }
    builder->target_span = span;
    builder->targets.count = edges + count;
    builder->labels.count = edges + count;
    return HSIGHT_OK;
}

uint32_t hsight_builder_edge_count(const hsight_builder *builder)
{
    return (uint32_t)edge_count(builder);
}

hsight_references hsight_builder_references(const hsight_builder *builder, hsight_node_id node)
{
    assert(node.index >= 1 && node.index <= hsight__builder_last_node(builder));
    size_t known = builder->first_edge.count;
    const uint32_t *first = builder->first_edge.data;
    uint32_t all = (uint32_t)builder->targets.count;
    if (node.index >= known) {
        return (hsight_references){.first = all};
    }
    uint32_t begin = first[node.index];
    uint32_t end = (size_t)node.index + 1 < known ? first[node.index + 1] : all;
    if (begin == end) {
        return (hsight_references){.first = begin};
    }
    return (hsight_references){(const hsight_node_id *)builder->targets.data + begin,
                               (const hsight_label *)builder->labels.data + begin, begin,
                               end - begin};
}

void hsight_builder_set_label(hsight_builder *builder, uint32_t edge, hsight_label label)
{
    assert(edge < builder->labels.count);
    ((hsight_label *)builder->labels.data)[edge] = label;
}
