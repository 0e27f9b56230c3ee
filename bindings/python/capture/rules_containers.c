/* SPDX-License-Identifier: MIT */
/* rules_containers.c - what containers own. No tp_traverse here: labels need the position, and
 * dict_traverse leaves out the keys of string-keyed dicts. Cost: O(items). */
#include "rules.h"

#include <string.h>

void hsight__rule_nothing(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    (void)visit;
    (void)object;
    (void)info;
}

static void emit_items(hsight__visit *visit, PyObject *const *items, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        if (items[i] != NULL) {
            hsight__emit(visit, items[i], hsight_label_make(HSIGHT_LABEL_INDEX, (uint64_t)i));
        }
    }
}

void hsight__rule_list(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    (void)info;
    PyObject *const *items = ((PyListObject *)object)->ob_item;
    /* list.sort() sets the table aside while it compares. */
    if (items != NULL && !hsight__items_doubted(object)) {
        emit_items(visit, items, PyList_GET_SIZE(object));
    }
}

void hsight__rule_tuple(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    (void)info;
    if (!hsight__items_doubted(object)) {
        emit_items(visit, ((PyTupleObject *)object)->ob_item, PyTuple_GET_SIZE(object));
    }
}

void hsight__rule_set(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    (void)info;
    const PySetObject *set = (PySetObject *)object;
    for (Py_ssize_t i = 0; i <= set->mask; i++) {
        const setentry *entry = &set->table[i];
        if (entry->key != NULL && entry->hash != -1) { /* hash -1 marks a deleted entry */
            hsight__emit(visit, entry->key, hsight_label_make(HSIGHT_LABEL_SET_MEMBER, 0));
        }
    }
}

static void emit_split_values(hsight__visit *visit, PyObject *dict)
{
    Py_ssize_t at = 0;
    PyObject *key, *value;
    while (PyDict_Next(dict, &at, &key, &value)) {
        hsight_string_id name = hsight__visit_unicode(visit, key);
        hsight__emit(visit, value, hsight_label_make(HSIGHT_LABEL_ATTRIBUTE, name.index));
    }
}

void hsight__rule_dict(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    (void)info;
    hsight__compat_dict_kind kind = hsight__compat_dict_kind_of(object);
    if (kind == HSIGHT__DICT_SPLIT) {
        emit_split_values(visit, object);
    }
    if (kind != HSIGHT__DICT_COMBINED) {
        return;
    }
    hsight__compat_dict_entries entries = hsight__compat_dict_entries_of(object);
    PyObject *const *entry = entries.first;
    for (Py_ssize_t i = 0; i < entries.count; i++, entry += entries.word_count) {
        if (entry[1] != NULL) {
            hsight__emit(visit, entry[0], hsight_label_make(HSIGHT_LABEL_DICT_KEY, 0));
            hsight__emit(visit, entry[1], hsight_label_make(HSIGHT_LABEL_DICT_VALUE, 0));
        }
    }
}

static void emit_instance_dict(hsight__visit *visit, PyObject *object, PyTypeObject *type)
{
    if (type->tp_dictoffset > 0) {
        hsight__emit_named(visit, *(PyObject **)((char *)object + type->tp_dictoffset),
                           HSIGHT_LABEL_ATTRIBUTE, HSIGHT__NAME_dict);
    }
}

/* An OrderedDict's list of entries owns each key once more. */
void hsight__rule_ordered_dict(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    hsight__rule_dict(visit, object, info);
    emit_instance_dict(visit, object, info->type);
    Py_ssize_t at = 0;
    PyObject *key, *value;
    while (PyDict_Next(object, &at, &key, &value)) {
        hsight__emit_named(visit, key, HSIGHT_LABEL_INTERNAL, HSIGHT__NAME_od_node);
    }
}

void hsight__rule_default_dict(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    hsight__rule_dict(visit, object, info);
    hsight__rule_members(visit, object, info); /* default_factory */
}

/* The blocks are private; tp_traverse visits the items in order. */
void hsight__rule_deque(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    size_t count = hsight__traverse_collect(visit, object, info);
    for (size_t i = 0; i < count; i++) {
        visit->scratch_labels[i] = hsight_label_make(HSIGHT_LABEL_INDEX, i).bits;
    }
    hsight__traverse_emit(visit);
}

/* What tp_traverse tells: of each entry, from the oldest, the key, the result and its type; then
 * the cache, the function, a mark between positions and keywords, the types of an entry and of
 * cache_info(). */
static void label_lru_parts(hsight__visit *visit)
{
    static const char *const of_entry[] = {"cached key", "cached result", "entry type"};
    static const char *const after[] = {"cache", "__wrapped__", "keyword mark", "entry type",
                                        "cache info type"};
    size_t count = visit->scratch_count, at = 0;
    while (at + 3 < count && PyType_Check(visit->scratch[at + 2]) &&
           strcmp(((PyTypeObject *)visit->scratch[at + 2])->tp_name, "functools._lru_list_elem") ==
               0) {
        for (int i = 0; i < 3; i++) {
            hsight__traverse_label_at(visit, at++, of_entry[i]);
        }
    }
    for (int i = 0; i < 5 && at < count && (i > 0 || PyDict_CheckExact(visit->scratch[at])); i++) {
        hsight__traverse_label_at(visit, at++, after[i]);
    }
}

/* The cache's dict owns each entry, and so does the ring of recent use, which tp_traverse leaves
 * out. */
static void emit_lru_ring(hsight__visit *visit, PyObject *dict)
{
    Py_ssize_t at = 0;
    PyObject *key, *value;
    while (PyDict_Next(dict, &at, &key, &value)) {
        if (strcmp(Py_TYPE(value)->tp_name, "functools._lru_list_elem") == 0) {
            hsight__emit_named(visit, value, HSIGHT_LABEL_INTERNAL, HSIGHT__NAME_lru_entry);
        }
    }
}

void hsight__rule_lru_cache(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    hsight__traverse_collect(visit, object, info);
    hsight__traverse_label(visit, object, info);
    label_lru_parts(visit);
    hsight__traverse_emit(visit);
    for (size_t i = 0; i < visit->scratch_count; i++) {
        if (PyDict_CheckExact(visit->scratch[i])) {
            emit_lru_ring(visit, visit->scratch[i]);
        }
    }
}

/* ---- numpy ----
 * ndarray has no tp_traverse. Field order of PyArrayObject_fields, stable from numpy 1.7 to 2.x: */
typedef struct {
    PyObject_HEAD char *data;
    int nd;
    Py_ssize_t *dimensions;
    Py_ssize_t *strides;
    PyObject *base;
    PyObject *descr;
    int flags;
} array_fields;

/* Of PyArray_Descr: class object, four chars, then the type number. */
typedef struct {
    PyObject_HEAD PyObject *typeobj;
    char letters[4];
    int type_num;
} descr_fields;

#define NUMPY_OBJECT     17
#define NUMPY_OWNDATA    0x0004
#define NUMPY_CONTIGUOUS (0x0001 | 0x0002) /* in the order of C, of Fortran, or (a row) both */

static void emit_array_items(hsight__visit *visit, const array_fields *array)
{
    Py_ssize_t count = 1;
    for (int i = 0; i < array->nd; i++) {
        if (array->dimensions[i] < 0 ||
            __builtin_mul_overflow(count, array->dimensions[i], &count)) {
            return;
        }
    }
    emit_items(visit, (PyObject *const *)array->data, count);
}

void hsight__rule_ndarray(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    const array_fields *array = (const array_fields *)object;
    if (info->type->tp_basicsize < (Py_ssize_t)sizeof(array_fields)) {
        return;
    }
    hsight__emit_named(visit, array->base, HSIGHT_LABEL_ATTRIBUTE, HSIGHT__NAME_base);
    hsight__emit_named(visit, array->descr, HSIGHT_LABEL_ATTRIBUTE, HSIGHT__NAME_dtype);
    bool owns_items = (array->flags & NUMPY_OWNDATA) && (array->flags & NUMPY_CONTIGUOUS);
    if (array->descr != NULL && array->data != NULL && owns_items &&
        ((const descr_fields *)array->descr)->type_num == NUMPY_OBJECT) {
        emit_array_items(visit, array);
    }
}
