/* SPDX-License-Identifier: MIT */
/* check_text_paths.c - the text about what keeps objects alive. */
#include "check_text_kit.h"

#include "graph_text.h"
#include "suite.h"

#include <stdio.h>
#include <string.h>

/* Paths to all objects of type T. */
static void check_paths(const char *text, uint32_t limit, const char *expected)
{
    hsight_graph *graph = graph_text_build(text);
    hsight_node_id *nodes;
    uint32_t count;
    hsight_paths *paths;
    hsight_sink sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_nodes_of_type(graph, of("T"), &nodes, &count, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_paths_find(graph, nodes, count, limit, &paths, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_report_paths(graph, paths, &sink, &err), HSIGHT_OK);
    ck_assert_str_eq(collected.text, expected);
    hsight_paths_free(paths);
    hsight_nodes_free(nodes, count);
    hsight_graph_free(graph);
}

START_TEST(paths_are_blocks)
{
    check_paths(
        "module:service>>m m:module=72!m m.__dict__>d d:dict=1184!n d{CACHE}>c c:dict=36960 "
        "c{k1}>t1 c{k2}>t2 t1:T=64 t2:T=64 frame:job:worker-1:pin:service.py:41>>j "
        "j:app.Job=48 j.result>t1",
        0,
        "2 objects of type T (128 B) are held by\n"
        "\n"
        "    service.CACHE[…]\n"
        "\n"
        "    module service\n"
        "    └ .CACHE  dict   36.1 KiB  c, 2 items\n"
        "      └ […]   T          64 B  t1, one of 2\n"
        "\n"
        "1 object of type T (64 B) is held by\n"
        "\n"
        "    thread 'worker-1' in pin (service.py:41), local variable 'job': job.result\n"
        "\n"
        "    thread 'worker-1' in pin (service.py:41), local variable 'job': app.Job 48 B, j\n"
        "    └ .result  T       64 B  t1\n");
}
END_TEST

START_TEST(what_hangs_below_is_said)
{
    check_paths("module:m>>m m:module!m m.tree>a a:T=10 b:T=10 c:T=10 a.left>b b.left>c", 0,
                "3 objects of type T (30 B) are held by\n"
                "\n"
                "    m.tree\n"
                "\n"
                "    module m\n"
                "    └ .tree  T       10 B  a, 2 more hang below it\n");
    check_paths("module:m>>m m:module!m m.l>l l:list=8 l[0]>a l[1]>b a:T=10 b:T=10 c:T=10 b.left>c",
                0,
                "3 objects of type T (30 B) are held by\n"
                "\n"
                "    m.l[…]\n"
                "\n"
                "    module m\n"
                "    └ .l     list        8 B  l, 2 items\n"
                "      └ […]  T          10 B  a, one of 2, 1 more hang below these\n");
}
END_TEST

START_TEST(a_root_may_hold_the_object_itself)
{
    check_paths("c:2>>a a:T=10", 0,
                "1 object of type T (10 B) is held by\n"
                "\n"
                "    <T held by C code>\n"
                "\n"
                "    held by C code (2 references): T 10 B, a\n");
}
END_TEST

START_TEST(what_is_not_shown_is_counted)
{
    check_paths("a:T b:T", 0,
                "2 objects that no root reaches: garbage that the collector has not "
                "freed yet.\n");
    check_paths("module:m>>m m:module!m m.x>a m.y>a a:T=10 m.z>a b:T", 1,
                "1 object of type T (10 B) is held by\n"
                "\n"
                "    m.x\n"
                "\n"
                "    module m\n"
                "    └ .x  T       10 B  a\n"
                "\n"
                "2 more paths not shown.\n"
                "1 object that no root reaches: garbage that the collector has not freed yet.\n");
}
END_TEST

START_TEST(no_object_is_said_too)
{
    hsight_graph *graph = graph_text_build("a");
    hsight_paths *paths;
    hsight_sink sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_paths_find(graph, NULL, 0, 0, &paths, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_report_paths(graph, paths, &sink, &err), HSIGHT_OK);
    ck_assert_str_eq(collected.text, "There are no such objects.\n");
    hsight_paths_free(paths);
    hsight_graph_free(graph);
}
END_TEST

/* A chain of 100 steps with names of their own. */
START_TEST(a_long_path_loses_its_middle)
{
    static char text[8192];
    size_t used = (size_t)sprintf(text, "module:m>>n0 n0:module!m n100:T ");
    for (int i = 0; i < 100; i++) {
        used += (size_t)sprintf(text + used, "n%d.a%d>n%d ", i, i, i + 1);
    }
    hsight_graph *graph = graph_text_build(text);
    hsight_node_id target = graph_text_node(graph, "n100");
    hsight_paths *paths;
    hsight_sink sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_paths_find(graph, &target, 1, 0, &paths, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_report_paths(graph, paths, &sink, &err), HSIGHT_OK);
    ck_assert_ptr_nonnull(strstr(collected.text, "└ .a14 "));
    ck_assert_ptr_null(strstr(collected.text, "└ .a15 "));
    ck_assert_ptr_nonnull(strstr(collected.text, "⋮ 69 more steps\n"));
    ck_assert_ptr_null(strstr(collected.text, "└ .a83 "));
    ck_assert_ptr_nonnull(strstr(collected.text, "└ .a84 "));
    hsight_paths_free(paths);
    hsight_graph_free(graph);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("text_paths");
    tcase_add_test(tests, paths_are_blocks);
    tcase_add_test(tests, what_hangs_below_is_said);
    tcase_add_test(tests, a_root_may_hold_the_object_itself);
    tcase_add_test(tests, what_is_not_shown_is_counted);
    tcase_add_test(tests, no_object_is_said_too);
    tcase_add_test(tests, a_long_path_loses_its_middle);
    return run_tests("text_paths", tests);
}
