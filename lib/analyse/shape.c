/* SPDX-License-Identifier: MIT */
/* shape.c - interned path shapes, a trie that grows from the roots.
 *
 * The identity of a root is (kind, name, thread, function); four words, so it takes two steps of
 * its own above the root's object:
 *
 *     ROOT (kind, name) -> ROOT (thread, function) -> STEP (0, type) -> STEP (label, type) -> ...
 *
 * What a label keeps: the names of attributes, variables and fields, also where they are keys of an
 * object's own __dict__. What it loses: list indexes, keys of other dicts, places on the stack.
 *
 * A chain of objects that hold one another (a.next.next.next, left.right.left) would give every
 * length a shape of its own. So a step with a name that equals one of the last LOOP_MAX steps goes
 * back to that shape: the loop is taken out.
 *
 * I1  (parent, label, type, kind) is unique
 * I2  parent < id: a trie has no cycle
 * I3  nothing has a TARGET for its parent
 *
 * 36 bytes a shape and about 32 of index, from the graph's allocator; O(1) amortised a call. */
#include "analyse/shape.h"

#include "base/hash.h"
#include "graph/graph_allocator.h"

#include <stdbool.h>

enum { LOOP_MAX = 4 };

void hsight__shapes_init(hsight__shapes *shapes, const hsight_graph *graph)
{
    const hsight_allocator *allocator = hsight__graph_allocator(graph);
    hsight__vec_init(&shapes->items, allocator, sizeof(hsight__shape));
    hsight__map_init(&shapes->index, allocator);
    shapes->graph = graph;
}

void hsight__shapes_free(hsight__shapes *shapes)
{
    hsight__vec_free(&shapes->items);
    hsight__map_free(&shapes->index);
}

static uint64_t hash_of(const hsight__shape *key)
{
    uint64_t hash = hsight__hash_u64(key->kind, (uint64_t)key->parent << 32 | key->label);
    return hsight__hash_u64(hash, key->type);
}

static bool is_same(const hsight__shape *a, const hsight__shape *b)
{
    return a->parent == b->parent && a->label == b->label && a->type == b->type &&
           a->kind == b->kind;
}

/* Room for one more shape; the first call also takes id 0, which means "none". */
static hsight_status reserve_item(hsight__shapes *shapes, hsight_error *err)
{
    hsight_status status = HSIGHT_OK;
    if (shapes->items.count == 0) {
        status = hsight__vec_append_zeros(&shapes->items, 1, err);
    }
    return status == HSIGHT_OK ? hsight__vec_reserve(&shapes->items, 1, err) : status;
}

/* The shape that equals `key` in its first four fields; added when there is none. */
static hsight_status intern(hsight__shapes *shapes, const hsight__shape *key, uint32_t *out,
                            hsight_error *err)
{
    hsight_status status = reserve_item(shapes, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    uint32_t *head = hsight__map_put(&shapes->index, hash_of(key), err);
    if (head == NULL) {
        return HSIGHT_ENOMEM;
    }
    for (uint32_t shape = *head; shape != 0; shape = hsight__shape_at(shapes, shape)->next) {
        if (is_same(hsight__shape_at(shapes, shape), key)) {
            *out = shape;
            return HSIGHT_OK;
        }
    }
    uint32_t added = (uint32_t)shapes->items.count++;
    *hsight__shape_at(shapes, added) = *key;
    hsight__shape_at(shapes, added)->next = *head;
    *head = added;
    *out = added;
    return HSIGHT_OK;
}

static uint32_t type_of(const hsight__shapes *shapes, hsight_node_id node)
{
    return hsight_graph_type(shapes->graph, node).index;
}

hsight_status hsight__shapes_root(hsight__shapes *shapes, uint32_t root, hsight_node_id node,
                                  hsight__shape_kind kind, uint32_t *out, hsight_error *err)
{
    const hsight_root *record = hsight_graph_root(shapes->graph, root);
    hsight__shape key = {.kind = HSIGHT__SHAPE_ROOT, .root = root};
    key.label = record->kind;
    key.type = record->name.index;
    hsight_status status = intern(shapes, &key, &key.parent, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    key.label = record->thread.index;
    key.type = record->function.index;
    status = intern(shapes, &key, &key.parent, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    key.label = 0;
    key.type = type_of(shapes, node);
    key.kind = kind;
    key.length = 1;
    return intern(shapes, &key, out, err);
}

static bool is_namespace(const hsight__shapes *shapes, hsight_node_id node)
{
    return (hsight_graph_flags(shapes->graph, node) & HSIGHT_NODE_NAMESPACE) != 0;
}

/* The label without what tells one item of a container from another. */
static uint32_t forget_item(const hsight__shapes *shapes, hsight_node_id source, hsight_label label)
{
    hsight_label_kind kind = hsight_label_kind_of(label);
    bool is_item = kind == HSIGHT_LABEL_INDEX || kind == HSIGHT_LABEL_STACK ||
                   (kind == HSIGHT_LABEL_DICT_VALUE && !is_namespace(shapes, source));
    return is_item ? hsight_label_make(kind, 0).bits : label.bits;
}

/* Containers in containers are no loop: rows[..][..] and rows[..] are different places. */
static bool has_name(const hsight__shape *step)
{
    hsight_label label = {step->label};
    return hsight_label_payload(label) != 0;
}

/* The shape to go back to when `step` repeats one of the last ones, else 0. */
static uint32_t find_loop(const hsight__shapes *shapes, const hsight__shape *step)
{
    if (step->kind != HSIGHT__SHAPE_STEP || !has_name(step)) {
        return 0;
    }
    uint32_t shape = step->parent;
    for (int back = 0; back < LOOP_MAX; back++) {
        const hsight__shape *earlier = hsight__shape_at(shapes, shape);
        if (earlier->kind != HSIGHT__SHAPE_STEP) {
            return 0;
        }
        if (earlier->label == step->label && earlier->type == step->type) {
            return shape;
        }
        shape = earlier->parent;
    }
    return 0;
}

hsight_status hsight__shapes_step(hsight__shapes *shapes, uint32_t parent, hsight_node_id source,
                                  hsight_label label, hsight_node_id target,
                                  hsight__shape_kind kind, uint32_t *out, hsight_error *err)
{
    const hsight__shape *before = hsight__shape_at(shapes, parent);
    if (before->kind == HSIGHT__SHAPE_TARGET) {
        *out = parent;
        return HSIGHT_OK;
    }
    hsight__shape key = {.parent = parent,
                         .label = forget_item(shapes, source, label),
                         .type = type_of(shapes, target),
                         .kind = kind,
                         .length = before->length + 1,
                         .root = before->root};
    uint32_t loop = find_loop(shapes, &key);
    if (loop != 0) {
        *out = loop;
        return HSIGHT_OK;
    }
    return intern(shapes, &key, out, err);
}
