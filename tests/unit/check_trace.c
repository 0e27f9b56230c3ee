/* SPDX-License-Identifier: MIT */
/* check_trace.c - what may be a trace, and reading one that is. */
#include "trace/trace_columns.h"

#include "suite.h"

#include <stdbool.h>
#include <string.h>

enum { STACKS = 3, FRAMES = 2, ROWS = 2, STRINGS = 2 };

/* Stack 1 is the thread "main", 2 and 3 are the function "f", called by it and by 2. */
typedef struct {
    uint32_t callers[STACKS + 1];
    uint32_t innermost[STACKS + 1];
    hsight__frame_item frames[FRAMES + 1];
    hsight_trace_row rows[ROWS];
    uint64_t string_offsets[STRINGS + 2];
    hsight__trace_columns columns;
} parts;

static void make(parts *p)
{
    *p = (parts){
        .callers = {0, 0, 1, 2},
        .innermost = {0, 1, 2, 2},
        .frames = {{0, 0, 0, 0}, {1, 0, 0, 1}, {2, 0, 7, 0}},
        .rows = {{.stack = {1}}, {.stack = {3}}},
        .string_offsets = {0, 0, 4, 5},
    };
    p->columns = (hsight__trace_columns){
        .stack_count = STACKS,
        .frame_count = FRAMES,
        .row_count = ROWS,
        .string_count = STRINGS,
        .callers = p->callers,
        .innermost = p->innermost,
        .frames = p->frames,
        .rows = p->rows,
        .string_offsets = p->string_offsets,
        .string_bytes = "mainf",
        .string_bytes_count = 5,
    };
}

static bool same(hsight_string text, const char *expected)
{
    return text.length == strlen(expected) && memcmp(text.data, expected, text.length) == 0;
}

START_TEST(numbers_out_of_range_are_none)
{
    parts p;
    hsight_trace *trace;
    const hsight_trace_info info = {.mode = HSIGHT_TRACE_EXACT};
    make(&p);
    ck_assert_int_eq(hsight__trace_columns_check(&p.columns, NULL), HSIGHT_OK);
    ck_assert_int_eq(
        hsight__trace_wrap(hsight_allocator_default(), &p.columns, &info, NULL, NULL, &trace, NULL),
        HSIGHT_OK);
    ck_assert_uint_eq(hsight_trace_caller(trace, (hsight_stack_id){3}).index, 2);
    ck_assert_uint_eq(hsight_trace_innermost(trace, (hsight_stack_id){3}).index, 2);
    ck_assert(same(hsight_trace_get_frame(trace, (hsight_frame_id){1}).function, "main"));
    ck_assert(same(hsight_trace_get_frame(trace, (hsight_frame_id){2}).function, "f"));
    ck_assert(same(hsight_trace_get_frame(trace, (hsight_frame_id){2}).file, ""));
    const uint32_t none[] = {0, STACKS + 1, UINT32_MAX};
    for (size_t i = 0; i < 3; i++) {
        hsight_trace_frame frame = hsight_trace_get_frame(trace, (hsight_frame_id){none[i]});
        ck_assert_uint_eq(hsight_trace_caller(trace, (hsight_stack_id){none[i]}).index, 0);
        ck_assert_uint_eq(hsight_trace_innermost(trace, (hsight_stack_id){none[i]}).index, 0);
        ck_assert(same(frame.function, "") && same(frame.file, ""));
        ck_assert(frame.line == 0 && frame.thread == 0);
    }
    hsight_trace_free(trace);
    hsight_trace_free(NULL);
}
END_TEST

/* A trace without strings may have no bytes for them; "" is still a text. */
START_TEST(no_strings_are_empty_ones)
{
    parts p;
    hsight_trace *trace;
    const hsight_trace_info info = {.mode = HSIGHT_TRACE_EXACT};
    make(&p);
    p.frames[1].function = p.frames[2].function = 0;
    p.columns.string_count = 0;
    p.columns.string_bytes = NULL;
    p.columns.string_bytes_count = 0;
    ck_assert_int_eq(hsight__trace_columns_check(&p.columns, NULL), HSIGHT_OK);
    ck_assert_int_eq(
        hsight__trace_wrap(hsight_allocator_default(), &p.columns, &info, NULL, NULL, &trace, NULL),
        HSIGHT_OK);
    ck_assert_str_eq(hsight_trace_get_frame(trace, (hsight_frame_id){2}).function.data, "");
    hsight_trace_free(trace);
}
END_TEST

/* One field at a time is given a value that no trace has. */
START_TEST(each_rule_is_checked)
{
    parts p;
    make(&p);
    const struct {
        void *field; /* its low half, where it is an offset: the format is little-endian */
        uint32_t value;
        const char *message;
    } rules[] = {
        {&p.string_offsets[0], 1, "trace string 0 is not empty"},
        {&p.string_offsets[1], 1, "trace string 0 is not empty"},
        {&p.string_offsets[2], 6, "trace string 2 ends before it begins"},
        {&p.string_offsets[3], 4, "trace strings do not end where their bytes do"},
        {&p.frames[0].function, 1, "trace frame 0 is not empty"},
        {&p.frames[0].file, 1, "trace frame 0 is not empty"},
        {&p.frames[0].line, 1, "trace frame 0 is not empty"},
        {&p.frames[0].thread, 1, "trace frame 0 is not empty"},
        {&p.frames[1].function, 3, "trace frame 1: function 3 or file 0, only 2 strings are known"},
        {&p.frames[2].file, 3, "trace frame 2: function 2 or file 3, only 2 strings are known"},
        {&p.callers[0], 1, "trace stack 0 is not empty"},
        {&p.innermost[0], 1, "trace stack 0 is not empty"},
        {&p.callers[2], 2, "trace stack 2: caller 2 is not before it"},
        {&p.callers[2], UINT32_MAX, "trace stack 2: caller 4294967295 is not before it"},
        {&p.innermost[3], 0, "trace stack 3: frame 0, only 2 frames are known"},
        {&p.innermost[3], 3, "trace stack 3: frame 3, only 2 frames are known"},
        {&p.innermost[3], 1, "trace stack 3: frame 1 is a thread, but its caller is 2"},
        {&p.callers[2], 0, "trace stack 2: frame 2 is no thread, but its caller is 0"},
        {&p.rows[0].stack.index, 0, "trace row 0: stack 0 after stack 0, of 3 stacks"},
        {&p.rows[1].stack.index, 1, "trace row 1: stack 1 after stack 1, of 3 stacks"},
        {&p.rows[1].stack.index, 4, "trace row 1: stack 4 after stack 1, of 3 stacks"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        uint32_t right;
        hsight_error err;
        memcpy(&right, rules[i].field, sizeof right);
        memcpy(rules[i].field, &rules[i].value, sizeof right);
        ck_assert_int_eq(hsight__trace_columns_check(&p.columns, &err), HSIGHT_EINVAL);
        ck_assert_str_eq(err.message, rules[i].message);
        memcpy(rules[i].field, &right, sizeof right);
        ck_assert_int_eq(hsight__trace_columns_check(&p.columns, NULL), HSIGHT_OK);
    }
}
END_TEST

enum { DEEP = HSIGHT_FRAME_LIMIT_MAX + 2 };

/* One row of a file could otherwise cost as much as it has stacks. */
START_TEST(a_stack_has_an_end)
{
    static uint32_t callers[DEEP + 1], innermost[DEEP + 1];
    parts p;
    hsight_error err;
    make(&p);
    for (uint32_t s = 1; s <= DEEP; s++) {
        callers[s] = s - 1;
        innermost[s] = s == 1 ? 1 : 2;
    }
    p.columns.callers = callers;
    p.columns.innermost = innermost;
    p.columns.stack_count = DEEP - 1; /* as many frames as can be kept, and the thread */
    ck_assert_int_eq(hsight__trace_columns_check(&p.columns, NULL), HSIGHT_OK);
    p.columns.stack_count = DEEP;
    ck_assert_int_eq(hsight__trace_columns_check(&p.columns, &err), HSIGHT_EINVAL);
    ck_assert_str_eq(err.message, "trace stack 1026: more than 1024 frames above its thread");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("trace");
    tcase_add_test(tests, numbers_out_of_range_are_none);
    tcase_add_test(tests, no_strings_are_empty_ones);
    tcase_add_test(tests, each_rule_is_checked);
    tcase_add_test(tests, a_stack_has_an_end);
    return run_tests("trace", tests);
}
