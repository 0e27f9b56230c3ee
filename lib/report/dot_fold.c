/* SPDX-License-Identifier: MIT */
/* dot_fold.c - folding in pictures: the namespace dict of an object, the tuple and the cells of a
 * closure are drawn as part of the object that has them.
 *
 *     module -- __dict__ --> dict -- 'CACHE' --> dict        module -- .CACHE --> dict
 *
 * A node is folded only where nothing is lost: it was not asked for, one reference leads to it, no
 * root, nothing of it was left out, and something comes after it.
 *
 * I1  the owner of every node is a node that is not hidden
 *
 * O(nodes + edges + roots); 16 bytes a node. */
#include "report/dot_fold.h"

#include "graph/graph_allocator.h"
#include "report/fold.h"

/* How much folds into one box: a closure takes two (tuple, cell). Also the guard against damaged
 * input in which folded nodes form a ring. */
enum { CHAIN_MAX = 4 };

typedef struct {
    uint32_t in_count;
    uint32_t out_count;
    uint32_t edge_in; /* the last one seen */
    bool is_hidden;
} box;

static box *box_at(const hsight__dot_fold *fold, uint32_t position)
{
    return (box *)fold->boxes.data + position;
}

static void count_edges(hsight__dot_fold *fold)
{
    const hsight_subgraph_edge *edges = hsight_subgraph_edges(fold->subgraph);
    uint32_t count = hsight_subgraph_edge_count(fold->subgraph);
    for (uint32_t i = 0; i < count; i++) {
        box_at(fold, edges[i].from)->out_count++;
        box_at(fold, edges[i].to)->in_count++;
        box_at(fold, edges[i].to)->edge_in = i;
    }
    const hsight_subgraph_root *roots = hsight_subgraph_roots(fold->subgraph);
    uint32_t root_count = hsight_subgraph_root_count(fold->subgraph);
    for (uint32_t i = 0; i < root_count; i++) {
        box_at(fold, roots[i].to)->in_count++;
        box_at(fold, roots[i].to)->edge_in = HSIGHT__FOLD_NONE;
    }
}

static bool is_type(const hsight_graph *graph, hsight_node_id node, const char *name)
{
    return hsight__string_is(hsight__node_type_name(graph, node), name);
}

/* Machinery by what it is and how it is referred to. */
static bool is_machinery(const hsight_graph *graph, hsight_label label, hsight_node_id node)
{
    return hsight__fold_is_namespace(graph, label, node) || is_type(graph, node, "cell") ||
           (is_type(graph, node, "tuple") &&
            hsight__string_is(hsight__label_name(graph, label), "__closure__"));
}

static bool can_hide(const hsight__dot_fold *fold, uint32_t position)
{
    const hsight_subgraph_node *node = &hsight_subgraph_nodes(fold->subgraph)[position];
    const box *counted = box_at(fold, position);
    if (node->is_start || node->omitted_count > 0 || counted->in_count != 1 ||
        counted->out_count == 0 || counted->edge_in == HSIGHT__FOLD_NONE) {
        return false;
    }
    const hsight_subgraph_edge *edge = &hsight_subgraph_edges(fold->subgraph)[counted->edge_in];
    return hsight_label_kind_of(edge->label) != HSIGHT_LABEL_WEAK &&
           is_machinery(hsight_subgraph_graph(fold->subgraph), edge->label, node->node);
}

static uint32_t parent_of(const hsight__dot_fold *fold, uint32_t position)
{
    return hsight_subgraph_edges(fold->subgraph)[box_at(fold, position)->edge_in].from;
}

/* Follow hidden nodes up to a visible one; HSIGHT__FOLD_NONE when the chain is too long. */
static uint32_t find_owner(const hsight__dot_fold *fold, uint32_t position)
{
    for (int i = 0; i <= CHAIN_MAX; i++) {
        if (!box_at(fold, position)->is_hidden) {
            return position;
        }
        position = parent_of(fold, position);
    }
    return HSIGHT__FOLD_NONE;
}

hsight_status hsight__dot_fold_new(hsight__dot_fold *fold, const hsight_subgraph *subgraph,
                                   hsight_error *err)
{
    const hsight_allocator *allocator = hsight__graph_allocator(hsight_subgraph_graph(subgraph));
    fold->subgraph = subgraph;
    hsight__vec_init(&fold->boxes, allocator, sizeof(box));
    uint32_t node_count = hsight_subgraph_node_count(subgraph);
    hsight_status status = hsight__vec_append_zeros(&fold->boxes, node_count, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    count_edges(fold);
    for (uint32_t i = 0; i < node_count; i++) {
        box_at(fold, i)->is_hidden = can_hide(fold, i);
    }
    for (uint32_t i = 0; i < node_count; i++) {
        if (find_owner(fold, i) == HSIGHT__FOLD_NONE) {
            box_at(fold, i)->is_hidden = false;
        }
    }
    return HSIGHT_OK;
}

void hsight__dot_fold_free(hsight__dot_fold *fold)
{
    hsight__vec_free(&fold->boxes);
}

bool hsight__dot_fold_hides(const hsight__dot_fold *fold, uint32_t position)
{
    return box_at(fold, position)->is_hidden;
}

uint32_t hsight__dot_fold_edge_into(const hsight__dot_fold *fold, uint32_t position)
{
    return box_at(fold, position)->edge_in;
}

uint32_t hsight__dot_fold_owner(const hsight__dot_fold *fold, uint32_t position)
{
    return find_owner(fold, position);
}
