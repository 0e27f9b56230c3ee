/* SPDX-License-Identifier: MIT */
/* crashing.c - an object whose tp_traverse reads address 8 in any process but the first. */
#include <Python.h>

#include <unistd.h>

static pid_t owner;

static int traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return getpid() == owner ? 0 : *(volatile int *)8;
}

static PyType_Slot slots[] = {{Py_tp_traverse, traverse}, {0, NULL}};

static PyType_Spec spec = {
    .name = "crashing.Crashing",
    .basicsize = sizeof(PyObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

/* A new object; for ctypes.PyDLL. */
PyObject *make(void)
{
    owner = getpid();
    PyObject *type = PyType_FromSpec(&spec);
    return type != NULL ? PyObject_CallNoArgs(type) : NULL;
}
