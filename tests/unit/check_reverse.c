/* SPDX-License-Identifier: MIT */
/* check_reverse.c - the index of referrers, against a search of all references. */
#include <heapsight/graph.h>

#include "failing_allocator.h"
#include "graph_text.h"
#include "random_graph.h"
#include "suite.h"

static hsight_reverse *new_reverse(const hsight_graph *graph)
{
    hsight_reverse *reverse;
    hsight_error err;
    ck_assert_msg(hsight_reverse_new(graph, &reverse, &err) == HSIGHT_OK, "%s", err.message);
    return reverse;
}

START_TEST(referrers_are_listed_in_order)
{
    hsight_graph *graph = graph_text_build("a>x b>x a>x x>x c~>x x>a");
    hsight_reverse *reverse = new_reverse(graph);
    hsight_node_id x = graph_text_node(graph, "x");
    hsight_referrers refs = hsight_reverse_referrers(reverse, x);
    static const char *const expected[] = {"a", "a", "x", "b", "c"}; /* x is object 2 */
    ck_assert_uint_eq(refs.count, 5);
    for (uint32_t i = 0; i < 5; i++) {
        ck_assert_uint_eq(refs.sources[i].index, graph_text_node(graph, expected[i]).index);
        ck_assert(i == 0 || refs.edges[i] > refs.edges[i - 1]);
    }
    ck_assert_uint_eq(hsight_reverse_referrers(reverse, graph_text_node(graph, "a")).count, 1);
    ck_assert_uint_eq(hsight_reverse_referrers(reverse, graph_text_node(graph, "b")).count, 0);
    ck_assert_uint_eq(hsight_reverse_referrers(reverse, graph_text_node(graph, "c")).count, 0);
    hsight_reverse_free(reverse);
    hsight_reverse_free(NULL);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(the_last_object_and_the_last_reference)
{
    hsight_graph *graph = graph_text_build("a b z>z");
    hsight_reverse *reverse = new_reverse(graph);
    hsight_referrers refs = hsight_reverse_referrers(reverse, (hsight_node_id){3});
    ck_assert_uint_eq(refs.count, 1);
    ck_assert_uint_eq(refs.edges[0], 0);
    ck_assert_uint_eq(refs.sources[0].index, 3);
    hsight_reverse_free(reverse);
    hsight_graph_free(graph);
}
END_TEST

/* All references that lead to `target`, by looking at every one of them. */
static void check_node(const random_graph *random, const hsight_reverse *reverse,
                       hsight_node_id target)
{
    const hsight_graph *graph = random->graph;
    hsight_referrers found = hsight_reverse_referrers(reverse, target);
    uint32_t at = 0;
    for (uint32_t source = 1; source <= hsight_graph_node_count(graph); source++) {
        hsight_references refs = hsight_graph_references(graph, (hsight_node_id){source});
        for (uint32_t i = 0; i < refs.count; i++) {
            if (refs.targets[i].index == target.index) {
                random_graph_assert(random, at < found.count);
                random_graph_assert(random, found.edges[at] == refs.first + i);
                random_graph_assert(random, found.sources[at].index == source);
                at++;
            }
        }
    }
    random_graph_assert(random, at == found.count);
}

START_TEST(agrees_with_a_search)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        random_graph random = random_graph_make(seed);
        hsight_reverse *reverse = new_reverse(random.graph);
        for (uint32_t n = 1; n <= hsight_graph_node_count(random.graph); n++) {
            check_node(&random, reverse, (hsight_node_id){n});
        }
        hsight_reverse_free(reverse);
        random_graph_free(&random);
    }
}
END_TEST

START_TEST(refused_requests_leave_nothing)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    hsight_graph *graph = graph_text_build_on(&memory.allocator, "a>b b>c c>a a>c");
    size_t live = memory.live_blocks;
    for (size_t n = 1;; n++) {
        memory.refuse_at = memory.requests + n;
        memory.refused = false;
        hsight_reverse *reverse;
        hsight_error err;
        hsight_status status = hsight_reverse_new(graph, &reverse, &err);
        if (status == HSIGHT_OK) {
            ck_assert(!memory.refused);
            ck_assert_uint_eq(n, 5); /* the index and its three columns were refused before */
            hsight_reverse_free(reverse);
            break;
        }
        ck_assert_int_eq(status, HSIGHT_ENOMEM);
        ck_assert_uint_eq(memory.live_blocks, live);
    }
    ck_assert_uint_eq(memory.live_blocks, live);
    hsight_graph_free(graph);
    ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("reverse");
    tcase_add_test(tests, referrers_are_listed_in_order);
    tcase_add_test(tests, the_last_object_and_the_last_reference);
    tcase_add_test(tests, agrees_with_a_search);
    tcase_add_test(tests, refused_requests_leave_nothing);
    return run_tests("reverse", tests);
}
