/* SPDX-License-Identifier: MIT */
/* leaky.c - an extension module that leaks in each way that C code can, and its clean twin.
 *
 * Built twice by conftest.py: as module `leaky`, and with -DCLEAN as module `clean`, where each
 * function gives back what it took. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdlib.h>

#ifdef CLEAN
#define NAME       "clean"
#define INIT       PyInit_clean
#define FORGET(op) Py_DECREF(op)
#else
#define NAME       "leaky"
#define INIT       PyInit_leaky
#define FORGET(op) ((void)(op))
#endif

/* Calls `make` so often, and forgets a reference to each object. */
static PyObject *repeat(PyObject *count, PyObject *(*make)(Py_ssize_t, PyObject *), PyObject *with)
{
    Py_ssize_t times = PyLong_AsSsize_t(count);
    for (Py_ssize_t i = 0; i < times; i++) {
        PyObject *made = make(i, with);
        if (made == NULL) {
            return NULL;
        }
        FORGET(made);
    }
    Py_RETURN_NONE;
}

static PyObject *make_list(Py_ssize_t i, PyObject *with)
{
    (void)i, (void)with;
    PyObject *list = PyList_New(0);
    if (list != NULL && PyList_Append(list, Py_None) < 0) {
        Py_CLEAR(list);
    }
    return list;
}

static PyObject *make_dict(Py_ssize_t i, PyObject *with)
{
    (void)with;
    return Py_BuildValue("{s:n}", "number", i);
}

static PyObject *make_instance(Py_ssize_t i, PyObject *type)
{
    (void)i;
    return PyObject_CallNoArgs(type);
}

static PyObject *make_text(Py_ssize_t i, PyObject *with)
{
    (void)with;
    return PyUnicode_FromFormat("text that nobody refers to, number %zd", i);
}

static PyObject *lists(PyObject *module, PyObject *count)
{
    (void)module;
    return repeat(count, make_list, NULL);
}

static PyObject *dicts(PyObject *module, PyObject *count)
{
    (void)module;
    return repeat(count, make_dict, NULL);
}

static PyObject *texts(PyObject *module, PyObject *count)
{
    (void)module;
    return repeat(count, make_text, NULL);
}

static PyObject *instances(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *count, *type;
    return PyArg_ParseTuple(args, "OO", &count, &type) ? repeat(count, make_instance, type) : NULL;
}

/* References to one object that lives on anyway. */
static PyObject *references(PyObject *module, PyObject *args)
{
    (void)module;
    Py_ssize_t count;
    PyObject *to;
    if (!PyArg_ParseTuple(args, "nO", &count, &to)) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_INCREF(to);
        FORGET(to);
    }
    Py_RETURN_NONE;
}

static void drop_mem(void *block)
{
#ifdef CLEAN
    PyMem_Free(block);
#else
    (void)block;
#endif
}

static void drop_object(void *block)
{
#ifdef CLEAN
    PyObject_Free(block);
#else
    (void)block;
#endif
}

/* Zeroed: memory that nobody writes to seems to hold what it held before. */
static PyObject *blocks_of_mem(PyObject *module, PyObject *count)
{
    (void)module;
    for (Py_ssize_t i = PyLong_AsSsize_t(count); i > 0; i--) {
        drop_mem(PyMem_Calloc(1, 100));
    }
    Py_RETURN_NONE;
}

static PyObject *blocks_of_object(PyObject *module, PyObject *count)
{
    (void)module;
    for (Py_ssize_t i = PyLong_AsSsize_t(count); i > 0; i--) {
        drop_object(PyObject_Calloc(1, 200));
    }
    Py_RETURN_NONE;
}

/* ---- objects that somebody still knows of ---- */

#define CACHE_SIZE 1000
static PyObject *leaky_cache[CACHE_SIZE];
static Py_ssize_t cached;

static PyObject *cache(PyObject *module, PyObject *count)
{
    (void)module;
    for (Py_ssize_t i = PyLong_AsSsize_t(count); i > 0 && cached < CACHE_SIZE; i--) {
        PyObject *set = PySet_New(NULL);
        if (set == NULL) {
            return NULL;
        }
        leaky_cache[cached++] = set;
    }
#ifdef CLEAN
    while (cached > 0) {
        cached--;
        Py_CLEAR(leaky_cache[cached]);
    }
#endif
    return PyBool_FromLong(leaky_cache[0] !=
                           NULL); /* a variable that nobody reads is no variable */
}

/* Each call makes one more array on the heap of the C library. */
static PyObject *array(PyObject *module, PyObject *count)
{
    (void)module;
    Py_ssize_t size = PyLong_AsSsize_t(count);
    PyObject **items = calloc((size_t)size + 1, sizeof *items);
    if (items == NULL) {
        return PyErr_NoMemory();
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        items[i] = PyCell_New(NULL);
        if (items[i] == NULL) {
            return NULL; /* a test has memory enough */
        }
    }
#ifdef CLEAN
    for (Py_ssize_t i = 0; i < size; i++) {
        Py_DECREF(items[i]);
    }
    free(items);
#endif
    Py_RETURN_NONE;
}

/* The same in a block of the interpreter's allocator, which the tracer knows. */
static PyObject *table(PyObject *module, PyObject *count)
{
    (void)module;
    Py_ssize_t size = PyLong_AsSsize_t(count);
    PyObject **items = PyMem_Calloc((size_t)size + 1, sizeof *items);
    if (items == NULL) {
        return PyErr_NoMemory();
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        items[i] = PyObject_CallNoArgs((PyObject *)&PyProperty_Type);
        if (items[i] == NULL) {
            return NULL;
        }
    }
#ifdef CLEAN
    for (Py_ssize_t i = 0; i < size; i++) {
        Py_DECREF(items[i]);
    }
    PyMem_Free(items);
#endif
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"lists", lists, METH_O, NULL},
    {"dicts", dicts, METH_O, NULL},
    {"texts", texts, METH_O, NULL},
    {"instances", instances, METH_VARARGS, NULL},
    {"references", references, METH_VARARGS, NULL},
    {"blocks_of_mem", blocks_of_mem, METH_O, NULL},
    {"blocks_of_object", blocks_of_object, METH_O, NULL},
    {"cache", cache, METH_O, NULL},
    {"array", array, METH_O, NULL},
    {"table", table, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = NAME, .m_size = -1,
                                    .m_methods = methods};

PyMODINIT_FUNC INIT(void)
{
    return PyModule_Create(&module);
}
