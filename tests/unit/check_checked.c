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
    uint64_t wide = 7;
    ck_assert(hsight__add_u64(UINT64_MAX, 0, &wide));
    ck_assert_uint_eq(wide, UINT64_MAX);
    wide = 7;
    ck_assert(!hsight__add_u64(UINT64_MAX / 2 + 1, UINT64_MAX / 2 + 1, &wide));
    ck_assert_uint_eq(wide, 7);
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
    tcase_add_test(tests, products_overflow_at_the_top);
    return run_tests("checked", tests);
}
