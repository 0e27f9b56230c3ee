/* SPDX-License-Identifier: MIT */
/* check_trace_stack_text.c - where a stack stands, as text. */
#include <heapsight/tracer.h>

#include "check_trace_kit.h"
#include "suite.h"

#include <check.h>
#include <string.h>

static hsight_tracer *tracer;
static hsight_trace_thread thread;
static const char *const block = (const char *)0x10000;

static void set_up(void)
{
    memset(&thread, 0, sizeof thread);
    tracer = trace_kit_start(HSIGHT_TRACE_EXACT, 0);
}

static void tear_down(void)
{
    hsight_tracer_free(tracer);
}

static uint32_t stack_of(const hsight_raw_frame *frames, uint32_t count)
{
    hsight_tracer_record(tracer, &thread, block, 16, frames, count);
    return hsight_tracer_stack_of(tracer, block);
}

static void expect(uint32_t stack, const char *text)
{
    char found[HSIGHT_STACK_TEXT_BYTES];
    ck_assert_uint_eq(hsight_tracer_stack_text(tracer, stack, found), strlen(text));
    ck_assert_str_eq(found, text);
}

START_TEST(the_innermost_frame_is_told)
{
    hsight_raw_frame frames[] = {{1, 12}, {2, 34}};
    expect(stack_of(frames, 2), "at file.py:12 in f1");
    expect(stack_of(frames + 1, 1), "at file.py:34 in f2");
    expect(0, "");
    expect(1000, "");
}
END_TEST

START_TEST(a_thread_without_code_is_told)
{
    expect(stack_of(NULL, 0), "in thread thread-1");
}
END_TEST

/* A character of two bytes lies at every odd place, and so across both cuts. */
static void describe_long(void *state, uint64_t code, hsight_code_info *out)
{
    static char name[603];
    (void)state, (void)code;
    for (size_t i = 0; i < 300; i++) {
        memcpy(name + 1 + 2 * i, "\xc3\xa4", 2);
    }
    name[0] = name[601] = 'x';
    *out = (hsight_code_info){
        .function = {name, 602}, .file = {name, 602}, .lines = {"lines", 5}, .first_line = 1};
}

START_TEST(long_names_are_cut_between_characters)
{
    hsight_tracer_options options = trace_kit_options(HSIGHT_TRACE_EXACT, 0);
    options.describe_code = describe_long;
    hsight_tracer_stop(tracer);
    ck_assert_int_eq(hsight_tracer_start(tracer, &options, NULL), HSIGHT_OK);
    hsight_raw_frame frame = {7, 1};
    char found[HSIGHT_STACK_TEXT_BYTES];
    size_t length = hsight_tracer_stack_text(tracer, stack_of(&frame, 1), found);
    ck_assert_uint_eq(length, strlen(found));
    char *line = strstr(found, ":1 in x\xc3");
    ck_assert_ptr_nonnull(line);
    ck_assert_int_eq(memcmp(found, "at ...\xc3\xa4", 8), 0);
    ck_assert_uint_eq((size_t)(line - found) - 6, 255); /* half a character less */
    ck_assert_uint_eq(strlen(line + 6), 159);
    ck_assert_str_eq(found + length - 2, "\xc3\xa4");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("trace_stack_text");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, the_innermost_frame_is_told);
    tcase_add_test(tests, a_thread_without_code_is_told);
    tcase_add_test(tests, long_names_are_cut_between_characters);
    return run_tests("trace_stack_text", tests);
}
