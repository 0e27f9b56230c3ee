/* SPDX-License-Identifier: MIT */
/* growing_numbers.c - writing numbers in few bytes.
 *
 * I1  an item is all ones exactly when its node's number is that or more, and then it has a pair
 * I2  a pair whose node has another item is stale
 *
 * Items and pairs belong to the column. */
#include "graph/growing_numbers.h"

#include <assert.h>

void hsight__growing_init(hsight__growing_numbers *numbers, const hsight_allocator *allocator,
                          size_t item_bytes)
{
    assert(item_bytes == sizeof(uint8_t) || item_bytes == sizeof(uint16_t));
    hsight__vec_init(&numbers->items, allocator, item_bytes);
    hsight__sparse_init(&numbers->pairs, allocator, sizeof(uint64_t));
}

void hsight__growing_free(hsight__growing_numbers *numbers)
{
    hsight__vec_free(&numbers->items);
    hsight__sparse_free(&numbers->pairs);
}

static uint32_t item_at(const hsight__growing_numbers *numbers, uint32_t node)
{
    return hsight__numbers_item(numbers->items.data, numbers->items.item_bytes, node);
}

static void write_item(hsight__growing_numbers *numbers, uint32_t node, uint64_t value)
{
    uint32_t ones = hsight__numbers_ones(numbers->items.item_bytes);
    uint32_t item = value < ones ? (uint32_t)value : ones;
    if (numbers->items.item_bytes == 1) {
        ((uint8_t *)numbers->items.data)[node] = (uint8_t)item;
    } else {
        ((uint16_t *)numbers->items.data)[node] = (uint16_t)item;
    }
}

hsight_status hsight__growing_reserve(hsight__growing_numbers *numbers, uint64_t value,
                                      hsight_error *err)
{
    return hsight__growing_needs_pair(numbers, value)
               ? hsight__sparse_reserve(&numbers->pairs, 1, err)
               : HSIGHT_OK;
}

void hsight__growing_put(hsight__growing_numbers *numbers, uint32_t node, uint64_t value)
{
    if (hsight__growing_needs_pair(numbers, value)) {
        (void)hsight__sparse_add(&numbers->pairs, node, &value, NULL); /* there is room */
    }
    write_item(numbers, node, value);
}

hsight_status hsight__growing_correct(hsight__growing_numbers *numbers, uint32_t node,
                                      uint64_t value, hsight_error *err)
{
    hsight_status status = HSIGHT_OK;
    if (hsight__growing_needs_pair(numbers, value)) {
        status = hsight__sparse_put(&numbers->pairs, node, &value, err);
    }
    if (status == HSIGHT_OK) {
        write_item(numbers, node, value);
    }
    return status;
}

uint64_t hsight__growing_at(const hsight__growing_numbers *numbers, uint32_t node)
{
    uint32_t item = item_at(numbers, node);
    if (!hsight__growing_needs_pair(numbers, item)) {
        return item;
    }
    return *(const uint64_t *)hsight__sparse_find(&numbers->pairs, node); /* I1 */
}

bool hsight__growing_is_unsettled(const hsight__growing_numbers *numbers)
{
    const uint32_t *nodes = numbers->pairs.nodes.data;
    for (size_t i = 0; i < numbers->pairs.nodes.count; i++) {
        if (!hsight__growing_needs_pair(numbers, item_at(numbers, nodes[i]))) {
            return true;
        }
    }
    return !numbers->pairs.ordered;
}

hsight_status hsight__growing_settle(const hsight__growing_numbers *numbers, uint32_t node_count,
                                     hsight__sparse *out, hsight_error *err)
{
    return hsight__sparse_settle(&numbers->pairs, node_count, &numbers->items, out, err);
}
