/* SPDX-License-Identifier: MIT */
/* keeper.c - an extension type that keeps a reference and tells no collector of it. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

typedef struct {
    PyObject_HEAD PyObject *kept;
} keeper;

static PyObject *keeper_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    PyObject *kept;
    if (keywords != NULL || !PyArg_ParseTuple(args, "O", &kept)) {
        return NULL;
    }
    keeper *self = (keeper *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->kept = Py_NewRef(kept);
    }
    return (PyObject *)self;
}

static void keeper_dealloc(PyObject *self)
{
    Py_DECREF(((keeper *)self)->kept);
    Py_TYPE(self)->tp_free(self);
}

static PyTypeObject keeper_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "keeper.Keeper",
    .tp_basicsize = sizeof(keeper),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = keeper_new,
    .tp_dealloc = keeper_dealloc,
};

static PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "keeper", .m_size = -1};

PyMODINIT_FUNC PyInit_keeper(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL || PyModule_AddType(module, &keeper_type) < 0) {
        Py_XDECREF(module);
        return NULL;
    }
    return module;
}
