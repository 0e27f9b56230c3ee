/* SPDX-License-Identifier: MIT */
/* check_subgraph.c - what a picture shows: neighbourhoods and unions of paths. */
#include <heapsight/subgraph.h>

#include "failing_allocator.h"
#include "graph_text.h"
#include "random_graph.h"
#include "suite.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { NODES_MAX = 64, STARTS_MAX = 8, TEXT_BYTES = 4096 };

static hsight_error err;

static uint32_t parse_nodes(const hsight_graph *graph, const char *names, hsight_node_id *out)
{
    uint32_t count = 0;
    char name[16];
    for (int used; sscanf(names, " %15s%n", name, &used) == 1; names += used) {
        ck_assert_uint_lt(count, STARTS_MAX);
        out[count++] = graph_text_node(graph, name);
    }
    return count;
}

static hsight_subgraph *around(const hsight_graph *graph, const char *starts,
                               hsight_direction direction, uint32_t depth, uint32_t too_many)
{
    hsight_node_id nodes[STARTS_MAX];
    uint32_t count = parse_nodes(graph, starts, nodes);
    hsight_subgraph_options options = {direction, depth, too_many};
    hsight_subgraph *subgraph;
    ck_assert_msg(hsight_subgraph_around(graph, NULL, nodes, count, &options, &subgraph, &err) ==
                      HSIGHT_OK,
                  "%s", err.message);
    return subgraph;
}

static hsight_string name_of(const hsight_subgraph *subgraph, uint32_t position)
{
    ck_assert_uint_lt(position, hsight_subgraph_node_count(subgraph));
    return hsight_graph_preview(hsight_subgraph_graph(subgraph),
                                hsight_subgraph_nodes(subgraph)[position].node);
}

/* "s*0 l:1+3": objects as name, "*" for a start, depth, what was left out. */
static const char *nodes_of(const hsight_subgraph *subgraph)
{
    static char text[TEXT_BYTES];
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < hsight_subgraph_node_count(subgraph); i++) {
        const hsight_subgraph_node *node = &hsight_subgraph_nodes(subgraph)[i];
        hsight_string name = name_of(subgraph, i);
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%.*s%c%u", i > 0 ? " " : "",
                             (int)name.length, name.data, node->is_start ? '*' : ':', node->depth);
        if (node->omitted_count > 0) {
            used += (size_t)snprintf(text + used, sizeof text - used, "+%u", node->omitted_count);
        }
        ck_assert_uint_lt(used, sizeof text);
    }
    return text;
}

/* "l>s s~>t" */
static const char *edges_of(const hsight_subgraph *subgraph)
{
    static char text[TEXT_BYTES];
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < hsight_subgraph_edge_count(subgraph); i++) {
        const hsight_subgraph_edge *edge = &hsight_subgraph_edges(subgraph)[i];
        hsight_string from = name_of(subgraph, edge->from), to = name_of(subgraph, edge->to);
        bool is_weak = hsight_label_kind_of(edge->label) == HSIGHT_LABEL_WEAK;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s%s>%.*s", i > 0 ? " " : "",
                                 (int)from.length, from.data, is_weak ? "~" : "", (int)to.length,
                                 to.data);
        ck_assert_uint_lt(used, sizeof text);
    }
    return text;
}

START_TEST(referrers_are_found_level_by_level)
{
    hsight_graph *graph = graph_text_build("a.x>b b.y>s b.z>s c.w>b d.v>a module:m>>a frame:f>>s");
    hsight_subgraph *subgraph = around(graph, "s", HSIGHT_REFERRERS, 2, 0);
    ck_assert_str_eq(nodes_of(subgraph), "s*0 b:1 a:2 c:2");
    ck_assert_str_eq(edges_of(subgraph), "b>s b>s a>b c>b");
    ck_assert_uint_eq(hsight_subgraph_root_count(subgraph), 2);
    ck_assert_uint_eq(hsight_subgraph_roots(subgraph)[0].to, 2);
    ck_assert_uint_eq(hsight_subgraph_roots(subgraph)[0].root->kind, HSIGHT_ROOT_MODULE);
    ck_assert_uint_eq(hsight_subgraph_roots(subgraph)[1].to, 0);
    ck_assert_int_eq(hsight_subgraph_direction(subgraph), HSIGHT_REFERRERS);
    hsight_subgraph_free(subgraph);
    subgraph = around(graph, "s a s", HSIGHT_REFERRERS, 0, 0);
    ck_assert_str_eq(nodes_of(subgraph), "s*0 a*0");
    ck_assert_str_eq(edges_of(subgraph), "");
    hsight_subgraph_free(subgraph);
    hsight_subgraph_free(NULL);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(referents_leave_out_what_the_picture_says_anyway)
{
    hsight_graph *graph = graph_text_build("s%>C s.x>d C.m>z d{}>k d{k}>v d{}>t d{t}>w t[0]>u");
    hsight_subgraph *subgraph = around(graph, "s", HSIGHT_REFERENTS, 9, 0);
    ck_assert_str_eq(nodes_of(subgraph), "s*0 d:1 v:2 t:2 w:2 u:3");
    ck_assert_str_eq(edges_of(subgraph), "s>d d>v d>t d>w t>u");
    ck_assert_int_eq(hsight_subgraph_direction(subgraph), HSIGHT_REFERENTS);
    hsight_subgraph_free(subgraph);
    subgraph = around(graph, "C k", HSIGHT_REFERRERS, 1, 0); /* there they are what was asked for */
    ck_assert_str_eq(nodes_of(subgraph), "C*0 k*0 s:1 d:1");
    hsight_subgraph_free(subgraph);
    hsight_graph_free(graph);
}
END_TEST

/* Code leads to all other code; who else holds what is held is another question. */
START_TEST(referents_end_at_code)
{
    hsight_graph *graph = graph_text_build("s.f>f f.__globals__>g g:dict!n g{k}>z s.C>C C:type!t "
                                           "C.__dict__>d d:dict!n s.__dict__>e e:dict!n e{k}>y "
                                           "s.m>m m!m frame:x>>y module:m>>m frame:x>>s");
    hsight_subgraph *subgraph = around(graph, "s", HSIGHT_REFERENTS, 9, 0);
    ck_assert_str_eq(nodes_of(subgraph), "s*0 f:1 C:1 e:1 m:1 g:2 y:2");
    ck_assert_uint_eq(hsight_subgraph_root_count(subgraph), 2);
    hsight_subgraph_free(subgraph);
    subgraph = around(graph, "C g", HSIGHT_REFERENTS, 9, 0); /* unless it is what was asked for */
    ck_assert_str_eq(nodes_of(subgraph), "C*0 g*0 d:1 z:1");
    hsight_subgraph_free(subgraph);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(too_many_bounds_new_objects_known_ones_and_roots)
{
    hsight_graph *graph =
        graph_text_build("l[0]>a l[1]>b l[2]>c l[3]>d a.l>l b.l>l a.b>b a.c>b a.d>b "
                         "module:m>>l module:n>>l frame:f>>l");
    hsight_subgraph *subgraph = around(graph, "l", HSIGHT_REFERENTS, 2, 2);
    ck_assert_str_eq(nodes_of(subgraph), "l*0+3 a:1+2 b:1"); /* c, d and a root; two of a's edges */
    ck_assert_str_eq(edges_of(subgraph), "l>a l>b a>l a>b b>l");
    ck_assert_uint_eq(hsight_subgraph_root_count(subgraph), 2);
    hsight_subgraph_free(subgraph);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(modules_are_shown_and_not_expanded)
{
    hsight_graph *graph = graph_text_build("m!m x.m>m m.s>s");
    hsight_subgraph *subgraph = around(graph, "s", HSIGHT_REFERRERS, 5, 0);
    ck_assert_str_eq(nodes_of(subgraph), "s*0 m:1");
    hsight_subgraph_free(subgraph);
    subgraph = around(graph, "m", HSIGHT_REFERRERS, 5, 0); /* unless it is what was asked for */
    ck_assert_str_eq(nodes_of(subgraph), "m*0 x:1");
    hsight_subgraph_free(subgraph);
    hsight_graph_free(graph);
}
END_TEST

/* Functions of a module refer to its namespace as their globals: that is not why it is alive. */
START_TEST(the_namespace_of_a_module_leads_to_the_module)
{
    hsight_graph *graph =
        graph_text_build("f.__globals__>d g.__globals__>d m!m m.__dict__>d d:dict!n "
                         "d{k}>s");
    hsight_subgraph *subgraph = around(graph, "s", HSIGHT_REFERRERS, 5, 0);
    ck_assert_str_eq(nodes_of(subgraph), "s*0 d:1 m:2");
    hsight_subgraph_free(subgraph);
    subgraph = around(graph, "d", HSIGHT_REFERRERS, 5, 0); /* unless it is what was asked for */
    ck_assert_str_eq(nodes_of(subgraph), "d*0 f:1 g:1 m:1");
    hsight_subgraph_free(subgraph);
    hsight_graph_free(graph);
    graph = graph_text_build("o.__dict__>d p.old>d d:dict!n d{k}>s"); /* of another object: all */
    subgraph = around(graph, "s", HSIGHT_REFERRERS, 5, 0);
    ck_assert_str_eq(nodes_of(subgraph), "s*0 d:1 o:2 p:2");
    hsight_subgraph_free(subgraph);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(the_profiler_is_shown_only_where_nothing_else_holds)
{
    hsight_graph *graph = graph_text_build("c:1>>a a.x>s w~>t profiler>>a profiler>>s profiler>>t");
    hsight_subgraph *subgraph = around(graph, "s t", HSIGHT_REFERRERS, 5, 0);
    ck_assert_str_eq(nodes_of(subgraph), "s*0 t*0 a:1 w:1");
    ck_assert_uint_eq(hsight_subgraph_root_count(subgraph), 2);
    ck_assert_uint_eq(hsight_subgraph_roots(subgraph)[0].root->kind, HSIGHT_ROOT_C_HELD);
    ck_assert_uint_eq(hsight_subgraph_roots(subgraph)[1].root->kind, HSIGHT_ROOT_PROFILER);
    ck_assert_uint_eq(hsight_subgraph_roots(subgraph)[1].to, 1);
    hsight_subgraph_free(subgraph);
    hsight_graph_free(graph);
}
END_TEST

/* Whichever comes first in the graph; and the profiler says it once. */
START_TEST(the_profiler_is_asked_last)
{
    hsight_graph *graph =
        graph_text_build("profiler>>s profiler>>t profiler>>t c:1>>s profiler>>s");
    hsight_subgraph *subgraph = around(graph, "s t", HSIGHT_REFERRERS, 5, 1);
    ck_assert_str_eq(nodes_of(subgraph), "s*0 t*0"); /* and nothing was omitted */
    ck_assert_uint_eq(hsight_subgraph_root_count(subgraph), 2);
    ck_assert_uint_eq(hsight_subgraph_roots(subgraph)[0].root->kind, HSIGHT_ROOT_C_HELD);
    ck_assert_uint_eq(hsight_subgraph_roots(subgraph)[0].to, 0);
    ck_assert_uint_eq(hsight_subgraph_roots(subgraph)[1].root->kind, HSIGHT_ROOT_PROFILER);
    ck_assert_uint_eq(hsight_subgraph_roots(subgraph)[1].to, 1);
    hsight_subgraph_free(subgraph);
    hsight_graph_free(graph);
}
END_TEST

/* w is first seen through a weak reference; b also holds it, so it is expanded after all. */
START_TEST(weak_references_are_shown_and_not_expanded)
{
    hsight_graph *graph = graph_text_build("v.x>w w~>s b.y>s q.z>v");
    hsight_subgraph *subgraph = around(graph, "s", HSIGHT_REFERRERS, 5, 0);
    ck_assert_str_eq(nodes_of(subgraph), "s*0 w:1 b:1");
    ck_assert_str_eq(edges_of(subgraph), "w~>s b>s");
    hsight_subgraph_free(subgraph);
    hsight_graph_free(graph);
    graph = graph_text_build("v.x>w w~>s b.y>s w.u>b");
    subgraph = around(graph, "s", HSIGHT_REFERRERS, 5, 0);
    ck_assert_str_eq(nodes_of(subgraph), "s*0 w:2 b:1 v:3");
    ck_assert_str_eq(edges_of(subgraph), "w~>s b>s w>b v>w");
    hsight_subgraph_free(subgraph);
    hsight_graph_free(graph);
}
END_TEST

/* d is first seen as the globals of f, and is also the namespace of an object far below: that is
 * where it stands and is expanded from. */
START_TEST(depth_is_that_of_references_that_lead_on)
{
    hsight_graph *graph = graph_text_build("f.__globals__>d d:dict!n f.x>a a.x>b b.x>c "
                                           "c.__dict__>d d{k}>z");
    hsight_subgraph *subgraph = around(graph, "f", HSIGHT_REFERENTS, 9, 0);
    ck_assert_str_eq(nodes_of(subgraph), "f*0 d:4 a:1 b:2 c:3 z:5");
    hsight_subgraph_free(subgraph);
    subgraph = around(graph, "f", HSIGHT_REFERENTS, 4, 0);
    ck_assert_str_eq(nodes_of(subgraph), "f*0 d:4 a:1 b:2 c:3");
    hsight_subgraph_free(subgraph);
    subgraph = around(graph, "f", HSIGHT_REFERENTS, 3, 0); /* not reached that way any more */
    ck_assert_str_eq(nodes_of(subgraph), "f*0 d:1 a:1 b:2 c:3");
    hsight_subgraph_free(subgraph);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(a_given_index_of_referrers_is_used)
{
    hsight_graph *graph = graph_text_build("a.x>b b.y>s");
    hsight_reverse *reverse;
    ck_assert_int_eq(hsight_reverse_new(graph, &reverse, &err), HSIGHT_OK);
    hsight_node_id start = graph_text_node(graph, "s");
    hsight_subgraph_options options = {HSIGHT_REFERRERS, 9, 0};
    hsight_subgraph *subgraph;
    ck_assert_int_eq(hsight_subgraph_around(graph, reverse, &start, 1, &options, &subgraph, &err),
                     HSIGHT_OK);
    ck_assert_str_eq(nodes_of(subgraph), "s*0 b:1 a:2");
    hsight_subgraph_free(subgraph);
    hsight_reverse_free(reverse);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(wrong_arguments_are_refused)
{
    hsight_graph *graph = graph_text_build("a b");
    hsight_node_id starts[] = {{1}, {3}};
    hsight_subgraph_options options = {HSIGHT_REFERENTS, 1, 0};
    hsight_subgraph *subgraph = NULL;
    ck_assert_int_eq(hsight_subgraph_around(graph, NULL, starts, 2, &options, &subgraph, &err),
                     HSIGHT_EINVAL);
    ck_assert_str_eq(err.message,
                     "subgraph: start 2 of 2 is object 3, but the graph has 2 objects");
    starts[0].index = 0;
    ck_assert_int_eq(hsight_subgraph_around(graph, NULL, starts, 1, &options, &subgraph, NULL),
                     HSIGHT_EINVAL);
    options.direction = (hsight_direction)2;
    ck_assert_int_eq(hsight_subgraph_around(graph, NULL, starts, 0, &options, &subgraph, &err),
                     HSIGHT_EINVAL);
    ck_assert_str_eq(err.message,
                     "subgraph: direction 2 is neither referrers (0) nor referents (1)");
    ck_assert_ptr_null(subgraph);
    hsight_graph_free(graph);
}
END_TEST

static hsight_subgraph *of_paths(const hsight_graph *graph, const char *targets)
{
    hsight_node_id nodes[STARTS_MAX];
    uint32_t count = parse_nodes(graph, targets, nodes);
    hsight_paths *paths;
    hsight_subgraph *subgraph;
    ck_assert_int_eq(hsight_paths_find(graph, nodes, count, 0, &paths, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_subgraph_of_paths(graph, paths, &subgraph, &err), HSIGHT_OK);
    hsight_paths_free(paths);
    return subgraph;
}

START_TEST(paths_share_their_steps)
{
    hsight_graph *graph = graph_text_build("module:m>>m m.a>a a.b>b b.s>s a.c>c c.t>s a.d>d d[0]>x "
                                           "d[1]>y s:S x:T y:T frame:f>>a");
    hsight_subgraph *subgraph = of_paths(graph, "s x y");
    ck_assert_str_eq(nodes_of(subgraph), "m:3 a:2 d:1 x*0 b:1 s*0 c:1");
    ck_assert_str_eq(edges_of(subgraph), "m>a a>d d>x a>b b>s a>c c>s");
    ck_assert_uint_eq(hsight_subgraph_root_count(subgraph), 1);
    ck_assert_uint_eq(hsight_subgraph_nodes(subgraph)[3].standing_for, 2);
    ck_assert_uint_eq(hsight_subgraph_nodes(subgraph)[5].standing_for, 1);
    hsight_subgraph_free(subgraph);
    subgraph = of_paths(graph, "x s y a"); /* a is on the way of the others: it ends their paths */
    ck_assert_str_eq(nodes_of(subgraph), "m:1 a*0");
    ck_assert_uint_eq(hsight_subgraph_nodes(subgraph)[1].standing_for, 1);
    ck_assert_uint_eq(hsight_subgraph_nodes(subgraph)[1].hanging_count, 3);
    hsight_subgraph_free(subgraph);
    hsight_graph_free(graph);
    /* The long path comes first, because it holds two; the short one sets the depth. */
    graph = graph_text_build("module:m>>m m.a>a a.b>b b.l>l l[0]>x l[1]>y a.t>s a.u>s x:T y:T s:S");
    subgraph = of_paths(graph, "x y s");
    ck_assert_str_eq(nodes_of(subgraph), "m:2 a:1 b:2 l:1 x*0 s*0");
    ck_assert_str_eq(edges_of(subgraph), "m>a a>b b>l l>x a>s a>s");
    hsight_subgraph_free(subgraph);
    subgraph = of_paths(graph, "");
    ck_assert_uint_eq(hsight_subgraph_node_count(subgraph), 0);
    hsight_subgraph_free(subgraph);
    hsight_graph_free(graph);
}
END_TEST

/* Rows come by what they hold altogether, so a later one may have the larger count of a step. */
START_TEST(where_paths_share_an_object_the_larger_counts_stay)
{
    hsight_graph *graph = graph_text_build("module:m>>m m.b>s s.x>u s.y>v s.z>w m.a>a a[0]>s "
                                           "a[1]>t s:T t:T u:T v:T w:T");
    hsight_subgraph *subgraph = of_paths(graph, "s t u v w");
    ck_assert_str_eq(nodes_of(subgraph), "m:1 s*0 a:1");
    ck_assert_uint_eq(hsight_subgraph_nodes(subgraph)[1].standing_for, 2);
    ck_assert_uint_eq(hsight_subgraph_nodes(subgraph)[1].hanging_count, 3);
    hsight_subgraph_free(subgraph);
    hsight_graph_free(graph);
    graph = graph_text_build("module:m>>m m.all>l l[0]>x l[1]>y x[0]>p x[1]>q x[2]>r x.old>s "
                             "y.old>t x:S y:S p:T q:T r:T s:T t:T");
    subgraph = of_paths(graph, "p q r s t");
    ck_assert_str_eq(nodes_of(subgraph), "m:3 l:2 x:1 p*0 s*0");
    ck_assert_uint_eq(hsight_subgraph_nodes(subgraph)[2].standing_for, 2);
    hsight_subgraph_free(subgraph);
    hsight_graph_free(graph);
}
END_TEST

/* ---- random graphs --------------------------------------------------------------------------- */

static bool is_followed(const hsight_graph *graph, hsight_node_id source, uint32_t item,
                        uint32_t start)
{
    hsight_references all = hsight_graph_references(graph, source);
    hsight_label_kind kind = hsight_label_kind_of(all.labels[item]);
    uint32_t ends = HSIGHT_NODE_MODULE | HSIGHT_NODE_TYPE;
    bool is_end = (hsight_graph_flags(graph, source) & ends) != 0;
    bool is_empty_key = kind == HSIGHT_LABEL_DICT_KEY &&
                        hsight_graph_references(graph, all.targets[item]).count == 0;
    return (!is_end || source.index == start) && kind != HSIGHT_LABEL_CLASS && !is_empty_key;
}

/* One round over all references: shorter ways over those that lead on, or over those that do not:
 * weak ones, and to namespaces, because no label of a random graph is __dict__. */
static void relax(const hsight_graph *graph, uint32_t start, bool weak, const uint32_t *from,
                  uint32_t *to)
{
    for (uint32_t edge = 0; edge < hsight_graph_edge_count(graph); edge++) {
        hsight_node_id source = hsight_graph_edge_source(graph, edge);
        hsight_references all = hsight_graph_references(graph, source);
        uint32_t item = edge - all.first, target = all.targets[item].index;
        bool is_weak = hsight_label_kind_of(all.labels[item]) == HSIGHT_LABEL_WEAK ||
                       (hsight_graph_flags(graph, all.targets[item]) & HSIGHT_NODE_NAMESPACE) != 0;
        uint32_t length = from[source.index] + 1;
        if (is_weak == weak && from[source.index] != UINT32_MAX && length < to[target] &&
            is_followed(graph, source, item, start)) {
            to[target] = length;
        }
    }
}

/* Distances towards referents without limits, until nothing changes; then one step to what goes no
 * further. */
static void measure_distances(const hsight_graph *graph, uint32_t start, uint32_t *distance)
{
    uint32_t strong[NODES_MAX], weak[NODES_MAX];
    uint32_t count = hsight_graph_node_count(graph);
    for (uint32_t node = 0; node < NODES_MAX; node++) {
        strong[node] = node == start ? 0 : UINT32_MAX;
        weak[node] = UINT32_MAX;
    }
    for (uint32_t round = 0; round <= count; round++) {
        relax(graph, start, false, strong, strong);
    }
    relax(graph, start, true, strong, weak);
    for (uint32_t node = 1; node <= count; node++) {
        distance[node] = strong[node] != UINT32_MAX ? strong[node] : weak[node];
    }
}

START_TEST(random_neighbourhoods_are_complete)
{
    for (uint64_t seed = 1; seed <= 600; seed++) {
        random_graph random = random_graph_make(seed);
        uint32_t count = hsight_graph_node_count(random.graph);
        if (count > 0) {
            hsight_node_id start = {1 + (uint32_t)(seed % count)};
            hsight_subgraph_options options = {HSIGHT_REFERENTS, NODES_MAX, 0};
            hsight_subgraph *subgraph;
            ck_assert_int_eq(
                hsight_subgraph_around(random.graph, NULL, &start, 1, &options, &subgraph, &err),
                HSIGHT_OK);
            uint32_t distance[NODES_MAX], near = 0;
            measure_distances(random.graph, start.index, distance);
            for (uint32_t node = 1; node <= count; node++) {
                near += distance[node] != UINT32_MAX;
            }
            random_graph_assert(&random, hsight_subgraph_node_count(subgraph) == near);
            for (uint32_t i = 0; i < near; i++) {
                const hsight_subgraph_node *node = &hsight_subgraph_nodes(subgraph)[i];
                random_graph_assert(&random, node->depth == distance[node->node.index]);
                random_graph_assert(&random, node->omitted_count == 0);
            }
            hsight_subgraph_free(subgraph);
        }
        random_graph_free(&random);
    }
}
END_TEST

/* Every reference shown exists, and none is shown more often than it does. */
START_TEST(random_referrers_are_references)
{
    for (uint64_t seed = 1; seed <= 600; seed++) {
        random_graph random = random_graph_make(seed);
        uint32_t count = hsight_graph_node_count(random.graph);
        if (count > 0) {
            hsight_node_id start = {1 + (uint32_t)(seed % count)};
            hsight_subgraph_options options = {HSIGHT_REFERRERS, 3, 4};
            hsight_subgraph *subgraph;
            ck_assert_int_eq(
                hsight_subgraph_around(random.graph, NULL, &start, 1, &options, &subgraph, &err),
                HSIGHT_OK);
            const hsight_subgraph_edge *edges = hsight_subgraph_edges(subgraph);
            const hsight_subgraph_node *nodes = hsight_subgraph_nodes(subgraph);
            for (uint32_t i = 0; i < hsight_subgraph_edge_count(subgraph); i++) {
                uint32_t shown = 0, real = 0;
                for (uint32_t j = 0; j < hsight_subgraph_edge_count(subgraph); j++) {
                    shown += memcmp(&edges[i], &edges[j], sizeof edges[i]) == 0;
                }
                hsight_references all =
                    hsight_graph_references(random.graph, nodes[edges[i].from].node);
                for (uint32_t j = 0; j < all.count; j++) {
                    real += all.targets[j].index == nodes[edges[i].to].node.index &&
                            all.labels[j].bits == edges[i].label.bits;
                }
                random_graph_assert(&random, shown <= real);
                bool is_weak = hsight_label_kind_of(edges[i].label) == HSIGHT_LABEL_WEAK;
                random_graph_assert(&random, is_weak || nodes[edges[i].from].depth <=
                                                            nodes[edges[i].to].depth + 1);
            }
            hsight_subgraph_free(subgraph);
        }
        random_graph_free(&random);
    }
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

static const char big[] =
    "module:m>>m m.a>a a.b>b b.s>s a.c>c c.t>s a.d>d d[0]>x d[1]>y s:S x:T y:T "
    "frame:f>>a e[0]>s f[0]>s g[0]>s h[0]>s i[0]>s j[0]>s k[0]>s l[0]>s";

static hsight_status build(const hsight_graph *graph, const hsight_paths *paths,
                           hsight_direction direction, hsight_subgraph **out)
{
    if (paths != NULL) {
        return hsight_subgraph_of_paths(graph, paths, out, &err);
    }
    hsight_node_id start = graph_text_node(graph, direction == HSIGHT_REFERRERS ? "s" : "m");
    hsight_subgraph_options options = {direction, 9, 4};
    return hsight_subgraph_around(graph, NULL, &start, 1, &options, out, &err);
}

/* _i: 0 paths, 1 referrers, 2 referents */
START_TEST(refused_memory_leaves_nothing_behind)
{
    size_t refused = 0;
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, 0);
        hsight_graph *graph = graph_text_build_on(&memory.allocator, big);
        hsight_node_id targets[2] = {graph_text_node(graph, "s"), graph_text_node(graph, "x")};
        hsight_paths *paths = NULL;
        if (_i == 0) {
            ck_assert_int_eq(hsight_paths_find(graph, targets, 2, 0, &paths, &err), HSIGHT_OK);
        }
        size_t before = memory.live_blocks;
        memory.refuse_at = memory.requests + n;
        hsight_subgraph *subgraph = NULL;
        hsight_direction direction = _i == 1 ? HSIGHT_REFERRERS : HSIGHT_REFERENTS;
        hsight_status status = build(graph, paths, direction, &subgraph);
        ck_assert_int_eq(status, subgraph == NULL ? HSIGHT_ENOMEM : HSIGHT_OK);
        refused += subgraph == NULL;
        hsight_subgraph_free(subgraph);
        ck_assert_uint_eq(memory.live_blocks, before);
        hsight_paths_free(paths);
        hsight_graph_free(graph);
        ck_assert_uint_eq(memory.live_blocks, 0);
        if (!memory.refused) {
            break;
        }
    }
    ck_assert_uint_ge(refused, 7);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("subgraph");
    tcase_add_test(tests, referrers_are_found_level_by_level);
    tcase_add_test(tests, referents_leave_out_what_the_picture_says_anyway);
    tcase_add_test(tests, referents_end_at_code);
    tcase_add_test(tests, too_many_bounds_new_objects_known_ones_and_roots);
    tcase_add_test(tests, modules_are_shown_and_not_expanded);
    tcase_add_test(tests, the_namespace_of_a_module_leads_to_the_module);
    tcase_add_test(tests, the_profiler_is_shown_only_where_nothing_else_holds);
    tcase_add_test(tests, the_profiler_is_asked_last);
    tcase_add_test(tests, weak_references_are_shown_and_not_expanded);
    tcase_add_test(tests, depth_is_that_of_references_that_lead_on);
    tcase_add_test(tests, a_given_index_of_referrers_is_used);
    tcase_add_test(tests, wrong_arguments_are_refused);
    tcase_add_test(tests, paths_share_their_steps);
    tcase_add_test(tests, where_paths_share_an_object_the_larger_counts_stay);
    tcase_add_test(tests, random_neighbourhoods_are_complete);
    tcase_add_test(tests, random_referrers_are_references);
    tcase_add_loop_test(tests, refused_memory_leaves_nothing_behind, 0, 3);
    return run_tests("subgraph", tests);
}
