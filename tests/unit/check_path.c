/* SPDX-License-Identifier: MIT */
/* check_path.c - why something is alive, on graphs small enough to see the answer.
 *
 * check_path_random.c compares with a slow search; here is what the rows are for. */
#include <heapsight/path.h>

#include "failing_allocator.h"
#include "graph/columns.h"
#include "graph_text.h"
#include "random_graph.h"
#include "suite.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hsight_error err;

enum { TARGETS_MAX = 32, STEPS_TEXT_BYTES = 512 };

/* Paths to the objects named in `names`, separated by spaces. */
static hsight_paths *find_limited(const hsight_graph *graph, const char *names, uint32_t limit)
{
    hsight_node_id targets[TARGETS_MAX];
    uint32_t count = 0;
    char name[16];
    for (int used; sscanf(names, " %15s%n", name, &used) == 1; names += used) {
        ck_assert_uint_lt(count, TARGETS_MAX);
        targets[count++] = graph_text_node(graph, name);
    }
    hsight_paths *paths;
    ck_assert_msg(hsight_paths_find(graph, targets, count, limit, &paths, &err) == HSIGHT_OK, "%s",
                  err.message);
    return paths;
}

static hsight_paths *find(const hsight_graph *graph, const char *names)
{
    return find_limited(graph, names, 0);
}

/* "service d CACHE s1*2": the objects by name, with the count of the step where it is not 1. */
static const char *steps_of(const hsight_graph *graph, const hsight_path *path)
{
    static char text[STEPS_TEXT_BYTES];
    size_t used = 0;
    for (uint32_t i = 0; i < path->step_count; i++) {
        hsight_string name = hsight_graph_preview(graph, path->steps[i].node);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s", i > 0 ? " " : "",
                                 (int)name.length, name.data);
        if (path->steps[i].object_count != 1) {
            used += (size_t)snprintf(text + used, sizeof text - used, "*%u",
                                     path->steps[i].object_count);
        }
        ck_assert_uint_lt(used, sizeof text);
    }
    return text;
}

static void check_row(const hsight_graph *graph, const hsight_paths *paths, uint32_t row,
                      hsight_root_kind kind, uint64_t object_count, const char *steps)
{
    ck_assert_uint_lt(row, hsight_paths_count(paths));
    const hsight_path *path = &hsight_paths_rows(paths)[row];
    ck_assert_str_eq(steps_of(graph, path), steps);
    ck_assert_uint_eq(path->object_count, object_count);
    ck_assert_uint_eq(path->root->kind, kind);
    ck_assert_uint_eq(path->root->node.index, path->steps[0].node.index);
}

START_TEST(objects_in_one_container_are_one_row)
{
    hsight_graph *graph = graph_text_build("module:service>>service service.__dict__>d d:dict!n "
                                           "d{CACHE}>c c:dict a:S=10 b:S=20 z:S=30 "
                                           "c{k1}>a c{k2}>b c{k3}>z");
    hsight_paths *paths = find(graph, "a b z");
    ck_assert_uint_eq(hsight_paths_count(paths), 1);
    check_row(graph, paths, 0, HSIGHT_ROOT_MODULE, 3, "service d c a*3");
    ck_assert_uint_eq(hsight_paths_rows(paths)[0].bytes, 60);
    hsight_paths_free(paths);
    hsight_graph_free(graph);
}
END_TEST

/* Keys of a namespace are attribute names, and those keep apart what keys of a cache do not. */
START_TEST(attributes_are_different_places)
{
    hsight_graph *graph = graph_text_build("module:service>>m m.__dict__>d d:dict!n a:S b:S z:S "
                                           "d{ONE}>a d{TWO}>b m.direct>z");
    hsight_paths *paths = find(graph, "a b z");
    ck_assert_uint_eq(hsight_paths_count(paths), 3);
    check_row(graph, paths, 0, HSIGHT_ROOT_MODULE, 1, "m z");
    check_row(graph, paths, 1, HSIGHT_ROOT_MODULE, 1, "m d a");
    check_row(graph, paths, 2, HSIGHT_ROOT_MODULE, 1, "m d b");
    hsight_paths_free(paths);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(an_object_in_a_tree_of_its_kind_is_counted_with_the_tree)
{
    hsight_graph *graph =
        graph_text_build("module:m>>m m.tree>a a:N b:N z:N y:N a.left>b a.right>z "
                         "b.left>y y.parent>b b.parent>a");
    hsight_paths *paths = find(graph, "y z b a");
    ck_assert_uint_eq(hsight_paths_count(paths), 1);
    check_row(graph, paths, 0, HSIGHT_ROOT_MODULE, 4, "m a");
    hsight_paths_free(paths);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(every_way_in_is_a_row)
{
    hsight_graph *graph =
        graph_text_build("module:m>>m m.list>l l:list l[0]>s s:S m.other>o o:O o.s>s "
                         "frame:job:worker:pin:service.py:41>>s c:2>>s");
    hsight_paths *paths = find(graph, "s");
    ck_assert_uint_eq(hsight_paths_count(paths), 4);
    check_row(graph, paths, 0, HSIGHT_ROOT_MODULE, 1, "m l s");
    check_row(graph, paths, 1, HSIGHT_ROOT_MODULE, 1, "m o s");
    check_row(graph, paths, 2, HSIGHT_ROOT_FRAME, 1, "s");
    check_row(graph, paths, 3, HSIGHT_ROOT_C_HELD, 1, "s");
    ck_assert_uint_eq(hsight_paths_rows(paths)[3].root->surplus, 2);
    hsight_paths_free(paths);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(a_long_way_from_a_module_beats_a_short_one_from_c_code)
{
    hsight_graph *graph = graph_text_build("c:1>>l m.a>x x.b>y y.c>l l.s>s s:S module:m>>m");
    hsight_paths *paths = find(graph, "s");
    ck_assert_uint_eq(hsight_paths_count(paths), 1);
    check_row(graph, paths, 0, HSIGHT_ROOT_MODULE, 1, "m x y l s");
    hsight_paths_free(paths);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(weak_references_hold_nothing)
{
    hsight_graph *graph = graph_text_build("module:m>>m m~>s m.w>w w~>s w~>t t.x>s s:S t:S");
    hsight_paths *paths = find(graph, "s t");
    ck_assert_uint_eq(hsight_paths_count(paths), 0);
    ck_assert_uint_eq(hsight_paths_unreached_count(paths), 2);
    hsight_paths_free(paths);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(a_class_is_held_by_its_objects)
{
    hsight_graph *graph = graph_text_build("module:m>>m m.one>a a:S a%>C C:type!t");
    hsight_paths *paths = find(graph, "C");
    ck_assert_uint_eq(hsight_paths_count(paths), 1);
    check_row(graph, paths, 0, HSIGHT_ROOT_MODULE, 1, "m a C");
    hsight_paths_free(paths);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(references_of_garbage_are_no_way_in)
{
    hsight_graph *graph = graph_text_build("module:m>>m m.s>s s:S g.s>s g.h>h h.g>g");
    hsight_paths *paths = find(graph, "s h");
    ck_assert_uint_eq(hsight_paths_count(paths), 1);
    check_row(graph, paths, 0, HSIGHT_ROOT_MODULE, 1, "m s");
    ck_assert_uint_eq(hsight_paths_unreached_count(paths), 1);
    hsight_paths_free(paths);
    hsight_graph_free(graph);
}
END_TEST

/* The example is the shortest of its shape, also where a chain was shortened; "deep" has the
 * smaller number, so it is looked at first. */
START_TEST(a_chain_is_one_shape_with_its_shortest_example)
{
    hsight_graph *graph =
        graph_text_build("deep:S near:S module:m>>m m.head>a a:N b:N z:N y:N a.next>b "
                         "b.next>z z.next>y y.payload>deep b.payload>near");
    hsight_paths *paths = find(graph, "deep near");
    ck_assert_uint_eq(hsight_paths_count(paths), 1);
    check_row(graph, paths, 0, HSIGHT_ROOT_MODULE, 2, "m a b*3 near*2");
    hsight_paths_free(paths);
    hsight_graph_free(graph);
}
END_TEST

/* One of many holds it: the count of the step says whether the key matters. */
START_TEST(steps_count_only_what_leads_to_a_target)
{
    hsight_graph *graph = graph_text_build("module:m>>m m.all>l l:list l[0]>x l[1]>y x:dict y:dict "
                                           "x{k1}>p x{k2}>q y{k3}>r p:S q:S r:S");
    hsight_paths *paths = find(graph, "p q");
    check_row(graph, paths, 0, HSIGHT_ROOT_MODULE, 2, "m l x p*2");
    hsight_paths_free(paths);
    paths = find(graph, "p q r");
    check_row(graph, paths, 0, HSIGHT_ROOT_MODULE, 3, "m l x*2 p*3");
    hsight_paths_free(paths);
    hsight_graph_free(graph);
}
END_TEST

/* Sessions that hold something in other places are not in the place of the one that holds this. */
START_TEST(steps_count_only_what_is_on_the_ways_of_their_row)
{
    hsight_graph *graph =
        graph_text_build("module:m>>m m.all>l l:list l[0]>x l[1]>y l[2]>z x:S y:S z:S "
                         "x.data>p y.data>q z.cache>r p:T q:T r:T");
    hsight_paths *paths = find(graph, "p q r");
    ck_assert_uint_eq(hsight_paths_count(paths), 2);
    check_row(graph, paths, 0, HSIGHT_ROOT_MODULE, 2, "m l x*2 p*2");
    check_row(graph, paths, 1, HSIGHT_ROOT_MODULE, 1, "m l z r");
    hsight_paths_free(paths);
    hsight_graph_free(graph);
}
END_TEST

/* One way, on which a loop was taken out: each of its steps is the very one. */
START_TEST(a_single_way_is_exact)
{
    hsight_graph *graph = graph_text_build(
        "module:m>>m m.tree>a a:N a.children>b b:list b[3]>c c:N c.children>d d:list d[5]>e e:N "
        "e.payload>p p:T");
    hsight_paths *paths = find(graph, "p");
    ck_assert_uint_eq(hsight_paths_count(paths), 1);
    check_row(graph, paths, 0, HSIGHT_ROOT_MODULE, 1, "m a b c d e p");
    hsight_paths_free(paths);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(rows_come_by_count_kind_length_and_the_limit_cuts)
{
    hsight_graph *graph = graph_text_build(
        "frame:v:w:f:a.py:1>>f1 module:m>>m m.l>l l[0]>a l[1]>b a:S b:S f1.x>a m.z>z "
        "z:S m.p>p p.q>q q:S c:1>>f2 f2.x>a");
    hsight_paths *all = find(graph, "a b z q");
    ck_assert_uint_eq(hsight_paths_count(all), 5);
    check_row(graph, all, 0, HSIGHT_ROOT_MODULE, 2, "m l a*2");
    check_row(graph, all, 1, HSIGHT_ROOT_MODULE, 1, "m z");
    check_row(graph, all, 2, HSIGHT_ROOT_MODULE, 1, "m p q");
    check_row(graph, all, 3, HSIGHT_ROOT_FRAME, 1, "f1 a");
    check_row(graph, all, 4, HSIGHT_ROOT_C_HELD, 1, "f2 a");
    hsight_paths_free(all);
    hsight_paths *some = find_limited(graph, "a b z q", 2);
    ck_assert_uint_eq(hsight_paths_count(some), 2);
    ck_assert_uint_eq(hsight_paths_omitted_count(some), 3);
    check_row(graph, some, 1, HSIGHT_ROOT_MODULE, 1, "m z");
    hsight_paths_free(some);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(the_profiler_is_named_only_where_nothing_else_holds)
{
    hsight_graph *graph = graph_text_build("profiler>>a profiler>>b c:1>>b a:S b:S profiler>>a");
    hsight_paths *paths = find(graph, "a b");
    ck_assert_uint_eq(hsight_paths_count(paths), 2);
    check_row(graph, paths, 0, HSIGHT_ROOT_C_HELD, 1, "b");
    check_row(graph, paths, 1, HSIGHT_ROOT_PROFILER, 1, "a");
    hsight_paths_free(paths);
    hsight_graph_free(graph);
}
END_TEST

/* Nothing but the profiler reaches l and x: that they refer to b says nothing. */
START_TEST(what_only_the_profiler_reaches_is_no_way_to_others)
{
    hsight_graph *graph =
        graph_text_build("profiler>>l l[0]>a l[1]>b l.x>x x.y>a x.y>b module:m>>m "
                         "m.b>b a:S b:S l:list x:X");
    hsight_paths *paths = find(graph, "a b");
    ck_assert_uint_eq(hsight_paths_count(paths), 3);
    check_row(graph, paths, 0, HSIGHT_ROOT_MODULE, 1, "m b");
    check_row(graph, paths, 1, HSIGHT_ROOT_PROFILER, 1, "l a");
    check_row(graph, paths, 2, HSIGHT_ROOT_PROFILER, 1, "l x a");
    hsight_paths_free(paths);
    hsight_graph_free(graph);
}
END_TEST

/* The object is in the list twice, under one shape: it is one object. */
START_TEST(a_target_counts_once_in_a_row)
{
    hsight_graph *graph =
        graph_text_build("module:m>>m m.l>l l[0]>a l[1]>a l[2]>b a:S b:S frame:v:w:f:a.py:1>>a "
                         "frame:v:w:f:a.py:9>>a");
    hsight_paths *paths = find(graph, "a b a a");
    ck_assert_uint_eq(hsight_paths_count(paths), 2);
    check_row(graph, paths, 0, HSIGHT_ROOT_MODULE, 2, "m l a*2");
    check_row(graph, paths, 1, HSIGHT_ROOT_FRAME, 1, "a");
    hsight_paths_free(paths);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(the_bytes_of_a_row_stay_at_the_top)
{
    hsight_graph *graph = graph_text_build("module:m>>m m.l>l l[0]>a l[1]>b a:S=0xffffffffffffffff "
                                           "b:S=2");
    hsight_paths *paths = find(graph, "a b");
    check_row(graph, paths, 0, HSIGHT_ROOT_MODULE, 2, "m l a*2");
    ck_assert_uint_eq(hsight_paths_rows(paths)[0].bytes, UINT64_MAX);
    hsight_paths_free(paths);
    hsight_graph_free(graph);
}
END_TEST

/* Lists in lists: each element has a path, and a row, of its own length. */
START_TEST(endless_answers_need_a_limit)
{
    enum { DEPTH = 12000 };
    hsight_builder *builder;
    hsight_node_id *targets = calloc(DEPTH, sizeof *targets), list;
    hsight_graph *graph;
    hsight_paths *paths = NULL;
    hsight_node_info info = {.shallow_bytes = 8};
    hsight_string_id name;
    ck_assert_ptr_nonnull(targets);
    ck_assert_int_eq(hsight_builder_new(NULL, &builder, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_string(builder, "list", 4, &name, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_type(builder, name, &info.type, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_node(builder, &info, &list, &err), HSIGHT_OK);
    hsight_root root = {.node = list, .kind = HSIGHT_ROOT_MODULE};
    ck_assert_int_eq(hsight_builder_add_root(builder, &root, &err), HSIGHT_OK);
    for (uint32_t i = 0; i < DEPTH; i++) {
        hsight_label first = hsight_label_make(HSIGHT_LABEL_INDEX, 0);
        hsight_label second = hsight_label_make(HSIGHT_LABEL_INDEX, 1);
        hsight_node_id next;
        ck_assert_int_eq(hsight_builder_add_node(builder, &info, &targets[i], &err), HSIGHT_OK);
        ck_assert_int_eq(hsight_builder_add_node(builder, &info, &next, &err), HSIGHT_OK);
        ck_assert_int_eq(hsight_builder_add_edge(builder, list, targets[i], first, &err),
                         HSIGHT_OK);
        ck_assert_int_eq(hsight_builder_add_edge(builder, list, next, second, &err), HSIGHT_OK);
        list = next;
    }
    ck_assert_int_eq(hsight_builder_finish(builder, &graph, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_paths_find(graph, targets, DEPTH, 0, &paths, &err), HSIGHT_ELIMIT);
    ck_assert_ptr_null(paths);
    ck_assert_ptr_nonnull(strstr(err.message, "of 12000 rows have more than 67108864 steps"));
    ck_assert_int_eq(hsight_paths_find(graph, targets, DEPTH, 10, &paths, &err), HSIGHT_OK);
    ck_assert_uint_eq(hsight_paths_omitted_count(paths), DEPTH - 10);
    hsight_paths_free(paths);
    hsight_graph_free(graph);
    free(targets);
}
END_TEST

/* The columns of one object, which claim more references than a test has memory for. */
START_TEST(ways_that_could_not_be_counted_are_refused)
{
    static const uint64_t addresses[2] = {0, 16};
    static const uint32_t zeros[3] = {0};
    static const uint8_t flags[2] = {0};
    static const hsight_root roots[2] = {{.node = {1}, .kind = HSIGHT_ROOT_MODULE},
                                         {.node = {1}, .kind = HSIGHT_ROOT_C_HELD}};
    hsight__columns columns = {.node_count = 1,
                               .edge_count = UINT32_MAX - 1,
                               .root_count = 2,
                               .addresses = addresses,
                               .types = {zeros, 4, 0, NULL, NULL},
                               .shallow = {zeros, 4, 0, NULL, NULL},
                               .refcounts = {zeros, 4, 0, NULL, NULL},
                               .flags = flags,
                               .first_edge = zeros,
                               .type_names = zeros,
                               .type_nodes = zeros,
                               .roots = roots};
    hsight_graph *graph;
    hsight_node_id target = {1};
    hsight_paths *paths = NULL;
    ck_assert_int_eq(hsight__graph_wrap(NULL, &columns, NULL, NULL, &graph, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_paths_find(graph, &target, 1, 0, &paths, &err), HSIGHT_ELIMIT);
    ck_assert_str_eq(err.message,
                     "paths: 4294967296 references and roots together, 4294967295 are possible");
    ck_assert_ptr_null(paths);
    hsight_graph_free(graph);
    columns.root_count = 1;
    ck_assert_int_eq(hsight__graph_wrap(NULL, &columns, NULL, NULL, &graph, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_paths_find(graph, &target, 1, 0, &paths, &err), HSIGHT_OK);
    hsight_paths_free(paths);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(a_target_that_is_not_there_is_refused)
{
    hsight_graph *graph = graph_text_build("module:m>>m m.a>a");
    hsight_node_id targets[] = {{1}, {3}};
    hsight_paths *paths = NULL;
    ck_assert_int_eq(hsight_paths_find(graph, targets, 2, 0, &paths, &err), HSIGHT_EINVAL);
    ck_assert_ptr_null(paths);
    ck_assert_str_eq(err.message, "paths: target 2 of 2 is object 3, but the graph has 2 objects");
    targets[0].index = 0;
    ck_assert_int_eq(hsight_paths_find(graph, targets, 1, 0, &paths, NULL), HSIGHT_EINVAL);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(no_target_gives_no_path)
{
    hsight_graph *graph = graph_text_build("module:m>>m m.a>a");
    hsight_paths *paths;
    ck_assert_int_eq(hsight_paths_find(graph, NULL, 0, 0, &paths, &err), HSIGHT_OK);
    ck_assert_uint_eq(hsight_paths_count(paths), 0);
    ck_assert_uint_eq(hsight_paths_unreached_count(paths), 0);
    hsight_paths_free(paths);
    hsight_paths_free(NULL);
    hsight_graph_free(graph);
}
END_TEST

/* @return whether the request was refused */
static bool find_with_refusal(const char *text, size_t refuse_at)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    hsight_graph *graph = graph_text_build_on(&memory.allocator, text);
    size_t before = memory.live_blocks;
    memory.refuse_at = memory.requests + refuse_at;
    hsight_node_id targets[TARGETS_MAX];
    uint32_t count = 0;
    for (; count < TARGETS_MAX && count < hsight_graph_node_count(graph); count++) {
        targets[count].index = count + 1;
    }
    hsight_paths *paths = NULL;
    hsight_status status = hsight_paths_find(graph, targets, count / 2, 0, &paths, &err);
    ck_assert_int_eq(status, memory.refused ? HSIGHT_ENOMEM : HSIGHT_OK);
    ck_assert(memory.refused == (paths == NULL));
    hsight_paths_free(paths);
    ck_assert_uint_eq(memory.live_blocks, before);
    hsight_graph_free(graph);
    ck_assert_uint_eq(memory.live_blocks, 0);
    return memory.refused;
}

/* Every request of a search is refused once; what a refusal leaves is nothing. */
START_TEST(refused_memory_leaves_nothing_behind)
{
    size_t most = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        random_graph random = random_graph_make(seed);
        size_t n = 1;
        while (find_with_refusal(random.text, n)) {
            n++;
        }
        most = n > most ? n : most;
        random_graph_free(&random);
    }
    ck_assert_uint_gt(most, 20); /* shapes, rows and lists have grown on the way */
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("path");
    tcase_add_test(tests, objects_in_one_container_are_one_row);
    tcase_add_test(tests, attributes_are_different_places);
    tcase_add_test(tests, an_object_in_a_tree_of_its_kind_is_counted_with_the_tree);
    tcase_add_test(tests, every_way_in_is_a_row);
    tcase_add_test(tests, a_long_way_from_a_module_beats_a_short_one_from_c_code);
    tcase_add_test(tests, weak_references_hold_nothing);
    tcase_add_test(tests, a_class_is_held_by_its_objects);
    tcase_add_test(tests, references_of_garbage_are_no_way_in);
    tcase_add_test(tests, a_chain_is_one_shape_with_its_shortest_example);
    tcase_add_test(tests, steps_count_only_what_leads_to_a_target);
    tcase_add_test(tests, steps_count_only_what_is_on_the_ways_of_their_row);
    tcase_add_test(tests, a_single_way_is_exact);
    tcase_add_test(tests, rows_come_by_count_kind_length_and_the_limit_cuts);
    tcase_add_test(tests, the_profiler_is_named_only_where_nothing_else_holds);
    tcase_add_test(tests, what_only_the_profiler_reaches_is_no_way_to_others);
    tcase_add_test(tests, a_target_counts_once_in_a_row);
    tcase_add_test(tests, the_bytes_of_a_row_stay_at_the_top);
    tcase_add_test(tests, endless_answers_need_a_limit);
    tcase_add_test(tests, ways_that_could_not_be_counted_are_refused);
    tcase_add_test(tests, a_target_that_is_not_there_is_refused);
    tcase_add_test(tests, no_target_gives_no_path);
    tcase_add_test(tests, refused_memory_leaves_nothing_behind);
    return run_tests("path", tests);
}
