/* SPDX-License-Identifier: MIT */
/* threads.c - names of threads, from threading._active and the attributes of its Thread objects. */
#include "threads.h"

#include "compat.h"
#include "visit.h"

#include <stdio.h>

static PyObject *instance_value(PyObject *object, const char *key)
{
    PyTypeObject *type = Py_TYPE(object);
    if (!hsight__compat_has_managed_dict(type)) {
        return NULL;
    }
    hsight__compat_attributes attributes;
    hsight__compat_read_attributes(object, type, &attributes);
    for (Py_ssize_t i = 0; i < attributes.count; i++) {
        PyObject *name = hsight__compat_shared_key(type, i);
        if (attributes.slots[i] != NULL && PyUnicode_Check(name) &&
            PyUnicode_CompareWithASCIIString(name, key) == 0) {
            return attributes.slots[i];
        }
    }
    return hsight__dict_value(attributes.dict, key);
}

PyObject *hsight__active_threads(void)
{
    if (!hsight__compat_has_modules()) {
        return NULL;
    }
    PyObject *module = hsight__dict_value(PyImport_GetModuleDict(), "threading");
    if (module == NULL || !PyModule_Check(module)) {
        return NULL;
    }
    PyObject *active = hsight__dict_value(PyModule_GetDict(module), "_active");
    return active != NULL && PyDict_CheckExact(active) ? active : NULL;
}

PyObject *hsight__thread_name(PyObject *active, unsigned long id)
{
    Py_ssize_t at = 0;
    PyObject *key, *thread;
    while (active != NULL && PyDict_Next(active, &at, &key, &thread)) {
        if (PyLong_CheckExact(key) && PyLong_AsUnsignedLongMask(key) == id) {
            PyObject *name = instance_value(thread, "_name");
            if (name != NULL && PyUnicode_Check(name)) {
                return name;
            }
        }
    }
    return NULL;
}

void hsight__thread_text(PyObject *active, unsigned long id, char *out, size_t size)
{
    PyObject *known = hsight__thread_name(active, id);
    if (known != NULL) {
        hsight__copy_unicode(known, out, size);
    } else if (id == hsight__compat_main_thread_id()) {
        snprintf(out, size, "MainThread"); /* threading is not imported */
    } else {
        snprintf(out, size, "id %lu", id);
    }
}
