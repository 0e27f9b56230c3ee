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
    hsight__growing_init(&builder->numbers[HSIGHT__COLUMN_TYPES], allocator, sizeof(uint16_t));
    hsight__growing_init(&builder->numbers[HSIGHT__COLUMN_SHALLOW], allocator, sizeof(uint16_t));
    hsight__growing_init(&builder->numbers[HSIGHT__COLUMN_REFCOUNTS], allocator, sizeof(uint8_t));
    hsight__vec_init(&builder->flags, allocator, sizeof(uint8_t));
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
    hsight__vec *columns[] = {&builder->addresses,  &builder->flags,      &builder->first_edge,
                              &builder->type_names, &builder->type_nodes, NULL};
    hsight_status status = hsight__strings_init(&builder->strings, builder->allocator, err);
    for (int i = 0; status == HSIGHT_OK && columns[i] != NULL; i++) {
        status = hsight__vec_append_zeros(columns[i], 1, err);
    }
    for (int i = 0; status == HSIGHT_OK && i < HSIGHT__NUMBER_COLUMNS; i++) {
        status = hsight__vec_append_zeros(&builder->numbers[i].items, 1, err);
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
    hsight__vec *columns[] = {&builder->addresses,    &builder->flags,       &builder->first_edge,
                              &builder->targets,      &builder->labels,      &builder->late_sources,
                              &builder->late_targets, &builder->late_labels, &builder->type_names,
                              &builder->type_nodes,   &builder->roots,       NULL};
    for (int i = 0; columns[i] != NULL; i++) {
        hsight__vec_free(columns[i]);
    }
    for (int i = 0; i < HSIGHT__NUMBER_COLUMNS; i++) {
        hsight__growing_free(&builder->numbers[i]);
    }
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
    builder->flags.count = (size_t)builder->described + 1;
    for (int i = 0; i < HSIGHT__NUMBER_COLUMNS; i++) {
        builder->numbers[i].items.count = builder->flags.count;
    }
}

size_t hsight__builder_measure_room(const hsight_builder *builder)
{
    size_t room = builder->flags.capacity;
    for (int i = 0; i < HSIGHT__NUMBER_COLUMNS; i++) {
        size_t capacity = builder->numbers[i].items.capacity;
        room = capacity < room ? capacity : room;
    }
    return room;
}

/* Make room for the columns of nodes up to `node`. */
static hsight_status reserve_described(hsight_builder *builder, uint32_t node, hsight_error *err)
{
    if (node < builder->room) {
        return HSIGHT_OK;
    }
    hsight__builder_sync(builder);
    size_t extra = (size_t)node - builder->described;
    hsight_status status = hsight__vec_reserve(&builder->flags, extra, err);
    for (int i = 0; status == HSIGHT_OK && i < HSIGHT__NUMBER_COLUMNS; i++) {
        status = hsight__vec_reserve(&builder->numbers[i].items, extra, err);
    }
    builder->room = hsight__builder_measure_room(builder);
    return status;
}

static uint64_t number_of(const hsight_node_info *info, int column)
{
    return column == HSIGHT__COLUMN_TYPES     ? info->type.index
           : column == HSIGHT__COLUMN_SHALLOW ? info->shallow_bytes
                                              : info->refcount;
}

static hsight_status reserve_pairs(hsight_builder *builder, const hsight_node_info *info,
                                   hsight_error *err)
{
    hsight_status status = HSIGHT_OK;
    for (int i = 0; status == HSIGHT_OK && i < HSIGHT__NUMBER_COLUMNS; i++) {
        status = hsight__growing_reserve(&builder->numbers[i], number_of(info, i), err);
    }
    return status;
}

/* Room is reserved: cannot fail. */
static void write_described(hsight_builder *builder, uint32_t node, const hsight_node_info *info)
{
    for (int i = 0; i < HSIGHT__NUMBER_COLUMNS; i++) {
        hsight__growing_put(&builder->numbers[i], node, number_of(info, i));
    }
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
    if (status == HSIGHT_OK) {
        status = reserve_pairs(builder, info, err);
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
    uint16_t *restrict types =
        (uint16_t *)builder->numbers[HSIGHT__COLUMN_TYPES].items.data + first;
    uint16_t *restrict shallow =
        (uint16_t *)builder->numbers[HSIGHT__COLUMN_SHALLOW].items.data + first;
    uint8_t *restrict refcounts =
        (uint8_t *)builder->numbers[HSIGHT__COLUMN_REFCOUNTS].items.data + first;
    uint8_t *restrict flags = (uint8_t *)builder->flags.data + first;
    uint32_t known = last_type(builder);
    uint32_t last = known < UINT16_MAX ? known : UINT16_MAX - 1;
    uint32_t i;
    for (i = 0; i < count; i++) {
        if (infos[i].type.index > last || infos[i].shallow_bytes >= UINT16_MAX ||
            infos[i].refcount >= UINT8_MAX || infos[i].flags > UINT8_MAX) {
            break;
        }
        types[i] = (uint16_t)infos[i].type.index;
        shallow[i] = (uint16_t)infos[i].shallow_bytes;
        refcounts[i] = (uint8_t)infos[i].refcount;
        flags[i] = (uint8_t)infos[i].flags;
    }
    return i;
}

/* One after the other; what was described before a fault stays so. */
static hsight_status describe_each(hsight_builder *builder, const hsight_node_info *infos,
                                   uint32_t count, hsight_error *err)
{
    hsight_status status = HSIGHT_OK;
    for (uint32_t i = 0; i < count && status == HSIGHT_OK; i++) {
        uint32_t written = write_plain(builder, infos + i, count - i);
        builder->described += written;
        i += written;
        if (i < count) {
            hsight_node_id node = {builder->described + 1};
            status = hsight_builder_describe(builder, node, &infos[i], err);
        }
    }
    return status;
}

hsight_status hsight_builder_describe_next(hsight_builder *builder, const hsight_node_info *infos,
                                           uint32_t count, hsight_error *err)
{
    uint32_t before = builder->described;
    if (count > hsight__builder_last_node(builder) - before) {
        return hsight__fail(err, HSIGHT_EINVAL, "%u objects to describe: %u were added", count,
                            hsight__builder_last_node(builder) - before);
    }
    struct {
        size_t count;
        bool ordered;
    } pairs[HSIGHT__NUMBER_COLUMNS];
    for (int i = 0; i < HSIGHT__NUMBER_COLUMNS; i++) {
        pairs[i].count = builder->numbers[i].pairs.nodes.count;
        pairs[i].ordered = builder->numbers[i].pairs.ordered;
    }
    hsight_status status = reserve_described(builder, before + count, err);
    if (status == HSIGHT_OK) {
        status = describe_each(builder, infos, count, err);
    }
    if (status != HSIGHT_OK) {
        builder->described = before;
        for (int i = 0; i < HSIGHT__NUMBER_COLUMNS; i++) {
            hsight__sparse_cut(&builder->numbers[i].pairs, pairs[i].count, pairs[i].ordered);
        }
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
    const size_t nodes = (size_t)node_count + 2; /* 0, and the last end */
    hsight__vec *columns[] = {&builder->addresses, &builder->flags, &builder->first_edge, NULL};
    hsight_status status = HSIGHT_OK;
    for (int i = 0; status == HSIGHT_OK && columns[i] != NULL; i++) {
        status = reserve_in_all(columns[i], nodes, err);
    }
    for (int i = 0; status == HSIGHT_OK && i < HSIGHT__NUMBER_COLUMNS; i++) {
        status = reserve_in_all(&builder->numbers[i].items, nodes, err);
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

static void assert_described(const hsight_builder *builder, hsight_node_id node)
{
    assert(node.index >= 1 && node.index <= builder->described);
    (void)builder;
    (void)node;
}

hsight_type_id hsight_builder_type(const hsight_builder *builder, hsight_node_id node)
{
    assert_described(builder, node);
    return (hsight_type_id){
        (uint32_t)hsight__growing_at(&builder->numbers[HSIGHT__COLUMN_TYPES], node.index)};
}

uint64_t hsight_builder_shallow_bytes(const hsight_builder *builder, hsight_node_id node)
{
    assert_described(builder, node);
    return hsight__growing_at(&builder->numbers[HSIGHT__COLUMN_SHALLOW], node.index);
}

uint32_t hsight_builder_refcount(const hsight_builder *builder, hsight_node_id node)
{
    assert_described(builder, node);
    return (uint32_t)hsight__growing_at(&builder->numbers[HSIGHT__COLUMN_REFCOUNTS], node.index);
}

hsight_status hsight_builder_set_shallow_bytes(hsight_builder *builder, hsight_node_id node,
                                               uint64_t bytes, hsight_error *err)
{
    assert_described(builder, node);
    return hsight__growing_correct(&builder->numbers[HSIGHT__COLUMN_SHALLOW], node.index, bytes,
                                   err);
}

uint32_t hsight_builder_node_count(const hsight_builder *builder)
{
    return hsight__builder_last_node(builder);
}

const uint8_t *hsight_builder_refcounts(const hsight_builder *builder)
{
    return builder->numbers[HSIGHT__COLUMN_REFCOUNTS].items.data;
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
