/* SPDX-License-Identifier: MIT */
/* sparse.c - columns of the few: numbers that need many bytes, previews.
 *
 * I1  nodes.count == values.count
 * I2  ordered means that nodes ascend strictly
 *
 * Both columns belong to the sparse column. */
#include "graph/sparse.h"

#include "base/sorted.h"
#include "graph/numbers.h"

#include <assert.h>
#include <string.h>

void hsight__sparse_init(hsight__sparse *sparse, const hsight_allocator *allocator,
                         size_t value_bytes)
{
    hsight__vec_init(&sparse->nodes, allocator, sizeof(uint32_t));
    hsight__vec_init(&sparse->values, allocator, value_bytes);
    sparse->ordered = true;
}

void hsight__sparse_free(hsight__sparse *sparse)
{
    hsight__vec_free(&sparse->nodes);
    hsight__vec_free(&sparse->values);
    sparse->ordered = true;
}

hsight_status hsight__sparse_reserve(hsight__sparse *sparse, size_t extra, hsight_error *err)
{
    hsight_status status = hsight__vec_reserve(&sparse->nodes, extra, err);
    return status == HSIGHT_OK ? hsight__vec_reserve(&sparse->values, extra, err) : status;
}

/* Room is reserved: cannot fail. */
static void append(hsight__sparse *sparse, uint32_t node, const void *value)
{
    size_t count = sparse->nodes.count++;
    uint32_t *nodes = sparse->nodes.data;
    if (count > 0 && node <= nodes[count - 1]) {
        sparse->ordered = false;
    }
    nodes[count] = node;
    size_t bytes = sparse->values.item_bytes;
    memcpy((char *)sparse->values.data + count * bytes, value, bytes);
    sparse->values.count++;
}

hsight_status hsight__sparse_add(hsight__sparse *sparse, uint32_t node, const void *value,
                                 hsight_error *err)
{
    hsight_status status = hsight__sparse_reserve(sparse, 1, err);
    if (status == HSIGHT_OK) {
        append(sparse, node, value);
    }
    return status;
}

static char *value_at(const hsight__sparse *sparse, size_t position)
{
    return (char *)sparse->values.data + position * sparse->values.item_bytes;
}

/* Room is reserved: cannot fail. */
static void insert(hsight__sparse *sparse, size_t at, uint32_t node, const void *value)
{
    size_t behind = sparse->nodes.count - at, bytes = sparse->values.item_bytes;
    uint32_t *nodes = (uint32_t *)sparse->nodes.data + at;
    memmove(nodes + 1, nodes, behind * sizeof *nodes);
    memmove(value_at(sparse, at + 1), value_at(sparse, at), behind * bytes);
    *nodes = node;
    memcpy(value_at(sparse, at), value, bytes);
    sparse->nodes.count++;
    sparse->values.count++;
}

hsight_status hsight__sparse_put(hsight__sparse *sparse, uint32_t node, const void *value,
                                 hsight_error *err)
{
    if (!sparse->ordered) {
        return hsight__sparse_add(sparse, node, value, err);
    }
    const uint32_t *nodes = sparse->nodes.data;
    size_t at = hsight__sorted_position(nodes, sparse->nodes.count, node);
    if (at < sparse->nodes.count && nodes[at] == node) {
        memcpy(value_at(sparse, at), value, sparse->values.item_bytes);
        return HSIGHT_OK;
    }
    hsight_status status = hsight__sparse_reserve(sparse, 1, err);
    if (status == HSIGHT_OK) {
        insert(sparse, at, node, value);
    }
    return status;
}

void hsight__sparse_cut(hsight__sparse *sparse, size_t count, bool ordered)
{
    assert(count <= sparse->nodes.count);
    sparse->nodes.count = count;
    sparse->values.count = count;
    sparse->ordered = ordered;
}

const void *hsight__sparse_find(const hsight__sparse *sparse, uint32_t node)
{
    const uint32_t *nodes = sparse->nodes.data;
    size_t count = sparse->nodes.count;
    if (sparse->ordered) {
        size_t at = hsight__sorted_find(nodes, count, node);
        return at < count ? value_at(sparse, at) : NULL;
    }
    while (count > 0 && nodes[count - 1] != node) {
        count--;
    }
    return count > 0 ? value_at(sparse, count - 1) : NULL;
}

static bool is_wanted(const hsight__vec *only_where, uint32_t node)
{
    return only_where == NULL ||
           hsight__numbers_item(only_where->data, only_where->item_bytes, node) ==
               hsight__numbers_ones(only_where->item_bytes);
}

hsight_status hsight__sparse_settle(const hsight__sparse *sparse, uint32_t node_count,
                                    const hsight__vec *only_where, hsight__sparse *out,
                                    hsight_error *err)
{
    const uint32_t *nodes = sparse->nodes.data;
    hsight__vec last; /* last[n] - 1 is the position of the last pair of node n */
    hsight__vec_init(&last, sparse->nodes.allocator, sizeof(uint32_t));
    hsight_status status = hsight__vec_append_zeros(&last, (size_t)node_count + 1, err);
    if (status == HSIGHT_OK) {
        status = hsight__sparse_reserve(out, sparse->nodes.count, err);
    }
    if (status != HSIGHT_OK) {
        goto out;
    }
    uint32_t *position = last.data;
    for (size_t i = 0; i < sparse->nodes.count; i++) {
        position[nodes[i]] = (uint32_t)i + 1;
    }
    for (size_t node = 1; node <= node_count; node++) {
        if (position[node] != 0 && is_wanted(only_where, (uint32_t)node)) {
            append(out, (uint32_t)node, value_at(sparse, position[node] - 1));
        }
    }
out:
    hsight__vec_free(&last);
    return status;
}
