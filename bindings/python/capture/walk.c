/* SPDX-License-Identifier: MIT */
/* walk.c - visits every object once and writes the graph.
 *
 * Objects are numbered when first seen and visited in the order of their numbers, so the column of
 * addresses is the queue. Tracked objects come first, in the collector's order, which is near the
 * order of allocation: the walk runs through memory forwards.
 * References are resolved a buffer at a time: first the map slots of all targets are asked for
 * (prefetch), then read, so that cache misses overlap.
 * Objects are taken a block at a time, for the same reason: the headers of the next block are asked
 * for, then the tables this block points to; then it is described, then visited.
 * I1  every node up to the one being visited is described; sources of edges ascend.
 * I2  a dict value follows its key: `previous` is the key when the value is resolved. */
#include "walk.h"
#include "capture.h"
#include "join.h"
#include "remarks.h"
#include "type_table.h"
#include "visit_session.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK 64 /* objects whose headers are fetched ahead */
/* The first regions of the map may have few objects: those of libraries, all of a small heap. */
#define SPARSE_REGIONS 4
#define CACHE_LINE     64
#define SECOND_LINE    40 /* bytes into an object: the last word of a str's header */
/* Of the caches: a whole block does not fit the lines that may be on their way to the first. */
#define TO_SECOND_LEVEL 2

/* ---- resolving ---- */

/* Flags exist once an object is described; those still in the queue are marked at the end. */
static void mark_namespace(hsight__walk *walk, PyObject *dict, uint32_t node, uint32_t source)
{
    hsight_builder *builder = walk->visit.builder;
    hsight_node_id id = {node};
    if (node <= source) {
        hsight_builder_set_flags(builder, id,
                                 hsight_builder_flags(builder, id) | HSIGHT_NODE_NAMESPACE);
    } else if (!hsight__pointers_add(&walk->namespaces, dict)) {
        walk->visit.dropped_count++;
    }
}

/* Objects that get the next numbers. */
typedef struct {
    uint64_t items[HSIGHT__PENDING];
    uint32_t count;
} met_objects;

/* Numbers the targets of what is pending, drops hidden ones, and completes labels in their place.
 * Returns how many edges are left; what comes behind a failure is left out. */
static uint32_t resolve(hsight__walk *walk, uint32_t *const *slots, uint32_t edge_count,
                        hsight_node_id *restrict targets, met_objects *met)
{
    hsight__visit *visit = &walk->visit;
    const uint32_t last = hsight_builder_node_count(visit->builder);
    const uint32_t dict_value = hsight_label_make(HSIGHT_LABEL_DICT_VALUE, 0).bits;
    uint32_t previous = walk->previous.index, count = 0;
    met->count = 0;
    for (uint32_t i = 0; i < edge_count; i++) {
        const PyObject *target = visit->pending.targets[i];
        uint32_t *slot = hsight__walk_own_slot(walk, slots[i], target);
        if (slot == NULL) {
            break;
        }
        uint32_t node = *slot & HSIGHT__NUMBER_MAX;
        if (node == 0) {
            met->items[met->count++] = (uint64_t)(uintptr_t)target;
            node = last + met->count;
            *slot = node | hsight__pointer_map_half(target);
            walk->found[node] = 0;
        } else if (node == HSIGHT__HIDDEN) {
            previous = 0;
            continue;
        }
        hsight_label label = visit->pending.labels[i];
        if (hsight_label_kind_of(label) != HSIGHT_LABEL_WEAK) {
            hsight__walk_count_reference(walk, node, target);
        }
        if (label.bits == dict_value) {
            label = hsight_label_make(HSIGHT_LABEL_DICT_VALUE, previous);
        } else if (label.bits == walk->dict_label.bits) {
            mark_namespace(walk, visit->pending.targets[i], node, visit->pending.sources[i].index);
        }
        visit->pending.sources[count] = visit->pending.sources[i];
        visit->pending.labels[count] = label;
        targets[count++].index = node;
        previous = node;
    }
    walk->previous.index = previous;
    return count;
}

static void flush(hsight__visit *visit)
{
    hsight__walk *walk = visit->state;
    uint32_t *slots[HSIGHT__PENDING];
    hsight_node_id targets[HSIGHT__PENDING];
    met_objects met;
    uint32_t count = hsight__walk_make_room(walk, visit->pending_count) ? visit->pending_count : 0;
    for (uint32_t i = 0; i < count; i++) {
        slots[i] = hsight__pointer_map_slot(&walk->map, visit->pending.targets[i]);
        __builtin_prefetch(slots[i]); /* NULL, out of memory, is found out when it is used */
    }
    count = resolve(walk, slots, count, targets, &met);
    visit->pending_count = 0;
    hsight_status status =
        hsight_builder_add_addresses(visit->builder, met.items, met.count, visit->err);
    if (status == HSIGHT_OK) {
        status = hsight_builder_add_edges(visit->builder, visit->pending.sources, targets,
                                          visit->pending.labels, count, visit->err);
    }
    hsight__visit_keep_failure(visit, status);
}

/* ---- visiting ---- */

static hsight_node_info describe(hsight__visit *visit, PyObject *object, hsight__type_info *info,
                                 bool tracked)
{
    Py_ssize_t refcount = Py_REFCNT(object);
    size_t bytes = hsight__shallow_bytes(object, info);
    if (hsight__size_doubted(object, info, bytes)) {
        info->doubted_count++;
        bytes = info->fixed_bytes;
    }
    return (hsight_node_info){
        .type = hsight__type_id(visit, info),
        .shallow_bytes = bytes,
        .refcount = refcount > (Py_ssize_t)UINT32_MAX ? UINT32_MAX : (uint32_t)refcount,
        .flags = info->node_flags | info->size_flags | (tracked ? HSIGHT_NODE_GC_TRACKED : 0) |
                 (hsight__compat_is_immortal(object) ? HSIGHT_NODE_IMMORTAL : 0),
    };
}

static void add_preview(hsight__visit *visit, hsight_node_id node, PyObject *object,
                        hsight__type_info *info)
{
    hsight_string_id text =
        info->is_task ? hsight__task_preview(visit, object, info) : hsight__preview(visit, object);
    if (text.index != 0 && hsight_builder_preview(visit->builder, node, text, NULL) != HSIGHT_OK) {
        visit->dropped_count++;
    }
}

/* The first lines of an object that comes after this block; a third of them reach into a second. */
static inline void fetch(const hsight_builder *builder, uint32_t node)
{
    if (node <= hsight_builder_node_count(builder)) {
        uint64_t address = hsight_builder_addresses(builder)[node];
        __builtin_prefetch((const void *)(uintptr_t)address, 0, TO_SECOND_LEVEL);
        __builtin_prefetch((const void *)(uintptr_t)(address + SECOND_LINE), 0, TO_SECOND_LEVEL);
    }
}

/* The objects of a block and their types; asks for the tables they point to. */
static void look_at_block(hsight__visit *visit, uint32_t first, PyObject **block,
                          hsight__type_info **infos, uint32_t count)
{
    const uint64_t *addresses = hsight_builder_addresses(visit->builder) + first;
    for (uint32_t i = 0; i < count; i++) {
        block[i] = (PyObject *)(uintptr_t)addresses[i];
        infos[i] = hsight__type_info_of(visit, Py_TYPE(block[i]));
        Py_ssize_t offset = infos[i]->table_offset;
        if (offset != 0) {
            const char *table = *(const char **)((char *)block[i] + offset);
            __builtin_prefetch(table);
            __builtin_prefetch(table + CACHE_LINE);
            __builtin_prefetch(table + 2 * CACHE_LINE);
        }
    }
}

static void describe_block(hsight__walk *walk, uint32_t first, uint32_t tracked_count,
                           PyObject *const *block, hsight__type_info *const *infos, uint32_t count)
{
    hsight__visit *visit = &walk->visit;
    hsight_node_info columns[BLOCK];
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = describe(visit, block[i], infos[i], first + i <= tracked_count);
        if ((infos[i]->node_flags & HSIGHT_NODE_TYPE) &&
            !PyType_HasFeature((PyTypeObject *)block[i], Py_TPFLAGS_HEAPTYPE) &&
            !hsight__pointers_add(&walk->static_types, block[i])) {
            visit->dropped_count++;
        }
    }
    hsight__visit_keep_failure(
        visit, hsight_builder_describe_next(visit->builder, columns, count, visit->err));
    for (uint32_t i = 0; i < count && visit->status == HSIGHT_OK; i++) {
        if (infos[i]->may_have_preview) {
            add_preview(visit, (hsight_node_id){first + i}, block[i], infos[i]);
        }
    }
}

static void visit_block(hsight__walk *walk, uint32_t first, uint32_t tracked_count, uint32_t count)
{
    hsight__visit *visit = &walk->visit;
    PyObject *block[BLOCK];
    hsight__type_info *infos[BLOCK];
    look_at_block(visit, first, block, infos, count);
    if (visit->status == HSIGHT_OK) { /* an object without a description has no edges */
        describe_block(walk, first, tracked_count, block, infos, count);
    }
    for (uint32_t i = 0; i < count && visit->status == HSIGHT_OK; i++) {
        fetch(visit->builder, first + i + BLOCK);
        visit->source.index = first + i;
        hsight__visit_object(visit, block[i], infos[i]);
    }
    flush(visit);
}

/* Visits from `node` to the last number, which moves on while new objects are found. */
static uint32_t visit_from(hsight__walk *walk, uint32_t node, uint32_t tracked_count)
{
    hsight__visit *visit = &walk->visit;
    uint32_t last;
    while (visit->status == HSIGHT_OK &&
           node <= (last = hsight_builder_node_count(visit->builder))) {
        uint32_t count = last - node + 1 < BLOCK ? last - node + 1 : BLOCK;
        visit_block(walk, node, tracked_count, count);
        node += count;
    }
    return node;
}

/* ---- phases ---- */

typedef struct {
    hsight__walk *walk;
    PyObject *probe;
} collecting;

static void leave_out(hsight__walk *walk, PyObject *object)
{
    (void)hsight__pointer_map_set(&walk->map, object, HSIGHT__HIDDEN);
}

static inline int add_tracked(collecting *c, hsight__pointers *tracked, PyObject *object)
{
    if (!hsight__type_info_of(&c->walk->visit, Py_TYPE(object))->may_be_own) {
        return !hsight__pointers_add(tracked, object);
    }
    if (hsight__compat_is_interned_table(object, c->probe)) {
        leave_out(c->walk, object);
        return 0;
    }
    bool own = hsight__is_own(c->walk, object);
    return !hsight__pointers_add(own ? &c->walk->own : tracked, object);
}

static int add_forwards(PyObject *object, void *state)
{
    collecting *c = state;
    return add_tracked(c, &c->walk->tracked, object);
}

static int add_backwards(PyObject *object, void *state)
{
    collecting *c = state;
    return add_tracked(c, &c->walk->tracked_last, object);
}

static void collect_tracked(hsight__walk *walk, PyObject *probe)
{
    collecting c = {.walk = walk, .probe = probe};
    const hsight__compat_tracked_visitor visitor = {add_forwards, add_backwards, &c};
    if (hsight__compat_visit_tracked(&visitor) != 0) {
        hsight__visit_fail(&walk->visit, HSIGHT_ENOMEM,
                           "out of memory while objects were collected");
    }
}

/* An object may have been collected twice: it is numbered once. */
static void number_batch(hsight__walk *walk, PyObject *const *items, uint32_t count)
{
    uint32_t *slots[BLOCK];
    uint64_t met[BLOCK];
    uint32_t met_count = 0, last = hsight_builder_node_count(walk->visit.builder);
    if (!hsight__walk_make_room(walk, count)) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        slots[i] = hsight__pointer_map_slot(&walk->map, items[i]);
        __builtin_prefetch(slots[i], 1); /* NULL, out of memory, is found out when it is used */
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *slot = hsight__walk_own_slot(walk, slots[i], items[i]);
        if (slot == NULL) {
            return;
        }
        if (*slot == 0) {
            met[met_count++] = (uint64_t)(uintptr_t)items[i];
            *slot = (last + met_count) | hsight__pointer_map_half(items[i]);
            walk->found[last + met_count] = 0;
        }
    }
    hsight__visit_keep_failure(
        &walk->visit,
        hsight_builder_add_addresses(walk->visit.builder, met, met_count, walk->visit.err));
}

/* Most heaps have about two objects for one that the collector tracks, and two references an
 * object. Items are reserved in such numbers that columns end where huge pages end: in a large heap
 * those of a byte too, else those of four bytes and more. A heap of few objects grows its columns
 * as it goes. */
static void reserve_columns(hsight__walk *walk)
{
    enum { FEW = 1 << 18 };
    const size_t items = walk->is_large ? (size_t)1 << 21 : (size_t)1 << 19;
    size_t count = 2 * (walk->tracked.count + walk->tracked_last.count);
    if (count >= FEW && count < UINT32_MAX / 4) {
        count = (count + items - 1) / items * items;
        hsight__walk_reserve(walk, (uint32_t)count - 2, (uint32_t)(2 * count));
    }
}

static void number_forwards(hsight__walk *walk, const hsight__pointers *tracked)
{
    for (size_t i = 0; i < tracked->count && walk->visit.status == HSIGHT_OK; i += BLOCK) {
        size_t rest = tracked->count - i;
        number_batch(walk, tracked->items + i, (uint32_t)(rest < BLOCK ? rest : BLOCK));
    }
}

static void number_backwards(hsight__walk *walk, const hsight__pointers *tracked)
{
    PyObject *items[BLOCK];
    for (size_t rest = tracked->count; rest > 0 && walk->visit.status == HSIGHT_OK;) {
        uint32_t count = 0;
        while (count < BLOCK && rest > 0) {
            items[count++] = tracked->items[--rest];
        }
        number_batch(walk, items, count);
    }
}

static uint32_t number_tracked(hsight__walk *walk)
{
    reserve_columns(walk);
    number_forwards(walk, &walk->tracked);
    hsight__pointers_free(&walk->tracked);
    number_backwards(walk, &walk->tracked_last);
    hsight__pointers_free(&walk->tracked_last);
    return hsight_builder_node_count(walk->visit.builder);
}

static void add_type(void *state, PyTypeObject *type)
{
    hsight__walk_node(state, (PyObject *)type);
}

static void add_static_type_root(hsight__walk *walk, hsight_node_id node, PyTypeObject *type)
{
    char name[256];
    size_t length = hsight__type_name(type, name, sizeof(name));
    hsight_root root = {.kind = HSIGHT_ROOT_STATIC_TYPE, .node = node};
    if (hsight_builder_string(walk->visit.builder, name, length, &root.name, NULL) != HSIGHT_OK ||
        hsight_builder_add_root(walk->visit.builder, &root, NULL) != HSIGHT_OK) {
        walk->visit.dropped_count++;
    }
}

/* Every static type, also one without objects that only a base's __subclasses__ knows: weakly. */
static void add_static_type_roots(hsight__walk *walk)
{
    for (size_t i = 0; i < walk->static_types.count; i++) {
        PyTypeObject *type = (PyTypeObject *)walk->static_types.items[i];
        add_static_type_root(walk, (hsight_node_id){hsight__walk_find(walk, type)}, type);
    }
}

static uint32_t node_of(void *state, const void *address)
{
    return hsight__walk_find(state, address);
}

static void mark_namespaces(hsight__walk *walk)
{
    for (size_t i = 0; i < walk->namespaces.count; i++) {
        uint32_t node = hsight__walk_find(walk, walk->namespaces.items[i]);
        mark_namespace(walk, walk->namespaces.items[i], node, node);
    }
}

/* Closure variables get their names now that every function has been seen. */
static void name_cells(hsight__walk *walk)
{
    const hsight__cell_names *cells = walk->visit.cells;
    for (size_t i = 0; i < cells->count; i++) {
        uint32_t node = hsight__walk_find(walk, cells->items[i].cell);
        if (node == 0) {
            continue;
        }
        hsight_references edges =
            hsight_builder_references(walk->visit.builder, (hsight_node_id){node});
        if (edges.count > 0) {
            hsight_builder_set_label(
                walk->visit.builder, edges.first,
                hsight_label_make(HSIGHT_LABEL_CELL, cells->items[i].name.index));
        }
    }
}

/* Types that are met only as types of objects come last, and may lead to new ones. */
static uint32_t visit_reachable(hsight__walk *walk, uint32_t node, uint32_t tracked_count)
{
    uint32_t before;
    do {
        before = hsight_builder_node_count(walk->visit.builder);
        node = visit_from(walk, node, tracked_count);
        hsight__type_table_each(&walk->visit, add_type, walk);
    } while (walk->visit.status == HSIGHT_OK &&
             hsight_builder_node_count(walk->visit.builder) != before);
    return node;
}

static void visit_all(hsight__walk *walk)
{
    walk->visit.flush = flush;
    walk->visit.state = walk;
    uint32_t tracked_count = number_tracked(walk);
    if (walk->visit.status != HSIGHT_OK) {
        return; /* the map may hold numbers that no object has */
    }
    hsight__roots_add(walk);
    uint32_t node = visit_reachable(walk, 1, tracked_count);
    hsight__find_unreferenced(walk);
    visit_reachable(walk, node, tracked_count);
}

static void finish_tables(hsight__walk *walk)
{
    name_cells(walk);
    mark_namespaces(walk);
    add_static_type_roots(walk);
    hsight__type_table_set_nodes(&walk->visit, node_of, walk);
    hsight__balance(walk);
}

static void find_blocks(hsight__walk *walk, hsight_capture_counts *counts)
{
    hsight__block_sizes sizes = {.visit = &walk->visit};
    if (counts->wants_size_rows) {
        size_t count = (size_t)hsight__type_table_last_id(&walk->visit) + 1;
        sizes.rows = counts->size_rows = calloc(count, sizeof(*sizes.rows));
        if (sizes.rows == NULL) {
            hsight__visit_fail(&walk->visit, HSIGHT_ENOMEM, "out of memory for sizes by type");
            return;
        }
    }
    hsight__find_blocks(walk, &sizes, &counts->blocks);
}

static hsight_status walk_heap(hsight_builder *builder, bool values, PyObject *interned_probe,
                               hsight_capture_counts *counts, hsight_error *err)
{
    hsight__walk *walk = calloc(1, sizeof(*walk));
    if (walk == NULL || hsight__visit_begin(&walk->visit, builder, err) != HSIGHT_OK) {
        free(walk);
        return hsight__out_of_memory(err);
    }
    walk->visit.values = values;
    walk->own_stack = (uintptr_t)__builtin_frame_address(0);
    walk->dict_label =
        hsight_label_make(HSIGHT_LABEL_ATTRIBUTE, walk->visit.names[HSIGHT__NAME_dict].index);
    hsight__walk_expect_many(walk);
    hsight__pointer_map_init(&walk->map, walk->is_large ? 0 : SPARSE_REGIONS);
    hsight__hide_modules(walk);
    leave_out(walk, interned_probe);
    collect_tracked(walk, interned_probe);
    hsight__hide_own(walk);
    visit_all(walk);
    if (walk->visit.status == HSIGHT_OK) {
        finish_tables(walk);
        hsight__pointer_map_clear(&walk->map); /* so that its memory can be used */
    }
    if (walk->visit.status == HSIGHT_OK) {
        find_blocks(walk, counts);
    }
    if (walk->visit.status == HSIGHT_OK) {
        hsight__find_holders(walk, counts->blocks.reach);
    }
    hsight_status status = walk->visit.status;
    if (status != HSIGHT_OK) {
        hsight_capture_blocks_free(&counts->blocks);
        free(counts->size_rows);
        counts->size_rows = NULL;
    }
    counts->dropped_count = walk->visit.dropped_count;
    hsight__remarks_take(&walk->visit, &counts->remarks);
    hsight__pointer_map_clear(&walk->map);
    hsight__walk_free_found(walk);
    hsight__pointers_free(&walk->tracked);
    hsight__pointers_free(&walk->tracked_last);
    hsight__pointers_free(&walk->own);
    hsight__pointers_free(&walk->hidden);
    hsight__pointers_free(&walk->held);
    hsight__pointers_free(&walk->kept);
    hsight__pointers_free(&walk->unknown);
    hsight__pointers_free(&walk->namespaces);
    hsight__pointers_free(&walk->static_types);
    hsight__visit_end(&walk->visit);
    free(walk);
    return status;
}

hsight_status hsight_capture_walk(hsight_builder *builder, bool values, PyObject *interned_probe,
                                  hsight_capture_counts *counts, hsight_error *err)
{
    int collects = PyGC_Disable();
    hsight_status status = walk_heap(builder, values, interned_probe, counts, err);
    PyErr_Clear(); /* a tp_traverse that fails may have set one, which nobody asked for */
    if (collects) {
        PyGC_Enable();
    }
    return status;
}
