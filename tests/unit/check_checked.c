/* SPDX-License-Identifier: MIT */
/* check_checked.c - size arithmetic at the edge of its range. */
#include "base/checked.h"

#include "suite.h"

START_TEST(sums_overflow_at_the_top)
{
    size_t sum = 7;
    ck_assert(hsight__add_size(SIZE_MAX - 1, 1, &sum));
    ck_assert_uint_eq(sum, SIZE_MAX);
    ck_assert(!hsight__add_size(SIZE_MAX, 1, &sum));
    ck_assert_uint_eq(sum, SIZE_MAX); /* left alone */
}
END_TEST

START_TEST(what_is_reported_stays_at_the_end_of_its_range)
{
    ck_assert_uint_eq(hsight__add_saturated(UINT64_MAX - 1, 1), UINT64_MAX);
    ck_assert_uint_eq(hsight__add_saturated(UINT64_MAX / 2 + 1, UINT64_MAX / 2 + 1), UINT64_MAX);
    ck_assert_int_eq(hsight__add_change_saturated(INT64_MAX - 1, 1), INT64_MAX);
    ck_assert_int_eq(hsight__add_change_saturated(INT64_MAX, INT64_MAX), INT64_MAX);
    ck_assert_int_eq(hsight__add_change_saturated(INT64_MIN, -1), INT64_MIN);
    ck_assert_int_eq(hsight__add_change_saturated(INT64_MIN, INT64_MAX), -1);
    ck_assert_int_eq(hsight__change_saturated(7, 5), -2);
    ck_assert_int_eq(hsight__change_saturated(5, 7), 2);
    ck_assert_int_eq(hsight__change_saturated(UINT64_MAX - 1, UINT64_MAX), 1);
    ck_assert_int_eq(hsight__change_saturated(0, INT64_MAX), INT64_MAX);
    ck_assert_int_eq(hsight__change_saturated(0, UINT64_MAX), INT64_MAX);
    ck_assert_int_eq(hsight__change_saturated(UINT64_MAX, 0), INT64_MIN);
    ck_assert_int_eq(hsight__change_saturated(UINT64_C(1) << 63, 0), INT64_MIN);
}
END_TEST

START_TEST(products_overflow_at_the_top)
{
    size_t product = 7;
    ck_assert(hsight__multiply_size(SIZE_MAX / 8, 8, &product));
    ck_assert_uint_eq(product, SIZE_MAX / 8 * 8);
    ck_assert(!hsight__multiply_size(SIZE_MAX / 8 + 1, 8, &product));
    ck_assert_uint_eq(product, SIZE_MAX / 8 * 8);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("checked");
    tcase_add_test(tests, sums_overflow_at_the_top);
    tcase_add_test(tests, what_is_reported_stays_at_the_end_of_its_range);
    tcase_add_test(tests, products_overflow_at_the_top);
    return run_tests("checked", tests);
}
