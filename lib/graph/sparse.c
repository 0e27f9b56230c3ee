/* SPDX-License-Identifier: MIT */
/* sparse.c - columns of the few: sizes of 4 GiB and more, previews.
 *
 * I1  nodes.count == values.count
 * I2  ordered means that nodes ascend strictly
 *
 * Both columns belong to the sparse column. */
#include "graph/sparse.h"

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

static hsight_status reserve(hsight__sparse *sparse, size_t extra, hsight_error *err)
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
    hsight_status status = reserve(sparse, 1, err);
    if (status == HSIGHT_OK) {
        append(sparse, node, value);
    }
    return status;
}

hsight_status hsight__sparse_settle(const hsight__sparse *sparse, uint32_t node_count,
                                    const uint32_t *only_where, hsight__sparse *out,
                                    hsight_error *err)
{
    const uint32_t *nodes = sparse->nodes.data;
    const char *values = sparse->values.data;
    hsight__vec last; /* last[n] - 1 is the position of the last pair of node n */
    hsight__vec_init(&last, sparse->nodes.allocator, sizeof(uint32_t));
    hsight_status status = hsight__vec_append_zeros(&last, (size_t)node_count + 1, err);
    if (status == HSIGHT_OK) {
        status = reserve(out, sparse->nodes.count, err);
    }
    if (status != HSIGHT_OK) {
        goto out;
    }
    uint32_t *position = last.data;
    for (size_t i = 0; i < sparse->nodes.count; i++) {
        position[nodes[i]] = (uint32_t)i + 1;
    }
    for (size_t node = 1; node <= node_count; node++) {
        if (position[node] != 0 && (only_where == NULL || only_where[node] == UINT32_MAX)) {
            append(out, (uint32_t)node, values + (position[node] - 1) * out->values.item_bytes);
        }
    }
out:
    hsight__vec_free(&last);
    return status;
}
