/* SPDX-License-Identifier: MIT */
/* errors.c - Python exceptions from the engine's list of errors. */
#include "module.h"

static const char *builtin_name(PyObject *builtin)
{
    return ((PyTypeObject *)builtin)->tp_name;
}

/* heapsight.HeapsightValueError(HeapsightError, ValueError) and its like; one per builtin. */
static PyObject *error_class(PyObject *module, core_state *state, PyObject *builtin)
{
    char name[64];
    PyOS_snprintf(name, sizeof(name), "heapsight.Heapsight%s", builtin_name(builtin));
    const char *bare = name + sizeof("heapsight.") - 1;
    if (PyObject_HasAttrString(module, bare)) {
        return PyObject_GetAttrString(module, bare);
    }
    PyObject *bases = PyTuple_Pack(2, state->base_error, builtin);
    PyObject *class = bases != NULL ? PyErr_NewException(name, bases, NULL) : NULL;
    Py_XDECREF(bases);
    if (class != NULL && PyModule_AddObjectRef(module, bare, class) < 0) {
        Py_CLEAR(class);
    }
    return class;
}

int core_add_errors(PyObject *module)
{
    core_state *state = core_get_state(module);
    state->base_error = PyErr_NewExceptionWithDoc(
        "heapsight.HeapsightError", "Base of every error that heapsight raises.", NULL, NULL);
    if (state->base_error == NULL ||
        PyModule_AddObjectRef(module, "HeapsightError", state->base_error) < 0) {
        return -1;
    }
#define ADD(name, number, message, exception)                                                      \
    state->errors[number] = error_class(module, state, PyExc_##exception);                         \
    if (state->errors[number] == NULL) {                                                           \
        return -1;                                                                                 \
    }
    HSIGHT_ERROR_LIST(ADD)
#undef ADD
    return 0;
}

PyObject *core_raise(core_state *state, const hsight_error *err)
{
    PyObject *class = state->errors[err->status];
    PyObject *text =
        PyUnicode_DecodeUTF8(err->message, (Py_ssize_t)strlen(err->message), "replace");
    PyObject *error = text != NULL ? PyObject_CallOneArg(class, text) : NULL;
    Py_XDECREF(text);
    if (error == NULL) {
        return NULL;
    }
    if (err->os_errno != 0 && PyObject_IsInstance(error, PyExc_OSError) == 1) {
        PyObject *number = PyLong_FromLong(err->os_errno);
        if (number == NULL || PyObject_SetAttrString(error, "errno", number) < 0) {
            PyErr_Clear();
        }
        Py_XDECREF(number);
    }
    PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_DECREF(error);
    return NULL;
}
