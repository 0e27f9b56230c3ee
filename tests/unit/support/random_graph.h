/* SPDX-License-Identifier: MIT */
/* random_graph.h - seeded random heap graphs, and random numbers.
 *
 *     for (uint64_t seed = 1; seed <= 200; seed++) {
 *         random_graph random = random_graph_make(seed);
 *         random_graph_assert(&random, ... about random.graph ...);
 *         random_graph_free(&random);
 *     }
 *
 * A failing random_graph_assert prints the graph in the grammar of graph_text.h, so that it can be
 * pasted into a test. Sizes differ from seed to seed, from no object to about forty; there are
 * loops, parallel references, weak references, objects that no root reaches, and roots of every
 * kind. */
#ifndef HEAPSIGHT_TESTS_RANDOM_GRAPH_H
#define HEAPSIGHT_TESTS_RANDOM_GRAPH_H

#include <heapsight/graph.h>

#include <check.h>

typedef struct {
    uint64_t seed;
    char *text;          /* owned */
    hsight_graph *graph; /* owned; set it to NULL to keep it */
} random_graph;

random_graph random_graph_make(uint64_t seed);
void random_graph_free(random_graph *random);

#define random_graph_assert(random, condition)                                                     \
    ck_assert_msg(condition, "%s, seed %llu: %s", #condition, (unsigned long long)(random)->seed,  \
                  (random)->text)

/* The next number of a sequence (SplitMix64; Steele, Lea and Flood 2014); `state` starts as seed. */
uint64_t random_next(uint64_t *state);
/* 0 .. bound - 1 */
uint32_t random_below(uint64_t *state, uint32_t bound);

#endif
