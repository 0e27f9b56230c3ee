/* SPDX-License-Identifier: MIT */
/* keeper.c - an extension type, and a module, that keep references and tell no collector of them.
 */
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

enum { ROOM = 8 };

typedef struct {
    Py_ssize_t count;
    PyObject *kept[ROOM];
} keeper_state;

/* In the state of the module, which has no m_traverse. */
static PyObject *keep(PyObject *module, PyObject *object)
{
    keeper_state *state = PyModule_GetState(module);
    if (state->count == ROOM) {
        return PyErr_Format(PyExc_IndexError, "room for %d objects", ROOM);
    }
    state->kept[state->count++] = Py_NewRef(object);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"keep", keep, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "keeper",
                                 .m_size = sizeof(keeper_state), .m_methods = methods};

PyMODINIT_FUNC PyInit_keeper(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL || PyModule_AddType(module, &keeper_type) < 0) {
        Py_XDECREF(module);
        return NULL;
    }
    return module;
}
