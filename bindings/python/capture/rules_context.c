/* SPDX-License-Identifier: MIT */
/* rules_context.c - contexts of contextvars and their values.
 *
 * A context keeps its values in a tree. A leaf's tp_traverse tells of each value before its
 * variable, and of a node below it alone; the value gets the variable's name, which the type
 * ContextVar tells as its member "name". Owns nothing; O(references). */
#include "rules.h"
#include "type_table.h"

#include <stdio.h>
#include <string.h>
#include <structmember.h>

static bool is_node(PyObject *object)
{
    return strncmp(Py_TYPE(object)->tp_name, "hamt", 4) == 0;
}

static void name_internal(hsight__visit *visit, size_t at, const char *name)
{
    hsight__traverse_label_at(visit, at, name);
}

void hsight__rule_context(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    hsight__traverse_collect(visit, object, info);
    hsight__traverse_label(visit, object, info);
    for (size_t i = 0; i < visit->scratch_count; i++) {
        if (is_node(visit->scratch[i])) {
            name_internal(visit, i, "values");
        } else if (PyContext_CheckExact(visit->scratch[i])) {
            name_internal(visit, i, "context before");
        }
    }
    hsight__traverse_emit(visit);
}

/* NULL where the type does not tell. */
static PyObject *variable_name(PyObject *variable)
{
    const struct PyMemberDef *member = PyContextVar_Type.tp_members;
    while (member != NULL && member->name != NULL && strcmp(member->name, "name") != 0) {
        member++;
    }
    if (member == NULL || member->name == NULL) {
        return NULL;
    }
    PyObject *name = *(PyObject **)((char *)variable + member->offset);
    return name != NULL && PyUnicode_CheckExact(name) ? name : NULL;
}

static void name_value(hsight__visit *visit, size_t at, PyObject *variable)
{
    PyObject *name = variable_name(variable);
    char text[160] = "value of ";
    hsight_string_id id = {0};
    size_t length = strlen(text);
    if (name == NULL || visit->scratch_labels[at] != 0) {
        return;
    }
    length += hsight__copy_unicode(name, text + length, sizeof(text) - length);
    if (hsight_builder_string(visit->builder, text, length, &id, NULL) != HSIGHT_OK) {
        visit->dropped_count++;
    }
    visit->scratch_labels[at] = hsight_label_make(HSIGHT_LABEL_INTERNAL, id.index).bits;
}

void hsight__rule_context_node(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    size_t count = hsight__traverse_collect(visit, object, info);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && PyContextVar_CheckExact(visit->scratch[i + 1]) &&
            visit->scratch_labels[i] == 0) {
            name_value(visit, i, visit->scratch[i + 1]);
            name_internal(visit, ++i, "variable");
        } else if (is_node(visit->scratch[i])) {
            name_internal(visit, i, "values");
        }
    }
    hsight__traverse_emit(visit);
}
