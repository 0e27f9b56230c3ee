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

/* ---- addresses ---- */

/* Up to so many addresses are looked up one by one, each a scan of the column. */
#define FEW_ADDRESSES 8

typedef struct {
    uint64_t address;
    uint32_t place; /* in the caller's order */
} wanted_address;

static int compare_wanted(const void *a, const void *b)
{
    uint64_t x = ((const wanted_address *)a)->address, y = ((const wanted_address *)b)->address;
    return (x > y) - (x < y);
}

/* The first item of `address` or above. */
static size_t lower_bound(const wanted_address *wanted, size_t count, uint64_t address)
{
    size_t low = 0;
    while (count > 0) {
        size_t half = count / 2;
        if (wanted[low + half].address < address) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

/* One scan for all: O((nodes + addresses) * log addresses). As hsight_graph_find_address(), 0 is no
 * address, and the lowest node has it. */
static void find_sorted(const hsight_graph *graph, const wanted_address *wanted, size_t count,
                        hsight_node_id *out)
{
    uint32_t last = hsight_graph_node_count(graph);
    size_t left = count;
    for (hsight_node_id node = {1}; left > 0 && node.index <= last; node.index++) {
        uint64_t address = hsight_graph_address(graph, node);
        if (address == 0 || address < wanted[0].address || address > wanted[count - 1].address) {
            continue;
        }
        size_t at = lower_bound(wanted, count, address);
        for (; at < count && wanted[at].address == address; at++) {
            if (out[wanted[at].place].index == 0) {
                out[wanted[at].place] = node;
                left--;
            }
        }
    }
}

static int find_many(const hsight_graph *graph, const uint64_t *addresses, size_t count,
                     hsight_node_id *out)
{
    wanted_address *wanted = PyMem_Calloc(count, sizeof(*wanted));
    if (wanted == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        wanted[i] = (wanted_address){addresses[i], (uint32_t)i};
        out[i].index = 0;
    }
    qsort(wanted, count, sizeof(*wanted), compare_wanted);
    find_sorted(graph, wanted, count, out);
    PyMem_Free(wanted);
    return 0;
}

static int find_nodes(core_state *state, const hsight_graph *graph, const uint64_t *addresses,
                      size_t count, hsight_node_id *out)
{
    if (count > FEW_ADDRESSES && find_many(graph, addresses, count, out) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (count <= FEW_ADDRESSES) {
            out[i] = hsight_graph_find_address(graph, addresses[i]);
        }
        if (out[i].index == 0) {
            hsight_error err = {.status = HSIGHT_ENOTFOUND};
            PyOS_snprintf(err.message, sizeof(err.message),
                          "no object at address 0x%llx in this snapshot",
                          (unsigned long long)addresses[i]);
            core_raise(state, &err);
            return -1;
        }
    }
    return 0;
}

/* A sequence of int as an array; free with PyMem_Free(). NULL with an exception. */
static uint64_t *read_addresses(PyObject *sequence, Py_ssize_t *count)
{
    PyObject *items = PySequence_Fast(sequence, "addresses must be a sequence of int");
    if (items == NULL) {
        return NULL;
    }
    *count = PySequence_Fast_GET_SIZE(items);
    uint64_t *addresses = PyMem_Calloc((size_t)*count + 1, sizeof(*addresses));
    if (addresses == NULL) {
        PyErr_NoMemory();
    }
    for (Py_ssize_t i = 0; addresses != NULL && i < *count; i++) {
        addresses[i] = PyLong_AsUnsignedLongLong(PySequence_Fast_GET_ITEM(items, i));
        if (addresses[i] == UINT64_MAX && PyErr_Occurred()) {
            PyMem_Free(addresses);
            addresses = NULL;
        }
    }
    Py_DECREF(items);
    return addresses;
}

int core_nodes(core_state *state, const hsight_graph *graph, PyObject *sequence,
               hsight_node_id **out, uint32_t *count)
{
    Py_ssize_t length;
    *out = NULL;
    *count = 0;
    uint64_t *addresses = read_addresses(sequence, &length);
    if (addresses == NULL) {
        return -1;
    }
    const hsight_allocator *memory = hsight_allocator_default();
    hsight_node_id *nodes = NULL;
    int answer = 0;
    if (length > 0) {
        nodes = memory->allocate(memory->state, (size_t)length * sizeof(*nodes));
        if (nodes == NULL) {
            PyErr_NoMemory();
            answer = -1;
        } else {
            answer = find_nodes(state, graph, addresses, (size_t)length, nodes);
        }
    }
    PyMem_Free(addresses);
    if (answer == 0) {
        *out = nodes;
        *count = (uint32_t)length;
    } else {
        hsight_nodes_free(nodes, (uint32_t)length);
    }
    return answer;
}
