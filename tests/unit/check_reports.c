/* SPDX-License-Identifier: MIT */
/* check_reports.c - the texts that people read: info, types, diff and paths, as a whole. */
#include <heapsight/report.h>

#include "failing_allocator.h"
#include "graph_text.h"
#include "made_trace.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_BYTES = 1 << 16 };

static hsight_error err;

/* A sink that keeps what it gets and refuses the call after `calls_left` more. */
typedef struct {
    char text[OUT_BYTES];
    size_t used;
    size_t calls_left;
    size_t calls_after_refusal;
} collector;

static int collect(void *state, const char *data, size_t length)
{
    collector *to = state;
    if (to->calls_left == 0) {
        to->calls_after_refusal++;
        return -1;
    }
    to->calls_left--;
    ck_assert_uint_lt(to->used + length, sizeof to->text);
    memcpy(to->text + to->used, data, length);
    to->used += length;
    to->text[to->used] = '\0';
    return 0;
}

static collector collected;

static hsight_sink sink_for(size_t calls)
{
    collected = (collector){.calls_left = calls};
    return (hsight_sink){collect, &collected};
}

static hsight_string of(const char *text)
{
    return (hsight_string){text, strlen(text)};
}

static hsight_snapshot *snapshot_of(const char *text, const hsight_snapshot_info *info)
{
    hsight_snapshot *snapshot;
    ck_assert_int_eq(hsight_snapshot_new(graph_text_build(text), info, &snapshot, &err), HSIGHT_OK);
    return snapshot;
}

/* ---- info ------------------------------------------------------------------------------------ */

START_TEST(info_has_a_line_for_each_fact)
{
    hsight_snapshot_info info = {.label = of("after"),
                                 .interpreter = of("CPython 3.13.0"),
                                 .platform = of("Linux-6.1 x86_64"),
                                 .arguments = of("python app.py --port 80"),
                                 .capture = of("direct walk"),
                                 .process_id = 4711,
                                 .taken_at_ns = UINT64_C(1795369265123456789),
                                 .duration_ns = 151200000,
                                 .rss_bytes = 128 << 20,
                                 .dropped_count = 1,
                                 .overcounted_count = 2000,
                                 .has_values = 1};
    hsight_snapshot *snapshot = snapshot_of("module:m>>m a:app.S=2000 m.x>a", &info);
    hsight_sink sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_report_info(snapshot, &sink, &err), HSIGHT_OK);
    ck_assert_str_eq(collected.text,
                     "Snapshot 'after'\n"
                     "  taken       2026-11-22 17:41:05 UTC, in 152 ms\n"
                     "  program     python app.py --port 80\n"
                     "  process     4711, 128.0 MiB resident\n"
                     "  interpreter CPython 3.13.0\n"
                     "  platform    Linux-6.1 x86_64\n"
                     "  walk        direct walk\n"
                     "  objects     2 of 2 types, 2.0 KiB\n"
                     "  references  1, and 1 root\n"
                     "  contains    previews of strings and numbers\n"
                     "  incomplete  1 record could not be kept\n"
                     "  incomplete  accounting: more references than the refcount says in 2,000 "
                     "objects\n");
    hsight_snapshot_free(snapshot);
}
END_TEST

/* The line about the trace of a snapshot. */
static void check_traced(hsight_trace_mode mode, const made_block *blocks, size_t count,
                         const char *expected)
{
    hsight_snapshot_info info = {0};
    hsight_snapshot *snapshot = snapshot_of("", &info);
    made_trace_join(snapshot, mode, blocks, count);
    hsight_sink sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_report_info(snapshot, &sink, &err), HSIGHT_OK);
    const char *before = "Snapshot\n"
                         "  objects     0 of 0 types, 0 B\n"
                         "  references  0, and 0 roots\n";
    ck_assert_uint_ge(collected.used, strlen(before));
    ck_assert_mem_eq(collected.text, before, strlen(before));
    ck_assert_str_eq(collected.text + strlen(before), expected);
    hsight_snapshot_free(snapshot);
}

START_TEST(a_trace_has_a_line)
{
    const made_block blocks[] = {
        {.address = 0x100000, .bytes = 3 << 20, .stack = "f:1"},
        {.address = 0x800000, .bytes = 1 << 20, .stack = "f:1 g:2", .is_freed = true},
        {.address = 0xa00000, .bytes = 0, .is_freed = true},
        {.address = 0xb00000, .bytes = 1 << 20, .stack = NULL},
    };
    check_traced(HSIGHT_TRACE_EXACT, blocks, 4,
                 "  traced      exact, 32 frames: 4.0 MiB in 2 blocks alive, 0 dropped\n");
    check_traced(HSIGHT_TRACE_EXACT, blocks, 1,
                 "  traced      exact, 32 frames: 3.0 MiB in 1 block alive, 0 dropped\n");
    check_traced(HSIGHT_TRACE_COUNTS, blocks, 4,
                 "  traced      counts only: 5.0 MiB in 4 blocks allocated, 2 freed\n");
    check_traced(HSIGHT_TRACE_SAMPLED, NULL, 0,
                 "  traced      sampled every 512.0 KiB, 32 frames: 0 B in 0 blocks alive, 0 "
                 "dropped\n");
}
END_TEST

START_TEST(unknown_facts_have_no_line)
{
    hsight_snapshot_info info = {0};
    hsight_snapshot *snapshot = snapshot_of("", &info);
    hsight_sink sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_report_info(snapshot, &sink, &err), HSIGHT_OK);
    ck_assert_str_eq(collected.text, "Snapshot\n"
                                     "  objects     0 of 0 types, 0 B\n"
                                     "  references  0, and 0 roots\n");
    hsight_snapshot_free(snapshot);
}
END_TEST

START_TEST(facts_from_a_file_may_be_hostile)
{
    char longer[3000];
    memset(longer, 'x', sizeof longer);
    hsight_snapshot_info info = {.label = of("a'b\n\x1b[2J"),
                                 .arguments = {longer, sizeof longer},
                                 .taken_at_ns = UINT64_MAX};
    hsight_snapshot *snapshot = snapshot_of("", &info);
    hsight_sink sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_report_info(snapshot, &sink, &err), HSIGHT_OK);
    ck_assert_ptr_eq(strstr(collected.text, "Snapshot 'a\\'b\\n\\x1b[2J'\n"), collected.text);
    ck_assert_ptr_nonnull(strstr(collected.text, "taken       2554-"));
    ck_assert_ptr_nonnull(strstr(collected.text, "xx…\n"));
    ck_assert_uint_lt(collected.used, 500);
    hsight_snapshot_free(snapshot);
}
END_TEST

/* Each character is written in seven bytes, and the line still ends. */
START_TEST(facts_may_be_all_escapes)
{
    static char tags[4 * 201 + 1], shown[7 * 200 + 1];
    for (int i = 0; i < 200; i++) {
        strcat(tags, "\xF3\xA0\x80\x81");
        strcat(shown, "\\ue0001");
    }
    hsight_snapshot_info info = {.label = of(tags), .arguments = of(tags)};
    hsight_snapshot *snapshot = snapshot_of("", &info);
    hsight_sink sink = sink_for(SIZE_MAX);
    char expected[2 * sizeof shown + 200];
    snprintf(expected, sizeof expected,
             "Snapshot '%s'\n"
             "  program     %s\n"
             "  objects     0 of 0 types, 0 B\n"
             "  references  0, and 0 roots\n",
             shown, shown);
    ck_assert_int_eq(hsight_report_info(snapshot, &sink, &err), HSIGHT_OK);
    ck_assert_msg(strcmp(collected.text, expected) == 0, "%.2000s", collected.text);
    hsight_snapshot_free(snapshot);
}
END_TEST

/* ---- types ----------------------------------------------------------------------------------- */

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
static hsight_graph *graph_of_type(const char *type)
{
    hsight_builder *builder;
    hsight_string_id name;
    hsight_node_info info = {.address = 1, .shallow_bytes = 9};
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
    ck_assert_int_eq(hsight_snapshot_new(graph_of_type(type), &info, &snapshot, &err), HSIGHT_OK);
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

START_TEST(an_unknown_type_is_a_question_mark)
{
    hsight_snapshot_info info = {0};
    hsight_snapshot *snapshot;
    hsight_graph *nothing = graph_text_build("");
    ck_assert_int_eq(hsight_snapshot_new(graph_of_type(""), &info, &snapshot, &err), HSIGHT_OK);
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

/* ---- diff ------------------------------------------------------------------------------------ */

static void check_diff(const char *before_text, const char *after_text, uint32_t limit,
                       const char *expected)
{
    hsight_graph *before = graph_text_build(before_text), *after = graph_text_build(after_text);
    hsight_diff *diff;
    hsight_sink sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_diff_new(before, after, HSIGHT_SORT_BYTES, &diff, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_report_diff(diff, limit, &sink, &err), HSIGHT_OK);
    ck_assert_str_eq(collected.text, expected);
    hsight_diff_free(diff);
    hsight_graph_free(before);
    hsight_graph_free(after);
}

START_TEST(a_diff_is_a_table_with_signs)
{
    check_diff("a:list=100 b:dict=2048 f:int=5",
               "a:list=100 c:app.S=1500000 d:app.S=1 e:str=50 f:int=4", 0,
               "What changed, by type\n"
               "\n"
               "    objects +/-     size +/-    objects now     size now  type\n"
               "             +2     +1.4 MiB              2      1.4 MiB  app.S\n"
               "             +1        +50 B              1         50 B  str\n"
               "              0         -1 B              1          4 B  int\n"
               "             -1     -2.0 KiB              0          0 B  dict\n"
               "             +2     +1.4 MiB              4      1.4 MiB  total of the types that "
               "changed\n");
    check_diff("", "a:x=1000 b:y=100 c:z=10", 1,
               "What changed, by type\n"
               "\n"
               "    objects +/-     size +/-    objects now     size now  type\n"
               "             +1      +1000 B              1       1000 B  x\n"
               "             +2       +110 B              2        110 B  ... 2 more types\n"
               "             +3     +1.1 KiB              3      1.1 KiB  total of the types that "
               "changed\n");
    check_diff("a:x=1", "b:x=1", 0,
               "Nothing changed: each type has as many objects and bytes as before.\n");
}
END_TEST

/* The sums of the last lines are more than their types hold; 8.0 EiB is where sizes end. */
START_TEST(sums_of_foreign_sizes_stay_in_range)
{
    static const char huge[] = "a:x=0xffffffffffffffff b:y=0xffffffffffffffff c:z=8";
    check_diff("", huge, 1,
               "What changed, by type\n"
               "\n"
               "    objects +/-     size +/-    objects now     size now  type\n"
               "             +1     +8.0 EiB              1      8.0 EiB  x\n"
               "             +2     +8.0 EiB              2      8.0 EiB  ... 2 more types\n"
               "             +3     +8.0 EiB              3      8.0 EiB  total of the types that "
               "changed\n");
    check_diff(huge, "", 1,
               "What changed, by type\n"
               "\n"
               "    objects +/-     size +/-    objects now     size now  type\n"
               "             -1         -8 B              0          0 B  z\n"
               "             -2     -8.0 EiB              0          0 B  ... 2 more types\n"
               "             -3     -8.0 EiB              0          0 B  total of the types that "
               "changed\n");
    hsight_snapshot_info info = {0};
    hsight_snapshot *snapshot = snapshot_of(huge, &info);
    hsight_sink sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_report_types(snapshot, HSIGHT_SORT_NAME, 1, &sink, &err), HSIGHT_OK);
    ck_assert_ptr_nonnull(strstr(collected.text, "     8.0 EiB  100.0%  ... 2 more types\n"));
    hsight_snapshot_free(snapshot);
}
END_TEST

/* ---- paths ----------------------------------------------------------------------------------- */

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

/* ---- sinks that refuse ----------------------------------------------------------------------- */

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
    TCase *tests = tcase_create("reports");
    tcase_add_test(tests, info_has_a_line_for_each_fact);
    tcase_add_test(tests, a_trace_has_a_line);
    tcase_add_test(tests, unknown_facts_have_no_line);
    tcase_add_test(tests, facts_from_a_file_may_be_hostile);
    tcase_add_test(tests, facts_may_be_all_escapes);
    tcase_add_test(tests, types_are_a_table_with_a_total);
    tcase_add_test(tests, long_type_names_keep_their_class);
    tcase_add_test(tests, an_unknown_type_is_a_question_mark);
    tcase_add_test(tests, an_empty_snapshot_has_a_table);
    tcase_add_test(tests, an_unknown_order_is_passed_on);
    tcase_add_test(tests, a_diff_is_a_table_with_signs);
    tcase_add_test(tests, sums_of_foreign_sizes_stay_in_range);
    tcase_add_test(tests, paths_are_blocks);
    tcase_add_test(tests, what_hangs_below_is_said);
    tcase_add_test(tests, a_root_may_hold_the_object_itself);
    tcase_add_test(tests, what_is_not_shown_is_counted);
    tcase_add_test(tests, no_object_is_said_too);
    tcase_add_test(tests, a_long_path_loses_its_middle);
    tcase_add_loop_test(tests, a_refusing_sink_is_asked_no_more, 0, 4);
    tcase_add_test(tests, types_free_what_they_held);
    return run_tests("reports", tests);
}
