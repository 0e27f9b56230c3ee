/* SPDX-License-Identifier: MIT */
/* check_text.c - short texts in fixed buffers: characters, cuts, escapes, numbers and sizes. */
#include "report/text.h"
#include "report/utf8.h"

#include "random_graph.h"
#include "suite.h"

#include <heapsight/report.h>

#include <stdio.h>
#include <string.h>

static hsight_string of(const char *text)
{
    return (hsight_string){text, strlen(text)};
}

/* ---- characters ------------------------------------------------------------------------------ */

/* Every character of one to three bytes' first blocks, then samples that reach the last one. */
START_TEST(characters_survive_a_round_trip)
{
    for (uint32_t code = 0; code <= 0x10FFFF; code += code < 0x1000 ? 1 : 0xFF) {
        if (code >= 0xD800 && code <= 0xDFFF) {
            continue;
        }
        char bytes[4];
        size_t size = hsight__utf8_put(code, bytes), read;
        ck_assert_uint_eq(hsight__utf8_next((hsight_string){bytes, size}, 0, &read), code);
        ck_assert_uint_eq(read, size);
        if (size > 1) { /* cut: no character, and no look past the end */
            ck_assert_uint_eq(hsight__utf8_next((hsight_string){bytes, size - 1}, 0, &read),
                              HSIGHT__UTF8_REPLACEMENT);
            ck_assert_uint_eq(read, 1);
        }
    }
}
END_TEST

START_TEST(bytes_that_are_no_character_are_replaced_one_by_one)
{
    static const char *const wrong[] = {
        "\x80",         "\xBF",         "\xC0\x80",         "\xC1\xBF",         "\xE0\x9F\xBF",
        "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
        "\xFF",         "\xC3(",        "\xE2\x82(",        "\xF0\x9F\x98("};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        size_t size;
        ck_assert_uint_eq(hsight__utf8_next(of(wrong[i]), 0, &size), HSIGHT__UTF8_REPLACEMENT);
        ck_assert_uint_eq(size, 1);
    }
    ck_assert_uint_eq(hsight__utf8_count(of("a\xFF\xC3\xA9\xE2\x82")), 5);
}
END_TEST

START_TEST(characters_that_move_the_cursor_are_unprintable)
{
    static const uint32_t bad[] = {0,      0x07,   0x1B,   0x7F,   0x85,   0x9B,   0xAD,
                                   0x200E, 0x2028, 0x202E, 0x2066, 0xFEFF, 0xFFFE, 0xE0001};
    static const uint32_t good[] = {' ', '~', 0xA0, 0xE9, 0x2026, 0x4E2D, 0xFFFD, 0x1F600};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(hsight__utf8_is_unprintable(bad[i]), "U+%04X", bad[i]);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_msg(!hsight__utf8_is_unprintable(good[i]), "U+%04X", good[i]);
    }
}
END_TEST

/* ---- buffers --------------------------------------------------------------------------------- */

static const char *added(hsight_string string, hsight__escape escape)
{
    static char buffer[256];
    hsight__text text;
    hsight__text_init(&text, buffer, sizeof buffer);
    text.escape = escape;
    hsight__text_add(&text, string);
    hsight__text_finish(&text);
    return buffer;
}

START_TEST(foreign_text_is_shown_without_control_characters)
{
    ck_assert_str_eq(added(of("a\n\r\tb\x1b[0m\x7f"), HSIGHT__ESCAPE_NONE),
                     "a\\n\\r\\tb\\x1b[0m\\x7f");
    ck_assert_str_eq(added(of("\xe2\x80\xae"
                              "evil"),
                           HSIGHT__ESCAPE_NONE),
                     "\\u202eevil");
    ck_assert_str_eq(added((hsight_string){"a\0b", 3}, HSIGHT__ESCAPE_NONE), "a\\x00b");
    ck_assert_str_eq(added(of("x\xFFy\xC3"), HSIGHT__ESCAPE_NONE), "x\xEF\xBF\xBDy\xEF\xBF\xBD");
    ck_assert_str_eq(added(of("<&>\"'\xC3\xA9"), HSIGHT__ESCAPE_NONE), "<&>\"'\xC3\xA9");
    ck_assert_str_eq(added(of("<&>\"'\\\n"), HSIGHT__ESCAPE_MARKUP),
                     "&lt;&amp;&gt;&quot;'\\\\\\\\n");
}
END_TEST

START_TEST(a_full_buffer_ends_between_characters)
{
    static const char whole[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z"; /* 1 2 3 4 1 bytes */
    static const size_t ends[] = {0, 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t size = 0; size < sizeof ends / sizeof ends[0]; size++) {
        char buffer[16];
        memset(buffer, '#', sizeof buffer);
        hsight__text text;
        hsight__text_init(&text, size > 0 ? buffer : NULL, size);
        hsight__text_add(&text, of(whole));
        ck_assert_uint_eq(hsight__text_finish(&text), ends[size]);
        ck_assert_uint_eq(text.total, sizeof whole - 1);
        ck_assert_mem_eq(buffer, whole, ends[size]);
        ck_assert_int_eq(buffer[ends[size]], size > 0 ? '\0' : '#');
        ck_assert_int_eq(buffer[size], '#');
    }
}
END_TEST

/* Once something did not fit, nothing smaller slips in behind it. */
START_TEST(a_full_buffer_stays_full)
{
    char buffer[3];
    hsight__text text;
    hsight__text_init(&text, buffer, sizeof buffer);
    hsight__text_add_c(&text, "a\xE2\x82\xAC");
    hsight__text_add_c(&text, "b");
    hsight__text_finish(&text);
    ck_assert_str_eq(buffer, "a");
}
END_TEST

static const char *gapped(const char *whole, size_t size)
{
    static char buffer[64];
    memset(buffer, '#', sizeof buffer);
    hsight__text text;
    hsight__text_init_gap(&text, buffer, size, strlen(whole));
    hsight__text_add(&text, of(whole));
    size_t used = hsight__text_finish(&text);
    ck_assert_uint_lt(used, size);
    ck_assert_uint_eq(used, strlen(buffer));
    ck_assert_int_eq(buffer[size], '#');
    return buffer;
}

START_TEST(a_text_that_is_too_long_loses_its_middle)
{
    ck_assert_str_eq(gapped("0123456789", 11), "0123456789");
    ck_assert_str_eq(gapped("0123456789", 10), "012…789");
    ck_assert_str_eq(gapped("0123456789", 9), "01…789");
    ck_assert_str_eq(gapped("0123456789", 6), "0…9");
    ck_assert_str_eq(gapped("0123456789", 5), "…9");
    ck_assert_str_eq(gapped("0123456789", 4), "012"); /* no room for the mark */
    /* Characters at the edges of the gap belong to it: nothing is cut inside one. */
    ck_assert_str_eq(gapped("\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9", 10), "\xC3\xA9…\xC3\xA9");
}
END_TEST

static const char *cut(const char *string, size_t limit, hsight__cut end)
{
    static char buffer[256];
    hsight__text text;
    hsight__text_init(&text, buffer, sizeof buffer);
    hsight__text_add_cut(&text, of(string), limit, end);
    hsight__text_finish(&text);
    return buffer;
}

START_TEST(names_are_cut_where_it_hurts_least)
{
    ck_assert_str_eq(cut("package.module.Class", 20, HSIGHT__CUT_FRONT), "package.module.Class");
    ck_assert_str_eq(cut("package.module.Class", 10, HSIGHT__CUT_FRONT), "…ule.Class");
    ck_assert_str_eq(cut("package.module.Class", 10, HSIGHT__CUT_END), "package.m…");
    ck_assert_str_eq(cut("package.module.Class", 10, HSIGHT__CUT_MIDDLE), "packag…ass");
    ck_assert_str_eq(cut("\xC3\xA9\xC3\xA9\xC3\xA9", 2, HSIGHT__CUT_FRONT), "…\xC3\xA9");
    ck_assert_str_eq(cut("abc", 1, HSIGHT__CUT_MIDDLE), "…");
    ck_assert_str_eq(cut("a\nb", 3, HSIGHT__CUT_END),
                     "a\\nb"); /* characters before they are escaped */
}
END_TEST

START_TEST(quotes_are_escaped)
{
    char buffer[64];
    hsight__text text;
    hsight__text_init(&text, buffer, sizeof buffer);
    hsight__text_add_quoted(&text, of("it's \\ a\n"), 40);
    hsight__text_add_quoted(&text, of(""), 40);
    hsight__text_add_quoted(&text, of("0123456789"), 5);
    hsight__text_finish(&text);
    ck_assert_str_eq(buffer, "'it\\'s \\\\ a\\n''''012…9'");
}
END_TEST

START_TEST(numbers_have_thousands)
{
    char buffer[256];
    hsight__text text;
    hsight__text_init(&text, buffer, sizeof buffer);
    hsight__text_add_count(&text, 0);
    hsight__text_add_c(&text, " ");
    hsight__text_add_count(&text, 999);
    hsight__text_add_c(&text, " ");
    hsight__text_add_count(&text, 1000);
    hsight__text_add_c(&text, " ");
    hsight__text_add_count(&text, UINT64_MAX);
    hsight__text_add_c(&text, " ");
    hsight__text_add_counted(&text, 1, "object");
    hsight__text_add_c(&text, " ");
    hsight__text_add_counted(&text, 1204, "object");
    hsight__text_add_c(&text, " ");
    hsight__text_add_bytes(&text, UINT64_MAX);
    hsight__text_finish(&text);
    ck_assert_str_eq(buffer,
                     "0 999 1,000 18,446,744,073,709,551,615 1 object 1,204 objects 8.0 EiB");
}
END_TEST

/* Whatever is added, the buffer holds whole characters and ends in time. */
START_TEST(random_bytes_stay_text)
{
    uint64_t state = 7;
    for (int round = 0; round < 4000; round++) {
        char bytes[24], buffer[40];
        size_t length = random_below(&state, sizeof bytes), size = 1 + random_below(&state, 39);
        for (size_t i = 0; i < length; i++) {
            bytes[i] = (char)random_below(&state, 256);
        }
        hsight__text text;
        if (round % 2 == 0) {
            hsight__text_init(&text, buffer, size);
        } else {
            hsight__text_init_gap(&text, buffer, size, 4 * length);
        }
        hsight__text_add_quoted(&text, (hsight_string){bytes, length}, random_below(&state, 20));
        hsight__text_add(&text, (hsight_string){bytes, length});
        size_t used = hsight__text_finish(&text), read;
        ck_assert_uint_lt(used, size);
        ck_assert_uint_eq(used, strlen(buffer));
        for (size_t at = 0; at < used; at += read) {
            uint32_t code = hsight__utf8_next((hsight_string){buffer, used}, at, &read);
            ck_assert(!hsight__utf8_is_unprintable(code));
            ck_assert(code != HSIGHT__UTF8_REPLACEMENT || read == 3);
        }
    }
}
END_TEST

/* ---- sizes ----------------------------------------------------------------------------------- */

START_TEST(sizes_have_the_unit_that_fits)
{
    static const struct {
        int64_t bytes;
        const char *text;
    } sizes[] = {
        {0, "0 B"},
        {1, "1 B"},
        {-1, "-1 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {-1536, "-1.5 KiB"},
        {1075, "1.0 KiB"},
        {1076, "1.1 KiB"},
        {1048524, "1023.9 KiB"},
        {1048525, "1.0 MiB"},
        {12 * 1048576, "12.0 MiB"},
        {INT64_C(1) << 40, "1.0 TiB"},
        {INT64_C(1) << 60, "1.0 EiB"},
        {(INT64_C(1) << 60) - 1, "1.0 EiB"},
        {INT64_C(1) << 50, "1.0 PiB"},
        {INT64_MAX, "8.0 EiB"},
        {INT64_MIN, "-8.0 EiB"},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char out[16];
        hsight_report_size_text(sizes[i].bytes, out);
        ck_assert_str_eq(out, sizes[i].text);
    }
}
END_TEST

/* Every size reads back to within half of its last digit, and no text is too long. */
START_TEST(sizes_are_rounded_to_the_nearest)
{
    static const char units[] = " KMGTPE";
    uint64_t state = 3;
    for (int round = 0; round < 20000; round++) {
        int64_t bytes = (int64_t)(random_next(&state) >> (1 + random_below(&state, 62)));
        char out[16];
        hsight_report_size_text(bytes, out);
        ck_assert_uint_lt(strlen(out), sizeof out);
        double value;
        char unit;
        ck_assert_int_eq(sscanf(out, "%lf %c", &value, &unit), 2);
        const char *at = strchr(units, unit);
        double scale = 1.0;
        for (long i = 0; at != NULL && i < at - units; i++) {
            scale *= 1024.0;
        }
        double tolerance = scale == 1.0 ? 0.0 : 0.0501 * scale;
        ck_assert_double_le(value * scale - (double)bytes, tolerance);
        ck_assert_double_le((double)bytes - value * scale, tolerance);
        ck_assert_double_lt(value, 1024.0);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("text");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, characters_survive_a_round_trip);
    tcase_add_test(tests, bytes_that_are_no_character_are_replaced_one_by_one);
    tcase_add_test(tests, characters_that_move_the_cursor_are_unprintable);
    tcase_add_test(tests, foreign_text_is_shown_without_control_characters);
    tcase_add_test(tests, a_full_buffer_ends_between_characters);
    tcase_add_test(tests, a_full_buffer_stays_full);
    tcase_add_test(tests, a_text_that_is_too_long_loses_its_middle);
    tcase_add_test(tests, names_are_cut_where_it_hurts_least);
    tcase_add_test(tests, quotes_are_escaped);
    tcase_add_test(tests, numbers_have_thousands);
    tcase_add_test(tests, random_bytes_stay_text);
    tcase_add_test(tests, sizes_have_the_unit_that_fits);
    tcase_add_test(tests, sizes_are_rounded_to_the_nearest);
    return run_tests("text", tests);
}
