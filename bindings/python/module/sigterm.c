/* SPDX-License-Identifier: MIT */
/* sigterm.c - has a SIGTERM come? The interpreter tells its main thread, before the next step of
 * the program; a helper thread has to be told by the handler itself.
 *
 * Ours stands before the interpreter's and calls it. Whoever sets a handler by signal.signal()
 * takes it out again, and then nothing is told. */
#include "module.h"

#include <signal.h>

static volatile sig_atomic_t has_come;
static struct sigaction inner; /* the interpreter's; written before ours is in place */

static void note(int number)
{
    has_come = 1;
    inner.sa_handler(number);
}

static PyObject *sigterm_watch(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    struct sigaction now;
    if (sigaction(SIGTERM, NULL, &now) != 0) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    has_come = 0;
    if (now.sa_handler == note) {
        Py_RETURN_TRUE;
    }
    if ((now.sa_flags & SA_SIGINFO) || now.sa_handler == SIG_DFL || now.sa_handler == SIG_IGN) {
        Py_RETURN_FALSE;
    }
    inner = now;
    now.sa_handler = note;
    if (sigaction(SIGTERM, &now, NULL) != 0) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    Py_RETURN_TRUE;
}

static PyObject *sigterm_has_come(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyBool_FromLong(has_come);
}

PyMethodDef core_sigterm_functions[] = {
    {"sigterm_watch", sigterm_watch, METH_NOARGS,
     "sigterm_watch()\n--\n\nWatch for a SIGTERM that a handler in Python is set for."},
    {"sigterm_has_come", sigterm_has_come, METH_NOARGS,
     "sigterm_has_come()\n--\n\nHas one come since?"},
    {NULL, NULL, 0, NULL},
};
