/* SPDX-License-Identifier: MIT */
/* type_trace.c - _core.Trace. */
#include "module.h"

static void release(void *value)
{
    hsight_trace_free(value);
}

PyObject *core_trace_new(core_state *state, hsight_trace *trace)
{
    return core_handle_new(state->trace_type, trace, release, NULL, NULL);
}

static void leave(void *value)
{
    (void)value; /* it belongs to the snapshot */
}

PyObject *core_trace_borrow(core_state *state, const hsight_trace *trace, PyObject *snapshot)
{
    return core_handle_new(state->trace_type, (void *)trace, leave, snapshot, NULL);
}

static const char *mode_text(hsight_trace_mode mode)
{
    switch (mode) {
#define MODE(name, number, text)                                                                   \
    case HSIGHT_TRACE_##name:                                                                      \
        return text;
        HSIGHT_TRACE_MODE_LIST(MODE)
#undef MODE
    }
    return "unknown";
}

static PyObject *domain(const hsight_trace_domain *totals)
{
    return Py_BuildValue("(KKK)", (unsigned long long)totals->allocated_blocks,
                         (unsigned long long)totals->allocated_bytes,
                         (unsigned long long)totals->freed_blocks);
}

static PyObject *get_info(PyObject *self, void *closure)
{
    (void)closure;
    const hsight_trace_info *info = hsight_trace_get_info(core_value(self));
    return Py_BuildValue(
        "{ss sI sK sK sK sK sK sK sK sK sK s(NNN)}", "mode", mode_text(info->mode), "frame_limit",
        (unsigned int)info->frame_limit, "sample_bytes", (unsigned long long)info->sample_bytes,
        "live_bytes", (unsigned long long)info->live_bytes, "live_blocks",
        (unsigned long long)info->live_blocks, "peak_bytes", (unsigned long long)info->peak_bytes,
        "total_bytes", (unsigned long long)info->total_bytes, "total_blocks",
        (unsigned long long)info->total_blocks, "dropped_count",
        (unsigned long long)info->dropped_count, "memory_bytes",
        (unsigned long long)info->memory_bytes, "duration_ns",
        (unsigned long long)info->duration_ns, "domains", domain(&info->domains[0]),
        domain(&info->domains[1]), domain(&info->domains[2]));
}

PyObject *core_frame(const hsight_trace *trace, hsight_frame_id id)
{
    hsight_trace_frame frame = hsight_trace_get_frame(trace, id);
    return Py_BuildValue("(NNII)", core_string(frame.function), core_string(frame.file),
                         (unsigned int)frame.line, (unsigned int)frame.thread);
}

static PyObject *frame_tuple(const hsight_trace *trace, uint32_t index)
{
    return core_frame(trace, (hsight_frame_id){index});
}

static PyObject *row_tuple(const hsight_trace *trace, uint32_t index)
{
    const hsight_trace_row *row = &hsight_trace_rows(trace)[index];
    const hsight_trace_figures *figures = &row->figures;
    return Py_BuildValue(
        "(IKKKKKKKK)", (unsigned int)row->stack.index, (unsigned long long)figures->live_bytes,
        (unsigned long long)figures->live_blocks, (unsigned long long)figures->total_bytes,
        (unsigned long long)figures->total_blocks, (unsigned long long)figures->peak_bytes,
        (unsigned long long)figures->peak_blocks, (unsigned long long)figures->temporary_bytes,
        (unsigned long long)figures->temporary_blocks);
}

static PyObject *stack_tuple(const hsight_trace *trace, uint32_t index)
{
    hsight_stack_id stack = {index};
    return Py_BuildValue("(II)", (unsigned int)hsight_trace_caller(trace, stack).index,
                         (unsigned int)hsight_trace_innermost(trace, stack).index);
}

/* `make` for each index from 0 below `count`. */
static PyObject *list_of(PyObject *self, uint32_t count,
                         PyObject *(*make)(const hsight_trace *trace, uint32_t index))
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (uint32_t i = 0; list != NULL && i < count; i++) {
        PyObject *item = make(core_value(self), i);
        if (item == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
        }
    }
    return list;
}

static PyObject *frames(PyObject *self, PyObject *unused)
{
    (void)unused;
    return list_of(self, hsight_trace_frame_count(core_value(self)) + 1, frame_tuple);
}

static PyObject *stacks(PyObject *self, PyObject *unused)
{
    (void)unused;
    return list_of(self, hsight_trace_stack_count(core_value(self)) + 1, stack_tuple);
}

static PyObject *rows(PyObject *self, PyObject *unused)
{
    (void)unused;
    return list_of(self, hsight_trace_row_count(core_value(self)), row_tuple);
}

static PyObject *native_tuple(const hsight_trace *trace, uint32_t index)
{
    const hsight_native_row *row = &hsight_trace_native_rows(trace)[index];
    return Py_BuildValue("(IKK)", (unsigned int)row->stack.index, (unsigned long long)row->bytes,
                         (unsigned long long)row->blocks);
}

static PyObject *native_rows(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (!hsight_trace_knows_native(core_value(self))) {
        Py_RETURN_NONE;
    }
    return list_of(self, hsight_trace_native_count(core_value(self)), native_tuple);
}

static PyMethodDef methods[] = {
    {"frames", frames, METH_NOARGS, NULL},
    {"stacks", stacks, METH_NOARGS, NULL},
    {"rows", rows, METH_NOARGS, NULL},
    {"native_rows", native_rows, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef properties[] = {
    {"info", get_info, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    CORE_HANDLE_SLOTS,
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {0, NULL},
};

PyType_Spec core_trace_spec = CORE_HANDLE_SPEC("Trace", slots);
