/* SPDX-License-Identifier: MIT */
/* subgraph_around.c - what is near some objects: their referrers or referents, level by level.
 *
 * Breadth first from the start objects. What is not expanded: objects at the last level, modules
 * (everything hangs together through them), and what only weak references lead to. Start objects
 * always are.
 *
 * Towards referrers the __dict__ of a module leads to the module alone: what else refers to it are
 * the module's own functions, as their globals. The profiler's own hold on an object is shown only
 * where the picture has no other.
 *
 * Towards referents two kinds of references are left out, because the picture says it already: the
 * class of an object (the box names it), and a dict key that holds nothing itself (the value's
 * label names it). Code leads to all other code, so it ends there: classes, and namespaces that are
 * not referred to as __dict__ (the globals of a function), are not expanded. Of roots, who else
 * holds what is held is another question: only those of start objects and modules are shown.
 *
 * I1  the queue holds each position once, in the order in which references that lead on reached it,
 *     and depth never falls along it
 * I2  an object shows at most too_many new neighbours, as many references to objects that are in
 *     the picture already, and as many roots; the others are in its omitted_count
 *
 * O(references of what is shown + roots), for referrers plus the reverse index. */
#include "analyse/subgraph_parts.h"

#include "graph/graph_allocator.h"

#include <stdbool.h>
#include <string.h>

typedef struct {
    hsight_subgraph *subgraph;
    const hsight_graph *graph;
    const hsight_reverse *reverse; /* towards referrers only */
    hsight_subgraph_options options;
    hsight__vec queue;     /* uint32_t: positions to expand */
    hsight__vec is_queued; /* uint8_t by position */
} explorer;

/* A reference from or to the object that is being expanded. */
typedef struct {
    hsight_node_id other;
    hsight_label label;
} neighbour;

static bool is_weak(hsight_label label)
{
    return hsight_label_kind_of(label) == HSIGHT_LABEL_WEAK;
}

/* Put a position into the queue unless it was in it before. Its depth is then that of the
 * references that lead on, also where another one led to it earlier and by a shorter way: the queue
 * would not be sorted by depth else. */
static hsight_status enqueue(explorer *explore, uint32_t position, uint32_t depth,
                             hsight_error *err)
{
    hsight__vec *is_queued = &explore->is_queued;
    if (is_queued->count <= position) {
        size_t missing = position + 1 - is_queued->count;
        hsight_status status = hsight__vec_append_zeros(is_queued, missing, err);
        if (status != HSIGHT_OK) {
            return status;
        }
    }
    uint8_t *flag = (uint8_t *)is_queued->data + position;
    if (*flag) {
        return HSIGHT_OK;
    }
    *flag = 1;
    hsight__subgraph_node_at(explore->subgraph, position)->depth = depth;
    return hsight__vec_push(&explore->queue, &position, err);
}

static hsight_status add_starts(explorer *explore, const hsight_node_id *starts, uint32_t count,
                                hsight_error *err)
{
    uint32_t node_count = hsight_graph_node_count(explore->graph);
    hsight_status status = HSIGHT_OK;
    for (uint32_t i = 0; status == HSIGHT_OK && i < count; i++) {
        if (starts[i].index == 0 || starts[i].index > node_count) {
            return hsight__fail(err, HSIGHT_EINVAL,
                                "subgraph: start %u of %u is object %u, but the graph has %u "
                                "objects",
                                i + 1, count, starts[i].index, node_count);
        }
        hsight_subgraph_node node = {.node = starts[i], .is_start = 1, .standing_for = 1};
        uint32_t position = 0;
        status = hsight__subgraph_add_node(explore->subgraph, &node, &position, err);
        if (status == HSIGHT_OK) {
            status = enqueue(explore, position, 0, err);
        }
    }
    return status;
}

static uint32_t neighbour_count(const explorer *explore, hsight_node_id node)
{
    return explore->options.direction == HSIGHT_REFERRERS
               ? hsight_reverse_referrers(explore->reverse, node).count
               : hsight_graph_references(explore->graph, node).count;
}

static neighbour neighbour_at(const explorer *explore, hsight_node_id node, uint32_t index)
{
    if (explore->options.direction == HSIGHT_REFERENTS) {
        hsight_references references = hsight_graph_references(explore->graph, node);
        return (neighbour){references.targets[index], references.labels[index]};
    }
    hsight_referrers referrers = hsight_reverse_referrers(explore->reverse, node);
    hsight_node_id source = referrers.sources[index];
    hsight_references references = hsight_graph_references(explore->graph, source);
    return (neighbour){source, references.labels[referrers.edges[index] - references.first]};
}

/* Would it only repeat what the picture says? */
static bool is_redundant(const explorer *explore, neighbour next)
{
    if (explore->options.direction == HSIGHT_REFERRERS) {
        return false;
    }
    hsight_label_kind kind = hsight_label_kind_of(next.label);
    return kind == HSIGHT_LABEL_CLASS ||
           (kind == HSIGHT_LABEL_DICT_KEY &&
            hsight_graph_references(explore->graph, next.other).count == 0);
}

/* The globals of a function, not the __dict__ of the object that refers to it. */
static bool is_foreign_namespace(const explorer *explore, neighbour next)
{
    static const char name[] = "__dict__";
    if ((hsight_graph_flags(explore->graph, next.other) & HSIGHT_NODE_NAMESPACE) == 0) {
        return false;
    }
    uint32_t payload = hsight_label_payload(next.label);
    if (hsight_label_kind_of(next.label) != HSIGHT_LABEL_ATTRIBUTE ||
        payload == HSIGHT_LABEL_PAYLOAD_MAX) {
        return true;
    }
    hsight_string label = hsight_graph_string(explore->graph, (hsight_string_id){payload});
    return label.length != sizeof name - 1 || memcmp(label.data, name, label.length) != 0;
}

/* Does the reference lead to something that may be expanded? */
static bool leads_on(const explorer *explore, neighbour next)
{
    if (is_weak(next.label)) {
        return false;
    }
    return explore->options.direction == HSIGHT_REFERRERS || !is_foreign_namespace(explore, next);
}

static hsight_status connect(explorer *explore, uint32_t position, uint32_t other, neighbour next,
                             hsight_error *err)
{
    bool is_outgoing = explore->options.direction == HSIGHT_REFERENTS;
    hsight_status status =
        hsight__subgraph_add_edge(explore->subgraph, is_outgoing ? position : other,
                                  is_outgoing ? other : position, next.label, err);
    if (status != HSIGHT_OK || !leads_on(explore, next)) {
        return status;
    }
    uint32_t depth = hsight__subgraph_node_at(explore->subgraph, position)->depth + 1;
    return enqueue(explore, other, depth, err);
}

/* What is left of too_many while one object is expanded. */
typedef struct {
    uint32_t new_left;
    uint32_t known_left;
} budget;

static hsight_status visit(explorer *explore, uint32_t position, neighbour next, budget *left,
                           hsight_error *err)
{
    hsight_subgraph *subgraph = explore->subgraph;
    uint32_t known = hsight__subgraph_find(subgraph, next.other);
    uint32_t *allowance = known != 0 ? &left->known_left : &left->new_left;
    if (*allowance == 0) {
        hsight__subgraph_node_at(subgraph, position)->omitted_count++;
        return HSIGHT_OK;
    }
    --*allowance;
    if (known != 0) {
        return connect(explore, position, known - 1, next, err);
    }
    uint32_t depth = hsight__subgraph_node_at(subgraph, position)->depth + 1;
    hsight_subgraph_node node = {.node = next.other, .depth = depth, .standing_for = 1};
    uint32_t added = 0;
    hsight_status status = hsight__subgraph_add_node(subgraph, &node, &added, err);
    return status == HSIGHT_OK ? connect(explore, position, added, next, err) : status;
}

/* Is there a module whose __dict__ this object is? Then it is the only referrer worth showing. */
static bool find_module(const explorer *explore, uint32_t position, neighbour *module)
{
    const hsight_subgraph_node *node = hsight__subgraph_node_at(explore->subgraph, position);
    uint32_t flags = hsight_graph_flags(explore->graph, node->node);
    if (explore->options.direction == HSIGHT_REFERENTS || node->is_start ||
        (flags & HSIGHT_NODE_NAMESPACE) == 0) {
        return false;
    }
    uint32_t count = neighbour_count(explore, node->node);
    for (uint32_t i = 0; i < count; i++) {
        *module = neighbour_at(explore, node->node, i);
        if ((hsight_graph_flags(explore->graph, module->other) & HSIGHT_NODE_MODULE) != 0) {
            return true;
        }
    }
    return false;
}

static hsight_status expand(explorer *explore, uint32_t position, hsight_error *err)
{
    hsight_node_id node = hsight__subgraph_node_at(explore->subgraph, position)->node;
    uint32_t limit = explore->options.too_many == 0 ? UINT32_MAX : explore->options.too_many;
    budget left = {limit, limit};
    neighbour module;
    if (find_module(explore, position, &module)) {
        return visit(explore, position, module, &left, err);
    }
    uint32_t count = neighbour_count(explore, node);
    hsight_status status = HSIGHT_OK;
    for (uint32_t i = 0; status == HSIGHT_OK && i < count; i++) {
        neighbour next = neighbour_at(explore, node, i);
        if (!is_redundant(explore, next)) {
            status = visit(explore, position, next, &left, err);
        }
    }
    return status;
}

static bool is_expanded(const explorer *explore, uint32_t position)
{
    const hsight_subgraph_node *node = hsight__subgraph_node_at(explore->subgraph, position);
    bool is_referents = explore->options.direction == HSIGHT_REFERENTS;
    uint32_t ends = is_referents ? HSIGHT_NODE_MODULE | HSIGHT_NODE_TYPE : HSIGHT_NODE_MODULE;
    bool is_end = (hsight_graph_flags(explore->graph, node->node) & ends) != 0;
    return node->depth < explore->options.depth && (node->is_start || !is_end);
}

static hsight_status expand_all(explorer *explore, hsight_error *err)
{
    hsight_status status = HSIGHT_OK;
    for (size_t i = 0; status == HSIGHT_OK && i < explore->queue.count; i++) {
        uint32_t position = ((const uint32_t *)explore->queue.data)[i];
        if (is_expanded(explore, position)) {
            status = expand(explore, position, err);
        }
    }
    return status;
}

/* What holds an object of the picture, by position. */
typedef struct {
    uint32_t root_count; /* roots shown */
    bool is_held;        /* a strong reference of the picture, or a root, holds it */
} holders;

static void mark_referents(const hsight_subgraph *subgraph, holders *held)
{
    const hsight_subgraph_edge *edges = subgraph->edges.data;
    for (size_t i = 0; i < subgraph->edges.count; i++) {
        held[edges[i].to].is_held |= !is_weak(edges[i].label);
    }
}

/* Towards referents, who else holds what is held is another question. */
static bool is_asked_for(const explorer *explore, const hsight_root *root, uint32_t position)
{
    return explore->options.direction == HSIGHT_REFERRERS || root->kind == HSIGHT_ROOT_MODULE ||
           hsight__subgraph_node_at(explore->subgraph, position)->is_start;
}

static hsight_status add_root(explorer *explore, const hsight_root *root, uint32_t position,
                              holders *held, hsight_error *err)
{
    held->is_held = true;
    if (explore->options.too_many != 0 && held->root_count == explore->options.too_many) {
        hsight__subgraph_node_at(explore->subgraph, position)->omitted_count++;
        return HSIGHT_OK;
    }
    held->root_count++;
    return hsight__subgraph_add_root(explore->subgraph, root, position, err);
}

/* The roots of what is shown: the profiler's, or all others. */
static hsight_status add_roots_of(explorer *explore, bool is_profilers, holders *held,
                                  hsight_error *err)
{
    uint32_t root_count = hsight_graph_root_count(explore->graph);
    hsight_status status = HSIGHT_OK;
    for (uint32_t i = 0; status == HSIGHT_OK && i < root_count; i++) {
        const hsight_root *root = hsight_graph_root(explore->graph, i);
        uint32_t found = hsight__subgraph_find(explore->subgraph, root->node);
        if (found == 0 || (root->kind == HSIGHT_ROOT_PROFILER) != is_profilers ||
            !is_asked_for(explore, root, found - 1) || (is_profilers && held[found - 1].is_held)) {
            continue;
        }
        status = add_root(explore, root, found - 1, &held[found - 1], err);
    }
    return status;
}

/* A running heapsight command holds what it is asked about: no news where others hold it, so its
 * roots come last. */
static hsight_status add_roots(explorer *explore, hsight_error *err)
{
    hsight__vec held;
    hsight__vec_init(&held, explore->subgraph->allocator, sizeof(holders));
    hsight_status status = hsight__vec_append_zeros(&held, explore->subgraph->nodes.count, err);
    if (status == HSIGHT_OK) {
        mark_referents(explore->subgraph, held.data);
        status = add_roots_of(explore, false, held.data, err);
    }
    if (status == HSIGHT_OK) {
        status = add_roots_of(explore, true, held.data, err);
    }
    hsight__vec_free(&held);
    return status;
}

static hsight_status explore_all(explorer *explore, const hsight_node_id *starts,
                                 uint32_t start_count, hsight_error *err)
{
    hsight_reverse *own = NULL;
    hsight_status status = HSIGHT_OK;
    if (explore->options.direction == HSIGHT_REFERRERS && explore->reverse == NULL) {
        status = hsight_reverse_new(explore->graph, &own, err);
        explore->reverse = own;
    }
    if (status == HSIGHT_OK) {
        status = add_starts(explore, starts, start_count, err);
    }
    if (status == HSIGHT_OK) {
        status = expand_all(explore, err);
    }
    hsight_reverse_free(own);
    return status == HSIGHT_OK ? add_roots(explore, err) : status;
}

hsight_status hsight_subgraph_around(const hsight_graph *graph, const hsight_reverse *reverse,
                                     const hsight_node_id *starts, uint32_t start_count,
                                     const hsight_subgraph_options *options, hsight_subgraph **out,
                                     hsight_error *err)
{
    if (options->direction != HSIGHT_REFERRERS && options->direction != HSIGHT_REFERENTS) {
        return hsight__fail(err, HSIGHT_EINVAL,
                            "subgraph: direction %d is neither referrers (0) "
                            "nor referents (1)",
                            (int)options->direction);
    }
    explorer explore = {.graph = graph, .reverse = reverse, .options = *options};
    hsight_status status =
        hsight__subgraph_begin(graph, options->direction, &explore.subgraph, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    hsight__vec_init(&explore.queue, explore.subgraph->allocator, sizeof(uint32_t));
    hsight__vec_init(&explore.is_queued, explore.subgraph->allocator, sizeof(uint8_t));
    status = explore_all(&explore, starts, start_count, err);
    hsight__vec_free(&explore.queue);
    hsight__vec_free(&explore.is_queued);
    if (status != HSIGHT_OK) {
        hsight_subgraph_free(explore.subgraph);
        return status;
    }
    hsight__subgraph_finish(explore.subgraph);
    *out = explore.subgraph;
    return HSIGHT_OK;
}
