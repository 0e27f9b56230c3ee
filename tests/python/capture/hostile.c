/* SPDX-License-Identifier: MIT */
/* hostile.c - an extension module whose types break the rules that a walk of the heap relies on.
 *
 * Built and imported by test_hostile.py. The broken tp_traverse functions behave until arm(True):
 * the collector would not survive some of them. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stddef.h>
#include <structmember.h>

static int armed;

/* ---- one field, told wrongly ---- */

typedef struct {
    PyObject_HEAD PyObject *owned;
    PyObject *borrowed;
} holder;

static PyObject *holder_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    PyObject *owned, *borrowed = NULL;
    (void)keywords;
    if (!PyArg_ParseTuple(args, "O|O", &owned, &borrowed)) {
        return NULL;
    }
    holder *made = (holder *)type->tp_alloc(type, 0);
    if (made != NULL) {
        made->owned = Py_NewRef(owned);
        made->borrowed = borrowed;
    }
    return (PyObject *)made;
}

static void holder_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    Py_XDECREF(((holder *)self)->owned);
    Py_TYPE(self)->tp_free(self);
}

static int skips_traverse(PyObject *self, visitproc visit, void *arg)
{
    (void)self, (void)visit, (void)arg;
    return 0;
}

static int repeats_traverse(PyObject *self, visitproc visit, void *arg)
{
    int times = armed ? 3 : 1;
    for (int i = 0; i < times; i++) {
        Py_VISIT(((holder *)self)->owned);
    }
    return 0;
}

static int null_traverse(PyObject *self, visitproc visit, void *arg)
{
    if (armed) {
        (void)visit(NULL, arg);
        (void)visit((PyObject *)8, arg);
        (void)visit((PyObject *)((char *)self + 1), arg);
    }
    Py_VISIT(((holder *)self)->owned);
    return 0;
}

static int borrowed_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(((holder *)self)->owned);
    if (armed) {
        Py_VISIT(((holder *)self)->borrowed);
    }
    return 0;
}

static int raises_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(((holder *)self)->owned);
    if (armed) {
        PyErr_SetString(PyExc_RuntimeError, "raised by a tp_traverse");
        return -1;
    }
    return 0;
}

#define HOLDER(name, traverse)                                                                     \
    static PyTypeObject name = {                                                                   \
        PyVarObject_HEAD_INIT(NULL, 0).tp_name = "hostile." #name,                                 \
        .tp_basicsize = sizeof(holder),                                                            \
        .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,                                       \
        .tp_new = holder_new,                                                                      \
        .tp_dealloc = holder_dealloc,                                                              \
        .tp_traverse = traverse,                                                                   \
    }

HOLDER(Skips, skips_traverse);
HOLDER(Repeats, repeats_traverse);
HOLDER(Null, null_traverse);
HOLDER(Borrowed, borrowed_traverse);
HOLDER(Raises, raises_traverse);

/* ---- no tp_traverse at all ---- */

static void untold_dealloc(PyObject *self)
{
    Py_XDECREF(((holder *)self)->owned);
    Py_TYPE(self)->tp_free(self);
}

static PyTypeObject Untold = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "hostile.Untold",
    .tp_basicsize = sizeof(holder),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = holder_new,
    .tp_dealloc = untold_dealloc,
};

static PyMemberDef told_members[] = {
    {"inside", T_OBJECT_EX, offsetof(holder, owned), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

/* The same, but its members tell. */
static PyTypeObject Told = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "hostile.Told",
    .tp_basicsize = sizeof(holder),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = holder_new,
    .tp_dealloc = untold_dealloc,
    .tp_members = told_members,
};

/* ---- sizes that cannot be ---- */

static PyObject *sized_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    Py_ssize_t real, claimed;
    (void)keywords;
    if (!PyArg_ParseTuple(args, "nn", &real, &claimed)) {
        return NULL;
    }
    PyObject *made = type->tp_alloc(type, real);
    if (made != NULL) {
        Py_SET_SIZE((PyVarObject *)made, claimed);
    }
    return made;
}

static PyTypeObject Sized = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "hostile.Sized",
    .tp_basicsize = sizeof(PyVarObject),
    .tp_itemsize = 8,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = sized_new,
};

/* ---- objects under construction ---- */

/* Calls back while the new object is tracked by the collector and has empty fields. */
static PyObject *unfinished_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    PyObject *callback;
    (void)keywords;
    if (!PyArg_ParseTuple(args, "O", &callback)) {
        return NULL;
    }
    PyObject *made = type->tp_alloc(type, 0);
    PyObject *answer = made != NULL ? PyObject_CallNoArgs(callback) : NULL;
    if (answer == NULL) {
        Py_XDECREF(made);
        return NULL;
    }
    ((holder *)made)->owned = answer;
    return made;
}

static PyTypeObject Unfinished = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "hostile.Unfinished",
    .tp_basicsize = sizeof(holder),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = unfinished_new,
    .tp_dealloc = holder_dealloc,
    .tp_traverse = borrowed_traverse,
};

/* A list, a tuple and a set of attributes without their items, all of them tracked. */
static PyObject *with_empty_items(PyObject *module, PyObject *callback)
{
    (void)module;
    PyObject *list = PyList_New(5), *tuple = PyTuple_New(5);
    PyObject *answer = list != NULL && tuple != NULL ? PyObject_CallNoArgs(callback) : NULL;
    Py_XDECREF(list);
    Py_XDECREF(tuple);
    return answer;
}

static PyObject *arm(PyObject *module, PyObject *value)
{
    (void)module;
    armed = PyObject_IsTrue(value);
    Py_RETURN_NONE;
}

/* Py_SIZE of any object becomes `claimed`; returns what it was. */
static PyObject *set_size(PyObject *module, PyObject *args)
{
    PyObject *object;
    Py_ssize_t claimed;
    (void)module;
    if (!PyArg_ParseTuple(args, "On", &object, &claimed)) {
        return NULL;
    }
    Py_ssize_t was = ((PyVarObject *)object)->ob_size;
    ((PyVarObject *)object)->ob_size = claimed;
    return PyLong_FromSsize_t(was);
}

static PyMethodDef functions[] = {
    {"arm", arm, METH_O, NULL},
    {"set_size", set_size, METH_VARARGS, NULL},
    {"with_empty_items", with_empty_items, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "hostile",
    .m_size = -1,
    .m_methods = functions,
};

PyMODINIT_FUNC PyInit_hostile(void)
{
    static PyTypeObject *const types[] = {&Skips,  &Repeats, &Null,       &Borrowed, &Raises,
                                          &Untold, &Sized,   &Unfinished, &Told};
    PyObject *module = PyModule_Create(&definition);
    for (size_t i = 0; module != NULL && i < sizeof(types) / sizeof(types[0]); i++) {
        if (PyModule_AddType(module, types[i]) < 0) {
            Py_CLEAR(module);
        }
    }
    return module;
}
