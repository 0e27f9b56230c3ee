/* SPDX-License-Identifier: MIT */
/* check_sparse.c - columns of the few, against an array that has a value for every node. */
#include "graph/sparse.h"

#include "failing_allocator.h"
#include "random_graph.h"
#include "suite.h"

enum { NODES = 50 };

START_TEST(settling_agrees_with_an_array)
{
    uint64_t state = (uint64_t)_i;
    uint64_t expected[NODES + 1] = {0};
    uint32_t where[NODES + 1] = {0};
    hsight__sparse sparse;
    hsight__sparse out;
    hsight__sparse_init(&sparse, hsight_allocator_default(), sizeof(uint64_t));
    hsight__sparse_init(&out, hsight_allocator_default(), sizeof(uint64_t));
    for (uint32_t i = random_below(&state, 100); i > 0; i--) {
        uint32_t node = 1 + random_below(&state, NODES);
        expected[node] = random_next(&state);
        where[node] = random_below(&state, 2) ? UINT32_MAX : 7;
        ck_assert_int_eq(hsight__sparse_add(&sparse, node, &expected[node], NULL), HSIGHT_OK);
    }
    bool some = random_below(&state, 2);
    ck_assert_int_eq(hsight__sparse_settle(&sparse, NODES, some ? where : NULL, &out, NULL),
                     HSIGHT_OK);
    ck_assert(out.ordered);
    size_t at = 0;
    for (uint32_t node = 1; node <= NODES; node++) {
        if (expected[node] != 0 && (!some || where[node] == UINT32_MAX)) {
            ck_assert_uint_lt(at, out.nodes.count);
            ck_assert_uint_eq(((const uint32_t *)out.nodes.data)[at], node);
            ck_assert_uint_eq(((const uint64_t *)out.values.data)[at++], expected[node]);
        }
    }
    ck_assert_uint_eq(at, out.nodes.count);
    ck_assert_uint_eq(at, out.values.count);
    hsight__sparse_free(&sparse);
    hsight__sparse_free(&out);
}
END_TEST

START_TEST(order_is_noticed)
{
    hsight__sparse sparse;
    hsight__sparse_init(&sparse, hsight_allocator_default(), sizeof(uint32_t));
    static const uint32_t nodes[] = {1, 2, 9, 9, 10};
    static const bool ordered[] = {true, true, true, false, false};
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(hsight__sparse_add(&sparse, nodes[i], &nodes[i], NULL), HSIGHT_OK);
        ck_assert_int_eq(sparse.ordered, ordered[i]);
    }
    hsight__sparse_free(&sparse);
}
END_TEST

START_TEST(refused_requests_change_nothing)
{
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        hsight__sparse sparse;
        hsight__sparse out;
        hsight__sparse_init(&sparse, &memory.allocator, sizeof(uint64_t));
        hsight__sparse_init(&out, &memory.allocator, sizeof(uint64_t));
        for (uint64_t node = NODES; node > 0; node--) {
            if (hsight__sparse_add(&sparse, (uint32_t)node, &node, NULL) != HSIGHT_OK) {
                ck_assert_uint_eq(sparse.nodes.count, NODES - node);
                ck_assert_uint_eq(sparse.values.count, NODES - node);
                ck_assert_int_eq(hsight__sparse_add(&sparse, (uint32_t)node, &node, NULL),
                                 HSIGHT_OK);
            }
        }
        if (hsight__sparse_settle(&sparse, NODES, NULL, &out, NULL) != HSIGHT_OK) {
            ck_assert_uint_eq(out.nodes.count, 0);
            ck_assert_int_eq(hsight__sparse_settle(&sparse, NODES, NULL, &out, NULL), HSIGHT_OK);
        }
        ck_assert_uint_eq(out.nodes.count, NODES);
        hsight__sparse_free(&sparse);
        hsight__sparse_free(&out);
        ck_assert_uint_eq(memory.live_blocks, 0);
        if (!memory.refused) {
            break;
        }
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("sparse");
    tcase_add_loop_test(tests, settling_agrees_with_an_array, 1, 41);
    tcase_add_test(tests, order_is_noticed);
    tcase_add_test(tests, refused_requests_change_nothing);
    return run_tests("sparse", tests);
}
