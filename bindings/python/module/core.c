/* SPDX-License-Identifier: MIT */
/* core.c - the extension module heapsight._core: functions, types, import check. */
#include "../capture/capture.h"
#include "module.h"

#include <stdlib.h>

PyObject *core_interned_probe(void)
{
    return PyUnicode_InternFromString("heapsight\x01interned");
}

/* gc.collect() of the gc module: PyGC_Collect() does nothing while gc.disable() is in force. */
int core_collect_garbage(void)
{
    PyObject *gc = PyImport_ImportModule("gc");
    PyObject *answer = gc != NULL ? PyObject_CallMethod(gc, "collect", NULL) : NULL;
    Py_XDECREF(gc);
    Py_XDECREF(answer);
    return answer != NULL ? 0 : -1;
}

/* Without a tuple of arguments, which would be one more object that only C code holds. */
static PyObject *capture(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    if (count < 1 || count > 3) {
        return PyErr_Format(PyExc_TypeError, "capture() takes 1 to 3 arguments, not %zd", count);
    }
    Py_ssize_t length;
    const char *label = PyUnicode_AsUTF8AndSize(args[0], &length);
    if (label == NULL) {
        return NULL;
    }
    int collect = count > 1 ? PyObject_IsTrue(args[1]) : 1;
    if (collect < 0) {
        return NULL;
    }
    int values = count > 2 ? PyObject_IsTrue(args[2]) : 0;
    if (values < 0 || (collect && core_collect_garbage() < 0)) {
        return NULL;
    }
    PyObject *probe = core_interned_probe();
    if (probe == NULL) {
        return NULL;
    }
    hsight_error err;
    hsight_snapshot *snapshot = NULL;
    hsight_capture_moment moment;
    hsight_capture_begin(&moment, (hsight_string){label, (size_t)length}, values != 0);
    hsight_status status = hsight_capture_take(&moment, probe, &snapshot, &err);
    Py_DECREF(probe);
    core_state *state = core_get_state(module);
    return status == HSIGHT_OK ? core_snapshot_new(state, snapshot) : core_raise(state, &err);
}

static PyObject *load(PyObject *module, PyObject *path)
{
    PyObject *bytes;
    if (!PyUnicode_FSConverter(path, &bytes)) {
        return NULL;
    }
    hsight_error err;
    hsight_snapshot *snapshot = NULL;
    hsight_status status;
    Py_BEGIN_ALLOW_THREADS status = hsight_store_load(PyBytes_AS_STRING(bytes), &snapshot, &err);
    Py_END_ALLOW_THREADS Py_DECREF(bytes);
    core_state *state = core_get_state(module);
    return status == HSIGHT_OK ? core_snapshot_new(state, snapshot) : core_raise(state, &err);
}

static PyObject *diff(PyObject *module, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"before", "after", "sort", NULL};
    core_state *state = core_get_state(module);
    PyObject *before, *after;
    const char *sort_name = "size";
    hsight_sort sort;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O!O!|s", names, state->snapshot_type, &before,
                                     state->snapshot_type, &after, &sort_name)) {
        return NULL;
    }
    if (core_sort(sort_name, &sort) < 0) {
        return NULL;
    }
    hsight_error err;
    hsight_diff *made = NULL;
    hsight_status status;
    const hsight_graph *graphs[] = {core_graph(before), core_graph(after)};
    Py_BEGIN_ALLOW_THREADS status = hsight_diff_new(graphs[0], graphs[1], sort, &made, &err);
    Py_END_ALLOW_THREADS if (status != HSIGHT_OK)
    {
        return core_raise(state, &err);
    }
    return core_diff_new(state, made, before, after);
}

static PyObject *native_references(PyObject *module, PyObject *args)
{
    core_state *state = core_get_state(module);
    PyObject *before, *after;
    if (!PyArg_ParseTuple(args, "O!O!", state->snapshot_type, &before, state->snapshot_type,
                          &after)) {
        return NULL;
    }
    return core_native_references(state, before, after);
}

static PyObject *sizes_to_list(const uint64_t *sizes, Py_ssize_t count)
{
    PyObject *list = PyList_New(count);
    for (Py_ssize_t i = 0; list != NULL && i < count; i++) {
        PyObject *size = PyLong_FromUnsignedLongLong(sizes[i]);
        if (size == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, i, size);
        }
    }
    return list;
}

static PyObject *deep_sizes(PyObject *module, PyObject *objects)
{
    if (!PyList_Check(objects)) {
        return PyErr_Format(PyExc_TypeError, "objects must be a list, not %.100s",
                            Py_TYPE(objects)->tp_name);
    }
    Py_ssize_t count = PyList_GET_SIZE(objects);
    uint64_t *sizes = PyMem_Calloc((size_t)count + 1, sizeof(*sizes));
    if (sizes == NULL) {
        return PyErr_NoMemory();
    }
    hsight_error err;
    hsight_status status =
        hsight_capture_deep_sizes(((PyListObject *)objects)->ob_item, count, sizes, &err);
    PyObject *answer = status == HSIGHT_OK ? sizes_to_list(sizes, count)
                                           : core_raise(core_get_state(module), &err);
    PyMem_Free(sizes);
    return answer;
}

static PyObject *size_rows_to_list(const hsight_graph *graph, const hsight_capture_size_row *rows)
{
    PyObject *list = PyList_New(0);
    for (uint32_t id = 1; list != NULL && id <= hsight_graph_type_count(graph); id++) {
        const hsight_capture_size_row *row = &rows[id];
        hsight_string name = hsight_graph_type_name(graph, (hsight_type_id){id});
        PyObject *item = Py_BuildValue("s#KKKKKK", name.data, (Py_ssize_t)name.length, row->count,
                                       row->given_count, row->equal_count, row->equal_bytes,
                                       row->block_bytes, row->size_bytes);
        if (item == NULL || PyList_Append(list, item) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(item);
    }
    return list;
}

static PyObject *compare_sizes(PyObject *module, PyObject *unused)
{
    (void)unused;
    PyObject *probe = core_interned_probe();
    if (probe == NULL) {
        return NULL;
    }
    hsight_error err;
    hsight_graph *graph = NULL;
    hsight_capture_size_row *rows = NULL;
    hsight_status status = hsight_capture_compare_sizes(probe, &graph, &rows, &err);
    Py_DECREF(probe);
    if (status != HSIGHT_OK) {
        return core_raise(core_get_state(module), &err);
    }
    PyObject *list = size_rows_to_list(graph, rows);
    hsight_graph_free(graph);
    free(rows);
    return list;
}

static PyObject *resident_bytes(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyLong_FromUnsignedLongLong(hsight_capture_resident_bytes());
}

static PyMethodDef core_functions[] = {
    {"capture", (PyCFunction)(void (*)(void))capture, METH_FASTCALL,
     "capture(label, collect=True, values=False, /)\n--\n\nWalk the heap; returns a Snapshot."},
    {"load", load, METH_O, "load(path)\n--\n\nOpen a snapshot file."},
    {"diff", (PyCFunction)(void (*)(void))diff, METH_VARARGS | METH_KEYWORDS,
     "diff(before, after, sort='size')\n--\n\nCompare two snapshots by type."},
    {"native_references", native_references, METH_VARARGS,
     "native_references(before, after, /)\n--\n\nWhat C code holds more of than before."},
    {"deep_sizes", deep_sizes, METH_O,
     "deep_sizes(objects)\n--\n\nBytes each object keeps, shared data charged to the earlier one."},
    {"compare_sizes", compare_sizes, METH_NOARGS,
     "compare_sizes()\n--\n\nSizes beside the blocks that an exact tracer saw, by type."},
    {"resident_bytes", resident_bytes, METH_NOARGS,
     "resident_bytes()\n--\n\nResident set of this process in bytes."},
    {NULL, NULL, 0, NULL},
};

static int add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **out)
{
    *out = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    return *out != NULL ? PyModule_AddType(module, *out) : -1;
}

static int core_exec(PyObject *module)
{
    const char *problem = hsight_capture_check();
    if (problem != NULL) {
        PyErr_SetString(PyExc_ImportError, problem);
        return -1;
    }
    core_state *state = core_get_state(module);
    state->drawing = PyThread_allocate_lock();
    if (state->drawing == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (core_add_errors(module) < 0 ||
        add_type(module, &core_snapshot_spec, &state->snapshot_type) < 0 ||
        add_type(module, &core_diff_spec, &state->diff_type) < 0 ||
        add_type(module, &core_native_references_spec, &state->native_references_type) < 0 ||
        add_type(module, &core_paths_spec, &state->paths_type) < 0 ||
        add_type(module, &core_subgraph_spec, &state->subgraph_type) < 0 ||
        add_type(module, &core_trace_spec, &state->trace_type) < 0 ||
        add_type(module, &core_child_spec, &state->child_type) < 0 ||
        PyModule_AddFunctions(module, core_child_functions) < 0 ||
        PyModule_AddFunctions(module, core_tracing_functions) < 0 ||
        PyModule_AddFunctions(module, core_sigterm_functions) < 0 ||
        PyModule_AddFunctions(module, core_label_functions) < 0 || core_add_labels(module) < 0) {
        return -1;
    }
    return PyModule_AddStringConstant(module, "__version__", hsight_version());
}

static int core_traverse(PyObject *module, visitproc visit, void *arg)
{
    core_state *state = core_get_state(module);
    Py_VISIT(state->snapshot_type);
    Py_VISIT(state->diff_type);
    Py_VISIT(state->native_references_type);
    Py_VISIT(state->paths_type);
    Py_VISIT(state->subgraph_type);
    Py_VISIT(state->trace_type);
    Py_VISIT(state->child_type);
    Py_VISIT(state->base_error);
    for (size_t i = 0; i < sizeof(state->errors) / sizeof(state->errors[0]); i++) {
        Py_VISIT(state->errors[i]);
    }
    return 0;
}

static int core_clear(PyObject *module)
{
    core_state *state = core_get_state(module);
    Py_CLEAR(state->snapshot_type);
    Py_CLEAR(state->diff_type);
    Py_CLEAR(state->native_references_type);
    Py_CLEAR(state->paths_type);
    Py_CLEAR(state->subgraph_type);
    Py_CLEAR(state->trace_type);
    Py_CLEAR(state->child_type);
    Py_CLEAR(state->base_error);
    for (size_t i = 0; i < sizeof(state->errors) / sizeof(state->errors[0]); i++) {
        Py_CLEAR(state->errors[i]);
    }
    return 0;
}

static void core_free(void *module)
{
    core_state *state = core_get_state(module);
    core_clear(module);
    if (state->drawing != NULL) {
        PyThread_free_lock(state->drawing);
        state->drawing = NULL;
    }
}

static PyModuleDef_Slot core_slots[] = {
    {Py_mod_exec, core_exec},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef core_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "heapsight._core",
    .m_doc = "Private: the C half of heapsight.",
    .m_size = sizeof(core_state),
    .m_methods = core_functions,
    .m_slots = core_slots,
    .m_traverse = core_traverse,
    .m_clear = core_clear,
    .m_free = core_free,
};

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&core_module);
}
