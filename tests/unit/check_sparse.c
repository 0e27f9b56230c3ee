/* SPDX-License-Identifier: MIT */
/* check_sparse.c - columns of the few, against an array that has a value for every node. */
#include "graph/sparse.h"

#include "failing_allocator.h"
#include "random_graph.h"
#include "suite.h"

enum { NODES = 50 };

/* All ones where `where` says so, in items of 1, 2 or 4 bytes. */
static hsight__vec column_of(const bool *where, size_t item_bytes)
{
    const uint32_t ones = UINT32_MAX, other = 7;
    hsight__vec column;
    hsight__vec_init(&column, hsight_allocator_default(), item_bytes);
    for (uint32_t node = 0; node <= NODES; node++) {
        uint16_t two = (uint16_t)(where[node] ? ones : other);
        uint8_t one = (uint8_t)two;
        const void *item = item_bytes == 1   ? (const void *)&one
                           : item_bytes == 2 ? (const void *)&two
                                             : (const void *)(where[node] ? &ones : &other);
        ck_assert_int_eq(hsight__vec_push(&column, item, NULL), HSIGHT_OK);
    }
    return column;
}

START_TEST(settling_agrees_with_an_array)
{
    uint64_t state = (uint64_t)_i;
    uint64_t expected[NODES + 1] = {0};
    bool where[NODES + 1] = {0};
    hsight__sparse sparse;
    hsight__sparse out;
    hsight__sparse_init(&sparse, hsight_allocator_default(), sizeof(uint64_t));
    hsight__sparse_init(&out, hsight_allocator_default(), sizeof(uint64_t));
    for (uint32_t i = random_below(&state, 100); i > 0; i--) {
        uint32_t node = 1 + random_below(&state, NODES);
        expected[node] = random_next(&state);
        where[node] = random_below(&state, 2);
        ck_assert_int_eq(hsight__sparse_add(&sparse, node, &expected[node], NULL), HSIGHT_OK);
    }
    bool some = random_below(&state, 2);
    hsight__vec column = column_of(where, (size_t)1 << random_below(&state, 3));
    ck_assert_int_eq(hsight__sparse_settle(&sparse, NODES, some ? &column : NULL, &out, NULL),
                     HSIGHT_OK);
    ck_assert(out.ordered);
    size_t at = 0;
    for (uint32_t node = 1; node <= NODES; node++) {
        if (expected[node] != 0 && (!some || where[node])) {
            ck_assert_uint_lt(at, out.nodes.count);
            ck_assert_uint_eq(((const uint32_t *)out.nodes.data)[at], node);
            ck_assert_uint_eq(((const uint64_t *)out.values.data)[at++], expected[node]);
        }
    }
    ck_assert_uint_eq(at, out.nodes.count);
    ck_assert_uint_eq(at, out.values.count);
    hsight__vec_free(&column);
    hsight__sparse_free(&sparse);
    hsight__sparse_free(&out);
}
END_TEST

/* What is put stays in order, until something is added that is not; the last pair is found. */
START_TEST(finding_agrees_with_an_array)
{
    uint64_t state = (uint64_t)_i;
    uint64_t expected[NODES + 1] = {0};
    hsight__sparse sparse;
    hsight__sparse_init(&sparse, hsight_allocator_default(), sizeof(uint64_t));
    uint32_t puts = random_below(&state, 100), adds = random_below(&state, 2) * 20;
    for (uint32_t i = 0; i < puts + adds; i++) {
        uint32_t node = 1 + random_below(&state, NODES);
        expected[node] = random_next(&state);
        bool puts_it = i < puts || random_below(&state, 2);
        ck_assert_int_eq(puts_it ? hsight__sparse_put(&sparse, node, &expected[node], NULL)
                                 : hsight__sparse_add(&sparse, node, &expected[node], NULL),
                         HSIGHT_OK);
        ck_assert(sparse.ordered || i >= puts);
    }
    size_t count = 0;
    for (uint32_t node = 1; node <= NODES; node++) {
        const uint64_t *found = hsight__sparse_find(&sparse, node);
        ck_assert_int_eq(found != NULL, expected[node] != 0);
        ck_assert(found == NULL || *found == expected[node]);
        count += found != NULL;
    }
    ck_assert(!sparse.ordered || sparse.nodes.count == count); /* a pair was replaced */
    hsight__sparse_free(&sparse);
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
    tcase_add_loop_test(tests, finding_agrees_with_an_array, 1, 41);
    tcase_add_test(tests, order_is_noticed);
    tcase_add_test(tests, refused_requests_change_nothing);
    return run_tests("sparse", tests);
}
