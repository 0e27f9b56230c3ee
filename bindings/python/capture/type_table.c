/* SPDX-License-Identifier: MIT */
/* type_table.c - what a visit knows of each type, and what types are called.
 *
 * Open addressing from the type's address to its hsight__type_info; infos never move.
 * I1  count * 2 <= capacity.  I2  infos[i]->type == the key of exactly one slot.
 * Memory: owned by the table, malloc. Cost: O(1) a lookup, O(bases + members) once a type. */
#include "type_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hsight__type_table {
    hsight__type_info **slots;
    size_t capacity;
    size_t count;
    hsight__type_info spare; /* handed out when memory ran out */
};

#define FIRST_CAPACITY 1024

hsight__type_table *hsight__type_table_new(void)
{
    hsight__type_table *table = calloc(1, sizeof(*table));
    if (table == NULL) {
        return NULL;
    }
    table->slots = calloc(FIRST_CAPACITY, sizeof(*table->slots));
    table->capacity = FIRST_CAPACITY;
    if (table->slots == NULL) {
        free(table);
        return NULL;
    }
    return table;
}

void hsight__type_table_free(hsight__type_table *table)
{
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i] != NULL) {
            free(table->slots[i]->members);
            free(table->slots[i]->key_names);
            free(table->slots[i]);
        }
    }
    free(table->slots);
    free(table);
}

static hsight__type_info **find(hsight__type_info **slots, size_t capacity, PyTypeObject *type)
{
    size_t mask = capacity - 1;
    size_t at = (size_t)(((uint64_t)(uintptr_t)type * 0x9E3779B97F4A7C15u) >> 40) & mask;
    while (slots[at] != NULL && slots[at]->type != type) {
        at = (at + 1) & mask;
    }
    return &slots[at];
}

static bool grow(hsight__type_table *table)
{
    size_t capacity = table->capacity * 2;
    hsight__type_info **slots = calloc(capacity, sizeof(*slots));
    if (slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i] != NULL) {
            *find(slots, capacity, table->slots[i]->type) = table->slots[i];
        }
    }
    free(table->slots);
    table->slots = slots;
    table->capacity = capacity;
    return true;
}

/* ---- names ---- */

/* The value under `key` in the class's own __dict__; nothing is called. */
PyObject *hsight__type_own_attribute(PyTypeObject *type, const char *key)
{
    return hsight__dict_value(hsight__compat_type_dict(type), key);
}

size_t hsight__type_name(PyTypeObject *type, char *out, size_t size)
{
    if (!PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) {
        const char *name =
            strncmp(type->tp_name, "builtins.", 9) == 0 ? type->tp_name + 9 : type->tp_name;
        return hsight__copy_text(name, out, size);
    }
    PyObject *qualname = ((PyHeapTypeObject *)type)->ht_qualname;
    PyObject *module = hsight__type_own_attribute(type, "__module__");
    size_t length = 0;
    if (module != NULL && PyUnicode_CheckExact(module) &&
        PyUnicode_CompareWithASCIIString(module, "builtins") != 0) {
        length = hsight__copy_unicode(module, out, size - 1);
        out[length++] = '.';
    }
    if (qualname == NULL || !PyUnicode_Check(qualname)) {
        return length + hsight__copy_text(type->tp_name, out + length, size - length);
    }
    return length + hsight__copy_unicode(qualname, out + length, size - length);
}

/* ---- infos ---- */

bool hsight__type_is_own(PyTypeObject *type)
{
    char name[64];
    if (!PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) {
        return false;
    }
    hsight__type_name(type, name, sizeof(name));
    return strncmp(name, "heapsight.", 10) == 0;
}

static Py_ssize_t table_offset(PyTypeObject *type)
{
    if (PyType_FastSubclass(type, Py_TPFLAGS_LIST_SUBCLASS)) {
        return offsetof(PyListObject, ob_item);
    }
    if (PyType_FastSubclass(type, Py_TPFLAGS_DICT_SUBCLASS)) {
        return offsetof(PyDictObject, ma_keys);
    }
    if (type == &PySet_Type || type == &PyFrozenSet_Type) {
        return offsetof(PySetObject, table);
    }
    return hsight__compat_values_offset(type);
}

static void fill(hsight__visit *visit, hsight__type_info *info, PyTypeObject *type)
{
    info->type = type;
    /* Links of an lru_cache are counted by the cache's own tp_traverse. */
    info->owns_class = PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) &&
                       strcmp(type->tp_name, "functools._lru_list_elem") != 0;
    info->is_heapsight = hsight__type_is_own(type);
    info->managed_dict = hsight__compat_has_managed_dict(type);
    info->gc = PyType_HasFeature(type, Py_TPFLAGS_HAVE_GC);
    info->is_task = hsight__is_task_type(type);
    info->may_have_preview = type == &PyUnicode_Type || visit->values || info->is_task;
    info->table_offset = table_offset(type);
    info->fixed_bytes = hsight__compat_preheader_bytes(type) + (size_t)type->tp_basicsize;
    if (PyType_FastSubclass(type, Py_TPFLAGS_TYPE_SUBCLASS)) {
        info->node_flags = HSIGHT_NODE_TYPE;
    } else if (PyType_IsSubtype(type, &PyModule_Type)) {
        info->node_flags = HSIGHT_NODE_MODULE;
    }
    info->may_be_own = info->is_heapsight || (info->node_flags & HSIGHT_NODE_TYPE) ||
                       type == &PyFunction_Type || type == &PyDict_Type;
    visit->assign(visit, info);
}

static void inert_rule(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    (void)visit;
    (void)object;
    (void)info;
}

static size_t inert_size(PyObject *object, const hsight__type_info *info)
{
    (void)object;
    (void)info;
    return 0;
}

/* The visit has failed; until it stops, objects of this type are passed over. */
static hsight__type_info *out_of_memory(hsight__visit *visit, hsight__type_table *table,
                                        PyTypeObject *type)
{
    hsight__visit_fail(visit, HSIGHT_ENOMEM, "out of memory: too little is left to walk the heap");
    table->spare = (hsight__type_info){.type = type, .rule = inert_rule, .size = inert_size};
    return &table->spare;
}

hsight__type_info *hsight__type_info_find(hsight__visit *visit, PyTypeObject *type)
{
    hsight__type_table *table = visit->types;
    hsight__type_info *known = *find(table->slots, table->capacity, type);
    if (known != NULL) {
        return known;
    }
    hsight__type_info *info = calloc(1, sizeof(*info));
    if (info == NULL || (table->count * 2 >= table->capacity && !grow(table))) {
        free(info);
        return out_of_memory(visit, table, type);
    }
    info->type = type;
    *find(table->slots, table->capacity, type) = info; /* before fill(): it looks up bases */
    table->count++;
    fill(visit, info, type);
    return info;
}

hsight_type_id hsight__type_id_make(hsight__visit *visit, hsight__type_info *info)
{
    char text[512];
    hsight_string_id name = {0};
    size_t length = hsight__type_name(info->type, text, sizeof(text));
    hsight_status status = hsight_builder_string(visit->builder, text, length, &name, visit->err);
    if (status == HSIGHT_OK) {
        status = hsight_builder_add_type(visit->builder, name, &info->id, visit->err);
    }
    hsight__visit_keep_failure(visit, status);
    return info->id;
}

void hsight__type_table_each(hsight__visit *visit, void (*each)(void *state, PyTypeObject *type),
                             void *state)
{
    hsight__type_table *table = visit->types;
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i] != NULL && table->slots[i]->id.index != 0) {
            each(state, table->slots[i]->type);
        }
    }
}

void hsight__type_table_each_info(hsight__visit *visit,
                                  void (*each)(void *state, const hsight__type_info *info),
                                  void *state)
{
    hsight__type_table *table = visit->types;
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i] != NULL) {
            each(state, table->slots[i]);
        }
    }
}

void hsight__type_table_set_nodes(hsight__visit *visit, hsight__node_lookup node_of, void *state)
{
    hsight__type_table *table = visit->types;
    for (size_t i = 0; i < table->capacity; i++) {
        hsight__type_info *info = table->slots[i];
        if (info != NULL && info->id.index != 0) {
            hsight_node_id node = {node_of(state, info->type)};
            hsight_builder_set_type_node(visit->builder, info->id, node);
        }
    }
}

uint32_t hsight__type_table_last_id(hsight__visit *visit)
{
    const hsight__type_table *table = visit->types;
    uint32_t last = 0;
    for (size_t i = 0; i < table->capacity; i++) {
        const hsight__type_info *info = table->slots[i];
        last = info != NULL && info->id.index > last ? info->id.index : last;
    }
    return last;
}

hsight__type_info **hsight__type_table_by_id(hsight__visit *visit)
{
    hsight__type_table *table = visit->types;
    hsight__type_info **infos =
        calloc((size_t)hsight__type_table_last_id(visit) + 1, sizeof(hsight__type_info *));
    for (size_t i = 0; infos != NULL && i < table->capacity; i++) {
        hsight__type_info *info = table->slots[i];
        if (info != NULL && info->id.index != 0) {
            infos[info->id.index] = info;
        }
    }
    return infos;
}
