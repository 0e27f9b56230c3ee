/* SPDX-License-Identifier: MIT */
/* balance.c - refcounts against the references that were found.
 *
 *   surplus = refcount - references found in the heap - references owned by frames, threads and our
 *             own objects
 * What words of unknown operand stacks explain is taken off; what a word of the interpreter's own
 * structure explains becomes a root "interpreter"; what is left is "held by C code". More
 * references than refcount means that a layout is not understood: such objects are counted and
 * reported. Nothing found here is ever an edge.
 * References were counted when they were resolved (walk.c), in a byte an object: most objects have
 * but a few. Each time a byte is full, 256 more are noted in a table (found_full). So an object
 * with another refcount than its byte says is looked at, one whose refcount is 255 or more,
 * which the builder's byte does not tell, and one in the table whose byte happens to fit.
 *
 * Memory: the byte, up to 64 bytes for each object with more references, 8 to 16 for each with a
 * surplus; freed at the end. Cost: O(objects). */
#include "type_table.h"
#include "walk.h"

enum { FULL = 256 };

typedef struct {
    uint32_t node;
    uint32_t count;
} surplus;

typedef struct {
    hsight__walk *walk;
    const hsight_builder *builder;
    uint32_t node_count;
    surplus *items; /* nodes ascend */
    size_t count;
    hsight__room room;
} balance;

/* Owned references from outside the graph: each item is one. */
static void count_held(balance *b)
{
    for (size_t i = 0; i < b->walk->held.count; i++) {
        PyObject *object = b->walk->held.items[i];
        uint32_t node = hsight__walk_find(b->walk, object);
        if (node != 0) {
            hsight__walk_count_reference(b->walk, node, object);
        }
    }
}

/* ---- surplus ---- */

static PyObject *object_of(const balance *b, uint32_t node)
{
    return (PyObject *)(uintptr_t)hsight_builder_addresses(b->builder)[node];
}

static bool is_counted(const balance *b, uint32_t node)
{
    return (hsight_builder_flags_column(b->builder)[node] & HSIGHT_NODE_IMMORTAL) == 0;
}

static void add_surplus(balance *b, uint32_t node, uint32_t count)
{
    if (b->count == b->room.capacity) {
        surplus *items = hsight__room_grow(&b->room, b->items, sizeof *b->items, b->count + 1);
        if (items == NULL) {
            hsight__visit_fail(&b->walk->visit, HSIGHT_ENOMEM,
                               "out of memory while refcounts were balanced");
            return;
        }
        b->items = items;
    }
    b->items[b->count++] = (surplus){node, count};
}

/* Of a node whose bytes differ, or do not tell. */
static void compare(balance *b, uint32_t node)
{
    hsight__visit *visit = &b->walk->visit;
    PyObject *object = object_of(b, node);
    uint64_t full = (uint64_t)hsight__tally_of(&b->walk->found_full, object);
    uint64_t found = b->walk->found[node] + full * FULL;
    uint32_t refcount = hsight_builder_refcount(b->builder, (hsight_node_id){node});
    if (found < refcount) {
        add_surplus(b, node, refcount - (uint32_t)found);
    } else if (found > refcount) {
        hsight__type_info_of(visit, Py_TYPE(object))->overcounted_count++;
    }
}

/* A refcount that its byte does not tell is compared in any case. */
static bool may_differ(uint8_t refcount, uint8_t found)
{
    return (refcount != found) | (refcount == UINT8_MAX);
}

/* Of the nodes from `first` on. Without branches, the compiler takes many at once. */
static bool any_may_differ(const balance *b, uint32_t first, uint32_t count)
{
    const uint8_t *restrict refcounts = hsight_builder_refcounts(b->builder) + first;
    const uint8_t *restrict found = b->walk->found + first;
    uint8_t differing = 0;
    for (uint32_t i = 0; i < count; i++) {
        differing |= may_differ(refcounts[i], found[i]);
    }
    return differing != 0;
}

static void take_surplus(balance *b)
{
    enum { AT_ONCE = 256 };
    const uint8_t *refcounts = hsight_builder_refcounts(b->builder);
    for (uint32_t first = 1; first <= b->node_count; first += AT_ONCE) {
        uint32_t rest = b->node_count - first + 1, count = rest < AT_ONCE ? rest : AT_ONCE;
        if (!any_may_differ(b, first, count)) {
            continue;
        }
        for (uint32_t node = first; node < first + count; node++) {
            if (may_differ(refcounts[node], b->walk->found[node]) && is_counted(b, node)) {
                compare(b, node);
            }
        }
    }
}

/* Of an object that was found 256 times and more the byte may tell of its refcount, which is less:
 * that can only be one reference too many, so the order of `items` stays. */
static void compare_full(balance *b)
{
    const hsight__tally *full = &b->walk->found_full;
    for (size_t i = 0; i < full->capacity; i++) {
        uint32_t node =
            full->items[i].object != NULL ? hsight__walk_find(b->walk, full->items[i].object) : 0;
        uint8_t refcount = node != 0 ? hsight_builder_refcounts(b->builder)[node] : 0;
        if (node != 0 && !may_differ(refcount, b->walk->found[node]) && is_counted(b, node)) {
            compare(b, node);
        }
    }
}

/* The surplus of the object at an address, or NULL: it has none. */
static surplus *find_surplus(const balance *b, const void *address)
{
    uint32_t node = hsight__walk_find(b->walk, address);
    size_t begin = 0, end = node != 0 ? b->count : 0;
    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        if (b->items[middle].node < node) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    bool has = node != 0 && begin < b->count && b->items[begin].node == node;
    return has && b->items[begin].count > 0 ? &b->items[begin] : NULL;
}

/* ---- roots ---- */

static void add_root(balance *b, hsight_root root)
{
    hsight__visit *visit = &b->walk->visit;
    hsight_status status = hsight_builder_add_root(visit->builder, &root, visit->err);
    hsight__visit_keep_failure(visit, status);
}

static void explain_by_stacks(balance *b)
{
    for (size_t i = 0; i < b->walk->unknown.count; i++) {
        surplus *found = find_surplus(b, b->walk->unknown.items[i]);
        if (found != NULL) {
            found->count--;
        }
    }
}

/* Free lists lie in the interpreter's structure too, and a word in one may still name an object
 * that was taken out long ago: such words explain nothing. */
static bool has_free_list(PyObject *object)
{
    return PyList_CheckExact(object) || PyTuple_CheckExact(object) || PyDict_CheckExact(object) ||
           PyFloat_CheckExact(object) || PySlice_Check(object) || PyFrame_Check(object);
}

static void explain_by_interpreter(balance *b)
{
    size_t bytes;
    PyObject *const *words = hsight__compat_interpreter_memory(&bytes);
    hsight_string_id name = hsight__visit_name(&b->walk->visit, "interpreter state");
    for (size_t i = 0; i < bytes / sizeof(words[0]); i++) {
        surplus *found = find_surplus(b, words[i]);
        if (found != NULL && !has_free_list(words[i])) {
            found->count--;
            add_root(b, (hsight_root){
                            .node = {found->node}, .kind = HSIGHT_ROOT_INTERPRETER, .name = name});
        }
    }
}

/* They get their names later (holders.c). */
static void add_c_held(balance *b)
{
    for (size_t i = 0; i < b->count; i++) {
        if (b->items[i].count > 0) {
            add_root(b, (hsight_root){.node = {b->items[i].node},
                                      .kind = HSIGHT_ROOT_C_HELD,
                                      .surplus = b->items[i].count});
        }
    }
}

static void add_kept(balance *b)
{
    hsight__tally kept = {0};
    for (size_t i = 0; i < b->walk->kept.count; i++) {
        PyObject *object = b->walk->kept.items[i];
        uint32_t node = hsight__walk_find(b->walk, object);
        if (node != 0 && hsight__tally_add(&kept, object) <= 1) { /* 0, out of memory: twice then */
            add_root(b, (hsight_root){.node = {node}, .kind = HSIGHT_ROOT_PROFILER});
        }
    }
    hsight__tally_free(&kept);
}

void hsight__balance(hsight__walk *walk)
{
    balance b = {.walk = walk,
                 .builder = walk->visit.builder,
                 .node_count = hsight_builder_node_count(walk->visit.builder)};
    count_held(&b);
    take_surplus(&b);
    compare_full(&b);
    explain_by_stacks(&b);
    explain_by_interpreter(&b);
    add_c_held(&b);
    add_kept(&b);
    hsight__room_free(&b.room, b.items, sizeof *b.items);
    hsight__walk_free_found(walk);
}
