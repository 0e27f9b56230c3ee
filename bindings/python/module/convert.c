/* SPDX-License-Identifier: MIT */
/* convert.c - between Python values and the engine's. */
#include "module.h"

#include <stdlib.h>
#include <string.h>

PyObject *core_string(hsight_string text)
{
    return PyUnicode_DecodeUTF8(text.data != NULL ? text.data : "", (Py_ssize_t)text.length,
                                "replace");
}

static int text_write(void *state, const char *data, size_t length)
{
    core_text *text = state;
    if (text->length + length > text->capacity) {
        size_t capacity = (text->length + length) * 2 + 1024;
        char *grown = realloc(text->data, capacity);
        if (grown == NULL) {
            return -1;
        }
        text->data = grown;
        text->capacity = capacity;
    }
    memcpy(text->data + text->length, data, length);
    text->length += length;
    return 0;
}

hsight_sink core_text_sink(core_text *text)
{
    *text = (core_text){0};
    return (hsight_sink){text_write, text};
}

PyObject *core_text_take(core_text *text, core_state *state, hsight_status status,
                         const hsight_error *err)
{
    PyObject *answer = NULL;
    if (status == HSIGHT_OK) {
        answer = core_string((hsight_string){text->data, text->length});
    } else {
        core_raise(state, err);
    }
    free(text->data);
    *text = (core_text){0};
    return answer;
}

int core_sort(const char *name, hsight_sort *out)
{
#define MATCH(identifier, number, text)                                                            \
    if (strcmp(name, text) == 0) {                                                                 \
        *out = HSIGHT_SORT_##identifier;                                                           \
        return 0;                                                                                  \
    }
    HSIGHT_SORT_LIST(MATCH)
#undef MATCH
    PyErr_Format(PyExc_ValueError, "sort must be \"size\", \"count\" or \"type\", not \"%s\"",
                 name);
    return -1;
}

static int core_node(core_state *state, const hsight_graph *graph, PyObject *item,
                     hsight_node_id *out)
{
    unsigned long long address = PyLong_AsUnsignedLongLong(item);
    if (address == (unsigned long long)-1 && PyErr_Occurred()) {
        return -1;
    }
    *out = hsight_graph_find_address(graph, address);
    if (out->index == 0) {
        hsight_error err = {.status = HSIGHT_ENOTFOUND};
        PyOS_snprintf(err.message, sizeof(err.message),
                      "no object at address 0x%llx in this snapshot", address);
        core_raise(state, &err);
        return -1;
    }
    return 0;
}

int core_nodes(core_state *state, const hsight_graph *graph, PyObject *addresses,
               hsight_node_id **out, uint32_t *count)
{
    PyObject *items = PySequence_Fast(addresses, "addresses must be a sequence of int");
    if (items == NULL) {
        return -1;
    }
    Py_ssize_t length = PySequence_Fast_GET_SIZE(items);
    const hsight_allocator *memory = hsight_allocator_default();
    hsight_node_id *nodes = NULL;
    int answer = 0;
    *out = NULL;
    *count = 0;
    if (length > 0) {
        nodes = memory->allocate(memory->state, (size_t)length * sizeof(*nodes));
        answer = nodes == NULL ? -1 : 0;
        if (nodes == NULL) {
            PyErr_NoMemory();
        }
    }
    for (Py_ssize_t i = 0; answer == 0 && i < length; i++) {
        answer = core_node(state, graph, PySequence_Fast_GET_ITEM(items, i), &nodes[i]);
    }
    Py_DECREF(items);
    if (answer == 0) {
        *out = nodes;
        *count = (uint32_t)length;
    } else {
        hsight_nodes_free(nodes, (uint32_t)length);
    }
    return answer;
}
