/* SPDX-License-Identifier: MIT */
/* type_diff.c - _core.Diff. */
#include "module.h"

static void dealloc(PyObject *self)
{
    CORE_DEALLOC_BEGIN(self);
    core_diff *diff = (core_diff *)self;
    hsight_diff_free(diff->diff);
    Py_XDECREF(diff->before);
    Py_XDECREF(diff->after);
    CORE_DEALLOC_END(self);
}

static int traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((core_diff *)self)->before);
    Py_VISIT(((core_diff *)self)->after);
    return 0;
}

static PyObject *rows(PyObject *self, PyObject *unused)
{
    (void)unused;
    const hsight_diff *diff = ((core_diff *)self)->diff;
    uint32_t count = hsight_diff_count(diff);
    const hsight_diff_row *row = hsight_diff_rows(diff);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (uint32_t i = 0; list != NULL && i < count; i++, row++) {
        PyObject *item = Py_BuildValue(
            "(NLLKK)", core_string(row->type), (long long)row->count_delta,
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
    Py_BEGIN_ALLOW_THREADS
    status = hsight_report_diff(((core_diff *)self)->diff, limit, &sink, &err);
    Py_END_ALLOW_THREADS
    return core_text_take(&buffer, core_state_of(Py_TYPE(self)), status, &err);
}

static PyMethodDef methods[] = {
    {"rows", rows, METH_NOARGS, NULL},
    {"text", (PyCFunction)(void (*)(void))text, METH_VARARGS | METH_KEYWORDS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_methods, methods},
    {0, NULL},
};

PyType_Spec core_diff_spec = {
    .name = "heapsight._core.Diff",
    .basicsize = sizeof(core_diff),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};
