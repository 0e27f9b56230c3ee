/* SPDX-License-Identifier: MIT */
/* waiter.c - functions that own a reference in a C variable while something else goes on. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <unistd.h>

#define NOT_INLINE __attribute__((noinline))

static NOT_INLINE bool wait_for(int file)
{
    char byte;
    ssize_t got;
    Py_BEGIN_ALLOW_THREADS got = read(file, &byte, 1);
    Py_END_ALLOW_THREADS return got == 1;
}

static volatile bool stopped;

static NOT_INLINE bool spin(int file)
{
    (void)file;
    Py_BEGIN_ALLOW_THREADS while (!stopped)
    {
    }
    Py_END_ALLOW_THREADS return true;
}

static PyObject *keep(PyObject *args, bool (*wait)(int))
{
    PyObject *make;
    int file;
    if (!PyArg_ParseTuple(args, "Oi", &make, &file)) {
        return NULL;
    }
    struct { /* in memory, and behind an address of code that is not where a call returns to */
        PyObject *(*code)(PyObject *);
        PyObject *held;
        long others[8]; /* so that the registers saved behind are not near */
    } volatile variables = {PyObject_Repr, PyObject_CallNoArgs(make), {0}};
    if (variables.held == NULL) {
        return NULL;
    }
    bool is_done = wait(file);
    Py_DECREF(variables.held);
    return PyBool_FromLong(is_done);
}

/* hold(make, file): call `make`, keep what it returns, wait until the file has a byte to read. */
static PyObject *hold(PyObject *module, PyObject *args)
{
    (void)module;
    return keep(args, wait_for);
}

/* The same, but the thread runs until stop() is called. */
static PyObject *hold_and_spin(PyObject *module, PyObject *args)
{
    (void)module;
    return keep(args, spin);
}

static PyObject *stop(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    stopped = true;
    Py_RETURN_NONE;
}

/* hold_and_call(make, function): keep what `make` returns while the function runs. */
static PyObject *hold_and_call(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *make, *function;
    if (!PyArg_ParseTuple(args, "OO", &make, &function)) {
        return NULL;
    }
    PyObject *held = PyObject_CallNoArgs(make); /* in a register, which what is called saves */
    PyObject *result = held != NULL ? PyObject_CallNoArgs(function) : NULL;
    Py_XDECREF(held);
    return result;
}

static NOT_INLINE void nothing(PyObject *volatile *words)
{
    words[0] = words[1];
}

/* Far down the stack, in a frame like those of others: a place that is not in use afterwards. */
static NOT_INLINE int lose(PyObject *make)
{
    char volatile depth[1 << 16];
    for (size_t i = 0; i < sizeof depth; i++) {
        depth[i] = 0; /* so that there is no page without a word on it */
    }
    PyObject *volatile words[16];
    PyObject *lost = PyObject_CallNoArgs(make);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        words[i] = lost;
    }
    nothing(words);
    return depth[0] + (lost != NULL);
}

/* lose_and_wait(make, file): what `make` returns is leaked, and only stale words have its address.
 */
static PyObject *lose_and_wait(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *make;
    int file;
    if (!PyArg_ParseTuple(args, "Oi", &make, &file) || !lose(make)) {
        return NULL;
    }
    return PyBool_FromLong(wait_for(file));
}

static PyMethodDef methods[] = {
    {"hold", hold, METH_VARARGS, NULL},
    {"hold_and_spin", hold_and_spin, METH_VARARGS, NULL},
    {"stop", stop, METH_NOARGS, NULL},
    {"hold_and_call", hold_and_call, METH_VARARGS, NULL},
    {"lose_and_wait", lose_and_wait, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "waiter", .m_size = -1,
                                 .m_methods = methods};

PyMODINIT_FUNC PyInit_waiter(void)
{
    return PyModule_Create(&definition);
}
