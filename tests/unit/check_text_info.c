/* SPDX-License-Identifier: MIT */
/* check_text_info.c - the text about a snapshot as a whole: its facts and its trace. */
#include "check_text_kit.h"

#include "made_trace.h"
#include "suite.h"

#include <stdio.h>
#include <string.h>

START_TEST(info_has_a_line_for_each_fact)
{
    hsight_snapshot_info info = {.label = of("after"),
                                 .interpreter = of("CPython 3.13.0"),
                                 .platform = of("Linux-6.1 x86_64"),
                                 .arguments = of("python app.py --port 80"),
                                 .capture = of("direct walk"),
                                 .process_id = 4711,
                                 .taken_at_ns = UINT64_C(1795369265123456789),
                                 .duration_ns = 151200000,
                                 .rss_bytes = 128 << 20,
                                 .dropped_count = 1,
                                 .overcounted_count = 2000,
                                 .overcounted_types = of("app.S 1999, list 1"),
                                 .doubted_count = 3,
                                 .invalid_count = 1,
                                 .invalid_types = of("app.Broken 1"),
                                 .has_values = 1};
    hsight_snapshot *snapshot = snapshot_of("module:m>>m a:app.S=2000 m.x>a", &info);
    hsight_sink sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_report_info(snapshot, &sink, &err), HSIGHT_OK);
    ck_assert_str_eq(collected.text,
                     "Snapshot 'after'\n"
                     "  taken       2026-11-22 17:41:05 UTC, in 152 ms\n"
                     "  program     python app.py --port 80\n"
                     "  process     4711, 128.0 MiB resident\n"
                     "  interpreter CPython 3.13.0\n"
                     "  platform    Linux-6.1 x86_64\n"
                     "  walk        direct walk\n"
                     "  objects     2 of 2 types, 2.0 KiB\n"
                     "  references  1, and 1 root\n"
                     "  contains    previews of strings and numbers\n"
                     "  incomplete  1 record could not be kept\n"
                     "  remark      accounting incomplete: 2,000 objects with more references than "
                     "counted (app.S 1999, list 1)\n"
                     "  remark      sizes doubted: 3 objects\n"
                     "  remark      left out: 1 reference to no object, told by tp_traverse "
                     "(app.Broken 1)\n");
    hsight_snapshot_free(snapshot);
}
END_TEST

/* The line about the trace of a snapshot. */
static void check_traced(hsight_trace_mode mode, const made_block *blocks, size_t count,
                         const char *expected)
{
    hsight_snapshot_info info = {0};
    hsight_snapshot *snapshot = snapshot_of("", &info);
    made_trace_join(snapshot, mode, blocks, count);
    hsight_sink sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_report_info(snapshot, &sink, &err), HSIGHT_OK);
    const char *before = "Snapshot\n"
                         "  objects     0 of 0 types, 0 B\n"
                         "  references  0, and 0 roots\n";
    ck_assert_uint_ge(collected.used, strlen(before));
    ck_assert_mem_eq(collected.text, before, strlen(before));
    ck_assert_str_eq(collected.text + strlen(before), expected);
    hsight_snapshot_free(snapshot);
}

START_TEST(a_trace_has_a_line)
{
    const made_block blocks[] = {
        {.address = 0x100000, .bytes = 3 << 20, .stack = "f:1"},
        {.address = 0x800000, .bytes = 1 << 20, .stack = "f:1 g:2", .is_freed = true},
        {.address = 0xa00000, .bytes = 0, .is_freed = true},
        {.address = 0xb00000, .bytes = 1 << 20, .stack = NULL},
    };
    check_traced(HSIGHT_TRACE_EXACT, blocks, 4,
                 "  traced      exact, 32 frames: 4.0 MiB in 2 blocks alive, 0 dropped\n");
    check_traced(HSIGHT_TRACE_EXACT, blocks, 1,
                 "  traced      exact, 32 frames: 3.0 MiB in 1 block alive, 0 dropped\n");
    check_traced(HSIGHT_TRACE_COUNTS, blocks, 4,
                 "  traced      counts only: 5.0 MiB in 4 blocks allocated, 2 freed\n");
    check_traced(HSIGHT_TRACE_SAMPLED, NULL, 0,
                 "  traced      sampled every 512.0 KiB, 32 frames: 0 B in 0 blocks alive, 0 "
                 "dropped\n");
}
END_TEST

START_TEST(unknown_facts_have_no_line)
{
    hsight_snapshot_info info = {0};
    hsight_snapshot *snapshot = snapshot_of("", &info);
    hsight_sink sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_report_info(snapshot, &sink, &err), HSIGHT_OK);
    ck_assert_str_eq(collected.text, "Snapshot\n"
                                     "  objects     0 of 0 types, 0 B\n"
                                     "  references  0, and 0 roots\n");
    hsight_snapshot_free(snapshot);
}
END_TEST

START_TEST(facts_from_a_file_may_be_hostile)
{
    char longer[3000];
    memset(longer, 'x', sizeof longer);
    hsight_snapshot_info info = {.label = of("a'b\n\x1b[2J"),
                                 .arguments = {longer, sizeof longer},
                                 .taken_at_ns = UINT64_MAX};
    hsight_snapshot *snapshot = snapshot_of("", &info);
    hsight_sink sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_report_info(snapshot, &sink, &err), HSIGHT_OK);
    ck_assert_ptr_eq(strstr(collected.text, "Snapshot 'a\\'b\\n\\x1b[2J'\n"), collected.text);
    ck_assert_ptr_nonnull(strstr(collected.text, "taken       2554-"));
    ck_assert_ptr_nonnull(strstr(collected.text, "xx…\n"));
    ck_assert_uint_lt(collected.used, 500);
    hsight_snapshot_free(snapshot);
}
END_TEST

/* Each character is written in seven bytes, and the line still ends. */
START_TEST(facts_may_be_all_escapes)
{
    static char tags[4 * 201 + 1], shown[7 * 200 + 1];
    for (int i = 0; i < 200; i++) {
        strcat(tags, "\xF3\xA0\x80\x81");
        strcat(shown, "\\ue0001");
    }
    hsight_snapshot_info info = {.label = of(tags), .arguments = of(tags)};
    hsight_snapshot *snapshot = snapshot_of("", &info);
    hsight_sink sink = sink_for(SIZE_MAX);
    char expected[2 * sizeof shown + 200];
    snprintf(expected, sizeof expected,
             "Snapshot '%s'\n"
             "  program     %s\n"
             "  objects     0 of 0 types, 0 B\n"
             "  references  0, and 0 roots\n",
             shown, shown);
    ck_assert_int_eq(hsight_report_info(snapshot, &sink, &err), HSIGHT_OK);
    ck_assert_msg(strcmp(collected.text, expected) == 0, "%.2000s", collected.text);
    hsight_snapshot_free(snapshot);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("text_info");
    tcase_add_test(tests, info_has_a_line_for_each_fact);
    tcase_add_test(tests, a_trace_has_a_line);
    tcase_add_test(tests, unknown_facts_have_no_line);
    tcase_add_test(tests, facts_from_a_file_may_be_hostile);
    tcase_add_test(tests, facts_may_be_all_escapes);
    return run_tests("text_info", tests);
}
