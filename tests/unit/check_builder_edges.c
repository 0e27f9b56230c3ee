/* SPDX-License-Identifier: MIT */
/* check_builder_edges.c - references in both ways of feeding a builder. */
#include "graph/builder_parts.h"

#include "failing_allocator.h"
#include "random_graph.h"
#include "suite.h"

#include <string.h>

static hsight_error err;

static hsight_builder *builder_with_nodes(uint32_t count)
{
    hsight_builder *builder;
    ck_assert_int_eq(hsight_builder_new(NULL, &builder, &err), HSIGHT_OK);
    for (uint32_t i = 1; i <= count; i++) {
        hsight_node_id node;
        ck_assert_int_eq(hsight_builder_add_address(builder, i, &node, &err), HSIGHT_OK);
    }
    return builder;
}

static hsight_graph *finish(hsight_builder *builder)
{
    hsight_graph *graph;
    ck_assert_msg(hsight_builder_finish(builder, &graph, &err) == HSIGHT_OK, "%s", err.message);
    ck_assert_msg(hsight_graph_check(graph, &err) == HSIGHT_OK, "%s", err.message);
    return graph;
}

static hsight_label numbered(uint32_t number)
{
    return hsight_label_make(HSIGHT_LABEL_INDEX, number);
}

static hsight_status add(hsight_builder *builder, uint32_t source, uint32_t target, uint32_t number)
{
    return hsight_builder_add_edge(builder, (hsight_node_id){source}, (hsight_node_id){target},
                                   numbered(number), &err);
}

static hsight_status walk(hsight_builder *builder, uint32_t source, uint32_t target, uint32_t count,
                          uint32_t number)
{
    hsight_node_id sources[8], targets[8];
    hsight_label labels[8];
    for (uint32_t i = 0; i < count; i++) {
        sources[i] = (hsight_node_id){source};
        targets[i] = (hsight_node_id){target};
        labels[i] = numbered(number + i);
    }
    return hsight_builder_add_edges(builder, sources, targets, labels, count, &err);
}

/* The references of `node` are numbered first, first + 1, ... */
static void check_numbers(hsight_references refs, uint32_t count, uint32_t first)
{
    ck_assert_uint_eq(refs.count, count);
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_uint_eq(hsight_label_payload(refs.labels[i]), first + i);
    }
}

START_TEST(the_walkers_references_stay_in_place)
{
    hsight_builder *builder = builder_with_nodes(6);
    ck_assert_int_eq(walk(builder, 2, 6, 3, 0), HSIGHT_OK);
    ck_assert_int_eq(walk(builder, 3, 2, 0, 0), HSIGHT_OK);
    ck_assert_int_eq(walk(builder, 5, 5, 1, 3), HSIGHT_OK);
    ck_assert_int_eq(walk(builder, 5, 1, 2, 4), HSIGHT_OK); /* more of the same source */
    ck_assert_uint_eq(hsight_builder_edge_count(builder), 6);
    static const uint32_t counts[] = {0, 3, 0, 0, 3, 0};
    static const uint32_t firsts[] = {0, 0, 3, 3, 3, 6};
    for (uint32_t i = 0; i < 6; i++) {
        hsight_references refs = hsight_builder_references(builder, (hsight_node_id){i + 1});
        check_numbers(refs, counts[i], firsts[i]);
        ck_assert_uint_eq(refs.first, firsts[i]);
    }
    hsight_builder_set_label(builder, 1, hsight_label_make(HSIGHT_LABEL_WEAK, 0));
    hsight_graph *graph = finish(builder);
    hsight_references refs = hsight_graph_references(graph, (hsight_node_id){2});
    ck_assert_uint_eq(hsight_label_kind_of(refs.labels[1]), HSIGHT_LABEL_WEAK);
    ck_assert_uint_eq(refs.targets[1].index, 6);
    for (uint32_t i = 2; i < 6; i++) {
        refs = hsight_graph_references(graph, (hsight_node_id){i + 1});
        check_numbers(refs, counts[i], firsts[i]);
        ck_assert_uint_eq(refs.first, firsts[i]);
    }
    hsight_graph_free(graph);
}
END_TEST

START_TEST(added_references_are_sorted_and_stable)
{
    hsight_builder *builder = builder_with_nodes(4);
    static const uint32_t order[] = {3, 1, 4, 3, 3, 1, 4};
    static const uint32_t numbers[] = {2, 0, 5, 3, 4, 1, 6}; /* where they end up */
    for (uint32_t i = 0; i < 7; i++) {
        ck_assert_int_eq(add(builder, order[i], 2, numbers[i]), HSIGHT_OK);
    }
    ck_assert_uint_eq(hsight_builder_edge_count(builder), 7);
    hsight_graph *graph = finish(builder);
    check_numbers(hsight_graph_references(graph, (hsight_node_id){1}), 2, 0);
    check_numbers(hsight_graph_references(graph, (hsight_node_id){2}), 0, 0);
    check_numbers(hsight_graph_references(graph, (hsight_node_id){3}), 3, 2);
    check_numbers(hsight_graph_references(graph, (hsight_node_id){4}), 2, 5);
    hsight_graph_free(graph);
}
END_TEST

/* Both ways for different objects of one graph; edges before their objects. */
START_TEST(both_ways_meet)
{
    hsight_builder *builder = builder_with_nodes(2);
    ck_assert_int_eq(add(builder, 4, 1, 5), HSIGHT_OK);
    ck_assert_int_eq(walk(builder, 2, 1, 3, 1), HSIGHT_OK);
    ck_assert_int_eq(add(builder, 1, 2, 0), HSIGHT_OK);
    hsight_node_id node;
    ck_assert_int_eq(hsight_builder_add_address(builder, 3, &node, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_address(builder, 4, &node, &err), HSIGHT_OK);
    ck_assert_int_eq(walk(builder, 3, 4, 1, 4), HSIGHT_OK);
    hsight_graph *graph = finish(builder);
    check_numbers(hsight_graph_references(graph, (hsight_node_id){1}), 1, 0);
    check_numbers(hsight_graph_references(graph, (hsight_node_id){2}), 3, 1);
    check_numbers(hsight_graph_references(graph, (hsight_node_id){3}), 1, 4);
    check_numbers(hsight_graph_references(graph, (hsight_node_id){4}), 1, 5);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(sources_must_ascend)
{
    hsight_builder *builder = builder_with_nodes(5);
    ck_assert_int_eq(walk(builder, 4, 1, 2, 0), HSIGHT_OK);
    ck_assert_int_eq(walk(builder, 3, 1, 2, 2), HSIGHT_EINVAL);
    ck_assert_str_eq(err.message,
                     "references of object 3 after those of object 4: sources must ascend");
    ck_assert_int_eq(walk(builder, 0, 1, 1, 2), HSIGHT_EINVAL);
    ck_assert_int_eq(walk(builder, 6, 1, 1, 2), HSIGHT_EINVAL);
    ck_assert_str_eq(err.message, "object 6 is unknown: 5 objects were added");
    static const hsight_node_id sources[] = {{4}, {5}, {4}}, targets[] = {{1}, {1}, {1}};
    hsight_label labels[3] = {{0}};
    ck_assert_int_eq(hsight_builder_add_edges(builder, sources, targets, labels, 3, &err),
                     HSIGHT_EINVAL);
    ck_assert_str_eq(err.message,
                     "references of object 4 after those of object 5: sources must ascend");
    ck_assert_uint_eq(hsight_builder_edge_count(builder), 2);
    ck_assert_int_eq(walk(builder, 4, 1, 1, 2), HSIGHT_OK);
    hsight_graph *graph = finish(builder);
    check_numbers(hsight_graph_references(graph, (hsight_node_id){4}), 3, 0);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(number_0_is_refused_at_once)
{
    hsight_builder *builder = builder_with_nodes(1);
    ck_assert_int_eq(walk(builder, 0, 1, 1, 0), HSIGHT_EINVAL);
    ck_assert_str_eq(err.message, "object 0 is unknown: 1 objects were added");
    ck_assert_int_eq(add(builder, 0, 1, 0), HSIGHT_EINVAL);
    ck_assert_int_eq(add(builder, 1, 0, 0), HSIGHT_EINVAL);
    ck_assert_uint_eq(hsight_builder_edge_count(builder), 0);
    hsight_graph_free(finish(builder));
}
END_TEST

START_TEST(there_are_at_most_2_to_the_32_references)
{
    hsight_builder *builder = builder_with_nodes(1);
    builder->targets.count = builder->targets.capacity = HSIGHT__EDGE_COUNT_MAX - 1;
    ck_assert_int_eq(walk(builder, 1, 1, 2, 0), HSIGHT_ELIMIT);
    ck_assert_str_eq(err.message, "more than 4294967294 references");
    builder->targets.count = HSIGHT__EDGE_COUNT_MAX;
    ck_assert_int_eq(add(builder, 1, 1, 0), HSIGHT_ELIMIT);
    builder->targets.count = builder->targets.capacity = 0;
    hsight_builder_free(builder);
}
END_TEST

/* One random edge list, fed in the order of the sources by batches of random size, and in any
 * order one by one: the same graph. */
START_TEST(both_ways_give_the_same_graph)
{
    enum { NODES = 40, EDGES = 300 };
    uint64_t state = (uint64_t)_i;
    hsight_node_id walked[EDGES], targets[EDGES];
    hsight_label labels[EDGES];
    uint32_t count = 0;
    uint32_t sources[EDGES];
    hsight_builder *walker = builder_with_nodes(NODES);
    hsight_builder *adder = builder_with_nodes(NODES);
    for (uint32_t i = 0; i < EDGES; i++) {
        sources[i] = 1 + random_below(&state, NODES);
        ck_assert_int_eq(add(adder, sources[i], 1 + sources[i] * i % NODES, i), HSIGHT_OK);
    }
    for (uint32_t source = 1; source <= NODES; source++) {
        for (uint32_t i = 0; i < EDGES; i++) {
            if (sources[i] == source) {
                walked[count] = (hsight_node_id){source};
                targets[count] = (hsight_node_id){1 + source * i % NODES};
                labels[count++] = numbered(i);
            }
        }
    }
    for (uint32_t first = 0, size; first < EDGES; first += size) {
        size = 1 + random_below(&state, 40);
        size = size < EDGES - first ? size : EDGES - first;
        ck_assert_int_eq(hsight_builder_add_edges(walker, walked + first, targets + first,
                                                  labels + first, size, &err),
                         HSIGHT_OK);
    }
    hsight_graph *a = finish(walker);
    hsight_graph *b = finish(adder);
    const hsight__columns *x = hsight__graph_columns(a);
    const hsight__columns *y = hsight__graph_columns(b);
    ck_assert_mem_eq(x->first_edge, y->first_edge, (NODES + 2) * sizeof *x->first_edge);
    ck_assert_mem_eq(x->targets, y->targets, EDGES * sizeof *x->targets);
    ck_assert_mem_eq(x->labels, y->labels, EDGES * sizeof *x->labels);
    hsight_graph_free(a);
    hsight_graph_free(b);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("builder_edges");
    tcase_add_test(tests, the_walkers_references_stay_in_place);
    tcase_add_test(tests, added_references_are_sorted_and_stable);
    tcase_add_test(tests, both_ways_meet);
    tcase_add_test(tests, sources_must_ascend);
    tcase_add_test(tests, number_0_is_refused_at_once);
    tcase_add_test(tests, there_are_at_most_2_to_the_32_references);
    tcase_add_loop_test(tests, both_ways_give_the_same_graph, 1, 21);
    return run_tests("builder_edges", tests);
}
