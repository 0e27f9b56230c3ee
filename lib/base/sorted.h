/* SPDX-License-Identifier: MIT */
/* sorted.h - finding in a column that ascends. */
#ifndef HEAPSIGHT_LIB_BASE_SORTED_H
#define HEAPSIGHT_LIB_BASE_SORTED_H

#include <stddef.h>
#include <stdint.h>

/* Position of the first item that is not below `key`, or `count`. O(log count). */
static inline size_t hsight__sorted_position(const uint32_t *items, size_t count, uint32_t key)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (items[middle] < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Position of `key`, or `count`. O(log count). */
static inline size_t hsight__sorted_find(const uint32_t *items, size_t count, uint32_t key)
{
    size_t at = hsight__sorted_position(items, count, key);
    return at < count && items[at] == key ? at : count;
}

#endif
