/* SPDX-License-Identifier: MIT */
/* sparse.h - a column that only some nodes have: (node, value) pairs, at last in order of nodes.
 *
 * Pairs may come in any order; the last one of a node counts. In ascending order, the usual case,
 * settling is free. */
#ifndef HEAPSIGHT_LIB_GRAPH_SPARSE_H
#define HEAPSIGHT_LIB_GRAPH_SPARSE_H

#include "base/vec.h"

#include <stdbool.h>

typedef struct {
    hsight__vec nodes;  /* uint32_t */
    hsight__vec values; /* as many items, of the size given to init */
    bool ordered;       /* nodes ascend strictly */
} hsight__sparse;

/* Allocates nothing. */
void hsight__sparse_init(hsight__sparse *sparse, const hsight_allocator *allocator,
                         size_t value_bytes);
void hsight__sparse_free(hsight__sparse *sparse);

/* Room for `extra` more pairs. */
hsight_status hsight__sparse_reserve(hsight__sparse *sparse, size_t extra, hsight_error *err);
/* Copies the value. Amortised O(1). */
hsight_status hsight__sparse_add(hsight__sparse *sparse, uint32_t node, const void *value,
                                 hsight_error *err);
/* The same, but what is ordered stays so: a pair of the node is replaced, a new one put in its
 * place. O(log pairs) to replace one or to add the last one, else O(pairs). */
hsight_status hsight__sparse_put(hsight__sparse *sparse, uint32_t node, const void *value,
                                 hsight_error *err);
/* Take back what hsight__sparse_add() added since there were `count` pairs, ordered or not. */
void hsight__sparse_cut(hsight__sparse *sparse, size_t count, bool ordered);
/* Value of the last pair of a node, or NULL. O(log pairs) if ordered, else O(pairs). Borrowed until
 * a pair is added. */
const void *hsight__sparse_find(const hsight__sparse *sparse, uint32_t node);

/* Make `out` (initialised, empty) hold the last pair of every node in ascending order; pairs of
 * nodes whose item of only_where, a column of numbers (numbers.h), is not all ones are left out
 * (NULL: none are). All nodes are at most node_count. O(pairs + node_count) time, 4 bytes per node
 * of working memory. */
hsight_status hsight__sparse_settle(const hsight__sparse *sparse, uint32_t node_count,
                                    const hsight__vec *only_where, hsight__sparse *out,
                                    hsight_error *err);

#endif
