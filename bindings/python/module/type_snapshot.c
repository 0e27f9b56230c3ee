/* SPDX-License-Identifier: MIT */
/* type_snapshot.c - _core.Snapshot. */
#include "module.h"

static void release(void *value)
{
    hsight_snapshot_free(value);
}

PyObject *core_snapshot_new(core_state *state, hsight_snapshot *snapshot)
{
    return core_handle_new(state->snapshot_type, snapshot, release, NULL, NULL);
}

/* ---- facts ---- */

static int set_item(PyObject *dict, const char *key, PyObject *item)
{
    int answer = item != NULL ? PyDict_SetItemString(dict, key, item) : -1;
    Py_XDECREF(item);
    return answer;
}

static int set_number(PyObject *dict, const char *key, uint64_t number)
{
    return set_item(dict, key, PyLong_FromUnsignedLongLong(number));
}

static int fill_info(PyObject *dict, const hsight_snapshot *snapshot)
{
    const hsight_snapshot_info *info = hsight_snapshot_get_info(snapshot);
    const hsight_graph *graph = hsight_snapshot_graph(snapshot);
    const struct {
        const char *key;
        hsight_string text;
    } texts[] = {{"label", info->label},
                 {"interpreter", info->interpreter},
                 {"platform", info->platform},
                 {"arguments", info->arguments},
                 {"capture", info->capture},
                 {"overcounted_types", info->overcounted_types},
                 {"doubted_types", info->doubted_types},
                 {"invalid_types", info->invalid_types}};
    const struct {
        const char *key;
        uint64_t number;
    } numbers[] = {{"process_id", info->process_id},
                   {"taken_at_ns", info->taken_at_ns},
                   {"duration_ns", info->duration_ns},
                   {"rss_bytes", info->rss_bytes},
                   {"dropped_count", info->dropped_count},
                   {"overcounted_count", info->overcounted_count},
                   {"doubted_count", info->doubted_count},
                   {"invalid_count", info->invalid_count},
                   {"object_count", hsight_graph_node_count(graph)},
                   {"reference_count", hsight_graph_edge_count(graph)},
                   {"type_count", hsight_graph_type_count(graph)},
                   {"root_count", hsight_graph_root_count(graph)},
                   {"total_bytes", hsight_snapshot_total_bytes(snapshot)}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (set_item(dict, texts[i].key, core_string(texts[i].text)) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (set_number(dict, numbers[i].key, numbers[i].number) < 0) {
            return -1;
        }
    }
    return set_item(dict, "has_values", PyBool_FromLong(info->has_values != 0));
}

static PyObject *get_info(PyObject *self, void *closure)
{
    (void)closure;
    PyObject *dict = PyDict_New();
    if (dict != NULL && fill_info(dict, core_value(self)) < 0) {
        Py_CLEAR(dict);
    }
    return dict;
}

static PyObject *get_object_count(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLong(hsight_graph_node_count(core_graph(self)));
}

static PyObject *get_reference_count(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLong(hsight_graph_edge_count(core_graph(self)));
}

static PyObject *get_total_bytes(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLongLong(hsight_snapshot_total_bytes(core_value(self)));
}

static PyObject *info_text(PyObject *self, PyObject *unused)
{
    (void)unused;
    core_text text;
    hsight_error err;
    hsight_sink sink = core_text_sink(&text);
    hsight_status status;
    Py_BEGIN_ALLOW_THREADS status = hsight_report_info(core_value(self), &sink, &err);
    Py_END_ALLOW_THREADS return core_text_take(&text, core_state_of(self), status, &err);
}

/* ---- types ---- */

static PyObject *histogram_rows(const hsight_histogram *histogram)
{
    static const char *const sizes[] = {"exact", "formula", "lower bound"}; /* hsight_sizes */
    uint32_t count = hsight_histogram_count(histogram);
    const hsight_histogram_row *rows = hsight_histogram_rows(histogram);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (uint32_t i = 0; list != NULL && i < count; i++) {
        PyObject *row =
            Py_BuildValue("(NKKs)", core_string(rows[i].type), (unsigned long long)rows[i].count,
                          (unsigned long long)rows[i].bytes, sizes[rows[i].sizes]);
        if (row == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, row);
        }
    }
    return list;
}

static PyObject *types(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"sort", NULL};
    const char *sort_name = "size";
    hsight_sort sort;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|s", names, &sort_name) ||
        core_sort(sort_name, &sort) < 0) {
        return NULL;
    }
    hsight_error err;
    hsight_histogram *histogram = NULL;
    hsight_status status;
    Py_BEGIN_ALLOW_THREADS status = hsight_histogram_new(core_graph(self), sort, &histogram, &err);
    Py_END_ALLOW_THREADS if (status != HSIGHT_OK)
    {
        return core_raise(core_state_of(self), &err);
    }
    PyObject *rows = histogram_rows(histogram);
    hsight_histogram_free(histogram);
    return rows;
}

static PyObject *types_text(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"sort", "limit", NULL};
    const char *sort_name = "size";
    unsigned int limit = 0;
    hsight_sort sort;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|sI", names, &sort_name, &limit) ||
        core_sort(sort_name, &sort) < 0) {
        return NULL;
    }
    core_text text;
    hsight_error err;
    hsight_sink sink = core_text_sink(&text);
    hsight_status status;
    Py_BEGIN_ALLOW_THREADS status = hsight_report_types(core_value(self), sort, limit, &sink, &err);
    Py_END_ALLOW_THREADS return core_text_take(&text, core_state_of(self), status, &err);
}

/* ---- allocations ---- */

static PyObject *get_trace(PyObject *self, void *closure)
{
    (void)closure;
    const hsight_trace *trace = hsight_snapshot_trace(core_value(self));
    if (trace == NULL) {
        Py_RETURN_NONE;
    }
    return core_trace_borrow(core_state_of(self), trace, self);
}

static PyObject *site_rows(const hsight_trace *trace, const hsight_sites *sites)
{
    uint32_t count = hsight_sites_count(sites);
    const hsight_site_row *rows = hsight_sites_rows(sites);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (uint32_t i = 0; list != NULL && i < count; i++) {
        PyObject *row =
            Py_BuildValue("(NNKK)", core_frame(trace, rows[i].site), core_string(rows[i].type),
                          (unsigned long long)rows[i].count, (unsigned long long)rows[i].bytes);
        if (row == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, row);
        }
    }
    return list;
}

static PyObject *sites(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"sort", NULL};
    const char *sort_name = "size";
    hsight_sort sort;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|s", names, &sort_name) ||
        core_sort(sort_name, &sort) < 0) {
        return NULL;
    }
    hsight_error err;
    hsight_sites *made = NULL;
    hsight_status status;
    Py_BEGIN_ALLOW_THREADS status = hsight_sites_new(core_value(self), sort, &made, &err);
    Py_END_ALLOW_THREADS if (status != HSIGHT_OK)
    {
        return core_raise(core_state_of(self), &err);
    }
    PyObject *rows = site_rows(hsight_snapshot_trace(core_value(self)), made);
    hsight_sites_free(made);
    return rows;
}

/* ---- objects ---- */

static PyObject *describe(PyObject *self, PyObject *address)
{
    unsigned long long number = PyLong_AsUnsignedLongLong(address);
    if (number == (unsigned long long)-1 && PyErr_Occurred()) {
        return NULL;
    }
    const hsight_graph *graph = core_graph(self);
    hsight_node_id node = hsight_graph_find_address(graph, number);
    if (node.index == 0) {
        Py_RETURN_NONE;
    }
    return Py_BuildValue("(NKIN)",
                         core_string(hsight_graph_type_name(graph, hsight_graph_type(graph, node))),
                         (unsigned long long)hsight_graph_shallow_bytes(graph, node),
                         (unsigned int)hsight_graph_refcount(graph, node),
                         core_string(hsight_graph_preview(graph, node)));
}

static int nodes_of_type(PyObject *self, PyObject *name, hsight_node_id **nodes, uint32_t *count)
{
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(name, &length);
    if (text == NULL) {
        return -1;
    }
    hsight_error err;
    hsight_status status;
    Py_BEGIN_ALLOW_THREADS status = hsight_nodes_of_type(
        core_graph(self), (hsight_string){text, (size_t)length}, nodes, count, &err);
    Py_END_ALLOW_THREADS if (status != HSIGHT_OK)
    {
        core_raise(core_state_of(self), &err);
        return -1;
    }
    return 0;
}

static PyObject *addresses(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"type_name", "limit", NULL};
    PyObject *name;
    unsigned int limit = 0;
    hsight_node_id *nodes = NULL;
    uint32_t count = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "U|I", names, &name, &limit) ||
        nodes_of_type(self, name, &nodes, &count) < 0) {
        return NULL;
    }
    uint32_t shown = limit != 0 && limit < count ? limit : count;
    PyObject *list = PyList_New((Py_ssize_t)shown);
    for (uint32_t i = 0; list != NULL && i < shown; i++) {
        PyObject *item =
            PyLong_FromUnsignedLongLong(hsight_graph_address(core_graph(self), nodes[i]));
        if (item == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
        }
    }
    hsight_nodes_free(nodes, count);
    return list;
}

PyObject *core_sites_of(PyObject *self, const hsight_node_id *nodes, uint32_t count)
{
    const hsight_trace *trace = hsight_snapshot_trace(core_value(self));
    hsight_error err;
    hsight_sites *made = NULL;
    if (trace == NULL) {
        return PyList_New(0);
    }
    if (hsight_sites_of(core_value(self), nodes, count, HSIGHT_SORT_COUNT, &made, &err) !=
        HSIGHT_OK) {
        return core_raise(core_state_of(self), &err);
    }
    PyObject *rows = site_rows(trace, made);
    hsight_sites_free(made);
    return rows;
}

static PyObject *find_paths(PyObject *self, const hsight_node_id *nodes, uint32_t count,
                            uint32_t limit)
{
    core_state *state = core_state_of(self);
    PyObject *made_at = core_sites_of(self, nodes, count);
    if (made_at == NULL) {
        return NULL;
    }
    hsight_error err;
    hsight_paths *made = NULL;
    hsight_status status;
    Py_BEGIN_ALLOW_THREADS status =
        hsight_paths_find(core_graph(self), nodes, count, limit, &made, &err);
    Py_END_ALLOW_THREADS PyObject *answer =
        status == HSIGHT_OK ? core_paths_new(state, made, self, made_at) : core_raise(state, &err);
    Py_DECREF(made_at);
    return answer;
}

static PyObject *paths(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"targets", "limit", NULL};
    PyObject *targets;
    unsigned int limit = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|I", names, &targets, &limit)) {
        return NULL;
    }
    core_state *state = core_state_of(self);
    hsight_node_id *nodes = NULL;
    uint32_t count = 0;
    int found = PyUnicode_Check(targets)
                    ? nodes_of_type(self, targets, &nodes, &count)
                    : core_nodes(state, core_graph(self), targets, &nodes, &count);
    if (found < 0) {
        return NULL;
    }
    PyObject *answer = find_paths(self, nodes, count, limit);
    hsight_nodes_free(nodes, count);
    return answer;
}

static int parse_direction(const char *name, hsight_direction *out)
{
    if (strcmp(name, "referrers") == 0) {
        *out = HSIGHT_REFERRERS;
    } else if (strcmp(name, "referents") == 0) {
        *out = HSIGHT_REFERENTS;
    } else {
        PyErr_Format(PyExc_ValueError,
                     "direction must be \"referrers\" or \"referents\", not \"%s\"", name);
        return -1;
    }
    return 0;
}

static PyObject *around(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"addresses", "direction", "depth", "too_many", NULL};
    PyObject *starts;
    const char *direction;
    hsight_subgraph_options options;
    unsigned int depth, too_many;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OsII", names, &starts, &direction, &depth,
                                     &too_many) ||
        parse_direction(direction, &options.direction) < 0) {
        return NULL;
    }
    options.depth = depth;
    options.too_many = too_many;
    core_state *state = core_state_of(self);
    hsight_node_id *nodes;
    uint32_t count;
    if (core_nodes(state, core_graph(self), starts, &nodes, &count) < 0) {
        return NULL;
    }
    hsight_error err;
    hsight_subgraph *made = NULL;
    hsight_status status;
    Py_BEGIN_ALLOW_THREADS status =
        hsight_subgraph_around(core_graph(self), NULL, nodes, count, &options, &made, &err);
    Py_END_ALLOW_THREADS hsight_nodes_free(nodes, count);
    return status == HSIGHT_OK ? core_subgraph_new(state, made, self) : core_raise(state, &err);
}

static PyObject *save(PyObject *self, PyObject *path)
{
    PyObject *bytes;
    if (!PyUnicode_FSConverter(path, &bytes)) {
        return NULL;
    }
    hsight_error err;
    hsight_status status;
    Py_BEGIN_ALLOW_THREADS status =
        hsight_store_save(core_value(self), PyBytes_AS_STRING(bytes), &err);
    Py_END_ALLOW_THREADS Py_DECREF(bytes);
    if (status != HSIGHT_OK) {
        return core_raise(core_state_of(self), &err);
    }
    Py_RETURN_NONE;
}

#define KEYWORDS(function) (PyCFunction)(void (*)(void)) function, METH_VARARGS | METH_KEYWORDS

static PyMethodDef methods[] = {
    {"info_text", info_text, METH_NOARGS, NULL},
    {"types", KEYWORDS(types), NULL},
    {"sites", KEYWORDS(sites), NULL},
    {"types_text", KEYWORDS(types_text), NULL},
    {"describe", describe, METH_O, NULL},
    {"addresses", KEYWORDS(addresses), NULL},
    {"paths", KEYWORDS(paths), NULL},
    {"around", KEYWORDS(around), NULL},
    {"save", save, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef properties[] = {
    {"info", get_info, NULL, NULL, NULL},
    {"object_count", get_object_count, NULL, NULL, NULL},
    {"reference_count", get_reference_count, NULL, NULL, NULL},
    {"total_bytes", get_total_bytes, NULL, NULL, NULL},
    {"trace", get_trace, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    CORE_HANDLE_SLOTS,
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {0, NULL},
};

PyType_Spec core_snapshot_spec = CORE_HANDLE_SPEC("Snapshot", slots);
