/* SPDX-License-Identifier: MIT */
/* module.h - shared by the files of the _core extension: one Python type per C handle, no logic. */
#ifndef HEAPSIGHT_MODULE_MODULE_H
#define HEAPSIGHT_MODULE_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <heapsight/heapsight.h>

typedef struct {
    PyTypeObject *snapshot_type;
    PyTypeObject *diff_type;
    PyTypeObject *paths_type;
    PyTypeObject *subgraph_type;
    PyObject *base_error;
    PyObject *errors[16]; /* by status */
} core_state;

core_state *core_get_state(PyObject *module);
/* State of the module that made this type. */
core_state *core_state_of(PyTypeObject *type);

/* errors.c: HeapsightError and one class per builtin it goes with; raise by status. Returns NULL. */
int core_add_errors(PyObject *module);
PyObject *core_raise(core_state *state, const hsight_error *err);

/* Handles. Each keeps a reference to the snapshot whose memory it borrows. */
typedef struct {
    PyObject_HEAD
    hsight_snapshot *snapshot;
} core_snapshot;

typedef struct {
    PyObject_HEAD
    hsight_diff *diff;
    PyObject *before;
    PyObject *after;
} core_diff;

typedef struct {
    PyObject_HEAD
    hsight_paths *paths;
    PyObject *snapshot;
} core_paths;

typedef struct {
    PyObject_HEAD
    hsight_subgraph *subgraph;
    PyObject *snapshot;
} core_subgraph;

extern PyType_Spec core_snapshot_spec;
extern PyType_Spec core_diff_spec;
extern PyType_Spec core_paths_spec;
extern PyType_Spec core_subgraph_spec;

const hsight_graph *core_graph(PyObject *snapshot);
PyObject *core_snapshot_wrap(core_state *state, hsight_snapshot *snapshot);    /* consumes */
PyObject *core_paths_wrap(core_state *state, PyObject *snapshot, hsight_paths *paths);
PyObject *core_subgraph_wrap(core_state *state, PyObject *snapshot, hsight_subgraph *subgraph);

/* convert.c */
PyObject *core_string(hsight_string text);
/* A sink that collects into a growing buffer; finish with core_text_take. */
typedef struct {
    char *data;
    size_t length;
    size_t capacity;
} core_text;
hsight_sink core_text_sink(core_text *text);
/* The collected text as a str, or raises what `status` says. Frees the buffer. */
PyObject *core_text_take(core_text *text, core_state *state, hsight_status status,
                         const hsight_error *err);
/* "size", "count" or "type"; -1 with ValueError. */
int core_sort(const char *name, hsight_sort *out);
/* Addresses (a sequence of int) to nodes. Free with hsight_nodes_free(). -1 with an exception. */
int core_nodes(core_state *state, const hsight_graph *graph, PyObject *addresses,
               hsight_node_id **out, uint32_t *count);

/* Deallocation and traversal shared by the handle types. */
#define CORE_DEALLOC_BEGIN(self)                                                                     \
    PyTypeObject *type_ = Py_TYPE(self);                                                             \
    PyObject_GC_UnTrack(self)
#define CORE_DEALLOC_END(self)                                                                       \
    type_->tp_free(self);                                                                            \
    Py_DECREF(type_)

#endif
