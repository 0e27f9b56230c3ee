/* SPDX-License-Identifier: MIT */
/* rules_callables.c - functions, code, frames, classes, modules, weak references: objects whose
 * tp_traverse is incomplete, cannot be called, or does not tell what is what. */
#include "rules.h"

#include <stdlib.h>
#include <string.h>

/* ---- functions and cells ---- */

static void remember_cell(hsight__visit *visit, PyObject *cell, PyObject *name)
{
    hsight__cell_names *cells = visit->cells;
    if (cells->count == cells->capacity) {
        size_t capacity = cells->capacity != 0 ? cells->capacity * 2 : 256;
        void *items = realloc(cells->items, capacity * sizeof(cells->items[0]));
        if (items == NULL) {
            visit->dropped_count++;
            return;
        }
        cells->items = items;
        cells->capacity = capacity;
    }
    cells->items[cells->count].cell = cell;
    cells->items[cells->count++].name = hsight__visit_unicode(visit, name);
}

static void remember_closure(hsight__visit *visit, PyObject *function)
{
    PyObject *closure = PyFunction_GET_CLOSURE(function);
    Py_ssize_t count = closure != NULL && PyTuple_Check(closure) ? PyTuple_GET_SIZE(closure) : 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *name = hsight__compat_code_free_names(PyFunction_GET_CODE(function), i);
        if (name != NULL) {
            remember_cell(visit, PyTuple_GET_ITEM(closure, i), name);
        }
    }
}

void hsight__rule_function(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    (void)info;
    hsight__compat_function_parts(object, hsight__emit_part, visit);
    remember_closure(visit, object);
}

void hsight__rule_method(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    (void)info;
    const PyMethodObject *method = (PyMethodObject *)object;
    hsight__emit_named(visit, method->im_func, HSIGHT_LABEL_ATTRIBUTE, HSIGHT__NAME_func);
    hsight__emit_named(visit, method->im_self, HSIGHT_LABEL_ATTRIBUTE, HSIGHT__NAME_self);
}

/* The variable's name is filled in at the end, when all functions have been seen. */
void hsight__rule_cell(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    (void)info;
    PyObject *content = ((PyCellObject *)object)->ob_ref;
    if (content != NULL) {
        hsight__emit(visit, content, hsight_label_make(HSIGHT_LABEL_CELL, 0));
    }
}

/* ---- code, frames, generators ---- */

void hsight__rule_code(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    (void)info;
    hsight__compat_code_parts(object, hsight__emit_part, visit);
}

typedef struct {
    hsight__visit *visit;
    PyObject *self;
} frame_state;

static hsight_label frame_label(hsight__visit *visit, const hsight__compat_frame_item *item)
{
    switch (item->kind) {
    case HSIGHT__FRAME_LOCAL:
    case HSIGHT__FRAME_CELL:
        return hsight_label_make(HSIGHT_LABEL_LOCAL,
                                 hsight__visit_unicode(visit, item->name).index);
    case HSIGHT__FRAME_STACK:
        return hsight_label_make(HSIGHT_LABEL_STACK, (uint64_t)item->index);
    case HSIGHT__FRAME_CODE:
        return hsight_label_make(HSIGHT_LABEL_ATTRIBUTE, visit->names[HSIGHT__NAME_f_code].index);
    case HSIGHT__FRAME_FUNCTION:
        return hsight_label_make(HSIGHT_LABEL_ATTRIBUTE, visit->names[HSIGHT__NAME_func].index);
    case HSIGHT__FRAME_NAMESPACE:
        return hsight_label_make(HSIGHT_LABEL_ATTRIBUTE, visit->names[HSIGHT__NAME_f_locals].index);
    default:
        return hsight_label_make(HSIGHT_LABEL_INTERNAL, visit->names[HSIGHT__NAME_f_frame].index);
    }
}

static void emit_frame_item(const hsight__compat_frame_item *item, void *state)
{
    frame_state *frame = state;
    if (!item->owned || item->object == frame->self) {
        return;
    }
    if (item->kind == HSIGHT__FRAME_CELL && PyCell_Check(item->object)) {
        remember_cell(frame->visit, item->object, item->name);
    }
    hsight__emit(frame->visit, item->object, frame_label(frame->visit, item));
}

void hsight__emit_frame(hsight__visit *visit, hsight__compat_frame *frame, PyObject *self)
{
    frame_state state = {visit, self};
    if (frame != NULL) {
        hsight__compat_frame_items(frame, emit_frame_item, &state);
    }
}

void hsight__rule_generator(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    (void)info;
    hsight__compat_generator_parts(object, hsight__emit_part, visit);
    hsight__emit_frame(visit, hsight__compat_generator_frame(object), NULL);
}

void hsight__rule_frame(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    (void)info;
    hsight__compat_frame_object_parts(object, hsight__emit_part, visit);
    hsight__emit_frame(visit, hsight__compat_frame_object_frame(object), object);
}

/* ---- classes, modules, weak references ---- */

static hsight_label class_part_label(hsight__visit *visit, const char *name)
{
    if (strcmp(name, "__dict__") == 0) { /* reports fold it like any namespace */
        return hsight_label_make(HSIGHT_LABEL_ATTRIBUTE, visit->names[HSIGHT__NAME_dict].index);
    }
    return hsight_label_make(HSIGHT_LABEL_TYPE_PART, hsight__visit_name(visit, name).index);
}

static void emit_class_part(const char *name, PyObject *part, void *visit)
{
    hsight__emit(visit, part, class_part_label(visit, name));
}

void hsight__rule_type(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    (void)info;
    hsight__compat_type_parts((PyTypeObject *)object, emit_class_part, visit);
}

/* type_traverse leaves out what cannot be part of a cycle: names, subclasses, shared keys. */
static void add_class_part(const char *name, PyObject *part, void *visit)
{
    hsight_label label = class_part_label(visit, name);
    if (!hsight__traverse_label_first(visit, part, label)) {
        hsight__emit(visit, part, label);
    }
}

void hsight__rule_c_metaclass(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    hsight__traverse_collect(visit, object, info); /* nothing, for a static class */
    hsight__compat_type_parts((PyTypeObject *)object, add_class_part, visit);
    hsight__traverse_label(visit, object, info);
    hsight__traverse_emit(visit);
}

void hsight__rule_module(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    hsight__traverse_collect(visit, object, info);
    if (hsight__traverse_label(visit, object, info)) {
        hsight__traverse_label_rest(visit, "module state");
    }
    hsight__traverse_emit(visit);
    hsight__emit_named(visit, hsight__compat_module_name(object), HSIGHT_LABEL_ATTRIBUTE,
                       HSIGHT__NAME_name);
}

void hsight__rule_weakref(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    (void)info;
    const PyWeakReference *reference = (PyWeakReference *)object;
    PyObject *target = reference->wr_object;
    if (target != NULL && target != Py_None && Py_REFCNT(target) > 0) {
        hsight__emit(visit, target, hsight_label_make(HSIGHT_LABEL_WEAK, 0));
    }
    hsight__emit_named(visit, reference->wr_callback, HSIGHT_LABEL_ATTRIBUTE,
                       HSIGHT__NAME_callback);
}
