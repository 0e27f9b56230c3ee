/* SPDX-License-Identifier: MIT */
/* handle.c - what the Python types of the module share: a C handle, how it is freed, what it
 * borrows from, and the state of the module. */
#include "module.h"

core_state *core_get_state(PyObject *module)
{
    return PyModule_GetState(module);
}

core_state *core_state_of(PyObject *self)
{
    return PyType_GetModuleState(Py_TYPE(self));
}

PyObject *core_handle_new(PyTypeObject *type, void *value, void (*release)(void *), PyObject *first,
                          PyObject *second)
{
    core_handle *self = PyObject_GC_New(core_handle, type);
    if (self == NULL) {
        release(value);
        return NULL;
    }
    self->value = value;
    self->release = release;
    self->kept[0] = Py_XNewRef(first);
    self->kept[1] = Py_XNewRef(second);
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

void core_handle_dealloc(PyObject *object)
{
    core_handle *self = (core_handle *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    self->release(self->value);
    Py_XDECREF(self->kept[0]);
    Py_XDECREF(self->kept[1]);
    type->tp_free(object);
    Py_DECREF(type);
}

int core_handle_traverse(PyObject *object, visitproc visit, void *arg)
{
    core_handle *self = (core_handle *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->kept[0]);
    Py_VISIT(self->kept[1]);
    return 0;
}

const hsight_graph *core_graph(PyObject *snapshot)
{
    return hsight_snapshot_graph(core_value(snapshot));
}
