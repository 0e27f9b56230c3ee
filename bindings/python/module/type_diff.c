/* SPDX-License-Identifier: MIT */
/* type_diff.c - _core.Diff. */
#include "module.h"

static void release(void *value)
{
    hsight_diff_free(value);
}

PyObject *core_diff_new(core_state *state, hsight_diff *diff, PyObject *before, PyObject *after)
{
    return core_handle_new(state->diff_type, diff, release, before, after);
}

static PyObject *rows(PyObject *self, PyObject *unused)
{
    (void)unused;
    const hsight_diff *diff = core_value(self);
    uint32_t count = hsight_diff_count(diff);
    const hsight_diff_row *row = hsight_diff_rows(diff);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (uint32_t i = 0; list != NULL && i < count; i++, row++) {
        PyObject *item =
            Py_BuildValue("(NLLKK)", core_string(row->type), (long long)row->count_delta,
                          (long long)row->bytes_delta, (unsigned long long)row->count_after,
                          (unsigned long long)row->bytes_after);
        if (item == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
        }
    }
    return list;
}

static PyObject *text(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"limit", NULL};
    unsigned int limit = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|I", names, &limit)) {
        return NULL;
    }
    core_text buffer;
    hsight_error err;
    hsight_sink sink = core_text_sink(&buffer);
    hsight_status status;
    Py_BEGIN_ALLOW_THREADS status = hsight_report_diff(core_value(self), limit, &sink, &err);
    Py_END_ALLOW_THREADS return core_text_take(&buffer, core_state_of(self), status, &err);
}

static PyMethodDef methods[] = {
    {"rows", rows, METH_NOARGS, NULL},
    {"text", (PyCFunction)(void (*)(void))text, METH_VARARGS | METH_KEYWORDS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    CORE_HANDLE_SLOTS,
    {Py_tp_methods, methods},
    {0, NULL},
};

PyType_Spec core_diff_spec = CORE_HANDLE_SPEC("Diff", slots);
