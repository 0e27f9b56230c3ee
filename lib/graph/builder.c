/* SPDX-License-Identifier: MIT */
/* builder.c - objects, types, strings and roots of a graph that is being written.
 *
 * builder_parts.h draws the columns and lists the invariants B1..B4. The builder owns all of them;
 * hsight_builder_finish() hands the builder itself to the graph as the owner of its columns, so
 * that nothing is copied. Every call is amortised O(1) besides interning, and reserves all it needs
 * before it changes anything. */
#include "graph/builder_parts.h"

#include <assert.h>
#include <string.h>

static void init_columns(hsight_builder *builder, const hsight_allocator *allocator)
{
    *builder = (hsight_builder){.allocator = allocator};
    hsight__vec_init(&builder->addresses, allocator, sizeof(uint64_t));
    hsight__vec_init(&builder->types, allocator, sizeof(uint32_t));
    hsight__vec_init(&builder->shallow, allocator, sizeof(uint32_t));
    hsight__vec_init(&builder->refcounts, allocator, sizeof(uint32_t));
    hsight__vec_init(&builder->flags, allocator, sizeof(uint8_t));
    hsight__sparse_init(&builder->big, allocator, sizeof(uint64_t));
    hsight__sparse_init(&builder->previews, allocator, sizeof(uint32_t));
    hsight__vec_init(&builder->first_edge, allocator, sizeof(uint32_t));
    hsight__vec_init(&builder->targets, allocator, sizeof(hsight_node_id));
    hsight__vec_init(&builder->labels, allocator, sizeof(hsight_label));
    hsight__vec_init(&builder->late_sources, allocator, sizeof(hsight_node_id));
    hsight__vec_init(&builder->late_targets, allocator, sizeof(hsight_node_id));
    hsight__vec_init(&builder->late_labels, allocator, sizeof(hsight_label));
    hsight__vec_init(&builder->type_names, allocator, sizeof(uint32_t));
    hsight__vec_init(&builder->type_nodes, allocator, sizeof(uint32_t));
    hsight__vec_init(&builder->roots, allocator, sizeof(hsight_root));
}

/* Item 0 of every column: "none". */
static hsight_status add_item_0(hsight_builder *builder, hsight_error *err)
{
    hsight__vec *columns[] = {&builder->addresses,  &builder->types,      &builder->shallow,
                              &builder->refcounts,  &builder->flags,      &builder->first_edge,
                              &builder->type_names, &builder->type_nodes, NULL};
    hsight_status status = hsight__strings_init(&builder->strings, builder->allocator, err);
    for (int i = 0; status == HSIGHT_OK && columns[i] != NULL; i++) {
        status = hsight__vec_append_zeros(columns[i], 1, err);
    }
    builder->room = hsight__builder_measure_room(builder);
    return status;
}

hsight_status hsight_builder_new(const hsight_allocator *allocator, hsight_builder **out,
                                 hsight_error *err)
{
    if (allocator == NULL) {
        allocator = hsight_allocator_default();
    }
    hsight_builder *builder = allocator->allocate(allocator->state, sizeof *builder);
    if (builder == NULL) {
        return hsight__fail_memory(err, sizeof *builder);
    }
    init_columns(builder, allocator);
    hsight_status status = add_item_0(builder, err);
    if (status != HSIGHT_OK) {
        hsight_builder_free(builder);
        return status;
    }
    *out = builder;
    return HSIGHT_OK;
}

void hsight_builder_free(hsight_builder *builder)
{
    if (builder == NULL) {
        return;
    }
    hsight__vec *columns[] = {&builder->addresses,    &builder->types,       &builder->shallow,
                              &builder->refcounts,    &builder->flags,       &builder->first_edge,
                              &builder->targets,      &builder->labels,      &builder->late_sources,
                              &builder->late_targets, &builder->late_labels, &builder->type_names,
                              &builder->type_nodes,   &builder->roots,       NULL};
    for (int i = 0; columns[i] != NULL; i++) {
        hsight__vec_free(columns[i]);
    }
    hsight__sparse_free(&builder->big);
    hsight__sparse_free(&builder->previews);
    hsight__strings_free(&builder->strings);
    const hsight_allocator *allocator = builder->allocator;
    allocator->release(allocator->state, builder, sizeof *builder);
}

/* ---- strings, types, roots ------------------------------------------------------------------ */

hsight_status hsight_builder_string(hsight_builder *builder, const char *data, size_t length,
                                    hsight_string_id *out, hsight_error *err)
{
    return hsight__strings_intern(&builder->strings, data, length, &out->index, err);
}

static uint32_t last_type(const hsight_builder *builder)
{
    return (uint32_t)(builder->type_names.count - 1);
}

static hsight_status require_string(const hsight_builder *builder, hsight_string_id string,
                                    hsight_error *err)
{
    uint32_t count = hsight__strings_count(&builder->strings);
    if (string.index <= count) {
        return HSIGHT_OK;
    }
    return hsight__fail(err, HSIGHT_EINVAL, "string %u is unknown: %u strings were interned",
                        string.index, count);
}

static hsight_status require_node(const hsight_builder *builder, hsight_node_id node,
                                  hsight_error *err)
{
    uint32_t count = hsight__builder_last_node(builder);
    if (node.index >= 1 && node.index <= count) {
        return HSIGHT_OK;
    }
    return hsight__fail(err, HSIGHT_EINVAL, "object %u is unknown: %u objects were added",
                        node.index, count);
}

hsight_status hsight_builder_add_type(hsight_builder *builder, hsight_string_id name,
                                      hsight_type_id *out, hsight_error *err)
{
    hsight_status status = require_string(builder, name, err);
    if (status == HSIGHT_OK && builder->type_names.count >= UINT32_MAX) {
        status = hsight__fail(err, HSIGHT_ELIMIT, "more than %u types", UINT32_MAX - 1);
    }
    if (status == HSIGHT_OK) {
        status = hsight__vec_reserve(&builder->type_nodes, 1, err);
    }
    if (status == HSIGHT_OK) {
        status = hsight__vec_push(&builder->type_names, &name.index, err);
    }
    if (status == HSIGHT_OK) {
        ((uint32_t *)builder->type_nodes.data)[builder->type_nodes.count++] = 0;
        out->index = last_type(builder);
    }
    return status;
}

void hsight_builder_set_type_node(hsight_builder *builder, hsight_type_id type, hsight_node_id node)
{
    assert(type.index >= 1 && type.index <= last_type(builder));
    ((uint32_t *)builder->type_nodes.data)[type.index] = node.index;
}

hsight_status hsight_builder_preview(hsight_builder *builder, hsight_node_id node,
                                     hsight_string_id text, hsight_error *err)
{
    hsight_status status = require_node(builder, node, err);
    if (status == HSIGHT_OK) {
        status = require_string(builder, text, err);
    }
    if (status == HSIGHT_OK) {
        status = hsight__sparse_add(&builder->previews, node.index, &text.index, err);
    }
    return status;
}

hsight_status hsight_builder_add_root(hsight_builder *builder, const hsight_root *root,
                                      hsight_error *err)
{
    const hsight_string_id strings[] = {root->name, root->thread, root->function, root->file};
    hsight_status status = HSIGHT_OK;
    for (int i = 0; status == HSIGHT_OK && i < 4; i++) {
        status = require_string(builder, strings[i], err);
    }
    if (status == HSIGHT_OK && builder->roots.count >= HSIGHT__ROOT_COUNT_MAX) {
        status = hsight__fail(err, HSIGHT_ELIMIT, "more than %u roots", HSIGHT__ROOT_COUNT_MAX);
    }
    return status == HSIGHT_OK ? hsight__vec_push(&builder->roots, root, err) : status;
}

uint32_t hsight_builder_root_count(const hsight_builder *builder)
{
    return (uint32_t)builder->roots.count;
}

hsight_root hsight_builder_root(const hsight_builder *builder, uint32_t index)
{
    assert(index < builder->roots.count);
    return ((const hsight_root *)builder->roots.data)[index];
}

hsight_status hsight_builder_set_root_name(hsight_builder *builder, uint32_t index,
                                           hsight_string_id name, hsight_error *err)
{
    if (index >= builder->roots.count) {
        return hsight__fail(err, HSIGHT_EINVAL, "root %u is unknown: %zu roots were added", index,
                            builder->roots.count);
    }
    hsight_status status = require_string(builder, name, err);
    if (status == HSIGHT_OK) {
        ((hsight_root *)builder->roots.data)[index].name = name;
    }
    return status;
}

/* ---- objects -------------------------------------------------------------------------------- */

void hsight__builder_sync(hsight_builder *builder)
{
    builder->types.count = (size_t)builder->described + 1;
    builder->shallow.count = builder->types.count;
    builder->refcounts.count = builder->types.count;
    builder->flags.count = builder->types.count;
}

size_t hsight__builder_measure_room(const hsight_builder *builder)
{
    size_t room = builder->types.capacity;
    room = builder->shallow.capacity < room ? builder->shallow.capacity : room;
    room = builder->refcounts.capacity < room ? builder->refcounts.capacity : room;
    return builder->flags.capacity < room ? builder->flags.capacity : room;
}

/* Make room for the columns of nodes up to `node`. */
static hsight_status reserve_described(hsight_builder *builder, uint32_t node, hsight_error *err)
{
    if (node < builder->room) {
        return HSIGHT_OK;
    }
    hsight__builder_sync(builder);
    size_t extra = (size_t)node - builder->described;
    hsight__vec *columns[] = {&builder->types, &builder->shallow, &builder->refcounts,
                              &builder->flags, NULL};
    hsight_status status = HSIGHT_OK;
    for (int i = 0; status == HSIGHT_OK && columns[i] != NULL; i++) {
        status = hsight__vec_reserve(columns[i], extra, err);
    }
    builder->room = hsight__builder_measure_room(builder);
    return status;
}

/* Room is reserved: cannot fail. */
static void write_described(hsight_builder *builder, uint32_t node, const hsight_node_info *info)
{
    uint64_t bytes = info->shallow_bytes;
    ((uint32_t *)builder->types.data)[node] = info->type.index;
    ((uint32_t *)builder->shallow.data)[node] = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
    ((uint32_t *)builder->refcounts.data)[node] = info->refcount;
    ((uint8_t *)builder->flags.data)[node] = (uint8_t)info->flags;
}

static void fill_gap(hsight_builder *builder, uint32_t node)
{
    static const hsight_node_info nothing = {0};
    while (builder->described < node) {
        write_described(builder, ++builder->described, &nothing);
    }
}

hsight_status hsight__builder_describe_up_to(hsight_builder *builder, uint32_t node,
                                             hsight_error *err)
{
    hsight_status status = reserve_described(builder, node, err);
    if (status == HSIGHT_OK) {
        fill_gap(builder, node);
    }
    return status;
}

static hsight_status check_info(const hsight_builder *builder, const hsight_node_info *info,
                                hsight_error *err)
{
    if (info->type.index > last_type(builder)) {
        return hsight__fail(err, HSIGHT_EINVAL, "type %u is unknown: %u types were added",
                            info->type.index, last_type(builder));
    }
    if (info->flags > UINT8_MAX) {
        return hsight__fail(err, HSIGHT_EINVAL, "flags 0x%x: only the low 8 bits are in use",
                            info->flags);
    }
    return HSIGHT_OK;
}

/* Any node in any order, any size, again if need be. */
hsight_status hsight_builder_describe(hsight_builder *builder, hsight_node_id node,
                                      const hsight_node_info *info, hsight_error *err)
{
    hsight_status status = require_node(builder, node, err);
    if (status == HSIGHT_OK) {
        status = check_info(builder, info, err);
    }
    if (status == HSIGHT_OK) {
        status = reserve_described(builder, node.index, err);
    }
    if (status == HSIGHT_OK && info->shallow_bytes >= UINT32_MAX) {
        status = hsight__sparse_add(&builder->big, node.index, &info->shallow_bytes, err);
    }
    if (status == HSIGHT_OK) {
        fill_gap(builder, node.index);
        write_described(builder, node.index, info);
    }
    return status;
}

/* Writes the infos that are as most are; returns how many. Room is reserved. */
static uint32_t write_plain(hsight_builder *builder, const hsight_node_info *infos, uint32_t count)
{
    size_t first = (size_t)builder->described + 1;
    uint32_t *restrict types = (uint32_t *)builder->types.data + first;
    uint32_t *restrict shallow = (uint32_t *)builder->shallow.data + first;
    uint32_t *restrict refcounts = (uint32_t *)builder->refcounts.data + first;
    uint8_t *restrict flags = (uint8_t *)builder->flags.data + first;
    uint32_t type_count = last_type(builder);
    uint32_t i;
    for (i = 0; i < count; i++) {
        if (infos[i].type.index > type_count || infos[i].shallow_bytes >= UINT32_MAX ||
            infos[i].flags > UINT8_MAX) {
            break;
        }
        types[i] = infos[i].type.index;
        shallow[i] = (uint32_t)infos[i].shallow_bytes;
        refcounts[i] = infos[i].refcount;
        flags[i] = (uint8_t)infos[i].flags;
    }
    return i;
}

hsight_status hsight_builder_describe_next(hsight_builder *builder, const hsight_node_info *infos,
                                           uint32_t count, hsight_error *err)
{
    uint32_t before = builder->described;
    if (count > hsight__builder_last_node(builder) - before) {
        return hsight__fail(err, HSIGHT_EINVAL, "%u objects to describe: %u were added", count,
                            hsight__builder_last_node(builder) - before);
    }
    hsight_status status = reserve_described(builder, before + count, err);
    for (uint32_t i = 0; i < count && status == HSIGHT_OK; i++) {
        uint32_t written = write_plain(builder, infos + i, count - i);
        builder->described += written;
        i += written;
        if (i < count) {
            hsight_node_id node = {builder->described + 1};
            status = hsight_builder_describe(builder, node, &infos[i], err);
        }
    }
    if (status != HSIGHT_OK) {
        builder->described = before;
    }
    return status;
}

static hsight_status reserve_in_all(hsight__vec *column, size_t count, hsight_error *err)
{
    return count <= column->count ? HSIGHT_OK
                                  : hsight__vec_hold(column, count - column->count, err);
}

hsight_status hsight_builder_reserve(hsight_builder *builder, uint32_t node_count,
                                     uint32_t edge_count, hsight_error *err)
{
    hsight__builder_sync(builder);
    hsight__vec *nodes[] = {&builder->addresses, &builder->types, &builder->shallow,
                            &builder->refcounts, &builder->flags, &builder->first_edge};
    hsight_status status = HSIGHT_OK;
    for (size_t i = 0; status == HSIGHT_OK && i < sizeof nodes / sizeof *nodes; i++) {
        status = reserve_in_all(nodes[i], (size_t)node_count + 2, err); /* 0, and the last end */
    }
    if (status == HSIGHT_OK) {
        status = reserve_in_all(&builder->targets, edge_count, err);
    }
    if (status == HSIGHT_OK) {
        status = reserve_in_all(&builder->labels, edge_count, err);
    }
    builder->room = hsight__builder_measure_room(builder);
    return status;
}

hsight_status hsight_builder_add_addresses(hsight_builder *builder, const uint64_t *addresses,
                                           uint32_t count, hsight_error *err)
{
    hsight__vec *column = &builder->addresses;
    if (column->count - 1 + count > HSIGHT__NODE_COUNT_MAX) {
        return hsight__fail(err, HSIGHT_ELIMIT, "more than %u objects", HSIGHT__NODE_COUNT_MAX);
    }
    hsight_status status = hsight__vec_reserve(column, count, err);
    if (status == HSIGHT_OK && count != 0) {
        memcpy((uint64_t *)column->data + column->count, addresses, count * sizeof(*addresses));
        column->count += count;
    }
    return status;
}

hsight_status hsight_builder_add_address(hsight_builder *builder, uint64_t address,
                                         hsight_node_id *out, hsight_error *err)
{
    hsight_status status = hsight_builder_add_addresses(builder, &address, 1, err);
    if (status == HSIGHT_OK) {
        out->index = hsight__builder_last_node(builder);
    }
    return status;
}

hsight_status hsight_builder_add_node(hsight_builder *builder, const hsight_node_info *info,
                                      hsight_node_id *out, hsight_error *err)
{
    hsight_node_id node;
    hsight_status status = hsight_builder_add_address(builder, info->address, &node, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    status = hsight_builder_describe(builder, node, info, err);
    if (status != HSIGHT_OK) {
        builder->addresses.count--;
        return status;
    }
    *out = node;
    return HSIGHT_OK;
}

const uint64_t *hsight_builder_addresses(const hsight_builder *builder)
{
    return builder->addresses.data;
}

const uint32_t *hsight_builder_types(const hsight_builder *builder)
{
    return builder->types.data;
}

const uint32_t *hsight_builder_shallow(const hsight_builder *builder)
{
    return builder->shallow.data;
}

hsight_status hsight_builder_set_shallow_bytes(hsight_builder *builder, hsight_node_id node,
                                               uint64_t bytes, hsight_error *err)
{
    assert(node.index >= 1 && node.index <= builder->described);
    hsight_status status = bytes >= UINT32_MAX
                               ? hsight__sparse_add(&builder->big, node.index, &bytes, err)
                               : HSIGHT_OK;
    if (status == HSIGHT_OK) {
        ((uint32_t *)builder->shallow.data)[node.index] =
            bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
    }
    return status;
}

uint32_t hsight_builder_node_count(const hsight_builder *builder)
{
    return hsight__builder_last_node(builder);
}

const uint32_t *hsight_builder_refcounts(const hsight_builder *builder)
{
    return builder->refcounts.data;
}

const uint8_t *hsight_builder_flags_column(const hsight_builder *builder)
{
    return builder->flags.data;
}

uint32_t hsight_builder_flags(const hsight_builder *builder, hsight_node_id node)
{
    assert(node.index <= hsight__builder_last_node(builder));
    const uint8_t *flags = builder->flags.data;
    return node.index <= builder->described ? flags[node.index] : 0;
}

void hsight_builder_set_flags(hsight_builder *builder, hsight_node_id node, uint32_t flags)
{
    assert(node.index >= 1 && node.index <= builder->described && flags <= UINT8_MAX);
    ((uint8_t *)builder->flags.data)[node.index] = (uint8_t)flags;
}
