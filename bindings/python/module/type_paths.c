/* SPDX-License-Identifier: MIT */
/* type_paths.c - _core.Paths. */
#include "module.h"

static void dealloc(PyObject *self)
{
    CORE_DEALLOC_BEGIN(self);
    hsight_paths_free(((core_paths *)self)->paths);
    Py_XDECREF(((core_paths *)self)->snapshot);
    CORE_DEALLOC_END(self);
}

static int traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((core_paths *)self)->snapshot);
    return 0;
}

PyObject *core_paths_wrap(core_state *state, PyObject *snapshot, hsight_paths *paths)
{
    core_paths *self = PyObject_GC_New(core_paths, state->paths_type);
    if (self == NULL) {
        hsight_paths_free(paths);
        return NULL;
    }
    self->paths = paths;
    self->snapshot = Py_NewRef(snapshot);
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

static const hsight_graph *graph_of(PyObject *self)
{
    return core_graph(((core_paths *)self)->snapshot);
}

/* (label text, type name, address, bytes, preview) */
static PyObject *step(const hsight_graph *graph, const hsight_path_step *at, int first)
{
    char label[256];
    size_t length = first ? 0 : hsight_report_label_text(graph, at->label, label, sizeof(label));
    hsight_string type = hsight_graph_type_name(graph, hsight_graph_type(graph, at->node));
    return Py_BuildValue("(NNKKN)", core_string((hsight_string){label, length}), core_string(type),
                         (unsigned long long)hsight_graph_address(graph, at->node),
                         (unsigned long long)hsight_graph_shallow_bytes(graph, at->node),
                         core_string(hsight_graph_preview(graph, at->node)));
}

static PyObject *steps(const hsight_graph *graph, const hsight_path *path)
{
    PyObject *list = PyList_New((Py_ssize_t)path->step_count);
    for (uint32_t i = 0; list != NULL && i < path->step_count; i++) {
        PyObject *item = step(graph, &path->steps[i], i == 0);
        if (item == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
        }
    }
    return list;
}

static const char *root_kind_text(uint32_t kind)
{
#define KIND(name, number, text)                                                                     \
    if (kind == number) {                                                                            \
        return text;                                                                                 \
    }
    HSIGHT_ROOT_LIST(KIND)
#undef KIND
    return "unknown";
}

static PyObject *row(const hsight_graph *graph, const hsight_path *path)
{
    char expression[1024], root_text[1024];
    size_t expression_length =
        hsight_report_path_expression(graph, path, expression, sizeof(expression));
    size_t root_length = hsight_report_root_text(graph, path->root, root_text, sizeof(root_text));
    const hsight_root *root = path->root;
    return Py_BuildValue(
        "{sN sN ss sN sN sN sN sI sK sK sN}",
        "expression", core_string((hsight_string){expression, expression_length}),
        "root", core_string((hsight_string){root_text, root_length}),
        "root_kind", root_kind_text(root->kind),
        "root_name", core_string(hsight_graph_string(graph, root->name)),
        "thread", core_string(hsight_graph_string(graph, root->thread)),
        "function", core_string(hsight_graph_string(graph, root->function)),
        "file", core_string(hsight_graph_string(graph, root->file)),
        "line", (unsigned int)root->line,
        "object_count", (unsigned long long)path->object_count,
        "bytes", (unsigned long long)path->bytes,
        "steps", steps(graph, path));
}

static PyObject *rows(PyObject *self, PyObject *unused)
{
    (void)unused;
    const hsight_paths *paths = ((core_paths *)self)->paths;
    uint32_t count = hsight_paths_count(paths);
    const hsight_path *path = hsight_paths_rows(paths);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (uint32_t i = 0; list != NULL && i < count; i++) {
        PyObject *item = row(graph_of(self), &path[i]);
        if (item == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
        }
    }
    return list;
}

static PyObject *text(PyObject *self, PyObject *unused)
{
    (void)unused;
    core_text buffer;
    hsight_error err;
    hsight_sink sink = core_text_sink(&buffer);
    hsight_status status;
    Py_BEGIN_ALLOW_THREADS
    status = hsight_report_paths(graph_of(self), ((core_paths *)self)->paths, &sink, &err);
    Py_END_ALLOW_THREADS
    return core_text_take(&buffer, core_state_of(Py_TYPE(self)), status, &err);
}

static PyObject *subgraph(PyObject *self, PyObject *unused)
{
    (void)unused;
    hsight_error err;
    hsight_subgraph *made = NULL;
    core_state *state = core_state_of(Py_TYPE(self));
    hsight_status status =
        hsight_subgraph_of_paths(graph_of(self), ((core_paths *)self)->paths, &made, &err);
    if (status != HSIGHT_OK) {
        return core_raise(state, &err);
    }
    return core_subgraph_wrap(state, ((core_paths *)self)->snapshot, made);
}

static PyObject *get_omitted_count(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLong(hsight_paths_omitted_count(((core_paths *)self)->paths));
}

static PyObject *get_unreached_count(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLongLong(hsight_paths_unreached_count(((core_paths *)self)->paths));
}

static PyMethodDef methods[] = {
    {"rows", rows, METH_NOARGS, NULL},
    {"text", text, METH_NOARGS, NULL},
    {"subgraph", subgraph, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef properties[] = {
    {"omitted_count", get_omitted_count, NULL, NULL, NULL},
    {"unreached_count", get_unreached_count, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {0, NULL},
};

PyType_Spec core_paths_spec = {
    .name = "heapsight._core.Paths",
    .basicsize = sizeof(core_paths),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};
