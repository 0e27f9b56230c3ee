/* SPDX-License-Identifier: MIT */
/* type_subgraph.c - _core.Subgraph. */
#include "module.h"

static void release(void *value)
{
    hsight_subgraph_free(value);
}

PyObject *core_subgraph_new(core_state *state, hsight_subgraph *subgraph, PyObject *snapshot)
{
    hsight_subgraph_show_sites(subgraph, core_value(snapshot));
    return core_handle_new(state->subgraph_type, subgraph, release, snapshot, NULL);
}

static PyObject *dot(PyObject *self, PyObject *unused)
{
    (void)unused;
    core_text buffer;
    hsight_error err;
    hsight_sink sink = core_text_sink(&buffer);
    hsight_status status;
    PyThread_type_lock drawing = core_state_of(self)->drawing;
    Py_BEGIN_ALLOW_THREADS PyThread_acquire_lock(drawing, WAIT_LOCK);
    status = hsight_report_dot(core_value(self), &sink, &err);
    PyThread_release_lock(drawing);
    Py_END_ALLOW_THREADS return core_text_take(&buffer, core_state_of(self), status, &err);
}

static PyObject *draw(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"path", "timeout_ms", NULL};
    PyObject *path;
    unsigned int timeout_ms = 60000;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O&|I", names, PyUnicode_FSConverter, &path,
                                     &timeout_ms)) {
        return NULL;
    }
    hsight_error err;
    hsight_status status;
    PyThread_type_lock drawing = core_state_of(self)->drawing;
    Py_BEGIN_ALLOW_THREADS PyThread_acquire_lock(drawing, WAIT_LOCK);
    status = hsight_report_draw(core_value(self), PyBytes_AS_STRING(path), timeout_ms, &err);
    PyThread_release_lock(drawing);
    Py_END_ALLOW_THREADS Py_DECREF(path);
    if (status != HSIGHT_OK) {
        return core_raise(core_state_of(self), &err);
    }
    Py_RETURN_NONE;
}

static PyObject *get_node_count(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLong(hsight_subgraph_node_count(core_value(self)));
}

static PyObject *get_edge_count(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLong(hsight_subgraph_edge_count(core_value(self)));
}

static PyMethodDef methods[] = {
    {"dot", dot, METH_NOARGS, NULL},
    {"draw", (PyCFunction)(void (*)(void))draw, METH_VARARGS | METH_KEYWORDS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef properties[] = {
    {"node_count", get_node_count, NULL, NULL, NULL},
    {"edge_count", get_edge_count, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    CORE_HANDLE_SLOTS,
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {0, NULL},
};

PyType_Spec core_subgraph_spec = CORE_HANDLE_SPEC("Subgraph", slots);
