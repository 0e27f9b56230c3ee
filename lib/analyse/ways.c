/* SPDX-License-Identifier: MIT */
/* ways.c - references into a set of objects, grouped by object, without an index of all referrers.
 *
 *     bits      one bit a node: is it asked for?
 *     ranks     bits set before each word, so that the number of a target is a popcount away
 *     ways      | of target 0 | of target 1 | ...        ends[i] is where the part of target i ends
 *
 * Two passes over all edges, the first counts, the second fills.
 *
 * I1  targets is strictly ascending and holds exactly the nodes whose bit is set
 * I2  every source is reached by the tree, and no way is a weak reference; where anything but the
 *     profiler reaches a target, none of its ways is the profiler's
 * I3  references and roots together are at most UINT32_MAX, so that no count of ways can wrap
 *
 * 1.5 bits a node, 8 bytes a target, 8 bytes a way. */
#include "analyse/ways.h"

void hsight__ways_init(hsight__ways *ways, const hsight_allocator *allocator)
{
    hsight__vec_init(&ways->bits, allocator, sizeof(uint64_t));
    hsight__vec_init(&ways->ranks, allocator, sizeof(uint32_t));
    hsight__vec_init(&ways->targets, allocator, sizeof(uint32_t));
    hsight__vec_init(&ways->ways, allocator, sizeof(hsight__way));
    hsight__vec_init(&ways->ends, allocator, sizeof(uint32_t));
}

void hsight__ways_free(hsight__ways *ways)
{
    hsight__vec_free(&ways->bits);
    hsight__vec_free(&ways->ranks);
    hsight__vec_free(&ways->targets);
    hsight__vec_free(&ways->ways);
    hsight__vec_free(&ways->ends);
}

static hsight_status set_bits(hsight__ways *ways, uint32_t node_count,
                              const hsight_node_id *targets, uint32_t count, hsight_error *err)
{
    hsight_status status = hsight__vec_append_zeros(&ways->bits, (size_t)node_count / 64 + 1, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    uint64_t *bits = ways->bits.data;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t node = targets[i].index;
        if (node == 0 || node > node_count) {
            return hsight__fail(err, HSIGHT_EINVAL,
                                "paths: target %u of %u is object %u, but the graph has %u objects",
                                i + 1, count, node, node_count);
        }
        bits[node / 64] |= UINT64_C(1) << (node % 64);
    }
    return HSIGHT_OK;
}

/* List the set bits of one word. */
static hsight_status list_word(hsight__ways *ways, uint32_t word, hsight_error *err)
{
    uint32_t before = (uint32_t)ways->targets.count;
    hsight_status status = hsight__vec_push(&ways->ranks, &before, err);
    uint64_t left = ((const uint64_t *)ways->bits.data)[word];
    for (; status == HSIGHT_OK && left != 0; left &= left - 1) {
        uint32_t node = word * 64 + (uint32_t)__builtin_ctzll(left);
        status = hsight__vec_push(&ways->targets, &node, err);
    }
    return status;
}

hsight_status hsight__ways_set_targets(hsight__ways *ways, const hsight_graph *graph,
                                       const hsight_node_id *targets, uint32_t count,
                                       hsight_error *err)
{
    uint32_t node_count = hsight_graph_node_count(graph);
    hsight_status status = set_bits(ways, node_count, targets, count, err);
    for (uint32_t word = 0; status == HSIGHT_OK && word < ways->bits.count; word++) {
        status = list_word(ways, word, err);
    }
    return status;
}

/* Where a target stands in `targets`. */
static uint32_t target_number(const hsight__ways *ways, uint32_t node)
{
    uint64_t word = ((const uint64_t *)ways->bits.data)[node / 64];
    uint64_t below = word & ((UINT64_C(1) << (node % 64)) - 1);
    return ((const uint32_t *)ways->ranks.data)[node / 64] + (uint32_t)__builtin_popcountll(below);
}

/* What a pass does with a way to target `number`. */
typedef void (*way_action)(hsight__ways *ways, uint32_t number, hsight__way way);

static void count_way(hsight__ways *ways, uint32_t number, hsight__way way)
{
    (void)way;
    ((uint32_t *)ways->ends.data)[number]++;
}

static void fill_way(hsight__ways *ways, uint32_t number, hsight__way way)
{
    uint32_t *end = &((uint32_t *)ways->ends.data)[number];
    ((hsight__way *)ways->ways.data)[(*end)++] = way;
}

/* What a running heapsight command holds is said only of objects that nothing else holds: then the
 * tree, which grows from that kind of root last, begins there. */
static bool is_worth_saying(const hsight__tree *tree, const hsight_root *root, uint32_t number)
{
    uint32_t node = root->node.index;
    return root->kind != HSIGHT_ROOT_PROFILER ||
           (hsight__tree_parent(tree, node) == 0 && hsight__tree_edge(tree, node) == number);
}

/* The same for what it holds through an object that nothing else holds. */
static bool is_worth_following(const hsight__tree *tree, const hsight_graph *graph, uint32_t source,
                               uint32_t node)
{
    return !hsight__tree_is_profilers(tree, graph, source) ||
           hsight__tree_is_profilers(tree, graph, node);
}

static void visit_roots(hsight__ways *ways, const hsight_graph *graph, const hsight__tree *tree,
                        way_action action)
{
    uint32_t root_count = hsight_graph_root_count(graph);
    for (uint32_t i = 0; i < root_count; i++) {
        const hsight_root *root = hsight_graph_root(graph, i);
        uint32_t node = root->node.index;
        if (hsight__ways_is_target(ways, node) && is_worth_saying(tree, root, i)) {
            action(ways, target_number(ways, node), (hsight__way){0, i});
        }
    }
}

static void visit_references(hsight__ways *ways, const hsight_graph *graph,
                             const hsight__tree *tree, uint32_t source, way_action action)
{
    hsight_references references = hsight_graph_references(graph, (hsight_node_id){source});
    for (uint32_t i = 0; i < references.count; i++) {
        uint32_t node = references.targets[i].index;
        if (hsight__ways_is_target(ways, node) && !hsight__label_is_weak(references.labels[i]) &&
            is_worth_following(tree, graph, source, node)) {
            action(ways, target_number(ways, node), (hsight__way){source, references.first + i});
        }
    }
}

static void visit_all(hsight__ways *ways, const hsight_graph *graph, const hsight__tree *tree,
                      way_action action)
{
    visit_roots(ways, graph, tree, action);
    uint32_t node_count = hsight_graph_node_count(graph);
    for (uint32_t source = 1; source <= node_count; source++) {
        if (hsight__tree_is_reached(tree, source)) {
            visit_references(ways, graph, tree, source, action);
        }
    }
}

/* Turn counts into the places where each part begins; filling moves them on to where it ends. */
static uint32_t counts_to_begins(hsight__vec *ends)
{
    uint32_t *items = ends->data;
    uint32_t total = 0;
    for (size_t i = 0; i < ends->count; i++) {
        uint32_t count = items[i];
        items[i] = total;
        total += count;
    }
    return total;
}

/* One object may be the target of every reference and root there is. */
static hsight_status check_count(const hsight_graph *graph, hsight_error *err)
{
    uint64_t most = (uint64_t)hsight_graph_edge_count(graph) + hsight_graph_root_count(graph);
    return most <= UINT32_MAX
               ? HSIGHT_OK
               : hsight__fail(err, HSIGHT_ELIMIT,
                              "paths: %llu references and roots together, %u are possible",
                              (unsigned long long)most, UINT32_MAX);
}

hsight_status hsight__ways_collect(hsight__ways *ways, const hsight_graph *graph,
                                   const hsight__tree *tree, hsight_error *err)
{
    hsight_status status = check_count(graph, err);
    if (status == HSIGHT_OK) {
        status = hsight__vec_append_zeros(&ways->ends, ways->targets.count, err);
    }
    if (status != HSIGHT_OK) {
        return status;
    }
    visit_all(ways, graph, tree, count_way);
    status = hsight__vec_append_zeros(&ways->ways, counts_to_begins(&ways->ends), err);
    if (status == HSIGHT_OK) {
        visit_all(ways, graph, tree, fill_way);
    }
    return status;
}
