/* SPDX-License-Identifier: MIT */
/* check_text_sink.c - reports into a sink that refuses. */
#include "check_text_kit.h"

#include "graph_text.h"
#include "suite.h"

#include <string.h>

/* _i: 0 info, 1 types, 2 diff, 3 paths */
static hsight_status write_report(int which, const hsight_snapshot *snapshot,
                                  const hsight_sink *sink)
{
    const hsight_graph *graph = hsight_snapshot_graph(snapshot);
    hsight_status status;
    if (which == 0) {
        return hsight_report_info(snapshot, sink, &err);
    }
    if (which == 1) {
        return hsight_report_types(snapshot, HSIGHT_SORT_BYTES, 1, sink, &err);
    }
    if (which == 2) {
        hsight_graph *nothing = graph_text_build("");
        hsight_diff *diff;
        ck_assert_int_eq(hsight_diff_new(nothing, graph, HSIGHT_SORT_BYTES, &diff, &err),
                         HSIGHT_OK);
        status = hsight_report_diff(diff, 0, sink, &err);
        hsight_diff_free(diff);
        hsight_graph_free(nothing);
        return status;
    }
    hsight_node_id target = graph_text_node(graph, "a");
    hsight_paths *paths;
    ck_assert_int_eq(hsight_paths_find(graph, &target, 1, 0, &paths, &err), HSIGHT_OK);
    status = hsight_report_paths(graph, paths, sink, &err);
    hsight_paths_free(paths);
    return status;
}

START_TEST(a_refusing_sink_is_asked_no_more)
{
    hsight_snapshot_info info = {.label = of("after"), .process_id = 1};
    hsight_snapshot *snapshot = snapshot_of("module:m>>m m.x>a a:T=9 c:2>>a b:S", &info);
    size_t calls = 0;
    for (;; calls++) {
        hsight_sink sink = sink_for(calls);
        hsight_status status = write_report(_i, snapshot, &sink);
        if (collected.calls_after_refusal == 0) {
            ck_assert_int_eq(status, HSIGHT_OK);
            break;
        }
        ck_assert_int_eq(status, HSIGHT_EIO);
        ck_assert_uint_eq(collected.calls_after_refusal, 1);
        ck_assert_ptr_nonnull(strstr(err.message, "the report could not be written"));
    }
    ck_assert_uint_ge(calls, 4);
    hsight_snapshot_free(snapshot);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("text_sink");
    tcase_add_loop_test(tests, a_refusing_sink_is_asked_no_more, 0, 4);
    return run_tests("text_sink", tests);
}
