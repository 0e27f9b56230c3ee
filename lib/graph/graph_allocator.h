/* SPDX-License-Identifier: MIT */
/* graph_allocator.h - which allocator a graph uses.
 *
 * What works on a graph and takes no allocator of its own (reverse index, analyses) takes memory
 * from here, so that a caller's allocator, and a test's failing one, reaches everything. */
#ifndef HEAPSIGHT_LIB_GRAPH_GRAPH_ALLOCATOR_H
#define HEAPSIGHT_LIB_GRAPH_GRAPH_ALLOCATOR_H

#include <heapsight/graph.h>

/* Never NULL. Borrowed until the graph is freed. */
const hsight_allocator *hsight__graph_allocator(const hsight_graph *graph);

#endif
