/* SPDX-License-Identifier: MIT */
/* check_dot.c - DOT source: what is drawn, and that Graphviz reads back what was meant.
 *
 * The real `dot` program parses every source here and must not even warn; the SVG that it makes is
 * searched for the texts as it understood them. */
#include <heapsight/report.h>

#include "failing_allocator.h"
#include "graph/columns.h"
#include "graph_text.h"
#include "random_graph.h"
#include "suite.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUT_BYTES = 1 << 18 };

static hsight_error err;

typedef struct {
    char text[OUT_BYTES];
    size_t used;
} buffer;

static buffer source, picture, complaints;

static int collect(void *state, const char *data, size_t length)
{
    buffer *to = state;
    ck_assert_uint_lt(to->used + length, sizeof to->text);
    memcpy(to->text + to->used, data, length);
    to->used += length;
    to->text[to->used] = '\0';
    return 0;
}

static void write_source(const hsight_subgraph *subgraph)
{
    hsight_sink sink = {collect, &source};
    source.used = 0;
    ck_assert_msg(hsight_report_dot(subgraph, &sink, &err) == HSIGHT_OK, "%s", err.message);
}

static void read_file(const char *name, buffer *to)
{
    FILE *file = fopen(name, "rb");
    ck_assert_ptr_nonnull(file);
    to->used = fread(to->text, 1, sizeof to->text - 1, file);
    to->text[to->used] = '\0';
    fclose(file);
}

/* Have the real dot read `source` and draw it into `picture`; it must have nothing to complain. */
static void draw_with_dot(void)
{
    char directory[] = "/tmp/check_dot.XXXXXX", command[256];
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(chdir(directory), 0);
    FILE *file = fopen("x.dot", "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(source.text, 1, source.used, file), source.used);
    fclose(file);
    int code = system("dot -Tsvg -o x.svg x.dot 2> complaints");
    read_file("complaints", &complaints);
    ck_assert_msg(code == 0 && complaints.used == 0, "dot: %.500s\n%.2000s", complaints.text,
                  source.text);
    read_file("x.svg", &picture);
    ck_assert_int_eq(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -r %s", directory);
    ck_assert_int_eq(system(command), 0);
}

static size_t count_in(const buffer *where, const char *what)
{
    size_t count = 0;
    for (const char *at = where->text; (at = strstr(at, what)) != NULL; at += strlen(what)) {
        count++;
    }
    return count;
}

static void must_show(const char *what, size_t times)
{
    ck_assert_msg(count_in(&picture, what) == times, "%s: %zu times, not %zu in\n%.3000s", what,
                  count_in(&picture, what), times, picture.text);
}

/* Draw what is around `start`. */
static void draw_around(const hsight_graph *graph, hsight_node_id start, hsight_direction direction,
                        uint32_t too_many)
{
    hsight_subgraph_options options = {direction, 5, too_many};
    hsight_subgraph *subgraph;
    ck_assert_int_eq(hsight_subgraph_around(graph, NULL, &start, 1, &options, &subgraph, &err),
                     HSIGHT_OK);
    write_source(subgraph);
    hsight_subgraph_free(subgraph);
    draw_with_dot();
}

/* Draw the paths to all objects of type T. */
static void draw_paths(const hsight_graph *graph)
{
    hsight_node_id *nodes;
    uint32_t count;
    hsight_paths *paths;
    hsight_subgraph *subgraph;
    ck_assert_int_eq(hsight_nodes_of_type(graph, (hsight_string){"T", 1}, &nodes, &count, &err),
                     HSIGHT_OK);
    ck_assert_int_eq(hsight_paths_find(graph, nodes, count, 0, &paths, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_subgraph_of_paths(graph, paths, &subgraph, &err), HSIGHT_OK);
    write_source(subgraph);
    hsight_subgraph_free(subgraph);
    hsight_paths_free(paths);
    hsight_nodes_free(nodes, count);
    draw_with_dot();
}

/* ---- what is drawn --------------------------------------------------------------------------- */

START_TEST(a_path_shows_root_names_and_counts)
{
    hsight_graph *graph =
        graph_text_build("module:service>>m m:module=72!m m.__dict__>d d:dict=1184!n d{CACHE}>c "
                         "c:dict=36960 c{k1}>t1 c{k2}>t2 t1:T=64 t2:T=64");
    draw_paths(graph);
    must_show("class=\"node\"", 3); /* the module's namespace has no box */
    must_show("class=\"edge\"", 2);
    must_show(">module service<", 1);
    ck_assert_uint_eq(count_in(&source, "style=filled"), 1); /* the tab: dot rounds only boxes */
    must_show(">.CACHE<", 1);
    must_show(">36.1 KiB, 2 items<", 1);
    must_show(">[…]<", 1);
    must_show(">T<", 1);
    must_show(">64 B, one of 2<", 1);
    hsight_graph_free(graph);
}
END_TEST

/* One object is held here, so its key is said; the others hang below it, as the text says too. */
START_TEST(what_hangs_below_is_no_example)
{
    hsight_graph *graph = graph_text_build("module:m>>m m:module!m m.C>c c:dict=8 c{head}>t1 "
                                           "t1:T=64 t1.next>t2 t2.next>t3 t2:T t3:T");
    draw_paths(graph);
    must_show(">[head]<", 1);
    must_show(">64 B, 2 more hang below it<", 1);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(frames_and_c_code_have_boxes)
{
    hsight_graph *graph =
        graph_text_build("frame:job:worker-1:pin:service.py:41>>j j:Job j.x>t t:T "
                         "c:2>>t");
    draw_paths(graph);
    must_show("class=\"node\"", 4);
    must_show(">thread &#39;worker&#45;1&#39;<", 1);
    must_show(">in pin<", 1);
    must_show(">service.py:41<", 1);
    must_show(">job<", 1); /* the variable on the arrow; the name of the object is j */
    must_show(">held by C code (2 references)<", 1);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(closures_are_folded)
{
    hsight_graph *graph =
        graph_text_build("module:m>>m m:module!m m.h>h h:function h.__closure__>c c:tuple c[0]>e "
                         "c[1]>f e:cell e^cache>t f:cell f^other>u t:T u:T");
    draw_paths(graph);
    must_show("class=\"node\"", 4);
    must_show(">.&lt;closure cache&gt;<", 1);
    must_show(">.&lt;closure other&gt;<", 1);
    hsight_graph_free(graph);
}
END_TEST

/* A namespace is only folded where nothing of it is lost. */
START_TEST(not_every_namespace_is_folded)
{
    hsight_graph *graph = graph_text_build("o.__dict__>d d:dict!n d{k}>o");
    draw_around(graph, graph_text_node(graph, "d"), HSIGHT_REFERENTS, 0); /* it was asked for */
    must_show("class=\"node\"", 2);
    hsight_graph_free(graph);
    graph = graph_text_build("o.__dict__>d d:dict!n d{k}>x d{l}>y d{m}>z");
    draw_around(graph, graph_text_node(graph, "o"), HSIGHT_REFERENTS, 2); /* a part is left out */
    must_show("class=\"node\"", 5);
    must_show(">1 more reference<", 1);
    hsight_graph_free(graph);
    graph = graph_text_build("o.__dict__>d p.__dict__>d d:dict!n d{k}>x");
    draw_around(graph, graph_text_node(graph, "x"), HSIGHT_REFERRERS, 0); /* two have it */
    must_show("class=\"node\"", 4);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(functions_methods_and_classes_have_names)
{
    hsight_graph *graph = graph_text_build("t:T t.c>c c:type!t t.f>f f:function");
    hsight_builder *builder;
    ck_assert_int_eq(hsight_builder_new(NULL, &builder, &err), HSIGHT_OK);
    hsight_graph_free(graph);
    /* Without previews of their own, as a capture leaves them: t -> method -> function -> name. */
    static const char *const types[] = {"T", "method", "function", "str", "type"};
    hsight_type_id ids[5];
    hsight_node_id nodes[5];
    hsight_string_id text;
    for (uint32_t i = 0; i < 5; i++) {
        ck_assert_int_eq(hsight_builder_string(builder, types[i], strlen(types[i]), &text, &err),
                         0);
        ck_assert_int_eq(hsight_builder_add_type(builder, text, &ids[i], &err), 0);
        hsight_node_info info = {.address = i + 1, .shallow_bytes = 8, .type = ids[i]};
        info.flags = i == 4 ? HSIGHT_NODE_TYPE : 0;
        ck_assert_int_eq(hsight_builder_add_node(builder, &info, &nodes[i], &err), 0);
    }
    static const struct {
        uint32_t from, to;
        const char *name;
    } edges[] = {{0, 1, "m"}, {1, 2, "__func__"}, {2, 3, "__name__"}, {0, 4, "kind"}};
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_int_eq(
            hsight_builder_string(builder, edges[i].name, strlen(edges[i].name), &text, &err), 0);
        hsight_label label = hsight_label_make(HSIGHT_LABEL_ATTRIBUTE, text.index);
        ck_assert_int_eq(
            hsight_builder_add_edge(builder, nodes[edges[i].from], nodes[edges[i].to], label, &err),
            0);
    }
    hsight_builder_set_type_node(builder, ids[0], nodes[4]);
    ck_assert_int_eq(hsight_builder_string(builder, "on_event", 8, &text, &err), 0);
    ck_assert_int_eq(hsight_builder_preview(builder, nodes[3], text, &err), 0);
    ck_assert_int_eq(hsight_builder_finish(builder, &graph, &err), 0);
    draw_around(graph, nodes[0], HSIGHT_REFERENTS, 0);
    must_show(">on_event<", 2);           /* the method and the function */
    must_show(">&#39;on_event&#39;<", 1); /* the text itself */
    must_show(">class T<", 1);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(weak_references_are_dashed_and_stubs_dotted)
{
    hsight_graph *graph = graph_text_build("w~>s a.x>s b.x>s c.x>s d.x>s");
    draw_around(graph, graph_text_node(graph, "s"), HSIGHT_REFERRERS, 2);
    must_show(">3 more referrers<", 1);
    must_show("a dashed arrow is a weak reference", 1);
    ck_assert_uint_eq(count_in(&source, "style=dashed"), 1);
    ck_assert_uint_eq(count_in(&source, "style=dotted"), 1);
    hsight_graph_free(graph);
    graph = graph_text_build("s.a>a s.b>b");
    draw_around(graph, graph_text_node(graph, "s"), HSIGHT_REFERENTS, 1);
    must_show(">1 more reference<", 1);
    must_show("a dashed arrow", 0);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(many_boxes_on_a_level_grow_in_height)
{
    hsight_graph *narrow = graph_text_build("a.x>s b.x>s c.x>s d.x>s e.x>s");
    draw_around(narrow, graph_text_node(narrow, "s"), HSIGHT_REFERRERS, 0);
    ck_assert_uint_eq(count_in(&source, "rankdir=TB"), 1);
    hsight_graph_free(narrow);
    hsight_graph *wide = graph_text_build("a.x>s b.x>s c.x>s d.x>s e.x>s f.x>s");
    draw_around(wide, graph_text_node(wide, "s"), HSIGHT_REFERRERS, 0);
    ck_assert_uint_eq(count_in(&source, "rankdir=LR"), 1);
    hsight_graph_free(wide);
}
END_TEST

START_TEST(nothing_is_a_picture_too)
{
    hsight_graph *graph = graph_text_build("a:T");
    draw_paths(graph);
    must_show("class=\"node\"", 0);
    hsight_graph_free(graph);
}
END_TEST

/* ---- texts that try to be something else ----------------------------------------------------- */

/* Type, preview, key, attribute, module and thread are all `text`. */
static hsight_graph *graph_that_says(const char *text, size_t length)
{
    hsight_builder *builder;
    hsight_string_id id;
    hsight_type_id type;
    hsight_node_id nodes[3];
    hsight_graph *graph;
    ck_assert_int_eq(hsight_builder_new(NULL, &builder, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_string(builder, text, length, &id, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_type(builder, id, &type, &err), HSIGHT_OK);
    for (uint32_t i = 0; i < 3; i++) {
        hsight_node_info info = {.address = i + 1, .shallow_bytes = 8, .type = type};
        info.flags = i == 1 ? HSIGHT_NODE_TYPE : i == 2 ? HSIGHT_NODE_MODULE : 0;
        ck_assert_int_eq(hsight_builder_add_node(builder, &info, &nodes[i], &err), HSIGHT_OK);
        ck_assert_int_eq(hsight_builder_preview(builder, nodes[i], id, &err), HSIGHT_OK);
    }
    hsight_label labels[] = {hsight_label_make(HSIGHT_LABEL_ATTRIBUTE, id.index),
                             hsight_label_make(HSIGHT_LABEL_INTERNAL, id.index),
                             hsight_label_make(HSIGHT_LABEL_DICT_VALUE, 1)};
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_int_eq(hsight_builder_add_edge(builder, nodes[i], nodes[0], labels[i], &err), 0);
    }
    for (uint32_t kind = 1; kind <= 6; kind++) {
        hsight_root root = {nodes[kind % 3], kind, id, id, id, id, 1, 1};
        ck_assert_int_eq(hsight_builder_add_root(builder, &root, &err), HSIGHT_OK);
    }
    ck_assert_int_eq(hsight_builder_finish(builder, &graph, &err), HSIGHT_OK);
    return graph;
}

static void draw_text(const char *text, size_t length)
{
    hsight_graph *graph = graph_that_says(text, length);
    draw_around(graph, (hsight_node_id){1}, HSIGHT_REFERRERS, 0);
    hsight_graph_free(graph);
}

START_TEST(hostile_texts_stay_texts)
{
    static const struct {
        const char *text;
        size_t length;
        const char *shown; /* in SVG, as dot writes it */
    } texts[] = {
        {"\"];evil[label=\"", 15, ">&quot;];evil[label=&quot;<"},
        {"<b>&amp;</b>", 12, ">&lt;b&gt;&amp;amp;&lt;/b&gt;<"},
        {"</table>>];", 11, ">&lt;/table&gt;&gt;];<"},
        {"a\\nb\\", 5, ">a\\nb\\<"},
        {"\\N \\G \\E \\L", 11, ">\\N \\G \\E \\L<"},
        {"a\nb\tc\x1b[2J", 9, ">a\\nb\\tc\\x1b[2J<"},
        {"a\0b", 3, ">a\\x00b<"},
        {"\xFF\xC3(", 3, ">\xEF\xBF\xBD\xEF\xBF\xBD(<"},
        {"\xE4\xB8\xAD\xF0\x9F\x98\x80", 7, ">\xE4\xB8\xAD\xF0\x9F\x98\x80<"},
        {"\xE2\x80\xAE"
         "abc\xEF\xBF\xBF",
         9, ">\\u202eabc\\uffff<"},
        {"&#65;&lt;", 9, ">&amp;#65;&amp;lt;<"},
        {" ", 1, NULL},
        {"%s%n", 4, ">%s%n<"},
        {"--x--", 5, ">&#45;&#45;x&#45;&#45;<"},
        {"<!-- x -->", 10, ">&lt;!&#45;&#45; x &#45;&#45;&gt;<"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        draw_text(texts[i].text, texts[i].length);
        must_show("evil<", 0);
        ck_assert_msg(texts[i].shown == NULL || strstr(picture.text, texts[i].shown) != NULL,
                      "%s is not in\n%.3000s", texts[i].shown, picture.text);
    }
}
END_TEST

/* The same graph with the texts taken out, as a file could have it: string 1 is there and empty. */
static hsight_graph *graph_without_texts(const hsight_graph *from, const uint64_t *offsets)
{
    hsight__columns columns = *hsight__graph_columns(from);
    hsight_graph *graph;
    ck_assert_uint_eq(columns.string_count, 1);
    columns.string_offsets = offsets;
    columns.string_bytes_count = 0;
    ck_assert_int_eq(hsight__graph_wrap(NULL, &columns, NULL, NULL, &graph, &err), HSIGHT_OK);
    ck_assert_msg(hsight_graph_check(graph, &err) == HSIGHT_OK, "%s", err.message);
    return graph;
}

/* Graphviz takes no markup without text in it. */
START_TEST(empty_texts_can_be_drawn)
{
    static const uint64_t offsets[3] = {0, 0, 0};
    hsight_graph *graph = graph_that_says("x", 1);
    hsight_graph *empty = graph_without_texts(graph, offsets);
    draw_around(empty, (hsight_node_id){1}, HSIGHT_REFERRERS, 0);
    must_show(">?<", 3); /* the types; an arrow from a frame has no label */
    must_show(">in <", 0);
    hsight_graph_free(empty);
    hsight_graph_free(graph);
    graph = graph_that_says("/", 1); /* a directory: its last component is empty */
    draw_around(graph, (hsight_node_id){1}, HSIGHT_REFERRERS, 0);
    must_show(">?:1<", 1);
    hsight_graph_free(graph);
    draw_text("", 0);
}
END_TEST

START_TEST(every_byte_can_be_drawn)
{
    char text[32];
    for (int first = 0; first < 256; first += (int)sizeof text) {
        for (size_t i = 0; i < sizeof text; i++) {
            text[i] = (char)(first + (int)i);
        }
        draw_text(text, sizeof text);
    }
}
END_TEST

START_TEST(long_texts_are_cut)
{
    static char text[100000];
    memset(text, '<', sizeof text);
    draw_text(text, sizeof text);
    ck_assert_uint_lt(source.used, 20000);
}
END_TEST

/* ---- anything at all ------------------------------------------------------------------------- */

START_TEST(random_neighbourhoods_can_be_drawn)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        random_graph random = random_graph_make(seed);
        if (hsight_graph_node_count(random.graph) > 0) {
            hsight_direction direction = seed % 2 == 0 ? HSIGHT_REFERRERS : HSIGHT_REFERENTS;
            draw_around(random.graph, (hsight_node_id){1}, direction, (uint32_t)(seed % 4));
        }
        random_graph_free(&random);
    }
}
END_TEST

/* Namespaces that are each other's __dict__, with no object above: a damaged file could say so. */
START_TEST(a_ring_of_namespaces_is_drawn)
{
    hsight_graph *graph = graph_text_build("a:dict!n b:dict!n c:dict!n a.__dict__>b b.__dict__>c "
                                           "c.__dict__>a a.x>s");
    draw_around(graph, graph_text_node(graph, "s"), HSIGHT_REFERRERS, 0);
    must_show("class=\"node\"", 2); /* s, and one of the ring that stands for it */
    must_show("class=\"edge\"", 2);
    hsight_graph_free(graph);
}
END_TEST

/* A cell in a cell in a cell: longer than anything that Python makes. */
START_TEST(folding_ends)
{
    hsight_graph *graph = graph_text_build("o^c>a a:cell a^c>b b:cell b^c>d d:cell d^c>e e:cell "
                                           "e^c>s");
    draw_around(graph, graph_text_node(graph, "s"), HSIGHT_REFERRERS, 0);
    must_show("class=\"node\"", 2);
    hsight_graph_free(graph);
    graph =
        graph_text_build("o^c>a a:cell a^c>b b:cell b^c>d d:cell d^c>e e:cell e^c>f f:cell f^c>s");
    hsight_subgraph_options options = {HSIGHT_REFERRERS, 50, 0};
    hsight_subgraph *subgraph;
    hsight_node_id start = graph_text_node(graph, "s");
    ck_assert_int_eq(hsight_subgraph_around(graph, NULL, &start, 1, &options, &subgraph, &err),
                     HSIGHT_OK);
    write_source(subgraph);
    hsight_subgraph_free(subgraph);
    draw_with_dot();
    must_show("class=\"node\"", 3);
    hsight_graph_free(graph);
}
END_TEST

static int refuse_all(void *state, const char *data, size_t length)
{
    (void)data;
    (void)length;
    ++*(size_t *)state;
    return 1;
}

START_TEST(a_refusing_sink_ends_it)
{
    hsight_graph *graph = graph_text_build("a.x>b");
    hsight_node_id start = {1};
    hsight_subgraph_options options = {HSIGHT_REFERENTS, 5, 0};
    hsight_subgraph *subgraph;
    size_t calls = 0;
    hsight_sink sink = {refuse_all, &calls};
    ck_assert_int_eq(hsight_subgraph_around(graph, NULL, &start, 1, &options, &subgraph, &err),
                     HSIGHT_OK);
    ck_assert_int_eq(hsight_report_dot(subgraph, &sink, &err), HSIGHT_EIO);
    ck_assert_uint_eq(calls, 1);
    hsight_subgraph_free(subgraph);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(refused_memory_leaves_nothing_behind)
{
    size_t refused = 0;
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, 0);
        hsight_graph *graph = graph_text_build_on(&memory.allocator, "module:m>>m a.x>m");
        hsight_node_id start = {1};
        hsight_subgraph_options options = {HSIGHT_REFERRERS, 5, 0};
        hsight_subgraph *subgraph;
        ck_assert_int_eq(hsight_subgraph_around(graph, NULL, &start, 1, &options, &subgraph, &err),
                         HSIGHT_OK);
        size_t before = memory.live_blocks;
        memory.refuse_at = memory.requests + n;
        hsight_sink sink = {collect, &source};
        source.used = 0;
        hsight_status status = hsight_report_dot(subgraph, &sink, &err);
        ck_assert_int_eq(status, memory.refused ? HSIGHT_ENOMEM : HSIGHT_OK);
        refused += memory.refused;
        ck_assert_uint_eq(memory.live_blocks, before);
        hsight_subgraph_free(subgraph);
        hsight_graph_free(graph);
        ck_assert_uint_eq(memory.live_blocks, 0);
        if (!memory.refused) {
            break;
        }
    }
    ck_assert_uint_ge(refused, 2);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("dot");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_path_shows_root_names_and_counts);
    tcase_add_test(tests, what_hangs_below_is_no_example);
    tcase_add_test(tests, frames_and_c_code_have_boxes);
    tcase_add_test(tests, closures_are_folded);
    tcase_add_test(tests, not_every_namespace_is_folded);
    tcase_add_test(tests, functions_methods_and_classes_have_names);
    tcase_add_test(tests, weak_references_are_dashed_and_stubs_dotted);
    tcase_add_test(tests, many_boxes_on_a_level_grow_in_height);
    tcase_add_test(tests, nothing_is_a_picture_too);
    tcase_add_test(tests, hostile_texts_stay_texts);
    tcase_add_test(tests, empty_texts_can_be_drawn);
    tcase_add_test(tests, every_byte_can_be_drawn);
    tcase_add_test(tests, long_texts_are_cut);
    tcase_add_test(tests, random_neighbourhoods_can_be_drawn);
    tcase_add_test(tests, a_ring_of_namespaces_is_drawn);
    tcase_add_test(tests, folding_ends);
    tcase_add_test(tests, a_refusing_sink_ends_it);
    tcase_add_test(tests, refused_memory_leaves_nothing_behind);
    return run_tests("dot", tests);
}
