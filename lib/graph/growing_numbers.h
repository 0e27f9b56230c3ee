/* SPDX-License-Identifier: MIT */
/* growing_numbers.h - numbers of nodes (numbers.h) that are being written.
 *
 * Nodes may be written in any order and again; of a node's pairs the last one counts, and only
 * while its item is all ones. */
#ifndef HEAPSIGHT_LIB_GRAPH_GROWING_NUMBERS_H
#define HEAPSIGHT_LIB_GRAPH_GROWING_NUMBERS_H

#include "graph/numbers.h"
#include "graph/sparse.h"

typedef struct {
    hsight__vec items;    /* of 1 or 2 bytes; room in it and its count are the owner's to see to */
    hsight__sparse pairs; /* uint64_t */
} hsight__growing_numbers;

/* Allocates nothing. */
void hsight__growing_init(hsight__growing_numbers *numbers, const hsight_allocator *allocator,
                          size_t item_bytes);
void hsight__growing_free(hsight__growing_numbers *numbers);

static inline bool hsight__growing_needs_pair(const hsight__growing_numbers *numbers,
                                              uint64_t value)
{
    return value >= hsight__numbers_ones(numbers->items.item_bytes);
}

/* So that the next put of this value cannot fail for want of a pair. */
hsight_status hsight__growing_reserve(hsight__growing_numbers *numbers, uint64_t value,
                                      hsight_error *err);
/* Room was reserved: cannot fail. O(1). */
void hsight__growing_put(hsight__growing_numbers *numbers, uint32_t node, uint64_t value);
/* Replaces the number of a node that was put. O(log pairs), and in the worst case O(pairs). */
hsight_status hsight__growing_correct(hsight__growing_numbers *numbers, uint32_t node,
                                      uint64_t value, hsight_error *err);

/* O(1); O(log pairs) for a node with a pair, or O(pairs) where they did not come in order. */
uint64_t hsight__growing_at(const hsight__growing_numbers *numbers, uint32_t node);

/* Do the pairs need hsight__growing_settle()? O(pairs). */
bool hsight__growing_is_unsettled(const hsight__growing_numbers *numbers);
/* `out` is initialised and empty; gets the pairs that count, in order. See hsight__sparse_settle().
 */
hsight_status hsight__growing_settle(const hsight__growing_numbers *numbers, uint32_t node_count,
                                     hsight__sparse *out, hsight_error *err);

#endif
