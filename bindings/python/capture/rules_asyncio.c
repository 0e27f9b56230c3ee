/* SPDX-License-Identifier: MIT */
/* rules_asyncio.c - futures and tasks written in C: their structs are private, so their parts are
 * known by the order in which tp_traverse tells of them:
 *
 *   task    context, coroutine, name (a str, or the number of a task nobody asked for its name),
 *           the future it waits for, if any; then as a future
 *   future  loop, callback and its context if any, list of more callbacks if any; the outcome;
 *           since 3.14 who waits for it
 *
 * A part of another type than expected ends the naming: what follows keeps no name, never a wrong
 * one. Owns nothing; O(references). */
#include "rules.h"
#include "type_table.h"

#include <stdio.h>
#include <string.h>

static bool is_named(PyTypeObject *type, const char *name)
{
    return strcmp(type->tp_name, name) == 0 && !hsight__compat_is_python_class(type);
}

bool hsight__is_task_type(PyTypeObject *type)
{
    while (type != NULL && !is_named(type, "_asyncio.Task")) {
        type = type->tp_base;
    }
    return type != NULL;
}

static bool is_future(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    while (type != NULL && !is_named(type, "_asyncio.Future") && !is_named(type, "_asyncio.Task")) {
        type = type->tp_base;
    }
    return type != NULL;
}

static bool is_task_name(PyObject *object)
{
    return PyUnicode_CheckExact(object) || PyLong_CheckExact(object);
}

static void name_attribute(hsight__visit *visit, size_t at, const char *name)
{
    if (visit->scratch_labels[at] == 0) {
        hsight_string_id id = hsight__visit_name(visit, name);
        visit->scratch_labels[at] = hsight_label_make(HSIGHT_LABEL_ATTRIBUTE, id.index).bits;
    }
}

/* Is the reference at this place still without a name? A __dict__ has got one. */
static bool is_open(const hsight__visit *visit, size_t at)
{
    return at < visit->scratch_count && visit->scratch_labels[at] == 0;
}

/* An exception with its traceback is one that was set. Otherwise the result, the exception and what
 * cancel() was told cannot be told apart: outcome. Since 3.14 the tasks that wait for the future
 * come last: one, or a set of them. */
static void name_outcome(hsight__visit *visit, size_t at)
{
    if (!is_open(visit, at)) {
        return;
    }
    PyObject *outcome = visit->scratch[at];
    bool is_last = !is_open(visit, at + 1);
    if (PyExceptionInstance_Check(outcome) && !is_last &&
        PyTraceBack_Check(visit->scratch[at + 1])) {
        name_attribute(visit, at, "_exception");
    } else if (is_last && !is_future(outcome) && !PyAnySet_Check(outcome)) {
        hsight__traverse_label_at(visit, at, "outcome");
    }
}

static void name_future_parts(hsight__visit *visit, size_t at)
{
    if (!is_open(visit, at)) {
        return;
    }
    name_attribute(visit, at++, "_loop");
    if (is_open(visit, at + 1) && PyContext_CheckExact(visit->scratch[at + 1])) {
        hsight__traverse_label_at(visit, at++, "callback");
        hsight__traverse_label_at(visit, at++, "context of the callback");
    }
    if (is_open(visit, at) && PyList_CheckExact(visit->scratch[at])) {
        name_attribute(visit, at, "_callbacks"); /* or a list that is the result: */
        bool is_last = !is_open(visit, at + 1);
        if (is_last && at < 2) {
            visit->scratch_labels[at] = 0;
            name_outcome(visit, at);
        }
        at++;
    }
    name_outcome(visit, at);
}

void hsight__rule_future(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    hsight__traverse_collect(visit, object, info);
    hsight__traverse_label(visit, object, info);
    name_future_parts(visit, 0);
    hsight__traverse_emit(visit);
}

/* Are the first three parts those of a task? */
static bool has_task_parts(const hsight__visit *visit)
{
    return visit->scratch_count > 3 && PyContext_CheckExact(visit->scratch[0]) &&
           is_task_name(visit->scratch[2]);
}

void hsight__rule_task(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    hsight__traverse_collect(visit, object, info);
    hsight__traverse_label(visit, object, info);
    if (has_task_parts(visit)) {
        size_t at = 3;
        hsight__traverse_label_at(visit, 0, "context");
        name_attribute(visit, 1, "_coro");
        hsight__traverse_label_at(visit, 2, "task name");
        if (is_open(visit, 4) && is_future(visit->scratch[3])) {
            name_attribute(visit, at++, "_fut_waiter");
        }
        name_future_parts(visit, at);
    }
    hsight__traverse_emit(visit);
}

/* ---- the name of a task ---- */

static void write_name(PyObject *name, char *out, size_t size)
{
    int overflow;
    if (PyUnicode_CheckExact(name)) {
        hsight__copy_unicode(name, out, size);
    } else {
        snprintf(out, size, "Task-%lld", PyLong_AsLongLongAndOverflow(name, &overflow));
    }
}

/* The qualified name of the code that a coroutine runs; "" for other awaitables. */
static void write_coroutine(PyObject *coroutine, char *out, size_t size)
{
    out[0] = 0;
    if (PyCoro_CheckExact(coroutine) || PyGen_CheckExact(coroutine)) {
        PyObject *code = hsight__compat_generator_code(coroutine);
        if (code != NULL) {
            hsight__copy_unicode(((PyCodeObject *)code)->co_qualname, out, size);
        }
    }
}

hsight_string_id hsight__task_preview(hsight__visit *visit, PyObject *task, hsight__type_info *info)
{
    char name[128], coroutine[128], text[300];
    hsight_string_id id = {0};
    hsight__traverse_collect(visit, task, info->base != NULL ? info->base : info);
    if (!has_task_parts(visit)) {
        return id;
    }
    write_name(visit->scratch[2], name, sizeof(name));
    write_coroutine(visit->scratch[1], coroutine, sizeof(coroutine));
    int length = snprintf(text, sizeof(text), coroutine[0] != 0 ? "%s, coroutine %s" : "%s", name,
                          coroutine);
    if (hsight_builder_string(visit->builder, text, (size_t)length, &id, NULL) != HSIGHT_OK) {
        visit->dropped_count++;
    }
    return id;
}
