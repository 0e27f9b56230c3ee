/* SPDX-License-Identifier: MIT */
/* text_paths.c - why is it alive, as text: a block for each path.
 *
 *     1,204 objects of type app.Session (73.7 KiB) are held by
 *
 *         service.CACHE[...]
 *
 *         module service
 *         └ .CACHE        dict         36.1 KiB  1,204 items
 *           └ [...]       app.Session      64 B  one of 1,204
 *
 * The first column says how the line above refers to it, then what it is: type, own size, name or
 * preview, how many items. Steps that only are machinery are folded away (fold.c). Of a long path
 * the middle is left out.
 *
 * O(steps), whether they are shown or left out, and for those shown the references of their objects
 * and, where one is a class, the types. Columns are sized by a pass before. */
#include "report/fold.h"
#include "report/out.h"
#include "report/utf8.h"

#include <heapsight/report.h>

enum {
    CELL_BYTES = 512,
    EXPRESSION_BYTES = 1024,
    INDENT_MAX = 12, /* levels; deeper steps do not move right any more */
    SHOWN_ENDS = 16, /* steps shown at each end of a path that is too long */
    LABEL_WIDTH_MAX = 44,
    NOTE_BYTES = 256,
    SIZE_COLUMN = 11
};

typedef struct {
    char data[CELL_BYTES];
    size_t length;
} cell;

static hsight_string string_of(const cell *text)
{
    return (hsight_string){text->data, text->length};
}

/* ---- which steps are shown ------------------------------------------------------------------- */

/* The steps of a path without the folded ones, counted from 0. */
static uint32_t count_visible(const hsight_graph *graph, const hsight_path *path)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < path->step_count; i++) {
        count += !hsight__fold_hides(graph, path, i);
    }
    return count;
}

static bool is_left_out(uint32_t number, uint32_t visible_count)
{
    return visible_count > 2 * SHOWN_ENDS && number >= SHOWN_ENDS &&
           number < visible_count - SHOWN_ENDS;
}

static uint32_t indent_of(uint32_t number)
{
    uint32_t level = number < INDENT_MAX ? number : INDENT_MAX;
    return level > 0 ? 2 * level : 0;
}

/* ---- cells ----------------------------------------------------------------------------------- */

static void make_label(const hsight_graph *graph, const hsight_path *path, uint32_t index,
                       cell *out)
{
    hsight__text text;
    hsight__text_init(&text, out->data, sizeof out->data);
    if (index == 0) {
        hsight__root_add(&text, graph, path->root);
    } else {
        hsight__fold_add_label(&text, graph, path, index);
    }
    out->length = hsight__text_finish(&text);
}

static void make_type(const hsight_graph *graph, hsight_node_id node, cell *out)
{
    hsight__text text;
    hsight__text_init(&text, out->data, sizeof out->data);
    hsight__type_add(&text, graph, node);
    out->length = hsight__text_finish(&text);
}

static void make_note(const hsight_graph *graph, const hsight_path *path, uint32_t index, cell *out)
{
    hsight_node_id node = path->steps[index].node;
    uint32_t here = path->steps[index].object_count;
    bool is_last = index + 1 == path->step_count;
    hsight__text text;
    hsight__text_init(&text, out->data, NOTE_BYTES);
    hsight__name_add(&text, graph, node);
    size_t before = text.used;
    hsight__text_separate(&text);
    if (!hsight__items_add(&text, graph, node)) {
        text.used = before;
    }
    hsight__counts_add(&text, here, is_last ? path->object_count - here : 0);
    out->length = hsight__text_finish(&text);
}

/* ---- lines ----------------------------------------------------------------------------------- */

typedef struct {
    size_t label;
    size_t type;
} widths;

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The root's line is not part of the columns: its text is a sentence. */
static widths measure(const hsight_graph *graph, const hsight_path *path)
{
    widths width = {0, 0};
    uint32_t visible_count = count_visible(graph, path), number = 0;
    for (uint32_t i = 0; i < path->step_count; i++) {
        if (hsight__fold_hides(graph, path, i)) {
            continue;
        }
        if (i > 0 && !is_left_out(number, visible_count)) {
            cell text;
            make_label(graph, path, i, &text);
            width.label =
                larger(width.label, indent_of(number) + hsight__utf8_count(string_of(&text)));
            make_type(graph, path->steps[i].node, &text);
            width.type = larger(width.type, hsight__utf8_count(string_of(&text)));
        }
        number++;
    }
    width.label = width.label < LABEL_WIDTH_MAX ? width.label : LABEL_WIDTH_MAX;
    return width;
}

static void write_root(hsight__out *out, const hsight_graph *graph, const hsight_path *path)
{
    cell text;
    make_label(graph, path, 0, &text);
    hsight__out_c(out, "    ");
    hsight__out_bytes(out, text.data, text.length);
    if (path->root->kind != HSIGHT_ROOT_MODULE) {
        hsight__out_c(out, ": ");
        make_type(graph, path->steps[0].node, &text);
        hsight__out_bytes(out, text.data, text.length);
        hsight__out_c(out, " ");
        hsight__out_size(out, hsight_graph_shallow_bytes(graph, path->steps[0].node), 0);
        make_note(graph, path, 0, &text);
        hsight__out_c(out, text.length > 0 ? ", " : "");
        hsight__out_bytes(out, text.data, text.length);
    }
    hsight__out_c(out, "\n");
}

static void write_step(hsight__out *out, const hsight_graph *graph, const hsight_path *path,
                       uint32_t index, uint32_t number, widths width)
{
    cell text;
    hsight_node_id node = path->steps[index].node;
    uint32_t indent = indent_of(number);
    make_label(graph, path, index, &text);
    hsight__out_c(out, "    ");
    hsight__out_repeat(out, " ", indent - 2);
    hsight__out_c(out, "└ ");
    hsight__out_cell(out, string_of(&text),
                     width.label - (indent < width.label ? indent : width.label),
                     HSIGHT__ALIGN_LEFT);
    hsight__out_c(out, "  ");
    make_type(graph, node, &text);
    hsight__out_cell(out, string_of(&text), width.type, HSIGHT__ALIGN_LEFT);
    hsight__out_size(out, hsight_graph_shallow_bytes(graph, node), SIZE_COLUMN);
    make_note(graph, path, index, &text);
    hsight__out_c(out, text.length > 0 ? "  " : "");
    hsight__out_bytes(out, text.data, text.length);
    hsight__out_c(out, "\n");
}

static void write_left_out(hsight__out *out, uint32_t count)
{
    hsight__out_c(out, "    ");
    hsight__out_repeat(out, " ", indent_of(INDENT_MAX) - 2);
    hsight__out_c(out, "⋮ ");
    hsight__out_count(out, count, 0);
    hsight__out_c(out, " more steps\n");
}

static void write_steps(hsight__out *out, const hsight_graph *graph, const hsight_path *path)
{
    widths width = measure(graph, path);
    uint32_t visible_count = count_visible(graph, path), number = 0;
    write_root(out, graph, path);
    for (uint32_t i = 1; i < path->step_count; i++) {
        if (hsight__fold_hides(graph, path, i)) {
            continue;
        }
        number++;
        if (!is_left_out(number, visible_count)) {
            write_step(out, graph, path, i, number, width);
        } else if (number == SHOWN_ENDS) {
            write_left_out(out, visible_count - 2 * SHOWN_ENDS);
        }
    }
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static void write_head(hsight__out *out, const hsight_graph *graph, const hsight_path *path)
{
    cell line;
    hsight__text text;
    hsight__text_init(&text, line.data, sizeof line.data);
    hsight__text_add_counted(&text, path->object_count, "object");
    hsight__text_add_c(&text, " of type ");
    hsight__type_add(&text, graph, path->steps[path->step_count - 1].node);
    hsight__text_add_c(&text, " (");
    hsight__text_add_bytes(&text, path->bytes);
    hsight__text_add_c(&text, path->object_count == 1 ? ") is held by\n\n" : ") are held by\n\n");
    hsight__out_bytes(out, line.data, text.used);
}

static void write_path(hsight__out *out, const hsight_graph *graph, const hsight_path *path)
{
    char expression[EXPRESSION_BYTES];
    size_t length = hsight_report_path_expression(graph, path, expression, sizeof expression);
    write_head(out, graph, path);
    hsight__out_c(out, "    ");
    hsight__out_bytes(out, expression, length);
    hsight__out_c(out, "\n\n");
    write_steps(out, graph, path);
}

static void write_remark(hsight__out *out, uint64_t count, const char *noun, const char *text)
{
    cell line;
    hsight__text remark;
    if (count == 0) {
        return;
    }
    hsight__text_init(&remark, line.data, sizeof line.data);
    hsight__text_add_counted(&remark, count, noun);
    hsight__text_add_c(&remark, text);
    hsight__out_bytes(out, line.data, remark.used);
}

hsight_status hsight_report_paths(const hsight_graph *graph, const hsight_paths *paths,
                                  const hsight_sink *sink, hsight_error *err)
{
    const hsight_path *rows = hsight_paths_rows(paths);
    uint32_t count = hsight_paths_count(paths);
    hsight__out out = hsight__out_begin(sink, err);
    for (uint32_t i = 0; i < count; i++) {
        hsight__out_c(&out, i > 0 ? "\n" : "");
        write_path(&out, graph, &rows[i]);
    }
    if (count == 0 && hsight_paths_unreached_count(paths) == 0) {
        hsight__out_c(&out, "There are no such objects.\n");
    }
    uint32_t omitted = hsight_paths_omitted_count(paths);
    uint64_t unreached = hsight_paths_unreached_count(paths);
    hsight__out_c(&out, count > 0 && (omitted > 0 || unreached > 0) ? "\n" : "");
    write_remark(&out, omitted, "more path", " not shown.\n");
    write_remark(&out, unreached, "object",
                 " that no root reaches: garbage that the collector has not freed yet.\n");
    return out.status;
}
