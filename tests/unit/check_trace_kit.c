/* SPDX-License-Identifier: MIT */
/* check_trace_kit.c - a tracer without an interpreter. */
#include "check_trace_kit.h"

#include "trace/trace_columns.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static uint64_t named_code;
static const char *given_name;

void trace_kit_name(uint64_t code, const char *name)
{
    named_code = code;
    given_name = name;
}

static void describe(void *state, uint64_t code, hsight_code_info *out)
{
    static _Thread_local char name[32];
    (void)state;
    if (given_name != NULL && code == named_code) {
        snprintf(name, sizeof name, "%s", given_name);
    } else {
        snprintf(name, sizeof name, "f%llx", (unsigned long long)code);
    }
    *out = (hsight_code_info){.function = {name, strlen(name)},
                              .file = {"file.py", 7},
                              .lines = {"lines", 5},
                              .first_line = 1};
}

static uint32_t find_line(hsight_string lines, uint32_t first_line, uint32_t offset,
                          hsight_line_cursor *cursor)
{
    ck_assert(lines.length == 5 && memcmp(lines.data, "lines", 5) == 0 && first_line == 1);
    ck_assert_uint_ge(offset, cursor->next); /* ascending, each place once */
    cursor->next = (uint64_t)offset + 1;
    return offset;
}

static size_t name_thread(void *state, uint32_t number, char *out, size_t size)
{
    (void)state;
    return (size_t)snprintf(out, size, "thread-%u", number);
}

hsight_tracer_options trace_kit_options(hsight_trace_mode mode, uint64_t sample_bytes)
{
    return (hsight_tracer_options){.mode = mode,
                                   .frame_limit = 32,
                                   .sample_bytes = sample_bytes,
                                   .seed = 1,
                                   .describe_code = describe,
                                   .find_line = find_line,
                                   .name_thread = name_thread};
}

void trace_kit_restart(hsight_tracer *tracer, hsight_trace_mode mode, uint64_t sample_bytes)
{
    hsight_tracer_options options = trace_kit_options(mode, sample_bytes);
    ck_assert_int_eq(hsight_tracer_start(tracer, &options, NULL), HSIGHT_OK);
}

hsight_tracer *trace_kit_start(hsight_trace_mode mode, uint64_t sample_bytes)
{
    hsight_tracer *tracer;
    ck_assert_int_eq(hsight_tracer_new(NULL, &tracer, NULL), HSIGHT_OK);
    trace_kit_restart(tracer, mode, sample_bytes);
    return tracer;
}

hsight_trace *trace_kit_take(hsight_tracer *tracer)
{
    hsight_trace *trace = NULL;
    hsight_error err;
    ck_assert_int_eq(hsight_tracer_take(tracer, NULL, &trace, NULL, NULL, &err), HSIGHT_OK);
    const hsight__trace_columns *columns = hsight__trace_get_columns(trace);
    ck_assert_int_eq(hsight__trace_columns_check(columns, &err), HSIGHT_OK);
    return trace;
}

uint64_t trace_kit_live_blocks(const hsight_trace *trace, const char *function)
{
    uint64_t blocks = 0;
    for (uint32_t i = 0; i < hsight_trace_row_count(trace); i++) {
        const hsight_trace_row *row = &hsight_trace_rows(trace)[i];
        hsight_string name =
            hsight_trace_get_frame(trace, hsight_trace_innermost(trace, row->stack)).function;
        if (name.length == strlen(function) && memcmp(name.data, function, name.length) == 0) {
            blocks += row->figures.live_blocks;
        }
    }
    return blocks;
}
