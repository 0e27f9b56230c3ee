/* SPDX-License-Identifier: MIT */
/* check_trace_side_table.c - the side table and the filter before it, against plain arrays. */
#include "trace/free_filter.h"
#include "trace/side_table.h"

#include "failing_allocator.h"
#include "random_graph.h"
#include "suite.h"

#include <string.h>

enum { KEYS = 600 };

static const void *key(uint32_t number)
{
    return (const void *)(uintptr_t)(UINT64_C(0x7f0000000008) + (uint64_t)number * 48);
}

static bool is_empty(const hsight__block *block)
{
    return block->stack == 0 && !block->is_code;
}

static void check_table(const hsight__side_table *table, const hsight__block *expected)
{
    uint32_t count = 0, seen = 0, wrong = 0; /* an assertion each would take most of the time */
    for (uint32_t i = 0; i < KEYS; i++) {
        hsight__block found = hsight__side_table_get(table, key(i));
        wrong += found.bytes != expected[i].bytes || found.stack != expected[i].stack ||
                 found.is_code != expected[i].is_code;
        count += !is_empty(&expected[i]);
    }
    ck_assert_uint_eq(wrong, 0);
    const void *address;
    for (size_t at = 0; hsight__side_table_next(table, &at, &address); seen++) {
        hsight__block found = hsight__side_table_get(table, address);
        wrong += is_empty(&found);
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_eq(table->count, count);
    ck_assert_uint_eq(seen, count);
    ck_assert(table->entries.count == 0 || table->count <= table->entries.count / 2); /* I1 */
}

START_TEST(an_empty_table_knows_nothing)
{
    hsight__side_table table;
    hsight__side_table_init(&table, hsight_allocator_default());
    ck_assert_uint_eq(hsight__side_table_get(&table, key(1)).stack, 0);
    ck_assert(hsight__side_table_put(&table, key(1), &(hsight__block){0})); /* removes nothing */
    const void *address;
    size_t at = 0;
    ck_assert(!hsight__side_table_next(&table, &at, &address));
    hsight__side_table_free(&table);
}
END_TEST

START_TEST(agrees_with_an_array)
{
    uint64_t state = (uint64_t)_i + 1;
    hsight__block expected[KEYS];
    memset(expected, 0, sizeof expected);
    hsight__side_table table;
    hsight__side_table_init(&table, hsight_allocator_default());
    uint32_t refused = 0;
    for (uint32_t step = 0; step < 20000; step++) {
        uint32_t which = random_below(&state, KEYS);
        hsight__block block = {0};
        if (random_below(&state, 1000) < (step / 2000 % 2 != 0 ? 300u : 700u)) {
            block = (hsight__block){UINT64_C(1) << random_below(&state, 40),
                                    random_below(&state, 50), false};
            block.is_code = block.stack == 0;
        }
        block.bytes = is_empty(&block) ? 0 : block.bytes;
        expected[which] = block;
        refused += !hsight__side_table_put(&table, key(which), &block);
        if (step % 500 == 0) {
            check_table(&table, expected);
        }
    }
    ck_assert_uint_eq(refused, 0);
    check_table(&table, expected);
    hsight__side_table_free(&table);
}
END_TEST

START_TEST(refused_requests_change_nothing)
{
    for (size_t n = 1;; n++) {
        hsight__block expected[KEYS];
        memset(expected, 0, sizeof expected);
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        hsight__side_table table;
        hsight__side_table_init(&table, &memory.allocator);
        for (uint32_t i = 0; i < KEYS; i++) {
            hsight__block block = {i + 100, i + 1, false};
            if (!hsight__side_table_put(&table, key(i), &block)) {
                check_table(&table, expected);
                ck_assert(hsight__side_table_put(&table, key(i), &block));
            }
            expected[i] = block;
        }
        check_table(&table, expected);
        hsight__side_table_free(&table);
        ck_assert_uint_eq(memory.live_blocks, 0);
        if (!memory.refused) {
            break;
        }
    }
}
END_TEST

/* ---- filter ---- */

static const void *page(uint64_t number)
{
    return (const void *)(uintptr_t)(UINT64_C(0x7f0000000000) + number * 4096 + 48);
}

/* Without the blocks known before: tests that add them say so. */
static bool grow(hsight__free_filter *filter)
{
    hsight__filter_table *larger = hsight__free_filter_larger(filter);
    if (larger != NULL) {
        hsight__free_filter_use(filter, larger);
    }
    return larger != NULL;
}

static void add(hsight__free_filter *filter, const void *block)
{
    if (hsight__free_filter_is_full(filter)) {
        ck_assert(grow(filter));
    }
    hsight__free_filter_add(filter, block);
}

START_TEST(what_was_added_may_be_known)
{
    hsight__free_filter filter;
    hsight__free_filter_init(&filter, hsight_allocator_default());
    ck_assert(!hsight__free_filter_may_know(&filter, page(1)));
    for (uint64_t i = 0; i < 500; i++) {
        add(&filter, page(i * 7));
    }
    uint32_t wrong = 0, lost = 0;
    for (uint64_t i = 0; i < 3500; i++) {
        bool may = hsight__free_filter_may_know(&filter, page(i));
        lost += !may && i % 7 == 0;
        wrong += may && i % 7 != 0;
    }
    ck_assert_uint_eq(lost, 0);
    ck_assert_uint_lt(wrong, 300); /* of 3,000: a filter that says yes to all filters nothing */
    for (uint64_t i = 0; i < 500; i++) {
        hsight__free_filter_remove(&filter, page(i * 7));
    }
    for (uint64_t i = 0; i < 3500; i++) {
        lost += hsight__free_filter_may_know(&filter, page(i));
    }
    ck_assert_uint_eq(lost, 0);
    hsight__free_filter_free(&filter);
}
END_TEST

START_TEST(a_counter_that_is_full_stays_for_good)
{
    hsight__free_filter filter;
    hsight__free_filter_init(&filter, hsight_allocator_default());
    for (int i = 0; i < 300; i++) {
        add(&filter, page(5));
    }
    for (int i = 0; i < 299; i++) {
        hsight__free_filter_remove(&filter, page(5));
    }
    ck_assert(hsight__free_filter_may_know(&filter, page(5))); /* one is still there */
    hsight__free_filter_clear(&filter);
    ck_assert(!hsight__free_filter_may_know(&filter, page(5)));
    add(&filter, page(6));
    ck_assert(!hsight__free_filter_may_know(&filter, page(5)));
    hsight__free_filter_free(&filter);
}
END_TEST

START_TEST(it_grows_three_times_and_old_tables_stay)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    hsight__free_filter filter;
    hsight__free_filter_init(&filter, &memory.allocator);
    for (int size = 1; size <= HSIGHT__FILTER_SIZES; size++) {
        ck_assert(hsight__free_filter_is_full(&filter));
        ck_assert(grow(&filter));
        ck_assert_uint_eq(memory.live_blocks, size);
        ck_assert(!hsight__free_filter_is_full(&filter));
        filter.count = 0;  /* all were removed */
        uint64_t adds = 0; /* one in 32 counters; of the last size, any number */
        while (!hsight__free_filter_is_full(&filter) && adds < 300 * 1000) {
            hsight__free_filter_add(&filter, page(adds++));
        }
        ck_assert_uint_eq(adds,
                          size < HSIGHT__FILTER_SIZES ? UINT64_C(128) << 3 * size : 300 * 1000);
    }
    hsight__free_filter_clear(&filter);
    ck_assert(grow(&filter)); /* from its first table on again */
    ck_assert_uint_eq(memory.live_blocks, HSIGHT__FILTER_SIZES);
    hsight__free_filter_free(&filter);
    ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

/* Lookups read the old table until every block counts in the new one. */
START_TEST(a_larger_table_is_not_in_use_before_it_is_full)
{
    hsight__free_filter filter;
    hsight__free_filter_init(&filter, hsight_allocator_default());
    add(&filter, page(9));
    hsight__filter_table *larger = hsight__free_filter_larger(&filter);
    ck_assert_ptr_nonnull(larger);
    ck_assert(hsight__free_filter_may_know(&filter, page(9)));
    hsight__filter_table_add(larger, page(9));
    hsight__free_filter_use(&filter, larger);
    ck_assert(hsight__free_filter_may_know(&filter, page(9)));
    ck_assert(!hsight__free_filter_is_full(&filter));
    hsight__free_filter_remove(&filter, page(9));
    ck_assert(!hsight__free_filter_may_know(&filter, page(9)));
    hsight__free_filter_free(&filter);
}
END_TEST

/* While not every known block is in the filter, any may be known. */
START_TEST(a_filter_of_some_blocks_tells_nothing_of_all)
{
    hsight__free_filter filter;
    hsight__free_filter_init(&filter, hsight_allocator_default());
    ck_assert(hsight__free_filter_may_know_any(&filter, page(8)));
    add(&filter, page(9));
    ck_assert(hsight__free_filter_may_know_any(&filter, page(8)));
    hsight__free_filter_clear(&filter);
    hsight__free_filter_tell_all(&filter);
    ck_assert(!hsight__free_filter_may_know_any(&filter, page(9)));
    ck_assert(grow(&filter));
    add(&filter, page(9));
    ck_assert(hsight__free_filter_may_know_any(&filter, page(9)));
    ck_assert(!hsight__free_filter_may_know_any(&filter, page(8)));
    hsight__free_filter_clear(&filter);
    ck_assert(hsight__free_filter_may_know_any(&filter, page(8)));
    add(&filter, page(9));
    ck_assert(hsight__free_filter_may_know_any(&filter, page(8)));
    hsight__free_filter_free(&filter);
}
END_TEST

START_TEST(it_tells_of_all_once_there_is_memory)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 1);
    hsight__free_filter filter;
    hsight__free_filter_init(&filter, &memory.allocator);
    hsight__free_filter_tell_all(&filter);
    ck_assert(hsight__free_filter_may_know_any(&filter, page(8)));
    add(&filter, page(9)); /* the second time there is */
    ck_assert(hsight__free_filter_may_know_any(&filter, page(9)));
    ck_assert(!hsight__free_filter_may_know_any(&filter, page(8)));
    hsight__free_filter_free(&filter);
}
END_TEST

START_TEST(a_refused_table_changes_nothing)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 2);
    hsight__free_filter filter;
    hsight__free_filter_init(&filter, &memory.allocator);
    ck_assert(grow(&filter));
    hsight__free_filter_add(&filter, page(9));
    ck_assert(!grow(&filter));
    ck_assert(hsight__free_filter_may_know(&filter, page(9)));
    hsight__free_filter_remove(&filter, page(9));
    ck_assert(!hsight__free_filter_may_know(&filter, page(9)));
    hsight__free_filter_free(&filter);
    ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("trace_side_table");
    tcase_add_test(tests, an_empty_table_knows_nothing);
    tcase_add_loop_test(tests, agrees_with_an_array, 0, 4);
    tcase_add_test(tests, refused_requests_change_nothing);
    tcase_add_test(tests, what_was_added_may_be_known);
    tcase_add_test(tests, a_counter_that_is_full_stays_for_good);
    tcase_add_test(tests, it_grows_three_times_and_old_tables_stay);
    tcase_add_test(tests, a_larger_table_is_not_in_use_before_it_is_full);
    tcase_add_test(tests, a_filter_of_some_blocks_tells_nothing_of_all);
    tcase_add_test(tests, it_tells_of_all_once_there_is_memory);
    tcase_add_test(tests, a_refused_table_changes_nothing);
    return run_tests("trace_side_table", tests);
}
