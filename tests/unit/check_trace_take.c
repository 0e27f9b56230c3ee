/* SPDX-License-Identifier: MIT */
/* check_trace_take.c - from the tables of a tracer to a trace; and the check of its columns. */
#include "trace/trace_columns.h"

#include "check_trace_kit.h"
#include "failing_allocator.h"
#include "suite.h"

#include <heapsight/reach.h>

#include <string.h>

static const void *at(uint32_t block)
{
    return (const void *)(uintptr_t)(UINT64_C(0x7f0000000000) + (uint64_t)block * 64);
}

static bool is_text(hsight_string text, const char *wanted)
{
    return text.length == strlen(wanted) && memcmp(text.data, wanted, text.length) == 0;
}

static void record(hsight_tracer *tracer, hsight_trace_thread *thread, uint32_t block,
                   const hsight_raw_frame *frames, uint32_t count)
{
    hsight_tracer_record(tracer, thread, at(block), 10, frames, count);
}

START_TEST(a_stack_is_named_from_the_inside_out)
{
    hsight_tracer *tracer = trace_kit_start(HSIGHT_TRACE_EXACT, 0);
    hsight_trace_thread thread = {0};
    hsight_raw_frame frames[] = {{0x1000, 11}, {0x2000, 22}};
    record(tracer, &thread, 0, frames, 2);
    hsight_trace *trace = trace_kit_take(tracer);
    ck_assert_uint_eq(hsight_trace_row_count(trace), 1);
    hsight_stack_id stack = hsight_trace_rows(trace)[0].stack;
    const struct {
        const char *function, *file;
        uint32_t line, thread;
    } wanted[] = {{"f1000", "file.py", 11, 0}, {"f2000", "file.py", 22, 0}, {"thread-1", "", 0, 1}};
    for (size_t i = 0; i < 3; i++) {
        hsight_trace_frame frame =
            hsight_trace_get_frame(trace, hsight_trace_innermost(trace, stack));
        ck_assert(is_text(frame.function, wanted[i].function));
        ck_assert(is_text(frame.file, wanted[i].file));
        ck_assert_uint_eq(frame.line, wanted[i].line);
        ck_assert_uint_eq(frame.thread, wanted[i].thread);
        stack = hsight_trace_caller(trace, stack);
    }
    ck_assert_uint_eq(stack.index, 0);
    /* Out of range: empty, never a fault. */
    hsight_stack_id far = {hsight_trace_stack_count(trace) + 1};
    ck_assert_uint_eq(hsight_trace_caller(trace, far).index, 0);
    ck_assert_uint_eq(hsight_trace_innermost(trace, far).index, 0);
    hsight_frame_id beyond = {hsight_trace_frame_count(trace) + 1};
    ck_assert_uint_eq(hsight_trace_get_frame(trace, beyond).function.length, 0);
    hsight_trace_free(trace);
    hsight_tracer_free(tracer);
}
END_TEST

/* Two code objects of one name, and offsets of one line, are one frame; stacks that differ only
 * in them are one stack, and one row with the sum. */
START_TEST(equal_frames_are_merged)
{
    hsight_tracer *tracer = trace_kit_start(HSIGHT_TRACE_EXACT, 0);
    hsight_trace_thread thread = {0};
    hsight_traced_block taken;
    hsight_raw_frame frames[] = {{0x1000, 5}, {0x2000, 6}};
    for (uint32_t life = 0; life < 4; life++) { /* four code objects, all called f1000 */
        record(tracer, &thread, life, frames, 2);
        (void)hsight_tracer_forget(tracer, &thread, (const void *)0x1000, &taken);
    }
    hsight_trace *trace = trace_kit_take(tracer);
    ck_assert_uint_eq(hsight_trace_row_count(trace), 1);
    ck_assert_uint_eq(hsight_trace_rows(trace)[0].figures.live_blocks, 4);
    ck_assert_uint_eq(hsight_trace_rows(trace)[0].figures.total_bytes, 40);
    ck_assert_uint_eq(hsight_trace_stack_count(trace), 3);
    ck_assert_uint_eq(hsight_trace_frame_count(trace), 3);
    hsight_trace_free(trace);
    hsight_tracer_free(tracer);
}
END_TEST

/* The same with native blocks, although another stack comes between. */
START_TEST(native_blocks_of_equal_stacks_are_one_row)
{
    hsight_tracer *tracer = trace_kit_start(HSIGHT_TRACE_EXACT, 0);
    hsight_trace_thread thread = {0};
    const hsight_raw_frame frame = {0x1000, 5}, other = {0x2000, 6}, twin = {0x3000, 5};
    trace_kit_name(0x3000, "f1000");
    record(tracer, &thread, 0, &frame, 1);
    record(tracer, &thread, 1, &other, 1);
    record(tracer, &thread, 2, &twin, 1);
    record(tracer, &thread, 3, &twin, 1);
    record(tracer, &thread, 4, &twin, 1);
    hsight_reach *reach = NULL;
    hsight_trace *trace = NULL;
    ck_assert_int_eq(hsight_reach_new(tracer, &reach, NULL), HSIGHT_OK);
    ck_assert_int_eq(hsight_reach_meet(reach, at(3), NULL), HSIGHT_OK); /* of an object */
    ck_assert_int_eq(hsight_tracer_take(tracer, reach, &trace, NULL, NULL, NULL), HSIGHT_OK);
    hsight_reach_free(reach);
    const hsight_trace_row *all = hsight_trace_rows(trace);
    const hsight_native_row *native = hsight_trace_native_rows(trace);
    ck_assert_int_eq(hsight__trace_columns_check(hsight__trace_get_columns(trace), NULL),
                     HSIGHT_OK);
    ck_assert_uint_eq(hsight_trace_row_count(trace), 2);
    ck_assert_uint_eq(hsight_trace_native_count(trace), 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(native[i].stack.index, all[i].stack.index);
        ck_assert_uint_eq(native[i].blocks, i == 0 ? 3 : 1);
        ck_assert_uint_eq(native[i].bytes, i == 0 ? 30 : 10);
    }
    ck_assert_uint_eq(all[0].figures.live_blocks, 4);
    hsight_trace_free(trace);
    hsight_tracer_free(tracer);
    trace_kit_name(0, NULL);
}
END_TEST

START_TEST(the_map_leads_from_blocks_to_stacks)
{
    hsight_tracer *tracer = trace_kit_start(HSIGHT_TRACE_EXACT, 0);
    hsight_trace_thread thread = {0};
    for (uint32_t i = 0; i < 200; i++) {
        hsight_raw_frame frames[] = {{0x1000, i % 40}, {0x2000, i % 3}};
        record(tracer, &thread, i, frames, 2);
    }
    hsight_trace *trace = NULL;
    hsight_stack_id *map = NULL;
    uint32_t count = 0;
    ck_assert_int_eq(hsight_tracer_take(tracer, NULL, &trace, &map, &count, NULL), HSIGHT_OK);
    for (uint32_t i = 0; i < 200; i++) {
        uint32_t known = hsight_tracer_stack_of(tracer, at(i));
        ck_assert(known > 0 && known < count);
        hsight_trace_frame frame =
            hsight_trace_get_frame(trace, hsight_trace_innermost(trace, map[known]));
        ck_assert_uint_eq(frame.line, i % 40);
        hsight_stack_id caller = hsight_trace_caller(trace, map[known]);
        frame = hsight_trace_get_frame(trace, hsight_trace_innermost(trace, caller));
        ck_assert_uint_eq(frame.line, i % 3);
    }
    hsight_stack_map_free(map, count);
    hsight_stack_map_free(NULL, 0);
    hsight_trace_free(trace);
    hsight_tracer_free(tracer);
}
END_TEST

START_TEST(a_trace_does_not_change_and_outlives_its_tracer)
{
    hsight_tracer *tracer = trace_kit_start(HSIGHT_TRACE_EXACT, 0);
    hsight_trace_thread thread = {0};
    hsight_raw_frame frame = {0x1000, 5};
    record(tracer, &thread, 0, &frame, 1);
    hsight_trace *trace = trace_kit_take(tracer);
    record(tracer, &thread, 1, &frame, 1);
    hsight_tracer_free(tracer);
    ck_assert_uint_eq(hsight_trace_get_info(trace)->live_blocks, 1);
    ck_assert_uint_eq(trace_kit_live_blocks(trace, "f1000"), 1);
    hsight_trace_free(trace);
}
END_TEST

START_TEST(counts_have_no_rows)
{
    hsight_tracer *tracer = trace_kit_start(HSIGHT_TRACE_COUNTS, 0);
    hsight_tracer_count_allocation(tracer, HSIGHT_DOMAIN_MEM, 100);
    hsight_tracer_count_allocation(tracer, HSIGHT_DOMAIN_MEM, 50);
    hsight_tracer_count_free(tracer, HSIGHT_DOMAIN_MEM);
    hsight_trace *trace = trace_kit_take(tracer);
    const hsight_trace_domain *domain = &hsight_trace_get_info(trace)->domains[HSIGHT_DOMAIN_MEM];
    ck_assert_uint_eq(domain->allocated_blocks, 2);
    ck_assert_uint_eq(domain->allocated_bytes, 150);
    ck_assert_uint_eq(domain->freed_blocks, 1);
    ck_assert_uint_eq(hsight_trace_row_count(trace), 0);
    ck_assert_uint_eq(hsight_trace_stack_count(trace), 0);
    hsight_trace_free(trace);
    hsight_tracer_free(tracer);
}
END_TEST

/* Each request of a take is refused once; the tracer goes on, and the next take gives all. */
START_TEST(refused_memory_costs_the_trace_only)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    hsight_tracer *tracer;
    hsight_tracer_options options = trace_kit_options(HSIGHT_TRACE_EXACT, 0);
    ck_assert_int_eq(hsight_tracer_new(&memory.allocator, &tracer, NULL), HSIGHT_OK);
    ck_assert_int_eq(hsight_tracer_start(tracer, &options, NULL), HSIGHT_OK);
    hsight_trace_thread thread = {0};
    for (uint32_t i = 0; i < 300; i++) {
        hsight_raw_frame frames[] = {{0x1000 + 16 * (i % 50), i}, {0x8000, i % 3}};
        record(tracer, &thread, i, frames, 2);
    }
    size_t held = memory.live_blocks, refusals = 0;
    for (size_t n = 1;; n++) {
        memory.refuse_at = memory.requests + n;
        memory.refused = false;
        hsight_trace *trace = NULL;
        hsight_stack_id *map = NULL;
        uint32_t count = 0;
        hsight_error err;
        hsight_status status = hsight_tracer_take(tracer, NULL, &trace, &map, &count, &err);
        if (status == HSIGHT_OK) { /* also where a column could not be made smaller */
            ck_assert_uint_eq(hsight_trace_row_count(trace), 300);
            hsight_stack_map_free(map, count);
            hsight_trace_free(trace);
        } else {
            ck_assert_int_eq(status, HSIGHT_ENOMEM);
            ck_assert_int_eq(err.status, HSIGHT_ENOMEM);
            ck_assert_ptr_null(trace);
            refusals++;
        }
        ck_assert_uint_eq(memory.live_blocks, held);
        if (!memory.refused) {
            ck_assert_int_eq(status, HSIGHT_OK);
            break;
        }
    }
    ck_assert_uint_gt(refusals, 10);
    ck_assert_uint_eq(memory.live_blocks, held);
    memory.refuse_at = 0;
    hsight_tracer_free(tracer);
    ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

/* ---- columns from elsewhere ---- */

static const char bytes[] = "namefile";
static uint64_t offsets[] = {0, 0, 4, 8};
static hsight__frame_item frames[3];
static uint32_t callers[4], innermost[4];
static hsight_trace_row rows[2];
static hsight_native_row native_rows[2];
static hsight__trace_columns columns;

static void make_columns(void)
{
    memcpy(offsets, (const uint64_t[]){0, 0, 4, 8}, sizeof offsets);
    memset(frames, 0, sizeof frames);
    frames[1] = (hsight__frame_item){.function = 1, .file = 2, .line = 7};
    frames[2] = (hsight__frame_item){.function = 1, .thread = 1};
    memcpy(callers, (const uint32_t[]){0, 0, 1, 2}, sizeof callers);
    memcpy(innermost, (const uint32_t[]){0, 2, 1, 1}, sizeof innermost);
    memset(rows, 0, sizeof rows);
    rows[0].stack.index = 2;
    rows[1].stack.index = 3;
    memset(native_rows, 0, sizeof native_rows);
    native_rows[0].stack.index = 1;
    native_rows[1].stack.index = 3;
    columns = (hsight__trace_columns){
        .stack_count = 3,
        .frame_count = 2,
        .row_count = 2,
        .string_count = 2,
        .native_count = 2,
        .knows_native = true,
        .callers = callers,
        .innermost = innermost,
        .frames = frames,
        .rows = rows,
        .native_rows = native_rows,
        .string_offsets = offsets,
        .string_bytes = bytes,
        .string_bytes_count = 8,
    };
}

static void expect_refused(const char *word)
{
    hsight_error err = {0};
    ck_assert_int_eq(hsight__trace_columns_check(&columns, &err), HSIGHT_EINVAL);
    ck_assert_msg(strstr(err.message, word) != NULL, "%s: %s", word, err.message);
    make_columns();
    ck_assert_int_eq(hsight__trace_columns_check(&columns, &err), HSIGHT_OK);
}

START_TEST(each_damage_is_found)
{
    make_columns();
    ck_assert_int_eq(hsight__trace_columns_check(&columns, NULL), HSIGHT_OK);
    offsets[1] = 1;
    expect_refused("string 0");
    offsets[2] = 9;
    expect_refused("string 2");
    columns.string_bytes_count = 9;
    expect_refused("do not end");
    frames[1].function = 3;
    expect_refused("frame 1");
    frames[2].file = UINT32_MAX;
    expect_refused("frame 2");
    callers[0] = 1;
    expect_refused("stack 0");
    innermost[0] = 1;
    expect_refused("stack 0");
    callers[2] = 2;
    expect_refused("stack 2");
    callers[3] = UINT32_MAX;
    expect_refused("stack 3");
    innermost[2] = 0;
    expect_refused("stack 2");
    innermost[3] = 3;
    expect_refused("stack 3");
    rows[0].stack.index = 0;
    expect_refused("trace row 0: stack 0");
    rows[1].stack.index = 2;
    expect_refused("trace row 1: stack 2 after stack 2");
    rows[1].stack.index = 4;
    expect_refused("trace row 1: stack 4");
    native_rows[0].stack.index = 0;
    expect_refused("native row 0: stack 0");
    native_rows[0].stack.index = 3; /* the others' last stack does not matter */
    expect_refused("native row 1: stack 3 after stack 3");
    native_rows[1].stack.index = 4;
    expect_refused("native row 1: stack 4");
    native_rows[1].stack.index = UINT32_MAX;
    expect_refused("native row 1");
}
END_TEST

static void count_release(void *owner)
{
    ++*(int *)owner;
}

START_TEST(wrapping_consumes_the_owner_on_success_only)
{
    make_columns();
    failing_allocator memory;
    failing_allocator_init(&memory, 1);
    hsight_trace_info info = {.mode = HSIGHT_TRACE_EXACT, .live_bytes = 5};
    hsight_trace *trace = NULL;
    int released = 0;
    ck_assert_int_eq(hsight__trace_wrap(&memory.allocator, &columns, &info, count_release,
                                        &released, &trace, NULL),
                     HSIGHT_ENOMEM);
    ck_assert_int_eq(released, 0);
    ck_assert_int_eq(hsight__trace_wrap(&memory.allocator, &columns, &info, count_release,
                                        &released, &trace, NULL),
                     HSIGHT_OK);
    ck_assert_uint_eq(hsight_trace_get_info(trace)->live_bytes, 5);
    ck_assert_uint_eq(hsight_trace_row_count(trace), 2);
    ck_assert(hsight_trace_knows_native(trace));
    ck_assert_uint_eq(hsight_trace_native_count(trace), 2);
    ck_assert_ptr_eq(hsight_trace_native_rows(trace), native_rows);
    hsight_trace_free(trace);
    ck_assert_int_eq(released, 1);
    ck_assert_uint_eq(memory.live_blocks, 0);
    hsight_trace_free(NULL);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("trace_take");
    tcase_add_test(tests, a_stack_is_named_from_the_inside_out);
    tcase_add_test(tests, equal_frames_are_merged);
    tcase_add_test(tests, native_blocks_of_equal_stacks_are_one_row);
    tcase_add_test(tests, the_map_leads_from_blocks_to_stacks);
    tcase_add_test(tests, a_trace_does_not_change_and_outlives_its_tracer);
    tcase_add_test(tests, counts_have_no_rows);
    tcase_add_test(tests, refused_memory_costs_the_trace_only);
    tcase_add_test(tests, each_damage_is_found);
    tcase_add_test(tests, wrapping_consumes_the_owner_on_success_only);
    return run_tests("trace_take", tests);
}
