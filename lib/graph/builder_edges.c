/* SPDX-License-Identifier: MIT */
/* builder_edges.c - references of a graph that is being written.
 *
 * builder_parts.h draws the columns and lists the invariants B1..B4. The walker's edges come in
 * order of their source and go straight to their final place; edges of hsight_builder_add_edge()
 * wait in columns of their own. Amortised O(1) for each edge. */
#include "graph/builder_parts.h"

#include <assert.h>
#include <string.h>

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

/* Sources ascend, from those of the last call on, and are known. `count` is not 0. */
static hsight_status require_sources(const hsight_builder *builder, const hsight_node_id *sources,
                                     uint32_t count, hsight_error *err)
{
    uint32_t before = (uint32_t)(builder->first_edge.count - 1);
    for (uint32_t i = 0; i < count; i++) {
        if (sources[i].index < before) {
            return hsight__fail(
                err, HSIGHT_EINVAL,
                "references of object %u after those of object %u: sources must ascend",
                sources[i].index, before);
        }
        before = sources[i].index;
    }
    uint32_t unknown = sources[0].index == 0 ? 0 : before;
    if (unknown == 0 || unknown > hsight__builder_last_node(builder)) {
        return hsight__fail(err, HSIGHT_EINVAL, "object %u is unknown: %u objects were added",
                            unknown, hsight__builder_last_node(builder));
    }
    return HSIGHT_OK;
}

/* Everything that can go wrong with add_edges, before anything changes. */
static hsight_status prepare_edges(hsight_builder *builder, const hsight_node_id *sources,
                                   uint32_t count, hsight_error *err)
{
    hsight_status status = require_sources(builder, sources, count, err);
    if (status == HSIGHT_OK) {
        status = require_room(builder, count, err);
    }
    if (status == HSIGHT_OK && sources[count - 1].index >= builder->first_edge.count) {
        size_t extra = sources[count - 1].index + (size_t)1 - builder->first_edge.count;
        status = hsight__vec_reserve(&builder->first_edge, extra, err);
    }
    if (status == HSIGHT_OK) {
        status = hsight__vec_reserve(&builder->targets, count, err);
    }
    return status == HSIGHT_OK ? hsight__vec_reserve(&builder->labels, count, err) : status;
}

/* Room is reserved: cannot fail. */
static void write_first_edges(hsight_builder *builder, const hsight_node_id *sources,
                              uint32_t count)
{
    uint32_t edges = (uint32_t)builder->targets.count;
    uint32_t *first = builder->first_edge.data;
    size_t known = builder->first_edge.count;
    for (uint32_t i = 0; i < count; i++) {
        while (known <= sources[i].index) {
            first[known++] = edges + i;
        }
    }
    builder->first_edge.count = known;
}

hsight_status hsight_builder_add_edges(hsight_builder *builder, const hsight_node_id *sources,
                                       const hsight_node_id *targets, const hsight_label *labels,
                                       uint32_t count, hsight_error *err)
{
    if (count == 0) {
        return HSIGHT_OK;
    }
    hsight_status status = prepare_edges(builder, sources, count, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    write_first_edges(builder, sources, count);
    size_t edges = builder->targets.count;
    memcpy((hsight_node_id *)builder->targets.data + edges, targets, count * sizeof(*targets));
    memcpy((hsight_label *)builder->labels.data + edges, labels, count * sizeof(*labels));
    uint32_t span = builder->target_span;
    for (uint32_t i = 0; i < count; i++) {
        span = targets[i].index - 1 > span ? targets[i].index - 1 : span; /* 0 - 1: B3 */
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
