/* SPDX-License-Identifier: MIT */
/* check_snapshot.c - a graph and where it was taken, as one value. */
#include <heapsight/snapshot.h>

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

int main(void)
{
    TCase *tests = tcase_create("snapshot");
    tcase_add_test(tests, everything_is_copied);
    tcase_add_test(tests, a_sum_beyond_64_bits_stays_at_the_top);
    tcase_add_test(tests, impossible_lengths_are_refused);
    tcase_add_test(tests, a_refused_snapshot_leaves_the_graph_to_the_caller);
    return run_tests("snapshot", tests);
}
