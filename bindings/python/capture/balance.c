/* SPDX-License-Identifier: MIT */
/* balance.c - refcounts against the references that were found.
 *
 *   surplus = refcount - references found in the heap - references owned by frames, threads and our
 *             own objects
 * What words of unknown operand stacks explain is taken off; what a word of the interpreter's own
 * structure explains becomes a root "interpreter"; what is left is "held by C code". More
 * references than refcount means that a layout is not understood: such objects are counted and
 * reported. Nothing found here is ever an edge. References were counted when they were resolved
 * (walk.c); their 4 bytes an object are freed at the end. Cost: O(objects). */
#include "type_table.h"
#include "walk.h"

#include <string.h>

typedef struct {
    hsight__walk *walk;
    uint32_t *found; /* the walk's; overwritten with the surplus */
    uint32_t count;
} balance;

/* Owned references from outside the graph: each item is one. Items become node numbers. */
static void count_held(balance *b)
{
    for (size_t i = 0; i < b->walk->held.count; i++) {
        uint32_t node = hsight__walk_find(b->walk, b->walk->held.items[i]);
        b->found[node]++;
    }
}

static void note_overcounted(balance *b, uint32_t node)
{
    hsight__visit *visit = &b->walk->visit;
    uint64_t address = hsight_builder_addresses(visit->builder)[node];
    const PyObject *object = (const PyObject *)(uintptr_t)address;
    hsight__type_info_of(visit, Py_TYPE(object))->overcounted_count++;
}

static bool is_overcounted(const uint32_t *refcounts, const uint8_t *flags, const uint32_t *found,
                           uint32_t i)
{
    return (((flags[i] & HSIGHT_NODE_IMMORTAL) == 0) & (found[i] > refcounts[i])) != 0;
}

/* Of the nodes from `first` on. Hardly any is overcounted: without branches, the compiler takes
 * many at once. */
static void subtract(balance *b, uint32_t first, uint32_t count)
{
    const hsight_builder *builder = b->walk->visit.builder;
    const uint32_t *restrict refcounts = hsight_builder_refcounts(builder) + first;
    const uint8_t *restrict flags = hsight_builder_flags_column(builder) + first;
    uint32_t *restrict found = b->found + first;
    uint32_t overcounted = 0;
    for (uint32_t i = 0; i < count; i++) {
        overcounted += is_overcounted(refcounts, flags, found, i);
    }
    for (uint32_t i = 0; i < count && overcounted != 0; i++) {
        if (is_overcounted(refcounts, flags, found, i)) {
            note_overcounted(b, first + i);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t counted = (flags[i] & HSIGHT_NODE_IMMORTAL) == 0 ? refcounts[i] : 0;
        found[i] = counted > found[i] ? counted - found[i] : 0;
    }
}

static void take_surplus(balance *b)
{
    enum { AT_ONCE = 4096 }; /* stays in the first cache for three times */
    b->found[0] = 0;
    for (uint32_t first = 1; first <= b->count; first += AT_ONCE) {
        uint32_t rest = b->count - first + 1;
        subtract(b, first, rest < AT_ONCE ? rest : AT_ONCE);
    }
}

static void add_root(balance *b, hsight_root root)
{
    hsight__visit *visit = &b->walk->visit;
    hsight_status status = hsight_builder_add_root(visit->builder, &root, visit->err);
    hsight__visit_keep_failure(visit, status);
}

static void explain_by_stacks(balance *b)
{
    for (size_t i = 0; i < b->walk->unknown.count; i++) {
        uint32_t node = hsight__walk_find(b->walk, b->walk->unknown.items[i]);
        if (node != 0 && b->found[node] > 0) {
            b->found[node]--;
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
        uint32_t node = hsight__walk_find(b->walk, words[i]);
        if (node != 0 && b->found[node] > 0 && !has_free_list(words[i])) {
            b->found[node]--;
            add_root(b,
                     (hsight_root){.node = {node}, .kind = HSIGHT_ROOT_INTERPRETER, .name = name});
        }
    }
}

/* They get their names later (holders.c). */
static void add_c_held(balance *b)
{
    for (uint32_t node = 1; node <= b->count; node++) {
        if (b->found[node] > 0) {
            add_root(b, (hsight_root){
                            .node = {node}, .kind = HSIGHT_ROOT_C_HELD, .surplus = b->found[node]});
        }
    }
}

static void add_kept(balance *b)
{
    for (size_t i = 0; i < b->walk->kept.count; i++) {
        uint32_t node = hsight__walk_find(b->walk, b->walk->kept.items[i]);
        if (node != 0 && b->found[node] != UINT32_MAX) {
            b->found[node] = UINT32_MAX; /* once is enough */
            add_root(b, (hsight_root){.node = {node}, .kind = HSIGHT_ROOT_PROFILER});
        }
    }
}

void hsight__balance(hsight__walk *walk)
{
    balance b = {.walk = walk,
                 .found = walk->found,
                 .count = hsight_builder_node_count(walk->visit.builder)};
    count_held(&b);
    take_surplus(&b);
    explain_by_stacks(&b);
    explain_by_interpreter(&b);
    add_c_held(&b);
    add_kept(&b);
    hsight__walk_free_found(walk);
}
