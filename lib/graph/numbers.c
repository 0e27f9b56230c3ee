/* SPDX-License-Identifier: MIT */
/* numbers.c - reading numbers that are kept in few bytes.
 *
 * Owns nothing, changes nothing. */
#include "graph/numbers.h"

#include "base/checked.h"
#include "base/sorted.h"

uint64_t hsight__numbers_of_pair(const hsight__numbers *numbers, uint32_t node)
{
    size_t at = hsight__sorted_find(numbers->pair_nodes, numbers->pair_count, node);
    return at < numbers->pair_count ? numbers->pair_values[at]
                                    : hsight__numbers_ones(numbers->item_bytes);
}

/* Of less than 2^32 items: cannot overflow. A loop for each width, which the compiler makes wide.
 */
static uint64_t sum_items(const hsight__numbers *numbers, uint32_t node_count)
{
    uint64_t sum = 0;
    if (numbers->item_bytes == 2) {
        const uint16_t *items = numbers->items;
        for (uint32_t node = 1; node <= node_count; node++) {
            sum += items[node];
        }
        return sum;
    }
    for (uint32_t node = 1; node <= node_count; node++) {
        sum += hsight__numbers_item(numbers->items, numbers->item_bytes, node);
    }
    return sum;
}

uint64_t hsight__numbers_sum(const hsight__numbers *numbers, uint32_t node_count)
{
    uint64_t sum = sum_items(numbers, node_count);
    for (uint32_t i = 0; i < numbers->pair_count; i++) {
        sum = hsight__add_saturated(sum, numbers->pair_values[i] -
                                             hsight__numbers_ones(numbers->item_bytes));
    }
    return sum;
}

void hsight__numbers_widen(const hsight__numbers *numbers, uint64_t first, size_t count,
                           uint32_t *out)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = hsight__numbers_item(numbers->items, numbers->item_bytes, (uint32_t)(first + i));
    }
    const uint32_t *nodes = numbers->pair_nodes;
    size_t at = hsight__sorted_position(nodes, numbers->pair_count, (uint32_t)first);
    for (; at < numbers->pair_count && nodes[at] < first + count; at++) {
        uint64_t number = numbers->pair_values[at];
        out[nodes[at] - first] = number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
    }
}
