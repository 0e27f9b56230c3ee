/* SPDX-License-Identifier: MIT */
/* type_paths.c - _core.Paths. */
#include "module.h"

static void release(void *value)
{
    hsight_paths_free(value);
}

PyObject *core_paths_new(core_state *state, hsight_paths *paths, PyObject *snapshot,
                         PyObject *sites)
{
    return core_handle_new(state->paths_type, paths, release, snapshot, sites);
}

static PyObject *snapshot_of(PyObject *self)
{
    return ((core_handle *)self)->kept[0];
}

static const hsight_graph *graph_of(PyObject *self)
{
    return core_graph(snapshot_of(self));
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
#define KIND(name, number, text)                                                                   \
    if (kind == number) {                                                                          \
        return text;                                                                               \
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
    return Py_BuildValue("{sN sN ss sN sN sN sN sI sK sK sN}", "expression",
                         core_string((hsight_string){expression, expression_length}), "root",
                         core_string((hsight_string){root_text, root_length}), "root_kind",
                         root_kind_text(root->kind), "root_name",
                         core_string(hsight_graph_string(graph, root->name)), "thread",
                         core_string(hsight_graph_string(graph, root->thread)), "function",
                         core_string(hsight_graph_string(graph, root->function)), "file",
                         core_string(hsight_graph_string(graph, root->file)), "line",
                         (unsigned int)root->line, "object_count",
                         (unsigned long long)path->object_count, "bytes",
                         (unsigned long long)path->bytes, "steps", steps(graph, path));
}

static PyObject *rows(PyObject *self, PyObject *unused)
{
    (void)unused;
    const hsight_paths *paths = core_value(self);
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
    Py_BEGIN_ALLOW_THREADS status =
        hsight_report_paths(graph_of(self), core_value(self), &sink, &err);
    Py_END_ALLOW_THREADS return core_text_take(&buffer, core_state_of(self), status, &err);
}

static PyObject *subgraph(PyObject *self, PyObject *unused)
{
    (void)unused;
    hsight_error err;
    hsight_subgraph *made = NULL;
    core_state *state = core_state_of(self);
    hsight_status status = hsight_subgraph_of_paths(graph_of(self), core_value(self), &made, &err);
    if (status != HSIGHT_OK) {
        return core_raise(state, &err);
    }
    return core_subgraph_new(state, made, snapshot_of(self));
}

static PyObject *get_omitted_count(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLong(hsight_paths_omitted_count(core_value(self)));
}

static PyObject *get_unreached_count(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLongLong(hsight_paths_unreached_count(core_value(self)));
}

static PyObject *sites(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PySequence_List(((core_handle *)self)->kept[1]);
}

static PyMethodDef methods[] = {
    {"sites", sites, METH_NOARGS, NULL},
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
    CORE_HANDLE_SLOTS,
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {0, NULL},
};

PyType_Spec core_paths_spec = CORE_HANDLE_SPEC("Paths", slots);
