/* SPDX-License-Identifier: MIT */
/* check_vec.c - growable columns: contents, limits, and refusals. */
#include "base/vec.h"

#include "failing_allocator.h"
#include "suite.h"

#include <string.h>

static void check_invariants(const hsight__vec *vec)
{
    ck_assert((vec->data == NULL) == (vec->held == 0)); /* I1 */
    ck_assert_uint_le(vec->count, vec->capacity);       /* I2 */
    ck_assert_uint_le(vec->capacity, vec->held);        /* I3 is the allocator's check */
}

START_TEST(items_stay_while_it_grows)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    hsight__vec vec;
    hsight__vec_init(&vec, &memory.allocator, sizeof(uint32_t));
    check_invariants(&vec);
    for (uint32_t i = 0; i < 10000; i++) {
        ck_assert_int_eq(hsight__vec_push(&vec, &i, NULL), HSIGHT_OK);
        check_invariants(&vec);
    }
    for (uint32_t i = 0; i < 10000; i++) {
        ck_assert_uint_eq(((const uint32_t *)vec.data)[i], i);
    }
    ck_assert_uint_le(memory.requests, 20); /* amortised: doubling */
    hsight__vec_free(&vec);
    check_invariants(&vec);
    ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

/* What is held has no memory behind it yet, and the allocator is not asked again. */
START_TEST(items_may_be_held_before)
{
    enum { HELD = 1 << 22, PUSHED = 200000 };
    hsight__vec vec;
    hsight__vec_init(&vec, hsight_allocator_default(), sizeof(uint32_t));
    ck_assert_int_eq(hsight__vec_hold(&vec, HELD, NULL), HSIGHT_OK);
    check_invariants(&vec);
    const void *data = vec.data;
    for (uint32_t i = 0; i < PUSHED; i++) {
        ck_assert_int_eq(hsight__vec_push(&vec, &i, NULL), HSIGHT_OK);
        check_invariants(&vec);
    }
    ck_assert_ptr_eq(vec.data, data);
#if defined(__linux__)
    ck_assert_uint_lt(vec.capacity, HELD);
#endif
    ck_assert_int_eq(hsight__vec_hold(&vec, HELD - PUSHED, NULL), HSIGHT_OK);
    ck_assert_uint_eq(vec.held, HELD);
    hsight__vec_shrink(&vec);
    check_invariants(&vec);
    ck_assert_uint_eq(vec.held, PUSHED);
    for (uint32_t i = 0; i < PUSHED; i++) {
        ck_assert_uint_eq(((const uint32_t *)vec.data)[i], i);
    }
    hsight__vec_free(&vec);
}
END_TEST

START_TEST(without_a_prefault_all_may_be_written)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    hsight__vec vec;
    hsight__vec_init(&vec, &memory.allocator, 1);
    ck_assert_int_eq(hsight__vec_hold(&vec, 1000000, NULL), HSIGHT_OK);
    ck_assert_uint_eq(vec.capacity, 0);
    ck_assert_int_eq(hsight__vec_push(&vec, "x", NULL), HSIGHT_OK);
    ck_assert_uint_eq(vec.capacity, 1000000);
    ck_assert_uint_eq(memory.requests, 1);
    ck_assert_int_eq(hsight__vec_hold(&vec, SIZE_MAX, NULL), HSIGHT_ENOMEM);
    check_invariants(&vec);
    hsight__vec_free(&vec);
    ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

static size_t asked_count;

/* One item more than is needed, if there is one. */
static size_t back_little(void *state, void *block, size_t bytes, size_t begin, size_t need)
{
    (void)state;
    ck_assert_ptr_nonnull(block);
    ck_assert_uint_lt(begin, need);
    ck_assert_uint_le(need, bytes);
    asked_count++;
    return need + 3 < bytes ? need + 3 : bytes;
}

START_TEST(what_is_backed_is_asked_for)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    memory.allocator.prefault = back_little;
    hsight__vec vec;
    hsight__vec_init(&vec, &memory.allocator, 3);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(hsight__vec_push(&vec, "abc", NULL), HSIGHT_OK);
        check_invariants(&vec);
        ck_assert_uint_le(vec.capacity, vec.count + 1);
    }
    ck_assert_uint_ge(asked_count, 500);
    ck_assert_int_eq(hsight__vec_append_zeros(&vec, 5000, NULL), HSIGHT_OK);
    hsight__vec_shrink(&vec);
    check_invariants(&vec);
    ck_assert_int_eq(hsight__vec_push(&vec, "abc", NULL), HSIGHT_OK);
    hsight__vec_free(&vec);
    ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

START_TEST(append_takes_none_and_many)
{
    hsight__vec vec;
    hsight__vec_init(&vec, hsight_allocator_default(), 3);
    ck_assert_int_eq(hsight__vec_append(&vec, NULL, 0, NULL), HSIGHT_OK);
    ck_assert_ptr_null(vec.data);
    ck_assert_int_eq(hsight__vec_append(&vec, "abcdef", 2, NULL), HSIGHT_OK);
    ck_assert_int_eq(hsight__vec_append_zeros(&vec, 1, NULL), HSIGHT_OK);
    ck_assert_int_eq(hsight__vec_append(&vec, "ghi", 1, NULL), HSIGHT_OK);
    ck_assert_uint_eq(vec.count, 4);
    ck_assert_mem_eq(vec.data, "abcdef\0\0\0ghi", 12);
    check_invariants(&vec);
    hsight__vec_free(&vec);
}
END_TEST

START_TEST(shrink_gives_spare_capacity_back)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    hsight__vec vec;
    hsight__vec_init(&vec, &memory.allocator, sizeof(uint64_t));
    ck_assert_int_eq(hsight__vec_append_zeros(&vec, 100, NULL), HSIGHT_OK);
    ck_assert_int_eq(hsight__vec_reserve(&vec, 1000, NULL), HSIGHT_OK);
    hsight__vec_shrink(&vec);
    ck_assert_uint_eq(memory.live_bytes, 800);
    check_invariants(&vec);
    vec.count = 0;
    hsight__vec_shrink(&vec);
    ck_assert_uint_eq(memory.live_blocks, 0);
    check_invariants(&vec);
    hsight__vec_free(&vec);
}
END_TEST

START_TEST(a_refused_shrink_changes_nothing)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 2);
    hsight__vec vec;
    hsight__vec_init(&vec, &memory.allocator, 1);
    ck_assert_int_eq(hsight__vec_append(&vec, "x", 1, NULL), HSIGHT_OK);
    hsight__vec before = vec;
    hsight__vec_shrink(&vec);
    ck_assert(memory.refused);
    ck_assert_mem_eq(&vec, &before, sizeof vec);
    hsight__vec_free(&vec);
    ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

START_TEST(a_refused_growth_changes_nothing)
{
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        hsight__vec vec;
        hsight__vec_init(&vec, &memory.allocator, sizeof(uint32_t));
        for (uint32_t i = 0; i < 300; i++) {
            hsight__vec before = vec;
            hsight_error err = {0};
            if (hsight__vec_push(&vec, &i, &err) != HSIGHT_OK) {
                ck_assert_int_eq(err.status, HSIGHT_ENOMEM);
                ck_assert_mem_eq(&vec, &before, sizeof vec);
                ck_assert_int_eq(hsight__vec_push(&vec, &i, &err), HSIGHT_OK);
            }
        }
        for (uint32_t i = 0; i < 300; i++) {
            ck_assert_uint_eq(((const uint32_t *)vec.data)[i], i);
        }
        hsight__vec_free(&vec);
        ck_assert_uint_eq(memory.live_blocks, 0);
        if (!memory.refused) {
            break;
        }
    }
}
END_TEST

START_TEST(impossible_sizes_are_refused_before_the_allocator_is_asked)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    hsight__vec vec;
    hsight__vec_init(&vec, &memory.allocator, sizeof(uint64_t));
    hsight_error err;
    ck_assert_int_eq(hsight__vec_reserve(&vec, SIZE_MAX / 4, &err), HSIGHT_ENOMEM);
    ck_assert_int_eq(hsight__vec_append_zeros(&vec, 3, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight__vec_reserve(&vec, SIZE_MAX, &err), HSIGHT_ENOMEM);
    ck_assert_int_eq(hsight__vec_reserve(&vec, SIZE_MAX - 2, &err), HSIGHT_ENOMEM);
    ck_assert_uint_eq(memory.requests, 1);
    check_invariants(&vec);
    hsight__vec_free(&vec);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("vec");
    tcase_add_test(tests, items_stay_while_it_grows);
    tcase_add_test(tests, items_may_be_held_before);
    tcase_add_test(tests, without_a_prefault_all_may_be_written);
    tcase_add_test(tests, what_is_backed_is_asked_for);
    tcase_add_test(tests, append_takes_none_and_many);
    tcase_add_test(tests, shrink_gives_spare_capacity_back);
    tcase_add_test(tests, a_refused_shrink_changes_nothing);
    tcase_add_test(tests, a_refused_growth_changes_nothing);
    tcase_add_test(tests, impossible_sizes_are_refused_before_the_allocator_is_asked);
    return run_tests("vec", tests);
}
