/* SPDX-License-Identifier: MIT */
/* check_expression.c - what references, roots and whole paths are called. */
#include <heapsight/report.h>

#include "graph_text.h"
#include "suite.h"

#include <string.h>

enum { OUT_BYTES = 512 };

static hsight_error err;

/* ---- references ------------------------------------------------------------------------------ */

/* The label of the only reference of the first object. */
static const char *label_of(const char *text)
{
    static char out[OUT_BYTES];
    hsight_graph *graph = graph_text_build(text);
    hsight_references all = hsight_graph_references(graph, (hsight_node_id){1});
    ck_assert_uint_eq(all.count, 1);
    size_t length = hsight_report_label_text(graph, all.labels[0], out, sizeof out);
    ck_assert_uint_eq(length, strlen(out));
    hsight_graph_free(graph);
    return out;
}

START_TEST(references_read_like_python)
{
    ck_assert_str_eq(label_of("a.name>b"), ".name");
    ck_assert_str_eq(label_of("a[3]>b"), "[3]");
    ck_assert_str_eq(label_of("a{}>b"), "{key}");
    ck_assert_str_eq(label_of("a#>b"), "{member}");
    ck_assert_str_eq(label_of("a|job>b"), ".<local job>");
    ck_assert_str_eq(label_of("a^cache>b"), ".<closure cache>");
    ck_assert_str_eq(label_of("a@__mro__>b"), ".__mro__");
    ck_assert_str_eq(label_of("a(od_node)>b"), ".<od_node>");
    ck_assert_str_eq(label_of("a>b"), ".<internal field>");
    ck_assert_str_eq(label_of("a%>b"), ".__class__");
    ck_assert_str_eq(label_of("a$2>b"), ".<operand 2>");
    ck_assert_str_eq(label_of("a~>b"), ".<weak reference>");
}
END_TEST

START_TEST(keys_of_type_str_are_quoted)
{
    ck_assert_str_eq(label_of("a{user_1}>b user_1:str"), "['user_1']");
    ck_assert_str_eq(label_of("a{k42}>b k42:int"), "[k42]");
}
END_TEST

/* Object 1 is a dict, the namespace of object 3, which module m holds. Its one key, object 2, has a
 * type and a preview; NULL: none. */
static hsight_graph *dict_of_key(const char *type, const char *preview, size_t length)
{
    hsight_builder *builder;
    hsight_string_id id;
    hsight_type_id type_id;
    hsight_node_id nodes[3];
    hsight_graph *graph;
    ck_assert_int_eq(hsight_builder_new(NULL, &builder, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_string(builder, type, strlen(type), &id, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_type(builder, id, &type_id, &err), HSIGHT_OK);
    for (uint32_t i = 0; i < 3; i++) {
        hsight_node_info info = {.address = i + 1, .shallow_bytes = 8, .type = type_id};
        info.flags = i == 0 ? HSIGHT_NODE_NAMESPACE : 0;
        ck_assert_int_eq(hsight_builder_add_node(builder, &info, &nodes[i], &err), HSIGHT_OK);
    }
    hsight_root root = {.node = nodes[2], .kind = HSIGHT_ROOT_MODULE};
    ck_assert_int_eq(hsight_builder_string(builder, "m", 1, &root.name, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_root(builder, &root, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_string(builder, "__dict__", 8, &id, &err), HSIGHT_OK);
    hsight_label label = hsight_label_make(HSIGHT_LABEL_ATTRIBUTE, id.index);
    ck_assert_int_eq(hsight_builder_add_edge(builder, nodes[2], nodes[0], label, &err), HSIGHT_OK);
    if (preview != NULL) {
        ck_assert_int_eq(hsight_builder_string(builder, preview, length, &id, &err), HSIGHT_OK);
        ck_assert_int_eq(hsight_builder_preview(builder, nodes[1], id, &err), HSIGHT_OK);
    }
    label = hsight_label_make(HSIGHT_LABEL_DICT_VALUE, nodes[1].index);
    ck_assert_int_eq(hsight_builder_add_edge(builder, nodes[0], nodes[1], label, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_finish(builder, &graph, &err), HSIGHT_OK);
    return graph;
}

/* A key of a namespace that is no name: obj.__dict__[42] = ..., or a str that is no identifier. */
START_TEST(only_names_are_attributes)
{
    static const struct {
        const char *type, *preview, *text;
    } keys[] = {{"int", NULL, "m[<int>]"}, {"str", "'a b'", "m['a b']"}, {"str", "name", "m.name"}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char out[OUT_BYTES];
        size_t length = keys[i].preview != NULL ? strlen(keys[i].preview) : 0;
        hsight_graph *graph = dict_of_key(keys[i].type, keys[i].preview, length);
        hsight_path_step steps[3];
        for (uint32_t step = 0; step < 3; step++) {
            steps[step] = (hsight_path_step){.node = {step == 0 ? 3 : step}, .object_count = 1};
        }
        steps[1].label = hsight_graph_references(graph, (hsight_node_id){3}).labels[0];
        steps[2].label = hsight_graph_references(graph, (hsight_node_id){1}).labels[0];
        hsight_path path = {.root = hsight_graph_root(graph, 0), .steps = steps, .step_count = 3};
        hsight_report_path_expression(graph, &path, out, sizeof out);
        ck_assert_str_eq(out, keys[i].text);
        hsight_graph_free(graph);
    }
}
END_TEST

static const char *key_label(const char *type, const char *preview, size_t length)
{
    static char out[OUT_BYTES];
    hsight_graph *graph = dict_of_key(type, preview, length);
    hsight_references all = hsight_graph_references(graph, (hsight_node_id){1});
    hsight_report_label_text(graph, all.labels[0], out, sizeof out);
    hsight_graph_free(graph);
    return out;
}

START_TEST(keys_may_hold_anything)
{
    ck_assert_str_eq(key_label("str", "it's\n", 5), "['it\\'s\\n']");
    ck_assert_str_eq(key_label("str", "a\0b\xFF", 4), "['a\\x00b\xEF\xBF\xBD']");
    ck_assert_str_eq(key_label("bytes", "b'\\x00'", 7), "[b'\\x00']");
    ck_assert_str_eq(key_label("int", "42", 2), "[42]");
    ck_assert_str_eq(key_label("str", "'it\\'s'...", 10),
                     "['it\\'s'...]"); /* quoted by the capture */
    ck_assert_str_eq(key_label("str", NULL, 0), "[<str>]");
    ck_assert_str_eq(key_label("app.Key", NULL, 0), "[<app.Key>]");
    char longer[101];
    memset(longer, 'x', sizeof longer);
    const char *label = key_label("str", longer, sizeof longer);
    ck_assert_uint_eq(strlen(label), strlen("['']") + 39 + strlen("…"));
}
END_TEST

START_TEST(what_was_not_recorded_is_a_question_mark)
{
    hsight_graph *graph = graph_text_build("a>b");
    char out[OUT_BYTES];
    static const struct {
        hsight_label_kind kind;
        const char *text;
    } unknown[] = {
        {HSIGHT_LABEL_INDEX, "[?]"},
        {HSIGHT_LABEL_DICT_VALUE, "[?]"},
        {HSIGHT_LABEL_STACK, ".<operand ?>"},
        {HSIGHT_LABEL_ATTRIBUTE, ".?"},
        {HSIGHT_LABEL_LOCAL, ".<local variable>"},
        {HSIGHT_LABEL_CELL, ".<closure variable>"},
        {HSIGHT_LABEL_INTERNAL, ".<internal field>"},
    };
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        hsight_label label = hsight_label_make(unknown[i].kind, HSIGHT_LABEL_PAYLOAD_MAX);
        hsight_report_label_text(graph, label, out, sizeof out);
        ck_assert_str_eq(out, unknown[i].text);
    }
    hsight_graph_free(graph);
}
END_TEST

START_TEST(small_buffers_get_what_fits)
{
    hsight_graph *graph = graph_text_build("a.name>b");
    hsight_label label = hsight_graph_references(graph, (hsight_node_id){1}).labels[0];
    char out[4] = "###";
    ck_assert_uint_eq(hsight_report_label_text(graph, label, out, sizeof out), 3);
    ck_assert_str_eq(out, ".na");
    ck_assert_uint_eq(hsight_report_label_text(graph, label, out, 1), 0);
    ck_assert_str_eq(out, "");
    ck_assert_uint_eq(hsight_report_label_text(graph, label, NULL, 0), 0);
    hsight_graph_free(graph);
}
END_TEST

/* ---- roots ----------------------------------------------------------------------------------- */

static const char *root_of(const char *text)
{
    static char out[OUT_BYTES];
    hsight_graph *graph = graph_text_build(text);
    size_t length = hsight_report_root_text(graph, hsight_graph_root(graph, 0), out, sizeof out);
    ck_assert_uint_eq(length, strlen(out));
    hsight_graph_free(graph);
    return out;
}

START_TEST(roots_say_who_holds)
{
    ck_assert_str_eq(root_of("module:app.service>>a"), "module app.service");
    ck_assert_str_eq(root_of("frame:job:worker-1:pin:service.py:41>>a"),
                     "thread 'worker-1' in pin (service.py:41), local variable 'job'");
    ck_assert_str_eq(root_of("frame:job:worker-1:pin:service.py:0>>a"),
                     "thread 'worker-1' in pin (service.py), local variable 'job'");
    ck_assert_str_eq(root_of("interpreter:builtins>>a"), "interpreter: builtins");
    ck_assert_str_eq(root_of("interpreter:context:worker-1>>a"),
                     "interpreter: context of thread 'worker-1'");
    ck_assert_str_eq(root_of("static:list>>a"), "static type list");
    ck_assert_str_eq(root_of("c:1>>a"), "held by C code (1 reference)");
    ck_assert_str_eq(root_of("c:2>>a"), "held by C code (2 references)");
    ck_assert_str_eq(root_of("profiler>>a"), "held by heapsight");
}
END_TEST

/* ---- paths ----------------------------------------------------------------------------------- */

/* The first row of the paths to all objects of type T. */
static size_t expression_into(const char *text, char *out, size_t size)
{
    hsight_graph *graph = graph_text_build(text);
    hsight_node_id *nodes;
    uint32_t count;
    hsight_paths *paths;
    ck_assert_int_eq(hsight_nodes_of_type(graph, (hsight_string){"T", 1}, &nodes, &count, &err),
                     HSIGHT_OK);
    ck_assert_int_eq(hsight_paths_find(graph, nodes, count, 0, &paths, &err), HSIGHT_OK);
    ck_assert_uint_ge(hsight_paths_count(paths), 1);
    size_t length = hsight_report_path_expression(graph, hsight_paths_rows(paths), out, size);
    hsight_paths_free(paths);
    hsight_nodes_free(nodes, count);
    hsight_graph_free(graph);
    return length;
}

static const char *expression_of(const char *text)
{
    static char out[OUT_BYTES];
    size_t length = expression_into(text, out, sizeof out);
    ck_assert_uint_eq(length, strlen(out));
    return out;
}

START_TEST(a_namespace_is_not_spelled_out)
{
    ck_assert_str_eq(expression_of("module:service>>m m.__dict__>d d:dict!n d{CACHE}>c CACHE:str "
                                   "c{user_1}>s user_1:str s.session>t t:T"),
                     "service.CACHE['user_1'].session");
    ck_assert_str_eq(expression_of("module:app>>m m.obj>o o.__dict__>d d:dict!n d{x}>t t:T"),
                     "app.obj.x");
}
END_TEST

/* Only the namespace of the object itself: globals of a function are another object's. */
START_TEST(other_dicts_are_spelled_out)
{
    ck_assert_str_eq(expression_of("module:m>>f f.__globals__>d d:dict!n d{k}>t k:str t:T"),
                     "m.__globals__['k']");
    ck_assert_str_eq(expression_of("module:m>>f f.__dict__>d d:dict d{k}>t k:str t:T"),
                     "m.__dict__['k']");
    ck_assert_str_eq(expression_of("module:m>>f f.__dict__>t t:T!n"), "m.__dict__");
    ck_assert_str_eq(expression_of("module:m>>f f.__dict__>d d:dict!n d{}>t t:T"),
                     "m.__dict__{key}");
}
END_TEST

START_TEST(closures_show_the_variable)
{
    static const char expected[] = "m.handler.<closure cache>";
    ck_assert_str_eq(expression_of("module:m>>m m.handler>h h.__closure__>c c:tuple c[0]>e e:cell "
                                   "e^cache>t t:T"),
                     expected);
    ck_assert_str_eq(
        expression_of("module:m>>m m.handler>h h.__closure__>c c:tuple c^cache>e e:cell "
                      "e.cell_contents>t t:T"),
        expected);
    ck_assert_str_eq(expression_of("module:m>>m m.h>h h.__closure__>c c:tuple c[0]>t t:T"),
                     "m.h.__closure__[0]");
    ck_assert_str_eq(expression_of("module:m>>m m.cells>l l[3]>e e:cell e.cell_contents>t t:T"),
                     "m.cells[3].cell_contents");
}
END_TEST

START_TEST(methods_lists_and_sets_read_as_they_are)
{
    ck_assert_str_eq(
        expression_of("module:service>>m m.bus>b b.listeners>l l[3]>x x.__self__>t t:T"),
        "service.bus.listeners[3].__self__");
    ck_assert_str_eq(expression_of("module:service>>m m.seen>s s#>t t:T"), "service.seen{member}");
}
END_TEST

START_TEST(what_differs_between_many_is_an_ellipsis)
{
    ck_assert_str_eq(expression_of("module:m>>m m.C>c c{a}>t c{b}>u t:T u:T"), "m.C[…]");
    ck_assert_str_eq(expression_of("module:m>>m m.R>r r{all}>l all:str l[0]>x l[1]>y x.s>t y.s>u "
                                   "t:T u:T"),
                     "m.R['all'][…].s");
}
END_TEST

START_TEST(other_roots_begin_an_expression_too)
{
    ck_assert_str_eq(expression_of("frame:job:worker-1:pin:service.py:41>>t t:T"),
                     "thread 'worker-1' in pin (service.py:41), local variable 'job'");
    ck_assert_str_eq(expression_of("frame:job:worker-1:pin:service.py:41>>j j.result>t t:T"),
                     "thread 'worker-1' in pin (service.py:41), local variable 'job': job.result");
    ck_assert_str_eq(expression_of("interpreter:codecs>>d d{k}>t k:str t:T"),
                     "<interpreter: codecs>['k']");
    ck_assert_str_eq(expression_of("static:dict>>d d@__mro__>t t:T"), "dict.__mro__");
    ck_assert_str_eq(expression_of("c:2>>d d:app.Conn d.buffer>t t:T"),
                     "<app.Conn held by C code>.buffer");
    ck_assert_str_eq(expression_of("profiler>>t t:T"), "<T held by heapsight>");
}
END_TEST

/* What a frame holds besides variables has a name in round brackets, which a text cannot write. */
START_TEST(parts_of_a_frame_are_no_variables)
{
    hsight_builder *builder;
    hsight_root root = {.kind = HSIGHT_ROOT_FRAME};
    hsight_node_info info = {.address = 1, .shallow_bytes = 8};
    hsight_graph *graph;
    char out[OUT_BYTES];
    ck_assert_int_eq(hsight_builder_new(NULL, &builder, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_string(builder, "T", 1, &root.thread, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_type(builder, root.thread, &info.type, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_string(builder, "(operand stack)", 15, &root.name, &err),
                     HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_string(builder, "run", 3, &root.function, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_string(builder, "/srv/app/x.py", 13, &root.file, &err),
                     HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_node(builder, &info, &root.node, &err), HSIGHT_OK);
    hsight_path_step steps[2] = {{root.node, {0}, 1}, {root.node, {0}, 1}};
    ck_assert_int_eq(hsight_builder_add_root(builder, &root, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_finish(builder, &graph, &err), HSIGHT_OK);
    hsight_path path = {.root = hsight_graph_root(graph, 0), .steps = steps, .step_count = 2};
    hsight_report_path_expression(graph, &path, out, sizeof out);
    ck_assert_str_eq(out,
                     "thread 'T' in run (x.py), operand stack: <operand stack>.<internal field>");
    hsight_graph_free(graph);
}
END_TEST

START_TEST(a_long_expression_keeps_its_ends)
{
    char out[24];
    static const char text[] = "module:service>>m m.first>a a.second>b b.third>c c.fourth>t t:T";
    ck_assert_uint_eq(expression_into(text, out, sizeof out), 23);
    ck_assert_str_eq(out, "service.fi…ird.fourth");
    ck_assert_uint_eq(expression_into(text, NULL, 0), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("expression");
    tcase_add_test(tests, references_read_like_python);
    tcase_add_test(tests, keys_of_type_str_are_quoted);
    tcase_add_test(tests, only_names_are_attributes);
    tcase_add_test(tests, keys_may_hold_anything);
    tcase_add_test(tests, what_was_not_recorded_is_a_question_mark);
    tcase_add_test(tests, small_buffers_get_what_fits);
    tcase_add_test(tests, roots_say_who_holds);
    tcase_add_test(tests, a_namespace_is_not_spelled_out);
    tcase_add_test(tests, other_dicts_are_spelled_out);
    tcase_add_test(tests, closures_show_the_variable);
    tcase_add_test(tests, methods_lists_and_sets_read_as_they_are);
    tcase_add_test(tests, what_differs_between_many_is_an_ellipsis);
    tcase_add_test(tests, other_roots_begin_an_expression_too);
    tcase_add_test(tests, parts_of_a_frame_are_no_variables);
    tcase_add_test(tests, a_long_expression_keeps_its_ends);
    return run_tests("expression", tests);
}
