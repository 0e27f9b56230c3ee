/* SPDX-License-Identifier: MIT */
/* labels.c - register_fields(), for Python and, by the capsule of heapsight/labels.h, for C. */
#include "../capture/capture.h"
#include "module.h"

#include <stdio.h>

/* ---- for C ---- */

/* The capsule's function is given no module; heapsight._core is imported, or there was no capsule.
 */
static int raise_in_c(const hsight_error *err)
{
    PyObject *module = PyImport_ImportModule("heapsight._core");
    if (module != NULL) {
        core_raise(core_get_state(module), err);
        Py_DECREF(module);
    }
    return -1;
}

static int refuse_in_c(const char *text, const char *name)
{
    hsight_error err = {.status = HSIGHT_EINVAL};
    snprintf(err.message, sizeof(err.message), text, name);
    return raise_in_c(&err);
}

static bool is_utf8(const char *text)
{
    PyObject *decoded = PyUnicode_FromString(text);
    PyErr_Clear();
    Py_XDECREF(decoded);
    return decoded != NULL;
}

static int register_in_c(PyTypeObject *type, const hsight_label_field *fields, const char *rest)
{
    size_t count = 0;
    if (type == NULL || !PyType_Check((PyObject *)type)) {
        return refuse_in_c("register_fields() was given %s, not a type: pass a PyTypeObject *",
                           type == NULL ? "NULL" : Py_TYPE(type)->tp_name);
    }
    for (; fields != NULL && fields[count].name != NULL; count++) {
        if (!is_utf8(fields[count].name)) {
            return refuse_in_c("%.200s: the name of a field is no UTF-8", type->tp_name);
        }
    }
    if (rest != NULL && !is_utf8(rest)) {
        return refuse_in_c("%.200s: the name of the rest is no UTF-8", type->tp_name);
    }
    hsight_error err;
    hsight_status status = hsight_capture_register_fields(type, fields, count, rest, &err);
    return status == HSIGHT_OK ? 0 : raise_in_c(&err);
}

static const hsight_labels labels = {
    .version = HSIGHT_LABELS_VERSION,
    .struct_bytes = sizeof(labels),
    .register_fields = register_in_c,
};

int core_add_labels(PyObject *module)
{
    PyObject *capsule = PyCapsule_New((void *)&labels, HSIGHT_LABELS_CAPSULE, NULL);
    int failed = capsule == NULL || PyModule_AddObjectRef(module, "labels", capsule) < 0;
    Py_XDECREF(capsule);
    return failed ? -1 : 0;
}

/* ---- for Python ---- */

/* The items of a list of (str, int), for as long as the list is not changed. */
static hsight_label_field *fields_of(PyObject *list)
{
    Py_ssize_t count = PyList_GET_SIZE(list);
    hsight_label_field *fields = PyMem_Calloc((size_t)count + 1, sizeof(*fields));
    if (fields == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!PyArg_ParseTuple(PyList_GET_ITEM(list, i), "sn", &fields[i].name, &fields[i].offset)) {
            PyMem_Free(fields);
            return NULL;
        }
    }
    return fields;
}

static PyObject *register_fields(PyObject *module, PyObject *args)
{
    PyTypeObject *type;
    PyObject *list;
    const char *rest;
    if (!PyArg_ParseTuple(args, "O!O!z", &PyType_Type, &type, &PyList_Type, &list, &rest)) {
        return NULL;
    }
    hsight_label_field *fields = fields_of(list);
    if (fields == NULL) {
        return NULL;
    }
    hsight_error err;
    hsight_status status =
        hsight_capture_register_fields(type, fields, (size_t)PyList_GET_SIZE(list), rest, &err);
    PyMem_Free(fields);
    return status == HSIGHT_OK ? Py_NewRef(Py_None) : core_raise(core_get_state(module), &err);
}

PyMethodDef core_label_functions[] = {
    {"register_fields", register_fields, METH_VARARGS,
     "register_fields(type, fields, rest, /)\n--\n\nName the references that a C type tells of."},
    {NULL, NULL, 0, NULL},
};
