/* SPDX-License-Identifier: MIT */
/* check_text_types.c - the table of the types of a snapshot. */
#include "check_text_kit.h"

#include "failing_allocator.h"
#include "graph_text.h"
#include "suite.h"

#include <string.h>

static const char types_text[] = "a:app.Session=1500000 b:dict=700 c:dict=300 d:list=100 e:int=28";

static void check_types(uint32_t limit, hsight_sort sort, const char *expected)
{
    hsight_snapshot_info info = {.label = of("after")};
    hsight_snapshot *snapshot = snapshot_of(types_text, &info);
    hsight_sink sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_report_types(snapshot, sort, limit, &sink, &err), HSIGHT_OK);
    ck_assert_str_eq(collected.text, expected);
    hsight_snapshot_free(snapshot);
}

START_TEST(types_are_a_table_with_a_total)
{
    check_types(0, HSIGHT_SORT_BYTES,
                "Objects by type, snapshot 'after': 5 objects, 1.4 MiB\n"
                "\n"
                "        objects        size   share  type\n"
                "              1     1.4 MiB   99.9%  app.Session\n"
                "              2      1000 B    0.1%  dict\n"
                "              1       100 B    0.0%  list\n"
                "              1        28 B    0.0%  int\n"
                "              5     1.4 MiB  100.0%  total\n");
    check_types(2, HSIGHT_SORT_COUNT,
                "Objects by type, snapshot 'after': 5 objects, 1.4 MiB\n"
                "\n"
                "        objects        size   share  type\n"
                "              2      1000 B    0.1%  dict\n"
                "              1     1.4 MiB   99.9%  app.Session\n"
                "              2       128 B    0.0%  ... 2 more types\n"
                "              5     1.4 MiB  100.0%  total\n");
}
END_TEST

/* One object whose type name is longer than a table has room for. */
static hsight_graph *graph_of_type(const char *type, uint32_t flags)
{
    hsight_builder *builder;
    hsight_string_id name;
    hsight_node_info info = {.address = 1, .shallow_bytes = 9, .flags = flags};
    hsight_node_id node;
    hsight_graph *graph;
    ck_assert_int_eq(hsight_builder_new(NULL, &builder, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_string(builder, type, strlen(type), &name, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_type(builder, name, &info.type, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_node(builder, &info, &node, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_finish(builder, &graph, &err), HSIGHT_OK);
    return graph;
}

START_TEST(long_type_names_keep_their_class)
{
    char type[120];
    memset(type, 'p', sizeof type);
    strcpy(type + 100, ".module.Class\n");
    hsight_snapshot_info info = {0};
    hsight_snapshot *snapshot;
    ck_assert_int_eq(hsight_snapshot_new(graph_of_type(type, 0), &info, &snapshot, &err),
                     HSIGHT_OK);
    hsight_sink sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_report_types(snapshot, HSIGHT_SORT_BYTES, 0, &sink, &err), HSIGHT_OK);
    ck_assert_ptr_eq(strstr(collected.text, "Objects by type, snapshot of 1 object, 9 B\n"),
                     collected.text);
    ck_assert_ptr_nonnull(strstr(collected.text, "  …ppp"));
    ck_assert_ptr_nonnull(strstr(collected.text, "ppp.module.Class\\n\n"));
    ck_assert_uint_lt(collected.used, 350);
    hsight_snapshot_free(snapshot);
}
END_TEST

START_TEST(sizes_that_are_lower_bounds_say_so)
{
    static const struct {
        uint32_t flags;
        const char *row;
    } cases[] = {
        {HSIGHT_NODE_SIZE_LOWER_BOUND, "       9 B  100.0%  _ssl.Context  (at least)\n"},
        {HSIGHT_NODE_SIZE_FORMULA, "       9 B  100.0%  _ssl.Context\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hsight_snapshot_info info = {0};
        hsight_snapshot *snapshot;
        hsight_graph *graph = graph_of_type("_ssl.Context", cases[i].flags);
        ck_assert_int_eq(hsight_snapshot_new(graph, &info, &snapshot, &err), HSIGHT_OK);
        hsight_sink sink = sink_for(SIZE_MAX);
        ck_assert_int_eq(hsight_report_types(snapshot, HSIGHT_SORT_BYTES, 0, &sink, &err),
                         HSIGHT_OK);
        ck_assert_ptr_nonnull(strstr(collected.text, cases[i].row));
        hsight_snapshot_free(snapshot);
    }
}
END_TEST

START_TEST(an_unknown_type_is_a_question_mark)
{
    hsight_snapshot_info info = {0};
    hsight_snapshot *snapshot;
    hsight_graph *nothing = graph_text_build("");
    ck_assert_int_eq(hsight_snapshot_new(graph_of_type("", 0), &info, &snapshot, &err), HSIGHT_OK);
    hsight_sink sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_report_types(snapshot, HSIGHT_SORT_BYTES, 0, &sink, &err), HSIGHT_OK);
    ck_assert_ptr_nonnull(strstr(collected.text, "       9 B  100.0%  ?\n"));
    hsight_diff *diff;
    ck_assert_int_eq(
        hsight_diff_new(nothing, hsight_snapshot_graph(snapshot), HSIGHT_SORT_BYTES, &diff, &err),
        HSIGHT_OK);
    sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_report_diff(diff, 0, &sink, &err), HSIGHT_OK);
    ck_assert_ptr_nonnull(strstr(collected.text, "          9 B  ?\n"));
    hsight_diff_free(diff);
    hsight_graph_free(nothing);
    hsight_snapshot_free(snapshot);
}
END_TEST

START_TEST(an_empty_snapshot_has_a_table)
{
    hsight_snapshot_info info = {0};
    hsight_snapshot *snapshot = snapshot_of("", &info);
    hsight_sink sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_report_types(snapshot, HSIGHT_SORT_BYTES, 0, &sink, &err), HSIGHT_OK);
    ck_assert_str_eq(collected.text, "Objects by type, snapshot of 0 objects, 0 B\n"
                                     "\n"
                                     "        objects        size   share  type\n"
                                     "              0         0 B    0.0%  total\n");
    hsight_snapshot_free(snapshot);
}
END_TEST

START_TEST(an_unknown_order_is_passed_on)
{
    hsight_snapshot_info info = {0};
    hsight_snapshot *snapshot = snapshot_of("", &info);
    hsight_sink sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_report_types(snapshot, (hsight_sort)9, 0, &sink, &err), HSIGHT_EINVAL);
    ck_assert_uint_eq(collected.used, 0);
    hsight_snapshot_free(snapshot);
}
END_TEST

START_TEST(types_free_what_they_held)
{
    size_t refused = 0;
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, 0);
        hsight_snapshot_info info = {0};
        hsight_snapshot *snapshot;
        hsight_graph *graph = graph_text_build_on(&memory.allocator, types_text);
        ck_assert_int_eq(hsight_snapshot_new(graph, &info, &snapshot, &err), HSIGHT_OK);
        size_t before = memory.live_blocks;
        memory.refuse_at = memory.requests + n;
        hsight_sink sink = sink_for(SIZE_MAX);
        hsight_status status = hsight_report_types(snapshot, HSIGHT_SORT_NAME, 0, &sink, &err);
        refused += status == HSIGHT_ENOMEM;
        ck_assert_uint_eq(memory.live_blocks, before);
        hsight_snapshot_free(snapshot);
        ck_assert_uint_eq(memory.live_blocks, 0);
        if (!memory.refused) {
            ck_assert_int_eq(status, HSIGHT_OK);
            break;
        }
    }
    ck_assert_uint_ge(refused, 2);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("text_types");
    tcase_add_test(tests, types_are_a_table_with_a_total);
    tcase_add_test(tests, long_type_names_keep_their_class);
    tcase_add_test(tests, sizes_that_are_lower_bounds_say_so);
    tcase_add_test(tests, an_unknown_type_is_a_question_mark);
    tcase_add_test(tests, an_empty_snapshot_has_a_table);
    tcase_add_test(tests, an_unknown_order_is_passed_on);
    tcase_add_test(tests, types_free_what_they_held);
    return run_tests("text_types", tests);
}
