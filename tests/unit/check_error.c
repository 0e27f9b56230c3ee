/* SPDX-License-Identifier: MIT */
/* check_error.c - status codes, and messages that never overflow or end inside a character. */
#include "base/error.h"

#include "suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

START_TEST(numbers_are_pinned)
{
    /* Numbers are part of the interface: this list only ever grows. */
    ck_assert_int_eq(HSIGHT_OK, 0);
    ck_assert_int_eq(HSIGHT_ENOMEM, 1);
    ck_assert_int_eq(HSIGHT_EINVAL, 2);
    ck_assert_int_eq(HSIGHT_ELIMIT, 3);
    ck_assert_int_eq(HSIGHT_EIO, 4);
    ck_assert_int_eq(HSIGHT_EFORMAT, 5);
    ck_assert_int_eq(HSIGHT_EVERSION, 6);
    ck_assert_int_eq(HSIGHT_ENOTFOUND, 7);
    ck_assert_int_eq(HSIGHT_ENOTSUP, 8);
    ck_assert_int_eq(HSIGHT_ENODOT, 9);
    ck_assert_int_eq(HSIGHT_ETIMEOUT, 10);
    ck_assert_int_eq(HSIGHT_EKILLED, 11);
}
END_TEST

START_TEST(every_status_has_its_own_text)
{
    ck_assert_str_eq(hsight_status_text(HSIGHT_OK), "no error");
    ck_assert_str_eq(hsight_status_text(HSIGHT_ENODOT), "Graphviz's dot program is missing");
    ck_assert_str_eq(hsight_status_text((hsight_status)99), "unknown status");
    for (int a = 0; a <= HSIGHT_EKILLED; a++) {
        for (int b = 0; b < a; b++) {
            ck_assert_str_ne(hsight_status_text((hsight_status)a),
                             hsight_status_text((hsight_status)b));
        }
    }
}
END_TEST

START_TEST(version_has_three_numbers)
{
    int major;
    int minor;
    int patch;
    char end;
    ck_assert_int_eq(sscanf(hsight_version(), "%d.%d.%d%c", &major, &minor, &patch, &end), 3);
}
END_TEST

START_TEST(fail_fills_the_error_and_returns_the_status)
{
    hsight_error err = {.os_errno = 77};
    ck_assert_int_eq(hsight__fail(&err, HSIGHT_EINVAL, "item %d of %s", 3, "list"), HSIGHT_EINVAL);
    ck_assert_int_eq(err.status, HSIGHT_EINVAL);
    ck_assert_int_eq(err.os_errno, 0);
    ck_assert_str_eq(err.message, "item 3 of list");
    ck_assert_int_eq(hsight__fail(NULL, HSIGHT_EFORMAT, "nobody listens"), HSIGHT_EFORMAT);
}
END_TEST

START_TEST(fail_errno_names_the_cause)
{
    hsight_error err;
    ck_assert_int_eq(hsight__fail_errno(&err, ENOENT, "open %s", "a.hsnap"), HSIGHT_EIO);
    ck_assert_int_eq(err.os_errno, ENOENT);
    ck_assert_str_eq(err.message, "open a.hsnap: No such file or directory");
    ck_assert_int_eq(hsight__fail_errno(NULL, ENOENT, "open"), HSIGHT_EIO);
}
END_TEST

START_TEST(fail_memory_names_the_size)
{
    hsight_error err;
    ck_assert_int_eq(hsight__fail_memory(&err, 4096), HSIGHT_ENOMEM);
    ck_assert_ptr_nonnull(strstr(err.message, "4096 bytes"));
    ck_assert_int_eq(hsight__fail_memory(&err, SIZE_MAX), HSIGHT_ENOMEM);
    ck_assert_ptr_null(strstr(err.message, "18446744073709551615"));
}
END_TEST

/* A text of every length around the size of the buffer, made of characters of 1 to 4 bytes. */
START_TEST(long_messages_end_at_a_character)
{
    static const char *const characters[] = {"a", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x90\x8D"};
    const char *character = characters[_i];
    size_t unit = strlen(character);
    for (size_t lead = 0; lead < 5; lead++) {
        char text[1024] = "";
        memset(text, '-', lead);
        for (size_t at = lead; at + unit < sizeof text; at += unit) {
            memcpy(text + at, character, unit + 1);
        }
        hsight_error err;
        hsight__fail(&err, HSIGHT_EINVAL, "%s", text);
        size_t length = strlen(err.message);
        ck_assert_uint_lt(length, sizeof err.message);
        ck_assert_uint_gt(length + 4, sizeof err.message - 1);
        ck_assert_int_eq(memcmp(err.message, text, length), 0);
        ck_assert_uint_eq((length - lead) % unit, 0);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("error");
    tcase_add_test(tests, numbers_are_pinned);
    tcase_add_test(tests, every_status_has_its_own_text);
    tcase_add_test(tests, version_has_three_numbers);
    tcase_add_test(tests, fail_fills_the_error_and_returns_the_status);
    tcase_add_test(tests, fail_errno_names_the_cause);
    tcase_add_test(tests, fail_memory_names_the_size);
    tcase_add_loop_test(tests, long_messages_end_at_a_character, 0, 4);
    return run_tests("error", tests);
}
