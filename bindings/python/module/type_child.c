/* SPDX-License-Identifier: MIT */
/* type_child.c - _core.Child: the forked child that takes a snapshot and writes its file.
 *
 * The handle is only used with the GIL held, but for the wait on its descriptor, which stays open
 * as long as the object that the caller holds. */
#include "../capture/fork.h"
#include "module.h"

#include <math.h>
#include <poll.h>
#include <time.h>

static void release(void *value)
{
    hsight_fork_free(value);
}

enum { SLICE_MS = 1000, TEARDOWN_MS = 1 };

static double seconds_now(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Wait until the child may have ended, for `seconds` at most. It says something first, and is gone
 * when the system has taken its memory apart. -1: a signal handler of the program raised. */
static int wait_for_child(int descriptor, double seconds)
{
    struct pollfd ready = {.fd = descriptor, .events = POLLIN};
    int slice = seconds * 1000 < SLICE_MS ? (int)ceil(seconds * 1000) : SLICE_MS;
    Py_BEGIN_ALLOW_THREADS;
    if (poll(&ready, 1, slice) > 0) {
        nanosleep(&(struct timespec){.tv_nsec = TEARDOWN_MS * 1000000L}, NULL);
    }
    Py_END_ALLOW_THREADS;
    return PyErr_CheckSignals();
}

static PyObject *wait(PyObject *self, PyObject *seconds)
{
    double limit = PyFloat_AsDouble(seconds);
    if (limit == -1.0 && PyErr_Occurred()) {
        return NULL;
    }
    double deadline = seconds_now() + limit;
    for (;;) {
        bool ended;
        hsight_error err;
        hsight_status status = hsight_fork_look(core_value(self), &ended, &err);
        if (status != HSIGHT_OK) {
            return core_raise(core_state_of(self), &err);
        }
        double left = deadline - seconds_now();
        if (ended || !(left > 0)) {
            return PyBool_FromLong(ended);
        }
        if (wait_for_child(hsight_fork_descriptor(core_value(self)), left) < 0) {
            return NULL;
        }
    }
}

static PyObject *kill_child(PyObject *self, PyObject *unused)
{
    (void)unused;
    hsight_fork_kill(core_value(self));
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"wait", wait, METH_O, NULL},
    {"kill", kill_child, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    CORE_HANDLE_SLOTS,
    {Py_tp_methods, methods},
    {0, NULL},
};

PyType_Spec core_child_spec = CORE_HANDLE_SPEC("Child", slots);

/* ---- fork_capture ---- */

static PyObject *begin(core_state *state, const hsight_fork_options *options, PyObject *probe)
{
    hsight_error err;
    hsight_fork *fork = NULL;
    hsight_status status = hsight_fork_begin(options, probe, &fork, &err);
    return status == HSIGHT_OK ? core_handle_new(state->child_type, fork, release, NULL, NULL)
                               : core_raise(state, &err);
}

static PyObject *fork_capture(PyObject *module, PyObject *args)
{
    hsight_fork_options options;
    Py_ssize_t label_length;
    PyObject *path;
    int collect, values;
    unsigned long long memory_limit;
    double time_limit;
    if (!PyArg_ParseTuple(args, "s#ppO&sKd", &options.label.data, &label_length, &collect, &values,
                          PyUnicode_FSConverter, &path, &options.temporary, &memory_limit,
                          &time_limit)) {
        return NULL;
    }
    options.label.length = (size_t)label_length;
    options.save = hsight_store_save_through;
    options.values = values != 0;
    options.path = PyBytes_AS_STRING(path);
    options.memory_limit_bytes = memory_limit;
    options.time_limit_ns = (uint64_t)(time_limit * 1e9);
    PyObject *probe = !collect || core_collect_garbage() == 0 ? core_interned_probe() : NULL;
    PyObject *answer = probe != NULL ? begin(core_get_state(module), &options, probe) : NULL;
    Py_XDECREF(probe);
    Py_DECREF(path);
    return answer;
}

PyMethodDef core_child_functions[] = {
    {"fork_capture", fork_capture, METH_VARARGS,
     "fork_capture(label, collect, values, path, temporary, memory_limit, time_limit, /)\n--\n\n"
     "Have a forked child walk the heap and write the file; returns a Child."},
    {NULL, NULL, 0, NULL},
};
