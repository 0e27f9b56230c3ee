/* SPDX-License-Identifier: MIT */
/* type_native_references.c - _core.NativeReferences. It keeps both snapshots, the later one second.
 */
#include "module.h"

#include <stdbool.h>
#include <string.h>

static void release(void *value)
{
    hsight_native_references_free(value);
}

PyObject *core_native_references(core_state *state, PyObject *before, PyObject *after)
{
    const hsight_snapshot *snapshots[] = {core_value(before), core_value(after)};
    hsight_error err;
    hsight_native_references *made = NULL;
    hsight_status status;
    Py_BEGIN_ALLOW_THREADS status =
        hsight_native_references_new(snapshots[0], snapshots[1], &made, &err);
    Py_END_ALLOW_THREADS if (status != HSIGHT_OK)
    {
        return core_raise(state, &err);
    }
    return core_handle_new(state->native_references_type, made, release, before, after);
}

/* Where the new objects of a row were allocated. */
static PyObject *sites(PyObject *self, uint32_t row)
{
    uint32_t count;
    const hsight_node_id *nodes = hsight_native_references_nodes(core_value(self), row, &count);
    return core_sites_of(((core_handle *)self)->kept[1], nodes, count);
}

/* The name that a class keeps; else the preview. A class need not have instances, so its name need
 * not be in the table of types. O(references) for a class. */
static hsight_string name_of(const hsight_graph *graph, hsight_node_id node)
{
    static const char wanted[] = "__qualname__";
    bool is_class = (hsight_graph_flags(graph, node) & HSIGHT_NODE_TYPE) != 0;
    hsight_references all = hsight_graph_references(graph, node);
    for (uint32_t i = 0; is_class && i < all.count; i++) {
        hsight_string_id label = {hsight_label_payload(all.labels[i])};
        if (hsight_label_kind_of(all.labels[i]) != HSIGHT_LABEL_TYPE_PART ||
            label.index > hsight_graph_string_count(graph)) {
            continue;
        }
        hsight_string text = hsight_graph_string(graph, label);
        if (text.length == sizeof wanted - 1 && memcmp(text.data, wanted, text.length) == 0) {
            return hsight_graph_preview(graph, all.targets[i]);
        }
    }
    return hsight_graph_preview(graph, node);
}

/* (address, name or preview) of the first new objects of a row. */
static PyObject *examples(PyObject *self, uint32_t row)
{
    enum { EXAMPLES = 3 };
    uint32_t count;
    const hsight_node_id *nodes = hsight_native_references_nodes(core_value(self), row, &count);
    const hsight_graph *graph = core_graph(((core_handle *)self)->kept[1]);
    PyObject *list = PyList_New(count < EXAMPLES ? count : EXAMPLES);
    for (Py_ssize_t i = 0; list != NULL && i < PyList_GET_SIZE(list); i++) {
        PyObject *item =
            Py_BuildValue("(KN)", (unsigned long long)hsight_graph_address(graph, nodes[i]),
                          core_string(name_of(graph, nodes[i])));
        if (item == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, i, item);
        }
    }
    return list;
}

/* What seems to hold each new object of a row, "" where that is not known. */
static PyObject *holders(PyObject *self, uint32_t row)
{
    uint32_t count;
    (void)hsight_native_references_nodes(core_value(self), row, &count);
    const hsight_string_id *all = hsight_native_references_holders(core_value(self), row);
    const hsight_graph *graph = core_graph(((core_handle *)self)->kept[1]);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (uint32_t i = 0; list != NULL && i < count; i++) {
        PyObject *item = core_string(hsight_graph_string(graph, all[i]));
        if (item == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
        }
    }
    return list;
}

static PyObject *make_row(PyObject *self, uint32_t index)
{
    const hsight_native_reference_row *row =
        hsight_native_references_rows(core_value(self)) + index;
    PyObject *made_at = sites(self, index);
    if (made_at == NULL) {
        return NULL;
    }
    return Py_BuildValue("(NLLKKNNN)", core_string(row->type), (long long)row->count_delta,
                         (long long)row->reference_delta, (unsigned long long)row->count_after,
                         (unsigned long long)row->reference_after, made_at, examples(self, index),
                         holders(self, index));
}

static PyObject *rows(PyObject *self, PyObject *unused)
{
    (void)unused;
    uint32_t count = hsight_native_references_count(core_value(self));
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (uint32_t i = 0; list != NULL && i < count; i++) {
        PyObject *item = make_row(self, i);
        if (item == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
        }
    }
    return list;
}

static PyMethodDef methods[] = {
    {"rows", rows, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    CORE_HANDLE_SLOTS,
    {Py_tp_methods, methods},
    {0, NULL},
};

PyType_Spec core_native_references_spec = CORE_HANDLE_SPEC("NativeReferences", slots);
