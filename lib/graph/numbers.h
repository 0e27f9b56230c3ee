/* SPDX-License-Identifier: MIT */
/* numbers.h - a number for each node, in as few bytes as nearly all of them need.
 *
 *     items   [ 0 | 56  72  FFFF  24 ]     item_bytes each, by node
 *     pairs           3: 81992             of the few that have no room there
 *
 * An item of all ones stands for the number of the node's pair; where the node has none, as in a
 * file, whose items have four bytes, the number is all ones itself. */
#ifndef HEAPSIGHT_LIB_GRAPH_NUMBERS_H
#define HEAPSIGHT_LIB_GRAPH_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const void *items;
    uint32_t item_bytes; /* 1, 2 or 4 */
    uint32_t pair_count;
    const uint32_t *pair_nodes; /* strictly ascending */
    const uint64_t *pair_values;
} hsight__numbers;

/* An item of all ones. */
static inline uint32_t hsight__numbers_ones(size_t item_bytes)
{
    return UINT32_MAX >> (32 - 8 * item_bytes);
}

static inline uint32_t hsight__numbers_item(const void *items, size_t item_bytes, uint32_t node)
{
    return item_bytes == 1   ? ((const uint8_t *)items)[node]
           : item_bytes == 2 ? ((const uint16_t *)items)[node]
                             : ((const uint32_t *)items)[node];
}

/* The number of a node whose item is all ones. O(log pairs). */
uint64_t hsight__numbers_of_pair(const hsight__numbers *numbers, uint32_t node);

static inline uint64_t hsight__numbers_at(const hsight__numbers *numbers, uint32_t node)
{
    uint32_t item = hsight__numbers_item(numbers->items, numbers->item_bytes, node);
    return item == hsight__numbers_ones(numbers->item_bytes)
               ? hsight__numbers_of_pair(numbers, node)
               : item;
}

/* Of the nodes 1 to node_count, each with all ones having a pair. Saturates. O(node_count). */
uint64_t hsight__numbers_sum(const hsight__numbers *numbers, uint32_t node_count);

/* The numbers of `count` nodes from `first` on, four bytes each; higher ones become UINT32_MAX. */
void hsight__numbers_widen(const hsight__numbers *numbers, uint64_t first, size_t count,
                           uint32_t *out);

#endif
