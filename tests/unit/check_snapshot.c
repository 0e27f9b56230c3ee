/* SPDX-License-Identifier: MIT */
/* check_snapshot.c - a graph and where it was taken, as one value. */
#include <heapsight/snapshot.h>
#include <heapsight/tracer.h>

#include "failing_allocator.h"
#include "graph_text.h"
#include "suite.h"

#include <string.h>

static hsight_string text(const char *bytes)
{
    return (hsight_string){bytes, strlen(bytes)};
}

static void check_string(hsight_string copy, const char *expected)
{
    ck_assert_uint_eq(copy.length, strlen(expected));
    ck_assert_str_eq(copy.data, expected); /* a NUL follows */
}

START_TEST(everything_is_copied)
{
    char label[] = "before";
    hsight_snapshot_info info = {.label = text(label),
                                 .interpreter = text("CPython 3.13.0"),
                                 .platform = text("Linux"),
                                 .arguments = {NULL, 0},
                                 .capture = text("direct walk"),
                                 .process_id = 1,
                                 .taken_at_ns = 2,
                                 .duration_ns = 3,
                                 .rss_bytes = 4,
                                 .dropped_count = 5,
                                 .overcounted_count = 6,
                                 .overcounted_types = text("app.Row 6"),
                                 .doubted_count = 7,
                                 .doubted_types = text("list 7"),
                                 .invalid_count = 8,
                                 .invalid_types = text("app.Broken 8"),
                                 .has_values = 1};
    hsight_graph *graph = graph_text_build("a=100 b=0x100000000 a>b c=1");
    hsight_snapshot *snapshot;
    hsight_error err;
    ck_assert_int_eq(hsight_snapshot_new(graph, &info, &snapshot, &err), HSIGHT_OK);
    memset(label, 'X', sizeof label - 1);
    const hsight_snapshot_info *copy = hsight_snapshot_get_info(snapshot);
    check_string(copy->label, "before");
    check_string(copy->interpreter, "CPython 3.13.0");
    check_string(copy->platform, "Linux");
    check_string(copy->arguments, "");
    check_string(copy->capture, "direct walk");
    ck_assert_uint_eq(copy->process_id, 1);
    ck_assert_uint_eq(copy->taken_at_ns, 2);
    ck_assert_uint_eq(copy->duration_ns, 3);
    ck_assert_uint_eq(copy->rss_bytes, 4);
    ck_assert_uint_eq(copy->dropped_count, 5);
    ck_assert_uint_eq(copy->overcounted_count, 6);
    ck_assert_uint_eq(copy->has_values, 1);
    ck_assert_uint_eq(copy->doubted_count, 7);
    ck_assert_uint_eq(copy->invalid_count, 8);
    check_string(copy->overcounted_types, "app.Row 6");
    check_string(copy->doubted_types, "list 7");
    check_string(copy->invalid_types, "app.Broken 8");
    ck_assert_ptr_eq(hsight_snapshot_graph(snapshot), graph);
    ck_assert_uint_eq(hsight_snapshot_total_bytes(snapshot), 101 + (UINT64_C(1) << 32));
    hsight_snapshot_free(snapshot);
    hsight_snapshot_free(NULL);
}
END_TEST

START_TEST(a_sum_beyond_64_bits_stays_at_the_top)
{
    hsight_graph *graph = graph_text_build("a=2 b=0xFFFFFFFFFFFFFFFF c=3");
    hsight_snapshot_info info = {0};
    hsight_snapshot *snapshot;
    ck_assert_int_eq(hsight_snapshot_new(graph, &info, &snapshot, NULL), HSIGHT_OK);
    ck_assert_uint_eq(hsight_snapshot_total_bytes(snapshot), UINT64_MAX);
    hsight_snapshot_free(snapshot);
}
END_TEST

START_TEST(impossible_lengths_are_refused)
{
    hsight_graph *graph = graph_text_build("a");
    hsight_snapshot_info info = {.label = {"", SIZE_MAX - 8}, .capture = {"", 100}};
    hsight_snapshot *snapshot;
    hsight_error err;
    ck_assert_int_eq(hsight_snapshot_new(graph, &info, &snapshot, &err), HSIGHT_ENOMEM);
    hsight_graph_free(graph); /* not consumed */
}
END_TEST

START_TEST(a_refused_snapshot_leaves_the_graph_to_the_caller)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    hsight_graph *graph = graph_text_build_on(&memory.allocator, "a>b");
    size_t live = memory.live_blocks;
    memory.refuse_at = memory.requests + 1;
    hsight_snapshot_info info = {.label = text("after")};
    hsight_snapshot *snapshot;
    hsight_error err;
    ck_assert_int_eq(hsight_snapshot_new(graph, &info, &snapshot, &err), HSIGHT_ENOMEM);
    ck_assert_uint_eq(memory.live_blocks, live);
    ck_assert_int_eq(hsight_graph_check(graph, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_snapshot_new(graph, &info, &snapshot, &err), HSIGHT_OK);
    ck_assert_uint_eq(memory.live_blocks, live + 1);
    hsight_snapshot_free(snapshot);
    ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

/* ---- join ------------------------------------------------------------------------------------ */

enum { NODES = 2 };

static hsight_snapshot *snapshot_of(const hsight_allocator *allocator)
{
    const hsight_snapshot_info info = {.label = text("joined")};
    hsight_snapshot *snapshot;
    hsight_graph *graph = graph_text_build_on(allocator, "a>b");
    ck_assert_int_eq(hsight_snapshot_new(graph, &info, &snapshot, NULL), HSIGHT_OK);
    return snapshot;
}

static void ignore_code(void *state, uint64_t code, hsight_code_info *out)
{
    (void)state, (void)code, (void)out;
}

static uint32_t find_no_line(hsight_string lines, uint32_t first_line, uint32_t offset,
                             hsight_line_cursor *cursor)
{
    (void)lines, (void)first_line, (void)offset, (void)cursor;
    return 0;
}

/* One block of one thread: one stack. */
static hsight_trace *trace_on(const hsight_allocator *allocator)
{
    const hsight_tracer_options options = {.mode = HSIGHT_TRACE_EXACT,
                                           .frame_limit = 1,
                                           .describe_code = ignore_code,
                                           .find_line = find_no_line};
    hsight_tracer *tracer;
    hsight_trace *trace;
    hsight_trace_thread thread = {0};
    ck_assert_int_eq(hsight_tracer_new(allocator, &tracer, NULL), HSIGHT_OK);
    ck_assert_int_eq(hsight_tracer_start(tracer, &options, NULL), HSIGHT_OK);
    hsight_tracer_record(tracer, &thread, (const void *)(uintptr_t)0x10100, 8, NULL, 0);
    ck_assert_int_eq(hsight_tracer_take(tracer, NULL, &trace, NULL, NULL, NULL), HSIGHT_OK);
    hsight_tracer_free(tracer);
    ck_assert_uint_eq(hsight_trace_stack_count(trace), 1);
    return trace;
}

static hsight_stack_id *stacks_of(uint32_t none, uint32_t a, uint32_t b)
{
    const hsight_allocator *allocator = hsight_allocator_default();
    hsight_stack_id *stacks = allocator->allocate(allocator->state, (NODES + 1) * sizeof *stacks);
    ck_assert_ptr_nonnull(stacks);
    stacks[0].index = none;
    stacks[1].index = a;
    stacks[2].index = b;
    return stacks;
}

static void free_stacks(hsight_stack_id *stacks)
{
    const hsight_allocator *allocator = hsight_allocator_default();
    allocator->release(allocator->state, stacks, (NODES + 1) * sizeof *stacks);
}

START_TEST(a_snapshot_owns_what_is_joined_to_it)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    hsight_snapshot *snapshot = snapshot_of(&memory.allocator);
    ck_assert_ptr_null(hsight_snapshot_trace(snapshot));
    ck_assert_uint_eq(hsight_snapshot_stack(snapshot, (hsight_node_id){1}).index, 0);
    hsight_trace *trace = trace_on(&memory.allocator);
    hsight_error err = {.message = "as it was"};
    ck_assert_int_eq(hsight_snapshot_join(snapshot, trace, stacks_of(0, 1, 0), &err), HSIGHT_OK);
    ck_assert_str_eq(err.message, "as it was");
    ck_assert_ptr_eq(hsight_snapshot_trace(snapshot), trace);
    ck_assert_uint_eq(hsight_snapshot_stack(snapshot, (hsight_node_id){0}).index, 0);
    ck_assert_uint_eq(hsight_snapshot_stack(snapshot, (hsight_node_id){1}).index, 1);
    ck_assert_uint_eq(hsight_snapshot_stack(snapshot, (hsight_node_id){2}).index, 0);
    hsight_snapshot_free(snapshot);
    ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

/* What is refused is not consumed, and leaves the snapshot as it was. */
static void assert_join_refused(hsight_snapshot *snapshot, hsight_stack_id *stacks,
                                const char *message)
{
    const hsight_trace *before = hsight_snapshot_trace(snapshot);
    hsight_stack_id stack = hsight_snapshot_stack(snapshot, (hsight_node_id){1});
    hsight_trace *trace = trace_on(NULL);
    hsight_error err;
    ck_assert_int_eq(hsight_snapshot_join(snapshot, trace, stacks, &err), HSIGHT_EINVAL);
    ck_assert_str_eq(err.message, message);
    ck_assert_int_eq(hsight_snapshot_join(snapshot, trace, stacks, NULL), HSIGHT_EINVAL);
    ck_assert_ptr_eq(hsight_snapshot_trace(snapshot), before);
    ck_assert_uint_eq(hsight_snapshot_stack(snapshot, (hsight_node_id){1}).index, stack.index);
    hsight_trace_free(trace);
    free_stacks(stacks);
}

START_TEST(what_cannot_be_joined)
{
    hsight_snapshot *snapshot = snapshot_of(NULL);
    assert_join_refused(snapshot, stacks_of(1, 1, 1), "object 0 is none, but stack 1 allocated it");
    assert_join_refused(snapshot, stacks_of(0, 2, 1), "object 1: stack 2, only 1 stacks are known");
    assert_join_refused(snapshot, stacks_of(0, 1, UINT32_MAX),
                        "object 2: stack 4294967295, only 1 stacks are known");
    ck_assert_int_eq(hsight_snapshot_join(snapshot, trace_on(NULL), stacks_of(0, 1, 1), NULL),
                     HSIGHT_OK);
    assert_join_refused(snapshot, stacks_of(0, 0, 0), "the snapshot has a trace already");
    hsight_snapshot_free(snapshot);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("snapshot");
    tcase_add_test(tests, everything_is_copied);
    tcase_add_test(tests, a_sum_beyond_64_bits_stays_at_the_top);
    tcase_add_test(tests, impossible_lengths_are_refused);
    tcase_add_test(tests, a_refused_snapshot_leaves_the_graph_to_the_caller);
    tcase_add_test(tests, a_snapshot_owns_what_is_joined_to_it);
    tcase_add_test(tests, what_cannot_be_joined);
    return run_tests("snapshot", tests);
}
