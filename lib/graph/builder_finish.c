/* SPDX-License-Identifier: MIT */
/* builder_finish.c - freezing a builder into a graph.
 *
 * The walker's edges are in place already: freezing then checks ids, completes first_edge, gives
 * spare capacity back and allocates one small object. Edges of hsight_builder_add_edge() are merged
 * by a stable counting sort into new columns, within a source behind the walker's.
 *
 * All that can fail happens into `frozen`, beside the builder; commit() cannot fail. The builder is
 * changed before that only in ways that mean the same: zeros for nodes that were never described,
 * less spare capacity. */
#include "graph/builder_parts.h"

#include <assert.h>
#include <string.h>

/* Columns that replace the builder's; those that are empty do not. */
typedef struct {
    bool has_edges;
    bool has_numbers[HSIGHT__NUMBER_COLUMNS];
    bool has_previews;
    hsight__vec first_edge;
    hsight__vec targets;
    hsight__vec labels;
    hsight__sparse numbers[HSIGHT__NUMBER_COLUMNS]; /* their pairs */
    hsight__sparse previews;
} frozen_columns;

/* ---- ids ------------------------------------------------------------------------------------ */

static hsight_status unknown_node(hsight_error *err, const char *what, size_t which, uint32_t node,
                                  uint32_t count)
{
    return hsight__fail(err, HSIGHT_EINVAL, "%s %zu names object %u: %u objects were added", what,
                        which, node, count);
}

/* Position of the first id that is not 1..count, or `length`. */
static size_t find_unknown(const hsight__vec *ids, uint32_t count)
{
    const hsight_node_id *all = ids->data;
    size_t at = 0;
    while (at < ids->count && all[at].index - 1 < count) {
        at++;
    }
    return at;
}

static hsight_status check_ids(const hsight__vec *ids, const char *what, uint32_t count,
                               hsight_error *err)
{
    size_t at = find_unknown(ids, count);
    if (at == ids->count) {
        return HSIGHT_OK;
    }
    return unknown_node(err, what, at, ((const hsight_node_id *)ids->data)[at].index, count);
}

static hsight_status check_edges(const hsight_builder *builder, uint32_t count, hsight_error *err)
{
    hsight_status status = HSIGHT_OK;
    if (builder->targets.count > 0 && builder->target_span >= count) {
        status = check_ids(&builder->targets, "the target of reference", count, err);
    }
    if (status == HSIGHT_OK) {
        status = check_ids(&builder->late_sources, "the source of added reference", count, err);
    }
    if (status == HSIGHT_OK) {
        status = check_ids(&builder->late_targets, "the target of added reference", count, err);
    }
    return status;
}

static hsight_status check_roots_and_types(const hsight_builder *builder, uint32_t count,
                                           hsight_error *err)
{
    const hsight_root *roots = builder->roots.data;
    for (size_t i = 0; i < builder->roots.count; i++) {
        if (roots[i].node.index == 0 || roots[i].node.index > count) {
            return unknown_node(err, "root", i, roots[i].node.index, count);
        }
    }
    const uint32_t *type_nodes = builder->type_nodes.data;
    for (size_t i = 1; i < builder->type_nodes.count; i++) {
        if (type_nodes[i] > count) {
            return unknown_node(err, "type", i, type_nodes[i], count);
        }
    }
    return HSIGHT_OK;
}

/* ---- edges ---------------------------------------------------------------------------------- */

/* Sources behind the last one with edges have none. Beyond `count`, so the builder is unchanged. */
static hsight_status complete_first_edge(hsight_builder *builder, hsight_error *err)
{
    size_t slots = builder->addresses.count + 1;
    hsight__vec *column = &builder->first_edge;
    hsight_status status = hsight__vec_reserve(column, slots - column->count, err);
    if (status == HSIGHT_OK) {
        uint32_t *first = column->data;
        for (size_t node = column->count; node < slots; node++) {
            first[node] = (uint32_t)builder->targets.count;
        }
    }
    return status;
}

/* next[n + 1] becomes the place of the first edge of n, for all n. */
static void count_sources(const hsight_builder *builder, uint32_t *next)
{
    uint32_t count = hsight__builder_last_node(builder);
    const uint32_t *first = builder->first_edge.data;
    const hsight_node_id *sources = builder->late_sources.data;
    for (size_t i = 0; i < builder->late_sources.count; i++) {
        if (sources[i].index < count) {
            next[sources[i].index + 2]++;
        }
    }
    uint32_t added = 0;
    for (uint32_t node = 1; node <= count; node++) {
        added += next[node + 1];
        next[node + 1] = first[node] + added;
    }
}

/* Place the edges of every source; next[n + 1] moves from the begin of n to its end. */
static void place_edges(const hsight_builder *builder, frozen_columns *frozen)
{
    uint32_t *next = frozen->first_edge.data;
    hsight_node_id *targets = frozen->targets.data;
    hsight_label *labels = frozen->labels.data;
    const uint32_t *first = builder->first_edge.data;
    uint32_t count = hsight__builder_last_node(builder);
    for (uint32_t node = 1; node <= count; node++) {
        for (uint32_t edge = first[node]; edge < first[node + 1]; edge++) {
            uint32_t at = next[node + 1]++;
            targets[at] = ((const hsight_node_id *)builder->targets.data)[edge];
            labels[at] = ((const hsight_label *)builder->labels.data)[edge];
        }
    }
    for (size_t i = 0; i < builder->late_sources.count; i++) {
        uint32_t source = ((const hsight_node_id *)builder->late_sources.data)[i].index;
        uint32_t at = next[source + 1]++;
        targets[at] = ((const hsight_node_id *)builder->late_targets.data)[i];
        labels[at] = ((const hsight_label *)builder->late_labels.data)[i];
    }
}

static hsight_status merge_edges(const hsight_builder *builder, frozen_columns *frozen,
                                 hsight_error *err)
{
    size_t edges = builder->targets.count + builder->late_targets.count;
    hsight_status status =
        hsight__vec_append_zeros(&frozen->first_edge, builder->addresses.count + 1, err);
    if (status == HSIGHT_OK) {
        status = hsight__vec_append_zeros(&frozen->targets, edges, err);
    }
    if (status == HSIGHT_OK) {
        status = hsight__vec_append_zeros(&frozen->labels, edges, err);
    }
    if (status == HSIGHT_OK) {
        count_sources(builder, frozen->first_edge.data);
        place_edges(builder, frozen);
        frozen->has_edges = true;
    }
    return status;
}

/* ---- freezing ------------------------------------------------------------------------------- */

static hsight_status settle(const hsight_builder *builder, frozen_columns *frozen,
                            hsight_error *err)
{
    uint32_t count = hsight__builder_last_node(builder);
    hsight_status status = HSIGHT_OK;
    for (int i = 0; status == HSIGHT_OK && i < HSIGHT__NUMBER_COLUMNS; i++) {
        const hsight__growing_numbers *numbers = &builder->numbers[i];
        if (hsight__growing_is_unsettled(numbers)) {
            status = hsight__growing_settle(numbers, count, &frozen->numbers[i], err);
            frozen->has_numbers[i] = true;
        }
    }
    if (status == HSIGHT_OK && !builder->previews.ordered) {
        status = hsight__sparse_settle(&builder->previews, count, NULL, &frozen->previews, err);
        frozen->has_previews = true;
    }
    return status;
}

static void shrink_sparse(hsight__sparse *sparse)
{
    hsight__vec_shrink(&sparse->nodes);
    hsight__vec_shrink(&sparse->values);
}

/* first_edge keeps what complete_first_edge() wrote behind its count. */
static void shrink(hsight_builder *builder, frozen_columns *frozen)
{
    hsight__builder_sync(builder);
    hsight__vec *columns[] = {
        &builder->addresses,  &builder->flags,      &builder->targets, &builder->labels,
        &builder->type_names, &builder->type_nodes, &builder->roots,   NULL};
    for (int i = 0; columns[i] != NULL; i++) {
        hsight__vec_shrink(columns[i]);
    }
    size_t known = builder->first_edge.count;
    builder->first_edge.count = builder->addresses.count + 1;
    hsight__vec_shrink(&builder->first_edge);
    builder->first_edge.count = known;
    for (int i = 0; i < HSIGHT__NUMBER_COLUMNS; i++) {
        hsight__vec_shrink(&builder->numbers[i].items);
        shrink_sparse(&builder->numbers[i].pairs);
        shrink_sparse(&frozen->numbers[i]);
    }
    shrink_sparse(&builder->previews);
    shrink_sparse(&frozen->previews);
    builder->room = hsight__builder_measure_room(builder);
    hsight__strings_shrink(&builder->strings);
}

static hsight__numbers numbers_of(const hsight_builder *builder, const frozen_columns *frozen,
                                  int column)
{
    const hsight__vec *items = &builder->numbers[column].items;
    const hsight__sparse *pairs =
        frozen->has_numbers[column] ? &frozen->numbers[column] : &builder->numbers[column].pairs;
    return (hsight__numbers){.items = items->data,
                             .item_bytes = (uint32_t)items->item_bytes,
                             .pair_count = (uint32_t)pairs->nodes.count,
                             .pair_nodes = pairs->nodes.data,
                             .pair_values = pairs->values.data};
}

static hsight__columns collect(const hsight_builder *builder, const frozen_columns *frozen)
{
    const hsight__vec *first_edge = frozen->has_edges ? &frozen->first_edge : &builder->first_edge;
    const hsight__vec *targets = frozen->has_edges ? &frozen->targets : &builder->targets;
    const hsight__vec *labels = frozen->has_edges ? &frozen->labels : &builder->labels;
    const hsight__sparse *previews = frozen->has_previews ? &frozen->previews : &builder->previews;
    return (hsight__columns){
        .node_count = hsight__builder_last_node(builder),
        .edge_count = (uint32_t)targets->count,
        .type_count = (uint32_t)(builder->type_names.count - 1),
        .string_count = hsight__strings_count(&builder->strings),
        .root_count = (uint32_t)builder->roots.count,
        .preview_count = (uint32_t)previews->nodes.count,
        .addresses = builder->addresses.data,
        .types = numbers_of(builder, frozen, HSIGHT__COLUMN_TYPES),
        .shallow = numbers_of(builder, frozen, HSIGHT__COLUMN_SHALLOW),
        .refcounts = numbers_of(builder, frozen, HSIGHT__COLUMN_REFCOUNTS),
        .flags = builder->flags.data,
        .first_edge = first_edge->data,
        .targets = targets->data,
        .labels = labels->data,
        .preview_nodes = previews->nodes.data,
        .preview_strings = previews->values.data,
        .type_names = builder->type_names.data,
        .type_nodes = builder->type_nodes.data,
        .string_offsets = builder->strings.offsets.data,
        .string_bytes = builder->strings.bytes.data,
        .string_bytes_count = builder->strings.bytes.count,
        .roots = builder->roots.data,
    };
}

static void replace(hsight__vec *column, hsight__vec *by)
{
    hsight__vec_free(column);
    *column = *by;
    hsight__vec_init(by, column->allocator, column->item_bytes);
}

static void replace_sparse(hsight__sparse *sparse, hsight__sparse *by)
{
    replace(&sparse->nodes, &by->nodes);
    replace(&sparse->values, &by->values);
    sparse->ordered = true;
}

static void commit(hsight_builder *builder, frozen_columns *frozen)
{
    if (frozen->has_edges) {
        replace(&builder->first_edge, &frozen->first_edge);
        replace(&builder->targets, &frozen->targets);
        replace(&builder->labels, &frozen->labels);
    }
    for (int i = 0; i < HSIGHT__NUMBER_COLUMNS; i++) {
        if (frozen->has_numbers[i]) {
            replace_sparse(&builder->numbers[i].pairs, &frozen->numbers[i]);
        }
    }
    if (frozen->has_previews) {
        replace_sparse(&builder->previews, &frozen->previews);
    }
    hsight__vec_free(&builder->late_sources);
    hsight__vec_free(&builder->late_targets);
    hsight__vec_free(&builder->late_labels);
    hsight__strings_freeze(&builder->strings);
}

static void init_frozen(frozen_columns *frozen, const hsight_allocator *allocator)
{
    *frozen = (frozen_columns){.has_edges = false};
    hsight__vec_init(&frozen->first_edge, allocator, sizeof(uint32_t));
    hsight__vec_init(&frozen->targets, allocator, sizeof(hsight_node_id));
    hsight__vec_init(&frozen->labels, allocator, sizeof(hsight_label));
    for (int i = 0; i < HSIGHT__NUMBER_COLUMNS; i++) {
        hsight__sparse_init(&frozen->numbers[i], allocator, sizeof(uint64_t));
    }
    hsight__sparse_init(&frozen->previews, allocator, sizeof(uint32_t));
}

static void free_frozen(frozen_columns *frozen)
{
    hsight__vec_free(&frozen->first_edge);
    hsight__vec_free(&frozen->targets);
    hsight__vec_free(&frozen->labels);
    for (int i = 0; i < HSIGHT__NUMBER_COLUMNS; i++) {
        hsight__sparse_free(&frozen->numbers[i]);
    }
    hsight__sparse_free(&frozen->previews);
}

static void release_builder(void *owner, const hsight__columns *columns)
{
    (void)columns;
    hsight_builder_free(owner);
}

static hsight_status prepare(hsight_builder *builder, frozen_columns *frozen, hsight_error *err)
{
    uint32_t count = hsight__builder_last_node(builder);
    hsight_status status = check_edges(builder, count, err);
    if (status == HSIGHT_OK) {
        status = check_roots_and_types(builder, count, err);
    }
    if (status == HSIGHT_OK) {
        status = hsight__builder_describe_up_to(builder, count, err);
    }
    if (status == HSIGHT_OK) {
        status = complete_first_edge(builder, err);
    }
    if (status == HSIGHT_OK && builder->late_targets.count > 0) {
        status = merge_edges(builder, frozen, err);
    }
    return status == HSIGHT_OK ? settle(builder, frozen, err) : status;
}

hsight_status hsight_builder_finish(hsight_builder *builder, hsight_graph **out, hsight_error *err)
{
    frozen_columns frozen;
    init_frozen(&frozen, builder->allocator);
    hsight_status status = prepare(builder, &frozen, err);
    if (status == HSIGHT_OK) {
        shrink(builder, &frozen);
        hsight__columns columns = collect(builder, &frozen);
        status =
            hsight__graph_wrap(builder->allocator, &columns, release_builder, builder, out, err);
    }
    if (status == HSIGHT_OK) {
        commit(builder, &frozen);
    }
    free_frozen(&frozen);
    return status;
}
