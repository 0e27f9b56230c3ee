/* SPDX-License-Identifier: MIT */
/* check_numbers.c - numbers of nodes in few bytes, against an array that has 64 bits for each. */
#include "graph/growing_numbers.h"

#include "failing_allocator.h"
#include "random_graph.h"
#include "suite.h"

#include <string.h>

enum { NODES = 200 };

/* Small ones, those at the border of each width, and large ones. */
static uint64_t random_number(uint64_t *state)
{
    static const uint64_t borders[] = {UINT8_MAX, UINT16_MAX, UINT32_MAX, UINT64_MAX - 1};
    if (random_below(state, 4) != 0) {
        return random_below(state, 200);
    }
    return borders[random_below(state, 4)] + random_below(state, 3) - 1;
}

static void begin(hsight__growing_numbers *numbers, const hsight_allocator *allocator,
                  size_t item_bytes)
{
    hsight__growing_init(numbers, allocator, item_bytes);
    ck_assert_int_eq(hsight__vec_append_zeros(&numbers->items, NODES + 1, NULL), HSIGHT_OK);
}

static void put(hsight__growing_numbers *numbers, uint32_t node, uint64_t value)
{
    ck_assert_int_eq(hsight__growing_reserve(numbers, value, NULL), HSIGHT_OK);
    hsight__growing_put(numbers, node, value);
    ck_assert_uint_eq(hsight__growing_at(numbers, node), value);
}

static hsight__numbers frozen_of(const hsight__growing_numbers *numbers,
                                 const hsight__sparse *pairs)
{
    return (hsight__numbers){.items = numbers->items.data,
                             .item_bytes = (uint32_t)numbers->items.item_bytes,
                             .pair_count = (uint32_t)pairs->nodes.count,
                             .pair_nodes = pairs->nodes.data,
                             .pair_values = pairs->values.data};
}

static void check_frozen(const hsight__numbers *numbers, const uint64_t *expected)
{
    uint32_t wide[NODES + 1];
    uint64_t sum = 0;
    hsight__numbers_widen(numbers, 0, NODES + 1, wide);
    for (uint32_t node = 0; node <= NODES; node++) {
        uint64_t value = expected[node];
        ck_assert_uint_eq(hsight__numbers_at(numbers, node), value);
        ck_assert_uint_eq(wide[node], value < UINT32_MAX ? value : UINT32_MAX);
        sum = sum + value >= sum ? sum + value : UINT64_MAX;
    }
    ck_assert_uint_eq(hsight__numbers_sum(numbers, NODES), sum);
    hsight__numbers_widen(numbers, NODES, 1, wide);
    ck_assert_uint_eq(wide[0], expected[NODES] < UINT32_MAX ? expected[NODES] : UINT32_MAX);
}

/* In order or not, some again, some corrected. */
START_TEST(numbers_agree_with_an_array)
{
    uint64_t state = (uint64_t)_i;
    uint64_t expected[NODES + 1] = {0};
    hsight__growing_numbers numbers;
    hsight__sparse pairs;
    begin(&numbers, hsight_allocator_default(), (size_t)1 << _i % 2);
    hsight__sparse_init(&pairs, hsight_allocator_default(), sizeof(uint64_t));
    for (uint32_t node = 1; node <= NODES; node++) {
        put(&numbers, node, expected[node] = random_number(&state));
    }
    ck_assert(!hsight__growing_is_unsettled(&numbers));
    for (uint32_t i = random_below(&state, 2) * 100; i > 0; i--) {
        uint32_t node = 1 + random_below(&state, NODES);
        put(&numbers, node, expected[node] = random_number(&state));
    }
    for (uint32_t i = random_below(&state, 100); i > 0; i--) {
        uint32_t node = 1 + random_below(&state, NODES);
        expected[node] = random_number(&state);
        ck_assert_int_eq(hsight__growing_correct(&numbers, node, expected[node], NULL), HSIGHT_OK);
        ck_assert_uint_eq(hsight__growing_at(&numbers, node), expected[node]);
    }
    bool unsettled = hsight__growing_is_unsettled(&numbers);
    if (unsettled) {
        ck_assert_int_eq(hsight__growing_settle(&numbers, NODES, &pairs, NULL), HSIGHT_OK);
    }
    hsight__numbers frozen = frozen_of(&numbers, unsettled ? &pairs : &numbers.pairs);
    check_frozen(&frozen, expected);
    hsight__sparse_free(&pairs);
    hsight__growing_free(&numbers);
}
END_TEST

/* As types and refcounts are in a file. */
START_TEST(all_ones_without_a_pair_is_a_number)
{
    static const uint32_t items[] = {0, 1, UINT32_MAX};
    hsight__numbers numbers = {.items = items, .item_bytes = 4};
    uint32_t wide[3];
    ck_assert_uint_eq(hsight__numbers_at(&numbers, 1), 1);
    ck_assert_uint_eq(hsight__numbers_at(&numbers, 2), UINT32_MAX);
    hsight__numbers_widen(&numbers, 0, 3, wide);
    ck_assert_mem_eq(wide, items, sizeof items);
    ck_assert_uint_eq(hsight__numbers_sum(&numbers, 2), UINT64_C(1) << 32);
}
END_TEST

START_TEST(refused_requests_change_nothing)
{
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        hsight__growing_numbers numbers;
        hsight__growing_init(&numbers, &memory.allocator, 1);
        while (hsight__vec_append_zeros(&numbers.items, NODES + 1, NULL) != HSIGHT_OK) {
        }
        for (uint32_t node = NODES; node > 0; node--) {
            hsight_error err;
            if (hsight__growing_correct(&numbers, node, 1000 + node, &err) != HSIGHT_OK) {
                ck_assert_int_eq(err.status, HSIGHT_ENOMEM);
                ck_assert_uint_eq(hsight__growing_at(&numbers, node), 0);
                ck_assert_int_eq(hsight__growing_reserve(&numbers, 1000, NULL), HSIGHT_OK);
                hsight__growing_put(&numbers, node, 1000 + node);
            }
        }
        for (uint32_t node = 1; node <= NODES; node++) {
            ck_assert_uint_eq(hsight__growing_at(&numbers, node), 1000 + node);
        }
        hsight__growing_free(&numbers);
        ck_assert_uint_eq(memory.live_blocks, 0);
        if (!memory.refused) {
            break;
        }
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("numbers");
    tcase_add_loop_test(tests, numbers_agree_with_an_array, 1, 61);
    tcase_add_test(tests, all_ones_without_a_pair_is_a_number);
    tcase_add_test(tests, refused_requests_change_nothing);
    return run_tests("numbers", tests);
}
