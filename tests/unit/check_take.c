/* SPDX-License-Identifier: MIT */
/* check_take.c - a trace taken from a tracer: frames that are one, and memory that is refused. */
#include <heapsight/tracer.h>

#include "failing_allocator.h"
#include "suite.h"

#include <string.h>

static hsight_error err;

/* Code n is a function "f" of file "a.py" or "b.py"; two code objects for each. Offsets 2n and
 * 2n + 1 are line n. */
static void describe_code(void *state, uint64_t code, hsight_code_info *out)
{
    (void)state;
    out->function = (hsight_string){"f", 1};
    out->file = (hsight_string){code / 0x1000 % 2 == 0 ? "a.py" : "b.py", 4};
}

static uint32_t find_line(hsight_string lines, uint32_t first_line, uint32_t offset,
                          hsight_line_cursor *cursor)
{
    (void)lines, (void)first_line, (void)cursor;
    return offset / 2;
}

static size_t name_thread(void *state, uint32_t number, char *out, size_t size)
{
    (void)state, (void)number;
    ck_assert_uint_ge(size, 6);
    memcpy(out, "worker", 6);
    return 6;
}

static hsight_tracer *start(const hsight_allocator *allocator)
{
    const hsight_tracer_options options = {.mode = HSIGHT_TRACE_EXACT,
                                           .frame_limit = 8,
                                           .describe_code = describe_code,
                                           .find_line = find_line,
                                           .name_thread = name_thread};
    hsight_tracer *tracer;
    ck_assert_int_eq(hsight_tracer_new(allocator, &tracer, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_tracer_start(tracer, &options, &err), HSIGHT_OK);
    return tracer;
}

static const void *at(uint64_t address)
{
    return (const void *)(uintptr_t)address;
}

/* `code` and `offset` of a function called by another. */
static void record(hsight_tracer *tracer, hsight_trace_thread *thread, uint64_t address,
                   size_t bytes, uint64_t code, uint32_t offset)
{
    const hsight_raw_frame frames[] = {{code, offset}, {0x1000, 8}};
    hsight_tracer_record(tracer, thread, at(address), bytes, frames, 2);
}

/* Two places of one line, two code objects of one name, file and line: one frame, one stack, one
 * row. Another file, another line, another thread: others. */
START_TEST(what_looks_the_same_is_one)
{
    hsight_trace_thread threads[2] = {{0}};
    hsight_tracer *tracer = start(NULL);
    hsight_trace *trace;
    hsight_stack_id *map;
    uint32_t map_count;
    record(tracer, &threads[0], 0x100000, 1, 0x2000, 10);
    record(tracer, &threads[0], 0x101000, 20, 0x2000, 11);
    record(tracer, &threads[0], 0x102000, 300, 0x4000, 10);
    record(tracer, &threads[0], 0x103000, 4000, 0x3000, 10);
    record(tracer, &threads[0], 0x104000, 50000, 0x2000, 12);
    record(tracer, &threads[1], 0x105000, 600000, 0x2000, 10);
    ck_assert_int_eq(hsight_tracer_take(tracer, NULL, &trace, &map, &map_count, &err), HSIGHT_OK);
    uint32_t stacks[6];
    for (uint32_t i = 0; i < 6; i++) {
        uint32_t number = hsight_tracer_stack_of(tracer, at(0x100000 + 0x1000 * (uint64_t)i));
        ck_assert_uint_lt(number, map_count);
        stacks[i] = map[number].index;
    }
    ck_assert_uint_eq(map[0].index, 0);
    ck_assert_uint_eq(stacks[0], stacks[1]);
    ck_assert_uint_eq(stacks[0], stacks[2]);
    ck_assert_uint_eq(hsight_trace_frame_count(trace), 6); /* 2 threads, 0x1000, 3 places */
    ck_assert_uint_eq(hsight_trace_row_count(trace), 4);
    const uint64_t bytes[] = {321, 4000, 50000, 600000};
    const uint32_t of[] = {stacks[0], stacks[3], stacks[4], stacks[5]};
    for (uint32_t i = 0; i < 4; i++) {
        const hsight_trace_row *row = &hsight_trace_rows(trace)[i];
        ck_assert_uint_eq(row->stack.index, of[i]);
        ck_assert_uint_eq(row->figures.live_bytes, bytes[i]);
        ck_assert_uint_eq(row->figures.total_bytes, bytes[i]);
        ck_assert_uint_eq(row->figures.peak_bytes, bytes[i]);
        ck_assert_uint_eq(row->figures.live_blocks, i == 0 ? 3 : 1);
    }
    hsight_stack_map_free(map, map_count);
    hsight_trace_free(trace);
    hsight_tracer_free(tracer);
}
END_TEST

/* The map is on the default allocator; valgrind and AddressSanitizer see to it. */
START_TEST(refused_memory_leaves_nothing_behind)
{
    bool refused = true;
    size_t failed = 0;
    for (size_t n = 1; refused; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, 0);
        hsight_trace_thread thread = {0};
        hsight_tracer *tracer = start(&memory.allocator);
        for (uint32_t i = 0; i < 40; i++) {
            record(tracer, &thread, 0x100000 + 0x1000 * (uint64_t)i, 8,
                   0x2000 + 0x1000 * (uint64_t)(i % 5), 2 * i);
        }
        size_t before = memory.live_blocks;
        memory.refuse_at = memory.requests + n;
        hsight_trace *trace = NULL;
        hsight_stack_id *map = NULL;
        uint32_t map_count = 0;
        hsight_status status = hsight_tracer_take(tracer, NULL, &trace, &map, &map_count, &err);
        refused = memory.refused;
        /* Giving spare room back may be refused without harm. */
        ck_assert_int_eq(status, trace == NULL ? HSIGHT_ENOMEM : HSIGHT_OK);
        if (trace != NULL) {
            ck_assert_uint_eq(hsight_trace_row_count(trace), 40);
            hsight_stack_map_free(map, map_count);
            hsight_trace_free(trace);
        }
        failed += status != HSIGHT_OK;
        ck_assert_uint_eq(memory.live_blocks, before);
        memory.refuse_at = 0;
        ck_assert_int_eq(hsight_tracer_take(tracer, NULL, &trace, NULL, NULL, &err), HSIGHT_OK);
        hsight_trace_free(trace);
        hsight_tracer_free(tracer);
        ck_assert_uint_eq(memory.live_blocks, 0);
    }
    ck_assert_uint_ge(failed, 20);
}
END_TEST

/* A stack is known and its block could not be kept: no row of zeros. */
START_TEST(a_stack_without_a_block_has_no_row)
{
    bool refused = true;
    for (size_t n = 1; refused; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, 0);
        hsight_trace_thread thread = {0};
        hsight_tracer *tracer = start(&memory.allocator);
        hsight_trace *trace;
        memory.refuse_at = memory.requests + n;
        for (uint32_t i = 0; i < 80; i++) { /* in the side table: between two slots of the map */
            record(tracer, &thread, 0x100008 + 0x1000 * (uint64_t)i, 8, 0x2000, 2 * i);
        }
        refused = memory.refused;
        memory.refuse_at = 0;
        ck_assert_int_eq(hsight_tracer_take(tracer, NULL, &trace, NULL, NULL, &err), HSIGHT_OK);
        uint64_t dropped = hsight_trace_get_info(trace)->dropped_count;
        ck_assert_uint_le(dropped, refused ? 1 : 0);
        ck_assert_uint_eq(hsight_trace_row_count(trace), 80 - dropped);
        hsight_trace_free(trace);
        hsight_tracer_free(tracer);
    }
}
END_TEST

START_TEST(a_tracer_that_is_stopped_has_no_trace)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    hsight_tracer *tracer = start(&memory.allocator);
    hsight_trace *trace = NULL;
    hsight_tracer_stop(tracer);
    ck_assert_int_eq(hsight_tracer_take(tracer, NULL, &trace, NULL, NULL, &err), HSIGHT_EINVAL);
    ck_assert_str_eq(err.message, "the tracer is not running; start it first");
    ck_assert_ptr_null(trace);
    hsight_tracer_free(tracer);
    ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("take");
    tcase_add_test(tests, what_looks_the_same_is_one);
    tcase_add_test(tests, refused_memory_leaves_nothing_behind);
    tcase_add_test(tests, a_stack_without_a_block_has_no_row);
    tcase_add_test(tests, a_tracer_that_is_stopped_has_no_trace);
    return run_tests("take", tests);
}
