/* SPDX-License-Identifier: MIT */
/* root_text.c - what a root is called, in a sentence and at the head of an expression.
 *
 *     in a sentence                                              in an expression
 *     module service                                             service
 *     thread 'worker-1' in pin (service.py:41), local variable 'job'    the same
 *     interpreter: codecs                                        <interpreter: codecs>
 *     interpreter: context of thread 'worker-1'                  <interpreter: context>
 *     static type dict                                           dict
 *     held by C code (2 references)                              <app.Conn held by C code>
 *     held by heapsight                                          <app.Conn held by heapsight>
 *
 * Of a file only the last component is shown. O(length); owns nothing. */
#include "report/label_text.h"

#include <heapsight/report.h>

static void add_name(hsight__text *text, hsight_string name)
{
    hsight__text_add_cut(text, name, HSIGHT__SHOWN_TYPE, HSIGHT__CUT_FRONT);
}

static hsight_string last_component(hsight_string path)
{
    for (size_t i = path.length; i > 0; i--) {
        if (path.data[i - 1] == '/') {
            return (hsight_string){path.data + i, path.length - i};
        }
    }
    return path;
}

void hsight__place_add(hsight__text *text, hsight_string file, uint32_t line)
{
    hsight_string name = last_component(file);
    add_name(text, name.length > 0 ? name : (hsight_string){"?", 1});
    if (line != 0) {
        hsight__text_addf(text, ":%u", line);
    }
}

void hsight__root_add_place(hsight__text *text, const hsight_graph *graph, const hsight_root *root)
{
    hsight__place_add(text, hsight_graph_string(graph, root->file), root->line);
}

/* "(operand stack)": a part of the frame that is no variable. */
static bool is_part(hsight_string name)
{
    return name.length > 2 && name.data[0] == '(' && name.data[name.length - 1] == ')';
}

static void add_frame(hsight__text *text, const hsight_graph *graph, const hsight_root *root)
{
    hsight__text_add_c(text, "thread ");
    hsight__text_add_quoted(text, hsight_graph_string(graph, root->thread), HSIGHT__SHOWN_NAME);
    hsight_string function = hsight_graph_string(graph, root->function);
    if (function.length > 0) {
        hsight__text_add_c(text, " in ");
        add_name(text, function);
    }
    if (hsight_graph_string(graph, root->file).length > 0) {
        hsight__text_add_c(text, " (");
        hsight__root_add_place(text, graph, root);
        hsight__text_add_c(text, ")");
    }
    hsight_string variable = hsight_graph_string(graph, root->name);
    if (is_part(variable)) {
        hsight__text_add_c(text, ", ");
        add_name(text, (hsight_string){variable.data + 1, variable.length - 2});
    } else if (variable.length > 0) {
        hsight__text_add_c(text, ", local variable ");
        hsight__text_add_quoted(text, variable, HSIGHT__SHOWN_NAME);
    }
}

void hsight__root_add_variable(hsight__text *text, const hsight_graph *graph,
                               const hsight_root *root)
{
    hsight_string name = hsight_graph_string(graph, root->name);
    if (is_part(name)) {
        hsight__text_add_c(text, "<");
        add_name(text, (hsight_string){name.data + 1, name.length - 2});
        hsight__text_add_c(text, ">");
    } else {
        add_name(text, name);
    }
}

static void add_prefixed(hsight__text *text, const char *prefix, hsight_string name)
{
    hsight__text_add_c(text, prefix);
    add_name(text, name);
}

/* Of a part that each thread has. */
static void add_thread(hsight__text *text, hsight_string thread)
{
    if (thread.length > 0) {
        hsight__text_add_c(text, " of thread ");
        hsight__text_add_quoted(text, thread, HSIGHT__SHOWN_NAME);
    }
}

void hsight__root_add(hsight__text *text, const hsight_graph *graph, const hsight_root *root)
{
    hsight_string name = hsight_graph_string(graph, root->name);
    switch ((hsight_root_kind)root->kind) {
    case HSIGHT_ROOT_MODULE:
        add_prefixed(text, "module ", name);
        break;
    case HSIGHT_ROOT_FRAME:
        add_frame(text, graph, root);
        break;
    case HSIGHT_ROOT_INTERPRETER:
        add_prefixed(text, "interpreter: ", name);
        add_thread(text, hsight_graph_string(graph, root->thread));
        break;
    case HSIGHT_ROOT_STATIC_TYPE:
        add_prefixed(text, "static type ", name);
        break;
    case HSIGHT_ROOT_C_HELD:
        hsight__text_add_c(text, "held by C code (");
        hsight__text_add_counted(text, root->surplus, "reference");
        add_prefixed(text, name.length > 0 ? "; " : "", name);
        hsight__text_add_c(text, ")");
        break;
    case HSIGHT_ROOT_PROFILER:
        hsight__text_add_c(text, "held by heapsight");
        break;
    }
}

static void add_object_held(hsight__text *text, const hsight_graph *graph, const hsight_root *root,
                            const char *holder)
{
    hsight__text_add_c(text, "<");
    hsight__type_add(text, graph, root->node);
    hsight__text_add_c(text, holder);
}

void hsight__root_add_expression(hsight__text *text, const hsight_graph *graph,
                                 const hsight_root *root)
{
    hsight_string name = hsight_graph_string(graph, root->name);
    switch ((hsight_root_kind)root->kind) {
    case HSIGHT_ROOT_MODULE:
    case HSIGHT_ROOT_STATIC_TYPE:
        add_name(text, name);
        break;
    case HSIGHT_ROOT_FRAME:
        add_frame(text, graph, root);
        break;
    case HSIGHT_ROOT_INTERPRETER:
        add_prefixed(text, "<interpreter: ", name);
        hsight__text_add_c(text, ">");
        break;
    case HSIGHT_ROOT_C_HELD:
        add_object_held(text, graph, root, " held by C code>");
        break;
    case HSIGHT_ROOT_PROFILER:
        add_object_held(text, graph, root, " held by heapsight>");
        break;
    }
}

size_t hsight_report_root_text(const hsight_graph *graph, const hsight_root *root, char *out,
                               size_t size)
{
    hsight__text text;
    hsight__text_init(&text, out, size);
    hsight__root_add(&text, graph, root);
    return hsight__text_finish(&text);
}
