/* SPDX-License-Identifier: MIT */
/* type_subgraph.c - _core.Subgraph. */
#include "module.h"

static void dealloc(PyObject *self)
{
    CORE_DEALLOC_BEGIN(self);
    hsight_subgraph_free(((core_subgraph *)self)->subgraph);
    Py_XDECREF(((core_subgraph *)self)->snapshot);
    CORE_DEALLOC_END(self);
}

static int traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((core_subgraph *)self)->snapshot);
    return 0;
}

PyObject *core_subgraph_wrap(core_state *state, PyObject *snapshot, hsight_subgraph *subgraph)
{
    core_subgraph *self = PyObject_GC_New(core_subgraph, state->subgraph_type);
    if (self == NULL) {
        hsight_subgraph_free(subgraph);
        return NULL;
    }
    self->subgraph = subgraph;
    self->snapshot = Py_NewRef(snapshot);
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

/* The GIL is kept: libcgraph is not safe from two threads at once. */
static PyObject *dot(PyObject *self, PyObject *unused)
{
    (void)unused;
    core_text buffer;
    hsight_error err;
    hsight_sink sink = core_text_sink(&buffer);
    hsight_status status = hsight_report_dot(((core_subgraph *)self)->subgraph, &sink, &err);
    return core_text_take(&buffer, core_state_of(Py_TYPE(self)), status, &err);
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
    hsight_status status = hsight_report_draw(((core_subgraph *)self)->subgraph,
                                              PyBytes_AS_STRING(path), timeout_ms, &err);
    Py_DECREF(path);
    if (status != HSIGHT_OK) {
        return core_raise(core_state_of(Py_TYPE(self)), &err);
    }
    Py_RETURN_NONE;
}

static PyObject *get_node_count(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLong(hsight_subgraph_node_count(((core_subgraph *)self)->subgraph));
}

static PyObject *get_edge_count(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLong(hsight_subgraph_edge_count(((core_subgraph *)self)->subgraph));
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
    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {0, NULL},
};

PyType_Spec core_subgraph_spec = {
    .name = "heapsight._core.Subgraph",
    .basicsize = sizeof(core_subgraph),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};
