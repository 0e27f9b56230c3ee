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

/* Copies the value. Amortised O(1). */
hsight_status hsight__sparse_add(hsight__sparse *sparse, uint32_t node, const void *value,
                                 hsight_error *err);

/* Make `out` (initialised, empty) hold the last pair of every node in ascending order; pairs of
 * nodes for which only_where[node] is not UINT32_MAX are left out (NULL: none are). All nodes are
 * at most node_count. O(pairs + node_count) time, 4 bytes per node of working memory. */
hsight_status hsight__sparse_settle(const hsight__sparse *sparse, uint32_t node_count,
                                    const uint32_t *only_where, hsight__sparse *out,
                                    hsight_error *err);

#endif
