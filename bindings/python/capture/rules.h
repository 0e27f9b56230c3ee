/* SPDX-License-Identifier: MIT */
/* rules.h - the rules by kind of object; rules.c says which type gets which. */
#ifndef HEAPSIGHT_CAPTURE_RULES_H
#define HEAPSIGHT_CAPTURE_RULES_H

#include "visit.h"

/* rules_containers.c */
void hsight__rule_nothing(hsight__visit *visit, PyObject *object, hsight__type_info *info);
void hsight__rule_list(hsight__visit *visit, PyObject *object, hsight__type_info *info);
void hsight__rule_tuple(hsight__visit *visit, PyObject *object, hsight__type_info *info);
void hsight__rule_set(hsight__visit *visit, PyObject *object, hsight__type_info *info);
void hsight__rule_dict(hsight__visit *visit, PyObject *object, hsight__type_info *info);
void hsight__rule_ordered_dict(hsight__visit *visit, PyObject *object, hsight__type_info *info);
void hsight__rule_default_dict(hsight__visit *visit, PyObject *object, hsight__type_info *info);
void hsight__rule_deque(hsight__visit *visit, PyObject *object, hsight__type_info *info);
void hsight__rule_lru_cache(hsight__visit *visit, PyObject *object, hsight__type_info *info);
void hsight__rule_ndarray(hsight__visit *visit, PyObject *object, hsight__type_info *info);

/* rules_callables.c */
void hsight__rule_function(hsight__visit *visit, PyObject *object, hsight__type_info *info);
void hsight__rule_method(hsight__visit *visit, PyObject *object, hsight__type_info *info);
void hsight__rule_cell(hsight__visit *visit, PyObject *object, hsight__type_info *info);
void hsight__rule_code(hsight__visit *visit, PyObject *object, hsight__type_info *info);
void hsight__rule_generator(hsight__visit *visit, PyObject *object, hsight__type_info *info);
void hsight__rule_frame(hsight__visit *visit, PyObject *object, hsight__type_info *info);
void hsight__rule_type(hsight__visit *visit, PyObject *object, hsight__type_info *info);
/* A class whose metaclass is written in C: what its tp_traverse says, and the parts of a class that
 * this leaves out. */
void hsight__rule_c_metaclass(hsight__visit *visit, PyObject *object, hsight__type_info *info);
void hsight__rule_module(hsight__visit *visit, PyObject *object, hsight__type_info *info);
void hsight__rule_weakref(hsight__visit *visit, PyObject *object, hsight__type_info *info);
/* Emit what a live frame owns; `self` is left out (a frame object does not own itself). */
void hsight__emit_frame(hsight__visit *visit, hsight__compat_frame *frame, PyObject *self);

/* rules_datetime.c */
/* The rule of a type of the module datetime whose layout is the known one, else NULL. */
hsight__rule hsight__datetime_rule(PyTypeObject *type);

/* rules_asyncio.c */
void hsight__rule_future(hsight__visit *visit, PyObject *object, hsight__type_info *info);
void hsight__rule_task(hsight__visit *visit, PyObject *object, hsight__type_info *info);
/* rules_context.c: contexts, and the nodes of the trees they keep their values in */
void hsight__rule_context(hsight__visit *visit, PyObject *object, hsight__type_info *info);
void hsight__rule_context_node(hsight__visit *visit, PyObject *object, hsight__type_info *info);

/* rules_generic.c */
/* A class and the base it adds to: slots, attributes, then what info->base owns. */
void hsight__rule_instance(hsight__visit *visit, PyObject *object, hsight__type_info *info);
/* Whatever tp_traverse says, labelled by the type's members where offsets and values agree. */
void hsight__rule_traverse(hsight__visit *visit, PyObject *object, hsight__type_info *info);
/* The same, and what is left has the name info->rest_label. */
void hsight__rule_traverse_rest(hsight__visit *visit, PyObject *object, hsight__type_info *info);
/* Every member is owned; tp_traverse is not asked. */
void hsight__rule_members(hsight__visit *visit, PyObject *object, hsight__type_info *info);
/* Run tp_traverse into visit->scratch; one reference to the object's own class is
 * left out where info->type is a heap type.
 * Returns the number of targets. */
size_t hsight__traverse_collect(hsight__visit *visit, PyObject *object, hsight__type_info *info);
/* Label the first scratch target that is `value` and has no label; false when there is none. */
bool hsight__traverse_label_first(hsight__visit *visit, PyObject *value, hsight_label label);
/* Labels of scratch targets that members, attributes and the __dict__ explain; the rest stay 0.
 * False where members were left out, as both are too many: then the rest is not known either. */
bool hsight__traverse_label(hsight__visit *visit, PyObject *object, const hsight__type_info *info);
/* Name a scratch target that has no label yet: an internal field. `name` is a string literal. */
void hsight__traverse_label_at(hsight__visit *visit, size_t at, const char *name);
/* The same for all that have none. */
void hsight__traverse_label_rest(hsight__visit *visit, const char *name);
void hsight__traverse_emit(hsight__visit *visit);

#endif
