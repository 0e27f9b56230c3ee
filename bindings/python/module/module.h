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
    PyTypeObject *native_references_type;
    PyTypeObject *paths_type;
    PyTypeObject *subgraph_type;
    PyTypeObject *trace_type;
    PyTypeObject *child_type;
    PyObject *base_error;
    PyObject *errors[16];       /* by status */
    PyThread_type_lock drawing; /* libcgraph is not safe from two threads at once */
} core_state;

/* core.c: gc.collect() of the gc module; -1 with an exception. And any interned str, which tells where
 * the interpreter keeps those; a new reference. */
int core_collect_garbage(void);
PyObject *core_interned_probe(void);

/* errors.c: HeapsightError and one class per builtin it goes with; raise by status. Returns NULL.
 */
int core_add_errors(PyObject *module);
PyObject *core_raise(core_state *state, const hsight_error *err);

/* ---- handle.c ---- */

/* A C object and the Python objects whose memory it borrows. */
typedef struct {
    PyObject_HEAD void *value;
    void (*release)(void *value);
    PyObject *kept[2];
} core_handle;

static inline void *core_value(PyObject *self)
{
    return ((core_handle *)self)->value;
}

core_state *core_get_state(PyObject *module);
core_state *core_state_of(PyObject *self);
/* Consumes value, also on failure; keeps first and second (or NULL) alive. */
PyObject *core_handle_new(PyTypeObject *type, void *value, void (*release)(void *), PyObject *first,
                          PyObject *second);
void core_handle_dealloc(PyObject *self);
int core_handle_traverse(PyObject *self, visitproc visit, void *arg);
const hsight_graph *core_graph(PyObject *snapshot);

#define CORE_HANDLE_SPEC(type_name, type_slots)                                                    \
    {                                                                                              \
        .name = "heapsight._core." type_name,                                                      \
        .basicsize = sizeof(core_handle),                                                          \
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |     \
                 Py_TPFLAGS_IMMUTABLETYPE,                                                         \
        .slots = type_slots,                                                                       \
    }
#define CORE_HANDLE_SLOTS                                                                          \
    {Py_tp_dealloc, core_handle_dealloc},                                                          \
    {                                                                                              \
        Py_tp_traverse, core_handle_traverse                                                       \
    }

/* ---- the types, one file each; constructors consume their handle ---- */

extern PyType_Spec core_snapshot_spec;
extern PyType_Spec core_diff_spec;
extern PyType_Spec core_native_references_spec;
extern PyType_Spec core_paths_spec;
extern PyType_Spec core_subgraph_spec;
extern PyType_Spec core_trace_spec;
extern PyType_Spec core_child_spec;

PyObject *core_snapshot_new(core_state *state, hsight_snapshot *snapshot);
PyObject *core_diff_new(core_state *state, hsight_diff *diff, PyObject *before, PyObject *after);
/* Compares two snapshots, which must be such; NULL with an exception. */
PyObject *core_native_references(core_state *state, PyObject *before, PyObject *after);
PyObject *core_paths_new(core_state *state, hsight_paths *paths, PyObject *snapshot,
                         PyObject *sites);
PyObject *core_subgraph_new(core_state *state, hsight_subgraph *subgraph, PyObject *snapshot);
PyObject *core_trace_new(core_state *state, hsight_trace *trace);
/* The trace of a snapshot, which it keeps alive. */
PyObject *core_trace_borrow(core_state *state, const hsight_trace *trace, PyObject *snapshot);

/* Where some objects were allocated, as Snapshot.sites() has it; empty where no tracer was running.
 */
PyObject *core_sites_of(PyObject *snapshot, const hsight_node_id *nodes, uint32_t count);

/* (function, file, line, thread) of a frame. */
PyObject *core_frame(const hsight_trace *trace, hsight_frame_id id);

/* type_child.c: fork_capture() */
extern PyMethodDef core_child_functions[];

/* tracing.c */
extern PyMethodDef core_tracing_functions[];

/* labels.c: register_fields() and the capsule of heapsight/labels.h. */
extern PyMethodDef core_label_functions[];
int core_add_labels(PyObject *module);

/* sigterm.c */
extern PyMethodDef core_sigterm_functions[];

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

#endif
