/* SPDX-License-Identifier: MIT */
/* check_trace_reach_kit.c - see check_trace_reach_kit.h. */
#include "check_trace_reach_kit.h"

#include "check_trace_kit.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

char *arena;
hsight_tracer *tracer;
hsight_trace_thread thread;
static char *mapped;

void set_up(void)
{
    mapped = mmap(NULL, ARENA_BYTES + REGION, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ck_assert_ptr_ne(mapped, MAP_FAILED);
    arena = (char *)(((uintptr_t)mapped + REGION - 1) & ~(REGION - 1));
    memset(&thread, 0, sizeof thread);
    tracer = trace_kit_start(HSIGHT_TRACE_EXACT, 0);
}

void tear_down(void)
{
    hsight_tracer_free(tracer);
    munmap(mapped, ARENA_BYTES + REGION);
}

void *block(uint64_t function, size_t offset, size_t bytes)
{
    hsight_raw_frame frame = {function, 1};
    hsight_tracer_record(tracer, &thread, arena + offset, bytes, &frame, 1);
    return arena + offset;
}

void point(void *from, size_t at, const void *to)
{
    memcpy((char *)from + at, &to, sizeof to);
}

hsight_reach *begin(void)
{
    hsight_reach *reach;
    hsight_error err;
    ck_assert_int_eq(hsight_reach_new(tracer, &reach, &err), HSIGHT_OK);
    return reach;
}

void follow(hsight_reach *reach, const void *object, size_t bytes)
{
    ck_assert_int_eq(hsight_reach_follow(reach, object, bytes, NULL), HSIGHT_OK);
}

void meet(hsight_reach *reach, const void *object)
{
    ck_assert_int_eq(hsight_reach_meet(reach, object, NULL), HSIGHT_OK);
}

hsight_trace *finish(hsight_reach *reach)
{
    hsight_trace *trace;
    ck_assert_int_eq(hsight_tracer_take(tracer, reach, &trace, NULL, NULL, NULL), HSIGHT_OK);
    ck_assert(hsight_trace_knows_native(trace));
    hsight_reach_free(reach);
    return trace;
}

uint64_t native_bytes(const hsight_trace *trace, uint64_t function)
{
    char name[32];
    snprintf(name, sizeof name, "f%llx", (unsigned long long)function);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < hsight_trace_native_count(trace); i++) {
        const hsight_native_row *row = &hsight_trace_native_rows(trace)[i];
        hsight_frame_id frame = hsight_trace_innermost(trace, row->stack);
        hsight_string found = hsight_trace_get_frame(trace, frame).function;
        if (found.length == strlen(name) && memcmp(found.data, name, found.length) == 0) {
            ck_assert_uint_ne(row->blocks, 0);
            sum += row->bytes;
        }
    }
    return sum;
}

void expect_native(hsight_reach *reach, uint64_t function, uint64_t bytes)
{
    hsight_trace *trace = finish(reach);
    ck_assert_uint_eq(native_bytes(trace, function), bytes);
    hsight_trace_free(trace);
}
