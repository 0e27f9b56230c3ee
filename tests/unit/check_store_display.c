/* SPDX-License-Identifier: MIT */
/* check_store_display.c - paths and byte counts as messages show them. */
#include "store/display.h"

#include "suite.h"

#include <string.h>

START_TEST(numbers)
{
    ck_assert_str_eq(hsight__show_number(0).text, "0");
    ck_assert_str_eq(hsight__show_number(999).text, "999");
    ck_assert_str_eq(hsight__show_number(1000).text, "1,000");
    ck_assert_str_eq(hsight__show_number(1048576).text, "1,048,576");
    ck_assert_str_eq(hsight__show_number(UINT64_MAX).text, "18,446,744,073,709,551,615");
}
END_TEST

START_TEST(short_paths_stay)
{
    ck_assert_str_eq(hsight__show_path("").text, "");
    ck_assert_str_eq(hsight__show_path("/x/y.hsnap").text, "/x/y.hsnap");
    ck_assert_str_eq(hsight__show_path("a\nb\tc\x7f.hsnap").text, "a?b?c?.hsnap");
    ck_assert_str_eq(hsight__show_path("\xc3\xa4.hsnap").text, "\xc3\xa4.hsnap");
}
END_TEST

/* The end of a long path is what tells files apart; it does not begin inside a character, whichever
 * byte of one the cut falls on. */
START_TEST(long_paths_keep_their_end)
{
    char path[600];
    size_t length = 0;
    while (length + 3 < sizeof path - 3) {
        memcpy(path + length, "\xe2\x82\xac", 3);
        length += 3;
    }
    for (int more = 0; more < 3; more++) {
        path[length] = '\0';
        hsight__shown_path shown = hsight__show_path(path);
        ck_assert_int_eq(memcmp(shown.text, "...\xe2\x82\xac", 6), 0);
        ck_assert_uint_ge(strlen(shown.text), sizeof shown.text - 3);
        ck_assert_str_eq(path + length - (strlen(shown.text) - 3), shown.text + 3);
        path[length++] = 'x';
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("store_display");
    tcase_add_test(tests, numbers);
    tcase_add_test(tests, short_paths_stay);
    tcase_add_test(tests, long_paths_keep_their_end);
    return run_tests("store_display", tests);
}
