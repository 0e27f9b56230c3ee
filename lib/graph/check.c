/* SPDX-License-Identifier: MIT */
/* check.c - the invariants of a frozen graph.
 *
 * I1   counts are within their limits
 * I2   item 0 of every node column and of both type columns is zero
 * I3   first_edge[0] == first_edge[1] == 0, it never descends, and its last item is edge_count
 * I4   every target is a node
 * I5   every label has a known kind, and a payload that fits its kind: none, a known string, a
 *      known node or 0, or "not recorded"
 * I6   every node has a known type or none
 * I7   pairs of numbers ascend strictly, name exactly the nodes whose item is all ones, and their
 *      values are at least that; types and refcounts of four bytes need none
 * I8   preview_nodes ascend strictly and name nodes; their strings are known
 * I9   the name of every type is a known string; its node is a node or 0
 * I10  string_offsets[0] == string_offsets[1] == 0, they never descend, and the last one is
 *      string_bytes_count
 * I11  every root has a known kind, a node, and known strings
 * I12  no two nodes have the same address; 0 means that it is not known
 *
 * I1..I11 make every accessor safe and are what a file must hold: hsight__columns_check() takes
 * O(nodes + edges) time and no memory. I12 takes a hash table of node numbers, freed before return.
 * Messages begin with the number. */
#include "graph/columns.h"
#include "graph/graph_allocator.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/strings.h"
#include "base/vec.h"

#include <stdbool.h>

typedef enum {
    PAYLOAD_UNKNOWN_KIND,
    PAYLOAD_NONE,
    PAYLOAD_STRING,
    PAYLOAD_NODE,
    PAYLOAD_NUMBER
} payload_rule;

static const payload_rule payload_rules[16] = {
#define PAYLOAD_RULE(name, number, text, payload) [number] = PAYLOAD_##payload,
    HSIGHT_LABEL_LIST(PAYLOAD_RULE)
#undef PAYLOAD_RULE
};

static hsight_status check_counts(const hsight__columns *c, hsight_error *err)
{
    if (c->node_count > HSIGHT__NODE_COUNT_MAX) {
        return hsight__fail(err, HSIGHT_EINVAL, "I1: %u objects, at most %u", c->node_count,
                            HSIGHT__NODE_COUNT_MAX);
    }
    if (c->edge_count > HSIGHT__EDGE_COUNT_MAX) {
        return hsight__fail(err, HSIGHT_EINVAL, "I1: %u references, at most %u", c->edge_count,
                            HSIGHT__EDGE_COUNT_MAX);
    }
    if (c->string_count > HSIGHT__STRING_COUNT_MAX) {
        return hsight__fail(err, HSIGHT_EINVAL, "I1: %u strings, at most %u", c->string_count,
                            HSIGHT__STRING_COUNT_MAX);
    }
    if (c->type_count > UINT32_MAX - 1) {
        return hsight__fail(err, HSIGHT_EINVAL, "I1: %u types, at most %u", c->type_count,
                            UINT32_MAX - 1);
    }
    return HSIGHT_OK;
}

static uint32_t item_0_of(const hsight__numbers *numbers)
{
    return hsight__numbers_item(numbers->items, numbers->item_bytes, 0);
}

static hsight_status check_item_0(const hsight__columns *c, hsight_error *err)
{
    const char *broken = c->addresses[0] != 0            ? "addresses"
                         : item_0_of(&c->types) != 0     ? "types"
                         : item_0_of(&c->shallow) != 0   ? "shallow"
                         : item_0_of(&c->refcounts) != 0 ? "refcounts"
                         : c->flags[0] != 0              ? "flags"
                         : c->type_names[0] != 0         ? "type_names"
                         : c->type_nodes[0] != 0         ? "type_nodes"
                                                         : NULL;
    if (broken != NULL) {
        return hsight__fail(err, HSIGHT_EINVAL, "I2: item 0 of %s is not zero", broken);
    }
    return HSIGHT_OK;
}

static hsight_status check_first_edge(const hsight__columns *c, hsight_error *err)
{
    const uint32_t *first = c->first_edge;
    if (first[0] != 0 || first[1] != 0) {
        return hsight__fail(err, HSIGHT_EINVAL, "I3: references of object 1 begin at %u, not at 0",
                            first[0] != 0 ? first[0] : first[1]);
    }
    for (uint32_t node = 1; node <= c->node_count; node++) {
        if (first[node + 1] < first[node]) {
            return hsight__fail(err, HSIGHT_EINVAL,
                                "I3: references of object %u end at %u, before %u", node,
                                first[node + 1], first[node]);
        }
    }
    if (first[c->node_count + 1] != c->edge_count) {
        return hsight__fail(err, HSIGHT_EINVAL, "I3: references end at %u, there are %u",
                            first[c->node_count + 1], c->edge_count);
    }
    return HSIGHT_OK;
}

static bool label_is_valid(const hsight__columns *c, hsight_label label)
{
    uint32_t payload = hsight_label_payload(label);
    switch (payload_rules[label.bits >> 28]) {
    case PAYLOAD_NONE:
        return payload == 0;
    case PAYLOAD_STRING:
        return payload <= c->string_count || payload == HSIGHT_LABEL_PAYLOAD_MAX;
    case PAYLOAD_NODE:
        return payload <= c->node_count || payload == HSIGHT_LABEL_PAYLOAD_MAX;
    case PAYLOAD_NUMBER:
        return true;
    case PAYLOAD_UNKNOWN_KIND:
        break;
    }
    return false;
}

static hsight_status check_edges(const hsight__columns *c, hsight_error *err)
{
    for (uint32_t edge = 0; edge < c->edge_count; edge++) {
        uint32_t target = c->targets[edge].index;
        if (target == 0 || target > c->node_count) {
            return hsight__fail(err, HSIGHT_EINVAL, "I4: reference %u leads to object %u of %u",
                                edge, target, c->node_count);
        }
        if (!label_is_valid(c, c->labels[edge])) {
            return hsight__fail(err, HSIGHT_EINVAL,
                                "I5: reference %u has label kind %u, payload %u", edge,
                                c->labels[edge].bits >> 28, hsight_label_payload(c->labels[edge]));
        }
    }
    return HSIGHT_OK;
}

/* `number` is the invariant: strictly ascending nodes. */
static hsight_status check_sorted_nodes(const uint32_t *nodes, uint32_t count, uint32_t node_count,
                                        const char *number, hsight_error *err)
{
    uint32_t before = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i] <= before || nodes[i] > node_count) {
            return hsight__fail(err, HSIGHT_EINVAL, "%s: item %u names object %u of %u, after %u",
                                number, i, nodes[i], node_count, before);
        }
        before = nodes[i];
    }
    return HSIGHT_OK;
}

/* Of types and refcounts in four bytes, an item of all ones may be the number itself. */
static bool needs_no_pairs(const hsight__columns *c, const hsight__numbers *numbers)
{
    return numbers != &c->shallow && numbers->item_bytes == sizeof(uint32_t) &&
           numbers->pair_count == 0;
}

static uint32_t count_ones(const hsight__numbers *numbers, uint32_t node_count)
{
    uint32_t ones = hsight__numbers_ones(numbers->item_bytes), count = 0;
    for (uint32_t node = 1; node <= node_count; node++) {
        count += hsight__numbers_item(numbers->items, numbers->item_bytes, node) == ones;
    }
    return count;
}

static hsight_status check_pairs(const hsight__numbers *numbers, uint32_t node_count,
                                 const char *what, hsight_error *err)
{
    uint32_t ones = hsight__numbers_ones(numbers->item_bytes);
    hsight_status status =
        check_sorted_nodes(numbers->pair_nodes, numbers->pair_count, node_count, "I7", err);
    for (uint32_t i = 0; status == HSIGHT_OK && i < numbers->pair_count; i++) {
        uint32_t node = numbers->pair_nodes[i];
        uint32_t item = hsight__numbers_item(numbers->items, numbers->item_bytes, node);
        if (item != ones || numbers->pair_values[i] < ones) {
            status = hsight__fail(err, HSIGHT_EINVAL,
                                  "I7: %s of object %u: %u, and %llu where %u or more belong", what,
                                  node, item, (unsigned long long)numbers->pair_values[i], ones);
        }
    }
    return status;
}

static hsight_status check_numbers(const hsight__columns *c, hsight_error *err)
{
    const struct {
        const hsight__numbers *numbers;
        const char *what;
    } columns[] = {{&c->types, "type"}, {&c->shallow, "bytes"}, {&c->refcounts, "refcount"}};
    hsight_status status = HSIGHT_OK;
    for (size_t i = 0; status == HSIGHT_OK && i < sizeof columns / sizeof *columns; i++) {
        const hsight__numbers *numbers = columns[i].numbers;
        if (needs_no_pairs(c, numbers)) {
            continue;
        }
        uint32_t count = count_ones(numbers, c->node_count);
        if (count != numbers->pair_count) {
            return hsight__fail(err, HSIGHT_EINVAL,
                                "I7: %s: %u objects have %u or more, %u numbers are given",
                                columns[i].what, count, hsight__numbers_ones(numbers->item_bytes),
                                numbers->pair_count);
        }
        status = check_pairs(numbers, c->node_count, columns[i].what, err);
    }
    return status;
}

static hsight_status check_types_of_nodes(const hsight__columns *c, hsight_error *err)
{
    for (uint32_t node = 1; node <= c->node_count; node++) {
        uint64_t type = hsight__numbers_at(&c->types, node);
        if (type > c->type_count) {
            return hsight__fail(err, HSIGHT_EINVAL, "I6: object %u has type %llu of %u", node,
                                (unsigned long long)type, c->type_count);
        }
    }
    return HSIGHT_OK;
}

static hsight_status check_previews(const hsight__columns *c, hsight_error *err)
{
    hsight_status status =
        check_sorted_nodes(c->preview_nodes, c->preview_count, c->node_count, "I8", err);
    for (uint32_t i = 0; status == HSIGHT_OK && i < c->preview_count; i++) {
        if (c->preview_strings[i] > c->string_count) {
            status = hsight__fail(err, HSIGHT_EINVAL, "I8: preview of object %u is string %u of %u",
                                  c->preview_nodes[i], c->preview_strings[i], c->string_count);
        }
    }
    return status;
}

static hsight_status check_types(const hsight__columns *c, hsight_error *err)
{
    for (uint32_t type = 1; type <= c->type_count; type++) {
        if (c->type_names[type] > c->string_count) {
            return hsight__fail(err, HSIGHT_EINVAL, "I9: the name of type %u is string %u of %u",
                                type, c->type_names[type], c->string_count);
        }
        if (c->type_nodes[type] > c->node_count) {
            return hsight__fail(err, HSIGHT_EINVAL, "I9: type %u is object %u of %u", type,
                                c->type_nodes[type], c->node_count);
        }
    }
    return HSIGHT_OK;
}

static hsight_status check_strings(const hsight__columns *c, hsight_error *err)
{
    const uint64_t *offsets = c->string_offsets;
    if (offsets[0] != 0 || offsets[1] != 0) {
        return hsight__fail(err, HSIGHT_EINVAL, "I10: string 0 is not the empty string");
    }
    for (uint32_t string = 1; string <= c->string_count; string++) {
        if (offsets[string + 1] < offsets[string]) {
            return hsight__fail(err, HSIGHT_EINVAL, "I10: string %u ends before it begins", string);
        }
    }
    if (offsets[c->string_count + 1] != c->string_bytes_count) {
        return hsight__fail(err, HSIGHT_EINVAL, "I10: strings end at %llu of %llu bytes",
                            (unsigned long long)offsets[c->string_count + 1],
                            (unsigned long long)c->string_bytes_count);
    }
    return HSIGHT_OK;
}

static bool root_kind_is_known(uint32_t kind)
{
    switch (kind) {
#define ROOT_CASE(name, number, text) case number:
        HSIGHT_ROOT_LIST(ROOT_CASE)
#undef ROOT_CASE
        return true;
    default:
        return false;
    }
}

static hsight_status check_roots(const hsight__columns *c, hsight_error *err)
{
    for (uint32_t i = 0; i < c->root_count; i++) {
        const hsight_root *root = &c->roots[i];
        if (!root_kind_is_known(root->kind)) {
            return hsight__fail(err, HSIGHT_EINVAL, "I11: root %u has kind %u", i, root->kind);
        }
        if (root->node.index == 0 || root->node.index > c->node_count) {
            return hsight__fail(err, HSIGHT_EINVAL, "I11: root %u is object %u of %u", i,
                                root->node.index, c->node_count);
        }
        if (root->name.index > c->string_count || root->thread.index > c->string_count ||
            root->function.index > c->string_count || root->file.index > c->string_count) {
            return hsight__fail(err, HSIGHT_EINVAL,
                                "I11: root %u names a string beyond the last, %u", i,
                                c->string_count);
        }
    }
    return HSIGHT_OK;
}

hsight_status hsight__columns_check(const hsight__columns *columns, hsight_error *err)
{
    static hsight_status (*const checks[])(const hsight__columns *, hsight_error *) = {
        check_counts,         check_item_0, check_first_edge, check_edges,    check_numbers,
        check_types_of_nodes, check_types,  check_strings,    check_previews, check_roots};
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        hsight_status status = checks[i](columns, err);
        if (status != HSIGHT_OK) {
            return status;
        }
    }
    return HSIGHT_OK;
}

/* The node that has the address of `node` already, or 0 after taking a slot for `node`. */
static uint32_t take_slot(uint32_t *slots, size_t mask, uint64_t seed, const uint64_t *addresses,
                          uint32_t node)
{
    size_t at = (size_t)hsight__hash_u64(seed, addresses[node]) & mask;
    while (slots[at] != 0 && addresses[slots[at]] != addresses[node]) {
        at = (at + 1) & mask;
    }
    uint32_t known = slots[at];
    slots[at] = known != 0 ? known : node;
    return known;
}

static hsight_status check_addresses(const hsight__columns *c, const hsight_allocator *allocator,
                                     hsight_error *err)
{
    size_t slot_count = 16;
    while (slot_count / 4 * 3 < c->node_count) {
        slot_count *= 2;
    }
    hsight__vec slots;
    hsight__vec_init(&slots, allocator, sizeof(uint32_t));
    hsight_status status = hsight__vec_append_zeros(&slots, slot_count, err);
    uint64_t seed = hsight__hash_seed();
    for (uint32_t node = 1; status == HSIGHT_OK && node <= c->node_count; node++) {
        uint32_t known = 0;
        if (c->addresses[node] != 0) {
            known = take_slot(slots.data, slot_count - 1, seed, c->addresses, node);
        }
        if (known != 0) {
            status = hsight__fail(err, HSIGHT_EINVAL, "I12: objects %u and %u are both at 0x%llx",
                                  known, node, (unsigned long long)c->addresses[node]);
        }
    }
    hsight__vec_free(&slots);
    return status;
}

hsight_status hsight_graph_check(const hsight_graph *graph, hsight_error *err)
{
    const hsight__columns *columns = hsight__graph_columns(graph);
    hsight_status status = hsight__columns_check(columns, err);
    if (status == HSIGHT_OK) {
        status = check_addresses(columns, hsight__graph_allocator(graph), err);
    }
    return status;
}
