/* SPDX-License-Identifier: MIT */
/* rules_generic.c - instances of classes written in Python, and types known only by tp_traverse. */
#include "rules.h"
#include "type_table.h"

#include <stdlib.h>

/* ---- classes written in Python ---- */

/* Learns the names of shared keys that the class has got since. */
static hsight_string_id new_key_name(hsight__visit *visit, hsight__type_info *info,
                                     Py_ssize_t index)
{
    uint32_t count = (uint32_t)hsight__compat_shared_key_count(info->type);
    hsight_string_id *names = realloc(info->key_names, count * sizeof(*names));
    if (names == NULL) {
        visit->dropped_count++;
        return (hsight_string_id){0};
    }
    for (uint32_t i = info->key_count; i < count; i++) {
        names[i] = hsight__visit_unicode(visit, hsight__compat_shared_key(info->type, i));
    }
    info->key_names = names;
    info->key_count = count;
    return names[index];
}

static inline hsight_string_id key_name(hsight__visit *visit, hsight__type_info *info,
                                        Py_ssize_t index)
{
    return (uint32_t)index < info->key_count ? info->key_names[index]
                                             : new_key_name(visit, info, index);
}

/* A C base with a managed dict of its own (asyncio.Future since 3.13) visits it; but while the
 * values lie in the instance, tp_traverse leaves the dict object out. */
static void emit_dict_beside_values(hsight__visit *visit, PyObject *object,
                                    const hsight__type_info *info)
{
    hsight__compat_attributes attributes;
    hsight__compat_read_attributes(object, info->type, &attributes);
    if (attributes.slots != NULL) {
        hsight__emit_named(visit, attributes.dict, HSIGHT_LABEL_ATTRIBUTE, HSIGHT__NAME_dict);
    }
}

static void emit_attributes(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    hsight__compat_attributes attributes;
    hsight__compat_read_attributes(object, info->type, &attributes);
    for (Py_ssize_t i = 0; i < attributes.count; i++) {
        if (attributes.slots[i] != NULL) {
            hsight_string_id name = key_name(visit, info, i);
            hsight__emit(visit, attributes.slots[i],
                         hsight_label_make(HSIGHT_LABEL_ATTRIBUTE, name.index));
        }
    }
    hsight__emit_named(visit, attributes.dict, HSIGHT_LABEL_ATTRIBUTE, HSIGHT__NAME_dict);
}

/* Classes with a variable-sized base keep the __dict__ pointer at the end (negative offset). */
static PyObject *dict_at_offset(PyObject *object, const hsight__type_info *info)
{
    PyTypeObject *type = info->type;
    Py_ssize_t offset = type->tp_dictoffset;
    if (offset < 0) {
        Py_ssize_t items = Py_SIZE(object) < 0 ? -Py_SIZE(object) : Py_SIZE(object);
        size_t bytes = (size_t)items * (size_t)type->tp_itemsize;
        if (hsight__size_doubted(object, info, bytes)) {
            return NULL;
        }
        offset += (Py_ssize_t)_PyObject_VAR_SIZE(type, items);
    }
    return offset > 0 ? *(PyObject **)((char *)object + offset) : NULL;
}

void hsight__rule_instance(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    hsight__rule_members(visit, object, info);
    if (info->managed_dict && info->base->managed_dict) {
        emit_dict_beside_values(visit, object, info);
    } else if (info->managed_dict) {
        emit_attributes(visit, object, info);
    } else if (info->type->tp_dictoffset != 0 &&
               info->type->tp_dictoffset != info->base->type->tp_dictoffset) {
        hsight__emit_named(visit, dict_at_offset(object, info), HSIGHT_LABEL_ATTRIBUTE,
                           HSIGHT__NAME_dict);
    }
    info->base->rule(visit, object, info->base);
}

void hsight__rule_members(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    for (uint32_t i = 0; i < info->member_count; i++) {
        PyObject *value = hsight__member_value(object, &info->members[i]);
        if (value != NULL) {
            hsight__emit(visit, value, info->members[i].label);
        }
    }
}

/* ---- tp_traverse ---- */

static bool grow_scratch(hsight__visit *visit)
{
    size_t capacity = visit->scratch_capacity != 0 ? visit->scratch_capacity * 2 : 256;
    PyObject **targets = realloc(visit->scratch, capacity * sizeof(*targets));
    if (targets == NULL) {
        return false;
    }
    visit->scratch = targets;
    uint32_t *labels = realloc(visit->scratch_labels, capacity * sizeof(*labels));
    if (labels == NULL) {
        return false;
    }
    visit->scratch_labels = labels;
    visit->scratch_capacity = capacity;
    return true;
}

/* The first page of memory is never mapped, and objects are aligned. */
static bool may_be_object(const PyObject *target)
{
    return (uintptr_t)target >= 4096 && (uintptr_t)target % _Alignof(PyObject) == 0;
}

/* A refcount of 0 is a dead object in a free list (_asyncio in 3.12 shows its own). */
static int collect(PyObject *target, void *state)
{
    hsight__visit *visit = state;
    if (!may_be_object(target)) {
        visit->invalid_count++;
        return 0;
    }
    if (Py_REFCNT(target) <= 0) {
        return 0;
    }
    if (visit->scratch_count == visit->scratch_capacity && !grow_scratch(visit)) {
        visit->dropped_count++;
        return 0;
    }
    visit->scratch[visit->scratch_count] = target;
    visit->scratch_labels[visit->scratch_count++] = 0;
    return 0;
}

static void leave_out_class(hsight__visit *visit, PyObject *class)
{
    for (size_t i = 0; i < visit->scratch_count; i++) {
        if (visit->scratch[i] == class) {
            for (size_t next = i + 1; next < visit->scratch_count; next++) {
                visit->scratch[next - 1] = visit->scratch[next];
            }
            visit->scratch_count--;
            return;
        }
    }
}

size_t hsight__traverse_collect(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    visit->scratch_count = 0;
    if (info->type->tp_traverse != NULL && PyObject_IS_GC(object)) {
        visit->invalid_count = 0;
        info->type->tp_traverse(object, collect, visit);
        info->invalid_count += visit->invalid_count;
        if (PyType_HasFeature(info->type, Py_TPFLAGS_HEAPTYPE)) { /* static types leave it out */
            leave_out_class(visit, (PyObject *)Py_TYPE(object));
        }
    }
    return visit->scratch_count;
}

bool hsight__traverse_label_first(hsight__visit *visit, PyObject *value, hsight_label label)
{
    for (size_t i = 0; value != NULL && i < visit->scratch_count; i++) {
        if (visit->scratch[i] == value && visit->scratch_labels[i] == 0) {
            visit->scratch_labels[i] = label.bits;
            return true;
        }
    }
    return false;
}

static void label_attributes(hsight__visit *visit, PyObject *object)
{
    hsight__type_info *info = hsight__type_info_of(visit, Py_TYPE(object));
    hsight__compat_attributes attributes;
    hsight__compat_read_attributes(object, info->type, &attributes);
    for (Py_ssize_t i = 0; i < attributes.count; i++) {
        hsight_string_id name =
            attributes.slots[i] != NULL ? key_name(visit, info, i) : (hsight_string_id){0};
        hsight__traverse_label_first(visit, attributes.slots[i],
                                     hsight_label_make(HSIGHT_LABEL_ATTRIBUTE, name.index));
    }
    hsight__traverse_label_first(
        visit, attributes.dict,
        hsight_label_make(HSIGHT_LABEL_ATTRIBUTE, visit->names[HSIGHT__NAME_dict].index));
}

/* The value of a member is looked for among all targets: thousands of both are too many looks. */
#define MOST_TARGETS_TO_LABEL 4096
#define MOST_MEMBERS_TO_LABEL 64

static bool label_members(hsight__visit *visit, PyObject *object, const hsight__type_info *info)
{
    if (visit->scratch_count > MOST_TARGETS_TO_LABEL &&
        info->member_count > MOST_MEMBERS_TO_LABEL) {
        return false;
    }
    for (uint32_t i = 0; i < info->member_count; i++) {
        hsight__traverse_label_first(visit, hsight__member_value(object, &info->members[i]),
                                     info->members[i].label);
    }
    return true;
}

bool hsight__traverse_label(hsight__visit *visit, PyObject *object, const hsight__type_info *info)
{
    if (visit->scratch_count == 0) {
        return true;
    }
    bool labelled = label_members(visit, object, info);
    if (info->managed_dict) {
        label_attributes(visit, object);
    } else if (info->type->tp_dictoffset > 0) {
        PyObject *dict = *(PyObject **)((char *)object + info->type->tp_dictoffset);
        hsight__traverse_label_first(
            visit, dict,
            hsight_label_make(HSIGHT_LABEL_ATTRIBUTE, visit->names[HSIGHT__NAME_dict].index));
    }
    return labelled;
}

void hsight__traverse_label_at(hsight__visit *visit, size_t at, const char *name)
{
    if (visit->scratch_labels[at] == 0) {
        hsight_string_id id = hsight__visit_name(visit, name);
        visit->scratch_labels[at] = hsight_label_make(HSIGHT_LABEL_INTERNAL, id.index).bits;
    }
}

void hsight__traverse_label_rest(hsight__visit *visit, const char *name)
{
    for (size_t i = 0; i < visit->scratch_count; i++) {
        hsight__traverse_label_at(visit, i, name);
    }
}

void hsight__traverse_emit(hsight__visit *visit)
{
    for (size_t i = 0; i < visit->scratch_count; i++) {
        hsight__emit(visit, visit->scratch[i], (hsight_label){visit->scratch_labels[i]});
    }
}

/* A type that the collector does not know may have a tp_traverse for its subclasses, which it
 * knows: functions of ctypes before 3.13. */
void hsight__rule_traverse(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    if (!info->gc && !PyObject_IS_GC(object)) {
        hsight__rule_members(visit, object, info);
        return;
    }
    hsight__traverse_collect(visit, object, info);
    hsight__traverse_label(visit, object, info);
    hsight__traverse_emit(visit);
}

void hsight__rule_traverse_rest(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    hsight__traverse_collect(visit, object, info);
    bool labelled = hsight__traverse_label(visit, object, info);
    for (size_t i = 0; labelled && i < visit->scratch_count; i++) {
        if (visit->scratch_labels[i] == 0) {
            visit->scratch_labels[i] = info->rest_label.bits;
        }
    }
    hsight__traverse_emit(visit);
}
