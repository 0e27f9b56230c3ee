/* SPDX-License-Identifier: MIT */
/* dot_label.c - texts and looks of a picture.
 *
 *     +----------------------+
 *     |    app.Session       |   bold: the type, or "module service", "class Session"
 *     |    'user-1'          |   name or preview, where there is one
 *     |  64 B, one of 1,204  |   small: own size, items, how many it stands for and hang below
 *     +----------------------+
 *
 * Fills are light tints of a palette that people with any colour vision can tell apart (Okabe and
 * Ito), with dark text; shape and line width say the same again, for print without colour.
 *
 * Everything from the profiled program is cut to a number of characters, shown without control
 * characters and escaped as markup. O(1) but for the items of an object. */
#include "report/dot_label.h"

#include "report/fold.h"

/* HSIGHT__SHOWN_NAME characters, each up to 10 bytes when it is escaped, and quotes. */
enum { NAME_BYTES = 10 * HSIGHT__SHOWN_NAME + 8 };

#define STYLE_NAMES(X)                                                                             \
    X(OBJECT, "box", "#F7F7F7", "#6B6B6B", "1")                                                    \
    X(START, "box", "#FFE1CC", "#C24E00", "2.5")                                                   \
    X(CLASS, "box", "#F5E6F0", "#A8577E", "1")                                                     \
    X(MODULE, "tab", "#D7E8F7", "#005B96", "1.5")                                                  \
    X(FRAME, "component", "#D3F0E4", "#00795A", "1.5")                                             \
    X(OUTSIDE, "note", "#FFF3C4", "#8A6D00", "1.5")

enum {
#define STYLE_ENUM(name, shape, fill, line, width) STYLE_##name,
    STYLE_NAMES(STYLE_ENUM)
#undef STYLE_ENUM
};

static const hsight__dot_style styles[] = {
#define STYLE_ITEM(name, shape, fill, line, width) {shape, fill, line, width},
    STYLE_NAMES(STYLE_ITEM)
#undef STYLE_ITEM
};

/* ---- looks ----------------------------------------------------------------------------------- */

static bool has_flag(const hsight_subgraph *subgraph, uint32_t position, uint32_t flag)
{
    hsight_node_id node = hsight_subgraph_nodes(subgraph)[position].node;
    return (hsight_graph_flags(hsight_subgraph_graph(subgraph), node) & flag) != 0;
}

const hsight__dot_style *hsight__dot_style_of_node(const hsight_subgraph *subgraph,
                                                   uint32_t position, const hsight_root *module)
{
    if (hsight_subgraph_nodes(subgraph)[position].is_start) {
        return &styles[STYLE_START];
    }
    if (module != NULL || has_flag(subgraph, position, HSIGHT_NODE_MODULE)) {
        return &styles[STYLE_MODULE];
    }
    return &styles[has_flag(subgraph, position, HSIGHT_NODE_TYPE) ? STYLE_CLASS : STYLE_OBJECT];
}

const hsight__dot_style *hsight__dot_style_of_root(const hsight_root *root)
{
    switch ((hsight_root_kind)root->kind) {
    case HSIGHT_ROOT_MODULE:
        return &styles[STYLE_MODULE];
    case HSIGHT_ROOT_FRAME:
        return &styles[STYLE_FRAME];
    default:
        return &styles[STYLE_OUTSIDE];
    }
}

/* ---- texts ----------------------------------------------------------------------------------- */

static void begin(hsight__text *text, char out[HSIGHT__DOT_LABEL_BYTES])
{
    hsight__text_init(text, out, HSIGHT__DOT_LABEL_BYTES);
    text->escape = HSIGHT__ESCAPE_MARKUP;
    hsight__text_add_markup(text, "<table border=\"0\" cellborder=\"0\" cellspacing=\"0\" "
                                  "cellpadding=\"1\">");
}

static void end(hsight__text *text)
{
    hsight__text_add_markup(text, "</table>");
    hsight__text_finish(text);
}

static void begin_title(hsight__text *text)
{
    hsight__text_add_markup(text, "<tr><td><b>");
}

static void end_title(hsight__text *text)
{
    hsight__text_add_markup(text, "</b></td></tr>");
}

static void begin_line(hsight__text *text)
{
    hsight__text_add_markup(text, "<tr><td><font point-size=\"10\">");
}

static void end_line(hsight__text *text)
{
    hsight__text_add_markup(text, "</font></td></tr>");
}

/* A module or a class is called by its name. @return whether the title says the name */
static bool add_title(hsight__text *text, const hsight_graph *graph, hsight_node_id node,
                      const hsight_root *module)
{
    hsight_string name = hsight__class_name(graph, node);
    if (module != NULL) {
        hsight__root_add(text, graph, module);
    } else if (name.length > 0) {
        hsight__text_add_c(text, "class ");
        hsight__text_add_cut(text, name, HSIGHT__SHOWN_TYPE, HSIGHT__CUT_FRONT);
    } else {
        hsight__type_add(text, graph, node);
    }
    return module != NULL || name.length > 0;
}

/* A line with the name, where there is one. */
static void add_name(hsight__text *text, const hsight_graph *graph, hsight_node_id node)
{
    char name[NAME_BYTES];
    hsight__text line;
    hsight__text_init(&line, name, sizeof name);
    if (hsight__name_add(&line, graph, node)) {
        hsight__text_finish(&line);
        begin_line(text);
        hsight__text_add_c(text, name);
        end_line(text);
    }
}

static void add_facts(hsight__text *text, const hsight_subgraph *subgraph, uint32_t position)
{
    const hsight_graph *graph = hsight_subgraph_graph(subgraph);
    const hsight_subgraph_node *node = &hsight_subgraph_nodes(subgraph)[position];
    char items[64];
    hsight__text counted;
    hsight__text_init(&counted, items, sizeof items);
    hsight__text_add_bytes(text, hsight_graph_shallow_bytes(graph, node->node));
    if (hsight__items_add(&counted, graph, node->node)) {
        hsight__text_finish(&counted);
        hsight__text_add_c(text, ", ");
        hsight__text_add_c(text, items);
    }
    hsight__counts_add(text, node->standing_for, node->hanging_count);
}

/* A line with the place that allocated the object, where it is known. */
static void add_site(hsight__text *text, const hsight_subgraph *subgraph, hsight_node_id node)
{
    const hsight_trace *trace;
    hsight_frame_id site = hsight_subgraph_site(subgraph, node, &trace);
    if (site.index == 0) {
        return;
    }
    hsight_trace_frame frame = hsight_trace_get_frame(trace, site);
    if (frame.thread != 0 || frame.file.length == 0) {
        return;
    }
    begin_line(text);
    hsight__text_add_c(text, "allocated at ");
    hsight__place_add(text, frame.file, frame.line);
    if (frame.function.length > 0) {
        hsight__text_add_c(text, " in ");
        hsight__text_add_cut(text, frame.function, HSIGHT__SHOWN_TYPE, HSIGHT__CUT_FRONT);
    }
    end_line(text);
}

void hsight__dot_label_node(const hsight_subgraph *subgraph, uint32_t position,
                            const hsight_root *module, char out[HSIGHT__DOT_LABEL_BYTES])
{
    const hsight_graph *graph = hsight_subgraph_graph(subgraph);
    hsight_node_id node = hsight_subgraph_nodes(subgraph)[position].node;
    hsight__text text;
    begin(&text, out);
    begin_title(&text);
    bool is_named = add_title(&text, graph, node, module);
    end_title(&text);
    if (!is_named) {
        add_name(&text, graph, node);
    }
    if (module == NULL) {
        begin_line(&text);
        add_facts(&text, subgraph, position);
        end_line(&text);
        add_site(&text, subgraph, node);
    }
    end(&text);
}

/* A frame takes three lines: the sentence of root_text.c would make the box too wide. */
static void add_frame(hsight__text *text, const hsight_graph *graph, const hsight_root *root)
{
    begin_title(text);
    hsight__text_add_c(text, "thread ");
    hsight__text_add_quoted(text, hsight_graph_string(graph, root->thread), HSIGHT__SHOWN_NAME);
    end_title(text);
    hsight_string function = hsight_graph_string(graph, root->function);
    if (function.length > 0) {
        begin_line(text);
        hsight__text_add_c(text, "in ");
        hsight__text_add_cut(text, function, HSIGHT__SHOWN_TYPE, HSIGHT__CUT_FRONT);
        end_line(text);
    }
    if (hsight_graph_string(graph, root->file).length > 0) {
        begin_line(text);
        hsight__root_add_place(text, graph, root);
        end_line(text);
    }
}

void hsight__dot_label_root(const hsight_graph *graph, const hsight_root *root,
                            char out[HSIGHT__DOT_LABEL_BYTES])
{
    hsight__text text;
    begin(&text, out);
    if (root->kind == HSIGHT_ROOT_FRAME) {
        add_frame(&text, graph, root);
    } else {
        begin_title(&text);
        hsight__root_add(&text, graph, root);
        end_title(&text);
    }
    end(&text);
}

void hsight__dot_label_stub(const hsight_subgraph *subgraph, uint32_t position,
                            char out[HSIGHT__DOT_LABEL_BYTES])
{
    hsight__text text;
    bool is_referrers = hsight_subgraph_direction(subgraph) == HSIGHT_REFERRERS;
    hsight__text_init(&text, out, HSIGHT__DOT_LABEL_BYTES);
    hsight__text_add_counted(&text, hsight_subgraph_nodes(subgraph)[position].omitted_count,
                             is_referrers ? "more referrer" : "more reference");
    hsight__text_finish(&text);
}

static void add_edge(hsight__text *text, const hsight__dot_fold *fold, uint32_t number)
{
    const hsight_graph *graph = hsight_subgraph_graph(fold->subgraph);
    const hsight_subgraph_edge *edges = hsight_subgraph_edges(fold->subgraph);
    const hsight_subgraph_edge *edge = &edges[number];
    const hsight_subgraph_node *nodes = hsight_subgraph_nodes(fold->subgraph);
    if (hsight__dot_fold_hides(fold, edge->from)) {
        const hsight_subgraph_edge *into = &edges[hsight__dot_fold_edge_into(fold, edge->from)];
        hsight__fold_add_behind(text, graph, into->label, nodes[edge->from].node, edge->label);
    } else {
        hsight__label_add(text, graph, edge->label, nodes[edge->to].standing_for > 1);
    }
}

static void begin_arrow(hsight__text *text, char out[HSIGHT__DOT_LABEL_BYTES])
{
    hsight__text_init(text, out, HSIGHT__DOT_LABEL_BYTES);
    text->escape = HSIGHT__ESCAPE_MARKUP;
    /* The table keeps the text clear of the arrow. */
    hsight__text_add_markup(text, "<table border=\"0\" cellborder=\"0\" cellspacing=\"0\" "
                                  "cellpadding=\"3\"><tr><td><font point-size=\"10\">");
}

static void end_arrow(hsight__text *text)
{
    hsight__text_add_markup(text, "</font></td></tr></table>");
    hsight__text_finish(text);
}

void hsight__dot_label_edge(const hsight__dot_fold *fold, uint32_t edge,
                            char out[HSIGHT__DOT_LABEL_BYTES])
{
    hsight__text text;
    begin_arrow(&text, out);
    add_edge(&text, fold, edge);
    end_arrow(&text);
}

/* A frame's arrow is called like the variable; other roots have nothing to add. */
bool hsight__dot_label_root_edge(const hsight_subgraph *subgraph, uint32_t root,
                                 char out[HSIGHT__DOT_LABEL_BYTES])
{
    const hsight_graph *graph = hsight_subgraph_graph(subgraph);
    const hsight_root *record = hsight_subgraph_roots(subgraph)[root].root;
    if (record->kind != HSIGHT_ROOT_FRAME || hsight_graph_string(graph, record->name).length == 0) {
        return false;
    }
    hsight__text text;
    begin_arrow(&text, out);
    hsight__root_add_variable(&text, graph, record);
    end_arrow(&text);
    return true;
}
