/* SPDX-License-Identifier: MIT */
/* walk.c - visits every object once and writes the graph.
 *
 * Objects are numbered when first seen and visited in the order of their numbers, so the column of
 * addresses is the queue. Tracked objects come first, in the collector's order, which is near the
 * order of allocation: the walk runs through memory forwards.
 * References are resolved a buffer at a time: first the map slots of all targets are asked for
 * (prefetch), then read, so that cache misses overlap.
 * I1  every node below the one being visited is described; edges come grouped by source, ascending.
 * I2  a dict value follows its key: `previous` is the key when the value is resolved. */
#include "walk.h"
#include "capture.h"
#include "visit_session.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK 128 /* objects whose headers are fetched ahead */

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

static inline hsight_label resolve_label(hsight__walk *walk, const hsight__edge *edge,
                                         uint32_t node)
{
    hsight_label label = {edge->label};
    if (label.bits == hsight_label_make(HSIGHT_LABEL_DICT_VALUE, 0).bits) {
        label = hsight_label_make(HSIGHT_LABEL_DICT_VALUE, walk->previous.index);
    } else if (label.bits == walk->dict_label.bits) {
        mark_namespace(walk, edge->target, node, edge->source);
    }
    walk->previous.index = node;
    return label;
}

static void add_run(hsight__walk *walk, uint32_t source, const hsight_node_id *targets,
                    const hsight_label *labels, uint32_t count)
{
    if (count == 0) {
        return;
    }
    hsight_status status = hsight_builder_add_edges(walk->visit.builder, (hsight_node_id){source},
                                                    targets, labels, count, walk->visit.err);
    if (status != HSIGHT_OK) {
        hsight__visit_keep_failure(&walk->visit, status);
    }
}

/* Numbers the targets, drops hidden ones, and hands the edges over by source. */
static void resolve(hsight__walk *walk, uint32_t *const *slots)
{
    hsight__visit *visit = &walk->visit;
    hsight_node_id targets[HSIGHT__PENDING];
    hsight_label labels[HSIGHT__PENDING];
    uint32_t count = 0, source = 0;
    for (uint32_t i = 0; i < visit->pending_count; i++) {
        const hsight__edge *edge = &visit->pending[i];
        uint32_t node =
            *slots[i] != 0 ? *slots[i] : hsight__walk_number(walk, slots[i], edge->target);
        if (node == HSIGHT__HIDDEN || node == 0) {
            walk->previous.index = 0;
            continue;
        }
        if (edge->source != source) {
            add_run(walk, source, targets, labels, count);
            source = edge->source;
            count = 0;
        }
        targets[count].index = node;
        labels[count++] = resolve_label(walk, edge, node);
    }
    add_run(walk, source, targets, labels, count);
}

static void flush(hsight__visit *visit)
{
    hsight__walk *walk = visit->state;
    uint32_t *slots[HSIGHT__PENDING];
    for (uint32_t i = 0; i < visit->pending_count; i++) {
        slots[i] = hsight__pointer_map_slot(&walk->map, visit->pending[i].target, true);
        if (slots[i] == NULL) {
            hsight__visit_fail(visit, HSIGHT_ENOMEM, "out of memory while objects were numbered");
            visit->pending_count = i;
            break;
        }
        __builtin_prefetch(slots[i]);
    }
    resolve(walk, slots);
    visit->pending_count = 0;
}

/* ---- visiting ---- */

static void describe(hsight__walk *walk, uint32_t node, PyObject *object, hsight__type_info *info,
                     bool tracked)
{
    hsight__visit *visit = &walk->visit;
    Py_ssize_t refcount = Py_REFCNT(object);
    hsight_node_id id = {node};
    hsight_node_info columns = {
        .type = hsight__type_id(visit, info),
        .shallow_bytes = hsight__shallow_bytes(object, info),
        .refcount = refcount > (Py_ssize_t)UINT32_MAX ? UINT32_MAX : (uint32_t)refcount,
        .flags = info->node_flags,
    };
    if (tracked) {
        columns.flags |= HSIGHT_NODE_GC_TRACKED;
    }
    if (hsight__compat_is_immortal(object)) {
        columns.flags |= HSIGHT_NODE_IMMORTAL;
    }
    hsight_status status = hsight_builder_describe(visit->builder, id, &columns, visit->err);
    if (status != HSIGHT_OK) {
        hsight__visit_keep_failure(&walk->visit, status);
    }
    hsight_string_id text = hsight__preview(visit, object);
    if (text.index != 0 && hsight_builder_preview(visit->builder, id, text, NULL) != HSIGHT_OK) {
        visit->dropped_count++;
    }
}

static void fetch_ahead(hsight__walk *walk, uint32_t from)
{
    const uint64_t *addresses = hsight_builder_addresses(walk->visit.builder);
    uint32_t last = hsight_builder_node_count(walk->visit.builder);
    for (uint32_t node = from; node < from + BLOCK && node <= last; node++) {
        __builtin_prefetch((const void *)(uintptr_t)addresses[node]);
    }
}

/* Visits from `node` to the last number, which moves on while new objects are found. */
static uint32_t visit_from(hsight__walk *walk, uint32_t node, uint32_t tracked_count)
{
    hsight__visit *visit = &walk->visit;
    hsight_builder *builder = visit->builder;
    while (node <= hsight_builder_node_count(builder) && visit->status == HSIGHT_OK) {
        uint64_t block[BLOCK];
        uint32_t last = hsight_builder_node_count(builder);
        uint32_t count = last - node + 1 < BLOCK ? last - node + 1 : BLOCK;
        memcpy(block, hsight_builder_addresses(builder) + node, count * sizeof(block[0]));
        fetch_ahead(walk, node + count);
        for (uint32_t i = 0; i < count && visit->status == HSIGHT_OK; i++, node++) {
            PyObject *object = (PyObject *)(uintptr_t)block[i];
            hsight__type_info *info = hsight__type_info_of(visit, Py_TYPE(object));
            describe(walk, node, object, info, node <= tracked_count);
            if (visit->status != HSIGHT_OK) {
                break; /* an object without a description has no edges */
            }
            visit->source = node;
            hsight__visit_object(visit, object, info);
        }
        flush(visit);
    }
    return node;
}

/* ---- phases ---- */

typedef struct {
    hsight__walk *walk;
    PyObject *probe;
} collecting;

static int add_tracked(PyObject *object, void *state)
{
    collecting *c = state;
    if (hsight__compat_is_interned_table(object, c->probe)) {
        uint32_t *slot = hsight__pointer_map_slot(&c->walk->map, object, true);
        if (slot != NULL) {
            *slot = HSIGHT__HIDDEN;
        }
        return 0;
    }
    bool own = hsight__is_own(c->walk, object);
    return !hsight__pointers_add(own ? &c->walk->own : &c->walk->tracked, object);
}

static void collect_tracked(hsight__walk *walk, PyObject *probe)
{
    collecting c = {walk, probe};
    if (hsight__compat_visit_tracked(add_tracked, &c) != 0) {
        hsight__visit_fail(&walk->visit, HSIGHT_ENOMEM,
                           "out of memory while objects were collected");
    }
}

static uint32_t number_tracked(hsight__walk *walk)
{
    for (size_t i = 0; i < walk->tracked.count && walk->visit.status == HSIGHT_OK; i++) {
        hsight__walk_node(walk, walk->tracked.items[i]);
    }
    hsight__pointers_free(&walk->tracked);
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
    hsight_builder *builder = walk->visit.builder;
    uint32_t last = hsight_builder_node_count(builder);
    for (hsight_node_id node = {1}; node.index <= last; node.index++) {
        if (hsight_builder_flags(builder, node) & HSIGHT_NODE_TYPE) {
            uint64_t address = hsight_builder_addresses(builder)[node.index];
            PyTypeObject *type = (PyTypeObject *)(uintptr_t)address;
            if (!PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) {
                add_static_type_root(walk, node, type);
            }
        }
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

static void visit_all(hsight__walk *walk)
{
    walk->visit.flush = flush;
    walk->visit.state = walk;
    uint32_t tracked_count = number_tracked(walk);
    hsight__roots_add(walk);
    uint32_t node = 1, before;
    do { /* types that are met only as types of objects come last, and may lead to new ones */
        before = hsight_builder_node_count(walk->visit.builder);
        node = visit_from(walk, node, tracked_count);
        hsight__type_table_each(&walk->visit, add_type, walk);
    } while (walk->visit.status == HSIGHT_OK &&
             hsight_builder_node_count(walk->visit.builder) != before);
}

static void finish_tables(hsight__walk *walk)
{
    name_cells(walk);
    mark_namespaces(walk);
    add_static_type_roots(walk);
    hsight__type_table_set_nodes(&walk->visit, node_of, walk);
    hsight__balance(walk);
}

static void give_preheaders(hsight__walk *walk, hsight_capture_counts *counts)
{
    uint32_t count = hsight__type_table_last_id(&walk->visit) + 1;
    counts->preheaders = counts->wants_preheaders ? malloc(count) : NULL;
    if (counts->preheaders != NULL) {
        hsight__type_table_preheaders(&walk->visit, counts->preheaders, count);
        counts->preheader_count = count;
    } else if (counts->wants_preheaders) {
        walk->visit.dropped_count++;
    }
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
    walk->dict_label =
        hsight_label_make(HSIGHT_LABEL_ATTRIBUTE, walk->visit.names[HSIGHT__NAME_dict].index);
    hsight__pointer_map_init(&walk->map, true);
    hsight__hide_modules(walk);
    collect_tracked(walk, interned_probe);
    hsight__hide_own(walk);
    visit_all(walk);
    if (walk->visit.status == HSIGHT_OK) {
        finish_tables(walk);
        give_preheaders(walk, counts);
    }
    counts->dropped_count = walk->visit.dropped_count;
    counts->overcounted_count = walk->overcounted_count;
    hsight_status status = walk->visit.status;
    hsight__pointer_map_clear(&walk->map);
    hsight__pointers_free(&walk->tracked);
    hsight__pointers_free(&walk->own);
    hsight__pointers_free(&walk->held);
    hsight__pointers_free(&walk->kept);
    hsight__pointers_free(&walk->unknown);
    hsight__pointers_free(&walk->namespaces);
    hsight__visit_end(&walk->visit);
    free(walk);
    return status;
}

hsight_status hsight_capture_walk(hsight_builder *builder, bool values, PyObject *interned_probe,
                                  hsight_capture_counts *counts, hsight_error *err)
{
    int collects = PyGC_Disable();
    hsight_status status = walk_heap(builder, values, interned_probe, counts, err);
    if (collects) {
        PyGC_Enable();
    }
    return status;
}
