/* SPDX-License-Identifier: MIT */
/* dot.c - a subgraph as DOT source, built and written with libcgraph.
 *
 *     n<i>   object number i of the subgraph that has a box
 *     r<i>   root number i, unless it is a module: then the module's own box is drawn as one
 *     s<i>   "12 more referrers" of object i
 *
 * Arrows point from what refers to what it keeps alive. Few objects on every level: drawn
 * downwards, as a path is read; many: from left to right, so that the picture grows in height and
 * not in width.
 *
 * O(nodes + edges + roots). What libcgraph allocates is its own and freed before return. It keeps
 * global state, so two threads must not be in here at once. */
#include <heapsight/report.h>

#include "report/out.h"

#ifdef HSIGHT_WITH_CGRAPH

#include "report/dot_label.h"

#include <cgraph.h>

#include <stdio.h>

enum { LEVEL_MAX = 5 }; /* boxes on one level that fit side by side */

typedef struct {
    const hsight_subgraph *subgraph;
    hsight__dot_fold fold;
    hsight__vec modules; /* const hsight_root * by node: the module it is, or NULL */
    Agraph_t *graph;
    char label[HSIGHT__DOT_LABEL_BYTES];
} drawing;

/* ---- libcgraph ------------------------------------------------------------------------------- */

/* libcgraph takes char * for what it only reads. */
static void set(void *object, const char *name, const char *value)
{
    agsafeset(object, (char *)(uintptr_t)name, (char *)(uintptr_t)value, (char *)(uintptr_t) "");
}

/* A label with markup: the flag that it has some travels with libcgraph's copy of the string. */
static void set_markup(Agraph_t *graph, void *object, const char *markup)
{
    char name[] = "label";
#ifdef HSIGHT_WITH_AGXSET_HTML
    (void)graph;
    set(object, name, "");
    agxset_html(object, agattrsym(object, name), markup);
#else
    char empty[] = "";
    char *copy = agstrdup_html(graph, (char *)(uintptr_t)markup);
    agsafeset(object, name, copy, empty);
    agstrfree(graph, copy);
#endif
}

static void set_default(Agraph_t *graph, int kind, const char *name, const char *value)
{
    agattr(graph, kind, (char *)(uintptr_t)name, (char *)(uintptr_t)value);
}

static Agnode_t *node_named(drawing *draw, char letter, uint32_t number)
{
    char name[16];
    snprintf(name, sizeof name, "%c%u", letter, number);
    return agnode(draw->graph, name, 1);
}

static Agedge_t *connect(drawing *draw, Agnode_t *from, Agnode_t *to)
{
    return agedge(draw->graph, from, to, NULL, 1);
}

static Agnode_t *box_of(drawing *draw, uint32_t position)
{
    return node_named(draw, 'n', hsight__dot_fold_owner(&draw->fold, position));
}

/* ---- the parts ------------------------------------------------------------------------------- */

/* The most boxes that are equally far from the start objects. Levels beyond count as one. */
static uint32_t widest_level(const drawing *draw)
{
    uint32_t counts[64] = {0};
    uint32_t widest = 0;
    uint32_t node_count = hsight_subgraph_node_count(draw->subgraph);
    for (uint32_t i = 0; i < node_count; i++) {
        uint32_t depth = hsight_subgraph_nodes(draw->subgraph)[i].depth;
        uint32_t level = depth < 63 ? depth : 63;
        counts[level] += !hsight__dot_fold_hides(&draw->fold, i);
        widest = counts[level] > widest ? counts[level] : widest;
    }
    return widest;
}

static bool has_weak_edge(const drawing *draw)
{
    const hsight_subgraph_edge *edges = hsight_subgraph_edges(draw->subgraph);
    uint32_t edge_count = hsight_subgraph_edge_count(draw->subgraph);
    for (uint32_t i = 0; i < edge_count; i++) {
        if (hsight_label_kind_of(edges[i].label) == HSIGHT_LABEL_WEAK) {
            return true;
        }
    }
    return false;
}

static void set_caption(drawing *draw)
{
    set_default(draw->graph, AGRAPH, "fontsize", "9");
    set_default(draw->graph, AGRAPH, "fontcolor", "#555555");
    set_default(
        draw->graph, AGRAPH, "label",
        has_weak_edge(draw)
            ? "An arrow points from an object to one that it keeps alive; a dashed arrow is a "
              "weak reference, which does not."
            : "An arrow points from an object to one that it keeps alive.");
}

static void set_defaults(drawing *draw)
{
    static const char font[] = "Helvetica,Arial,DejaVu Sans,sans-serif";
    Agraph_t *graph = draw->graph;
    bool is_wide = widest_level(draw) > LEVEL_MAX;
    set_default(graph, AGRAPH, "rankdir", is_wide ? "LR" : "TB");
    set_default(graph, AGRAPH, "ranksep", is_wide ? "0.6" : "0.35");
    set_default(graph, AGRAPH, "nodesep", "0.2");
    set_default(graph, AGRAPH, "pad", "0.15");
    set_default(graph, AGRAPH, "size", "60,60"); /* inches: larger pictures are scaled down */
    set_default(graph, AGRAPH, "charset", "UTF-8");
    set_default(graph, AGRAPH, "fontname", font);
    set_caption(draw);
    set_default(graph, AGNODE, "shape", "box");
    set_default(graph, AGNODE, "style", "rounded,filled");
    set_default(graph, AGNODE, "fontname", font);
    set_default(graph, AGNODE, "fontsize", "12");
    set_default(graph, AGNODE, "margin", "0.1,0.05");
    set_default(graph, AGEDGE, "fontname", font);
    set_default(graph, AGEDGE, "fontcolor", "#222222");
    set_default(graph, AGEDGE, "color", "#555555");
    set_default(graph, AGEDGE, "arrowsize", "0.7");
}

static void set_style(Agnode_t *node, const hsight__dot_style *style)
{
    set(node, "shape", style->shape);
    set(node, "fillcolor", style->fill);
    set(node, "color", style->line);
    set(node, "penwidth", style->width);
    /* Graphviz rounds the corners of boxes only. */
    if (style->shape[0] != 'b') {
        set(node, "style", "filled");
    }
}

static const hsight_root *module_at(const drawing *draw, uint32_t position)
{
    return ((const hsight_root *const *)draw->modules.data)[position];
}

static hsight_status find_modules(drawing *draw, hsight_error *err)
{
    const hsight_subgraph *subgraph = draw->subgraph;
    hsight_status status =
        hsight__vec_append_zeros(&draw->modules, hsight_subgraph_node_count(subgraph), err);
    const hsight_root **modules = draw->modules.data;
    uint32_t root_count = hsight_subgraph_root_count(subgraph);
    for (uint32_t i = 0; status == HSIGHT_OK && i < root_count; i++) {
        const hsight_subgraph_root *root = &hsight_subgraph_roots(subgraph)[i];
        hsight_node_id node = hsight_subgraph_nodes(subgraph)[root->to].node;
        uint32_t flags = hsight_graph_flags(hsight_subgraph_graph(subgraph), node);
        if (root->root->kind == HSIGHT_ROOT_MODULE && (flags & HSIGHT_NODE_MODULE) != 0) {
            modules[root->to] = root->root;
        }
    }
    return status;
}

static void draw_stub(drawing *draw, uint32_t position, Agnode_t *node)
{
    Agnode_t *stub = node_named(draw, 's', position);
    hsight__dot_label_stub(draw->subgraph, position, draw->label);
    set(stub, "label", draw->label);
    set(stub, "shape", "plaintext");
    set(stub, "style", "");
    set(stub, "fontsize", "10");
    set(stub, "fontcolor", "#555555");
    bool is_referrers = hsight_subgraph_direction(draw->subgraph) == HSIGHT_REFERRERS;
    Agedge_t *edge = is_referrers ? connect(draw, stub, node) : connect(draw, node, stub);
    set(edge, "style", "dotted");
}

static void draw_nodes(drawing *draw)
{
    uint32_t node_count = hsight_subgraph_node_count(draw->subgraph);
    for (uint32_t i = 0; i < node_count; i++) {
        if (hsight__dot_fold_hides(&draw->fold, i)) {
            continue;
        }
        const hsight_root *module = module_at(draw, i);
        Agnode_t *node = node_named(draw, 'n', i);
        hsight__dot_label_node(draw->subgraph, i, module, draw->label);
        set_markup(draw->graph, node, draw->label);
        set_style(node, hsight__dot_style_of_node(draw->subgraph, i, module));
        if (hsight_subgraph_nodes(draw->subgraph)[i].omitted_count > 0) {
            draw_stub(draw, i, node);
        }
    }
}

/* An edge into a hidden node is not drawn: the one that goes on from there says where it began. */
static void draw_edges(drawing *draw)
{
    const hsight_subgraph_edge *edges = hsight_subgraph_edges(draw->subgraph);
    uint32_t edge_count = hsight_subgraph_edge_count(draw->subgraph);
    for (uint32_t i = 0; i < edge_count; i++) {
        if (hsight__dot_fold_hides(&draw->fold, edges[i].to)) {
            continue;
        }
        Agedge_t *edge = connect(draw, box_of(draw, edges[i].from), box_of(draw, edges[i].to));
        hsight__dot_label_edge(&draw->fold, i, draw->label);
        set_markup(draw->graph, edge, draw->label);
        if (hsight_label_kind_of(edges[i].label) == HSIGHT_LABEL_WEAK) {
            set(edge, "style", "dashed");
        }
    }
}

static void draw_roots(drawing *draw)
{
    const hsight_subgraph_root *roots = hsight_subgraph_roots(draw->subgraph);
    uint32_t root_count = hsight_subgraph_root_count(draw->subgraph);
    for (uint32_t i = 0; i < root_count; i++) {
        if (module_at(draw, roots[i].to) == roots[i].root) {
            continue;
        }
        Agnode_t *node = node_named(draw, 'r', i);
        hsight__dot_label_root(hsight_subgraph_graph(draw->subgraph), roots[i].root, draw->label);
        set_markup(draw->graph, node, draw->label);
        set_style(node, hsight__dot_style_of_root(roots[i].root));
        Agedge_t *edge = connect(draw, node, box_of(draw, roots[i].to));
        if (hsight__dot_label_root_edge(draw->subgraph, i, draw->label)) {
            set_markup(draw->graph, edge, draw->label);
        }
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

static int put_string(void *channel, const char *string)
{
    hsight__out *out = channel;
    hsight__out_c(out, string);
    return out->status == HSIGHT_OK ? 0 : EOF;
}

static int flush_nothing(void *channel)
{
    (void)channel;
    return 0;
}

static hsight_status write_drawing(drawing *draw, const hsight_sink *sink, hsight_error *err)
{
    Agiodisc_t io = {.putstr = put_string, .flush = flush_nothing};
    Agdisc_t disciplines = {.id = &AgIdDisc, .io = &io};
    char name[] = "heapsight";
    draw->graph = agopen(name, Agdirected, &disciplines);
    if (draw->graph == NULL) {
        return hsight__fail(err, HSIGHT_ENOMEM, "libcgraph refused to make a graph");
    }
    set_defaults(draw);
    draw_nodes(draw);
    draw_edges(draw);
    draw_roots(draw);
    hsight__out out = hsight__out_begin(sink, err);
    agwrite(draw->graph, &out);
    agclose(draw->graph);
    return out.status;
}

hsight_status hsight_report_dot(const hsight_subgraph *subgraph, const hsight_sink *sink,
                                hsight_error *err)
{
    drawing draw = {.subgraph = subgraph};
    hsight_status status = hsight__dot_fold_new(&draw.fold, subgraph, err);
    hsight__vec_init(&draw.modules, draw.fold.boxes.allocator, sizeof(const hsight_root *));
    if (status != HSIGHT_OK) {
        goto out;
    }
    status = find_modules(&draw, err);
    if (status == HSIGHT_OK) {
        status = write_drawing(&draw, sink, err);
    }
out:
    hsight__vec_free(&draw.modules);
    hsight__dot_fold_free(&draw.fold);
    return status;
}

#else

hsight_status hsight_report_dot(const hsight_subgraph *subgraph, const hsight_sink *sink,
                                hsight_error *err)
{
    (void)subgraph;
    (void)sink;
    return hsight__fail(err, HSIGHT_ENOTSUP,
                        "this build has no libcgraph: build it again with Graphviz's development "
                        "files installed (Debian, Ubuntu: apt install libgraphviz-dev)");
}

#endif
