/* SPDX-License-Identifier: MIT */
/* check_trace_reach_left.c - visiting the blocks that a search found from nowhere. */
#include "check_trace_reach_kit.h"
#include "suite.h"

#include <check.h>

typedef struct {
    uint64_t addresses[8];
    uint64_t bytes[8];
    uint64_t first_words[8];
    size_t count;
} visited;

static void note(const hsight_block_reader *reader, uint64_t address, uint64_t bytes, void *state)
{
    visited *all = state;
    ck_assert_uint_lt(all->count, 8);
    all->addresses[all->count] = address;
    all->bytes[all->count] = bytes;
    ck_assert(hsight_block_read(reader, address, &all->first_words[all->count++], 8));
}

START_TEST(what_nothing_leads_to_is_visited)
{
    void *object = block(1, 0, 32), *item = block(2, 64, 64), *lost = block(3, 256, 17);
    void *freed = block(3, 512, 16), *far = block(3, 9 << 20, 1 << 20);
    point(object, 0, item);
    point(lost, 0, object);
    point(far, 0, lost);
    hsight_reach *reach = begin();
    hsight_traced_block taken;
    ck_assert(hsight_tracer_forget(tracer, &thread, freed, &taken));
    meet(reach, object);
    follow(reach, object, 0);
    visited all = {.count = 0};
    hsight_reach_each_native(reach, note, &all);
    hsight_reach_free(reach);
    ck_assert_uint_eq(all.count, 2);
    ck_assert_uint_eq(all.addresses[0], (uintptr_t)lost);
    ck_assert_uint_eq(all.bytes[0], 17);
    ck_assert_uint_eq(all.first_words[0], (uintptr_t)object);
    ck_assert_uint_eq(all.addresses[1], (uintptr_t)far);
    ck_assert_uint_eq(all.bytes[1], 1 << 20);
}
END_TEST

START_TEST(a_native_block_of_the_side_table_is_visited)
{
    uint64_t odd = (uint64_t)(uintptr_t)arena + 40; /* not aligned as the map wants it */
    hsight_raw_frame frame = {5, 1};
    hsight_tracer_record(tracer, &thread, (void *)(uintptr_t)odd, 24, &frame, 1);
    hsight_reach *reach = begin();
    visited all = {.count = 0};
    hsight_reach_each_native(reach, note, &all);
    ck_assert_uint_eq(all.count, 1);
    ck_assert_uint_eq(all.addresses[0], odd);
    ck_assert_uint_eq(all.bytes[0], 24);
    hsight_reach_pass(reach, (void *)(uintptr_t)odd);
    hsight_reach_each_native(reach, note, &all);
    ck_assert_uint_eq(all.count, 1);
    hsight_reach_free(reach);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("trace_reach_left");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, what_nothing_leads_to_is_visited);
    tcase_add_test(tests, a_native_block_of_the_side_table_is_visited);
    return run_tests("trace_reach_left", tests);
}
