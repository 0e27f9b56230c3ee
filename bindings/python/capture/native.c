/* SPDX-License-Identifier: MIT */
/* native.c - where objects and the interpreter keep addresses.
 *
 * What the interpreter's own variables lead to (free lists, the table of interned strings, states
 * of threads) is not native either. Those of other libraries are not asked: a cache in a static of
 * an extension is what somebody may be looking for. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* dl_iterate_phdr */
#endif
#include "native.h"

#include "visit.h"

#include <stddef.h>
#include <stdlib.h>

#if defined(__linux__)
#include <link.h>
#endif

typedef enum { NO_ADDRESSES = 1, OF_TEXT, ANYWHERE } address_places;

/* What all objects of a type have in common. */
typedef struct {
    uint8_t before; /* bytes from the begin of a block to the object */
    uint8_t places; /* address_places; 0: not looked at yet */
} type_memory;

/* Bytes and numbers have no addresses; these and text are much of a heap. */
static address_places places_of(PyTypeObject *type)
{
    bool has_none = type == &PyBytes_Type || type == &PyLong_Type || type == &PyFloat_Type ||
                    type == &PyBool_Type || type == &PyComplex_Type;
    return type == &PyUnicode_Type ? OF_TEXT : has_none ? NO_ADDRESSES : ANYWHERE;
}

#define KIND(struct, type)                                                                         \
    {.bytes = sizeof(struct),                                                                      \
     .mark_offset = offsetof(PyObject, ob_type),                                                   \
     .mark = (uintptr_t)&(type)}

/* The same for objects that are not in the graph: the search comes upon heapsight's own. */
static const hsight_reach_object without_addresses[] = {
    KIND(PyASCIIObject, PyUnicode_Type),
    KIND(PyVarObject, PyBytes_Type),
    KIND(PyVarObject, PyLong_Type),
};

/* The table of interned strings is one, which only a variable leads to. */
static const hsight_reach_object old_dict = KIND(PyDictObject, PyDict_Type);

static PyObject *object_of(const hsight_graph *graph, hsight_node_id node)
{
    return (PyObject *)(uintptr_t)hsight_graph_address(graph, node);
}

static const type_memory *type_of(const hsight_graph *graph, hsight_node_id node,
                                  type_memory *types)
{
    type_memory *found = &types[hsight_graph_type(graph, node).index];
    if (found->places == 0) {
        PyTypeObject *type = Py_TYPE(object_of(graph, node));
        *found =
            (type_memory){(uint8_t)hsight__compat_preheader_bytes(type), (uint8_t)places_of(type)};
    }
    return found;
}

/* Bytes of an object's own block as its type tells. tp_itemsize is not always the size of what
 * Py_SIZE counts, but then the shallow size is that of one block. */
static size_t body_bytes(const hsight_graph *graph, hsight_node_id node)
{
    PyObject *object = object_of(graph, node);
    PyTypeObject *type = Py_TYPE(object);
    size_t shallow = (size_t)hsight_graph_shallow_bytes(graph, node);
    size_t fixed = hsight__compat_preheader_bytes(type) + (size_t)type->tp_basicsize;
    size_t most = shallow > fixed ? shallow : fixed, bytes;
    if (hsight__compat_has_managed_dict(type)) {
        return most; /* the values may follow the object */
    }
    size_t items = type->tp_itemsize > 0 ? (size_t)Py_SIZE(object) : 0;
    if (__builtin_mul_overflow(items, (size_t)type->tp_itemsize, &bytes) ||
        __builtin_add_overflow(bytes, fixed, &bytes)) {
        return most;
    }
    return bytes < most ? bytes : most;
}

/* Its UTF-8, if it has that apart, and its characters, if they are. Padding in the header may hold
 * what is left of an address, so no more than these words is looked at. */
static hsight_status follow_text(hsight_reach *reach, PyObject *text, hsight_error *err)
{
    if (PyUnicode_IS_COMPACT_ASCII(text)) {
        return HSIGHT_OK;
    }
    size_t end =
        PyUnicode_IS_COMPACT(text) ? sizeof(PyCompactUnicodeObject) : sizeof(PyUnicodeObject);
    size_t begin = offsetof(PyCompactUnicodeObject, utf8);
    return hsight_reach_follow_variables(reach, (char *)text + begin, end - begin, NULL, err);
}

static hsight_status follow_object(const hsight_graph *graph, hsight_node_id node,
                                   const type_memory *type, hsight_reach *reach, hsight_error *err)
{
    PyObject *object = object_of(graph, node);
    switch ((address_places)type->places) {
    case NO_ADDRESSES:
        return HSIGHT_OK;
    case OF_TEXT:
        return follow_text(reach, object, err);
    case ANYWHERE:
        return hsight_reach_follow(reach, (const char *)object - type->before,
                                   body_bytes(graph, node), err);
    }
    return HSIGHT_OK;
}

static hsight_status follow_objects(const hsight_graph *graph, hsight_reach *reach,
                                    type_memory *types, hsight_error *err)
{
    hsight_status status = HSIGHT_OK;
    uint32_t count = hsight_graph_node_count(graph);
    for (uint32_t n = 1; n <= count; n++) {
        hsight_node_id node = {n};
        const type_memory *type = type_of(graph, node, types);
        hsight_reach_meet(reach, (const char *)object_of(graph, node) - type->before);
    }
    for (uint32_t n = 1; n <= count && status == HSIGHT_OK; n++) {
        hsight_node_id node = {n};
        status = follow_object(graph, node, type_of(graph, node, types), reach, err);
    }
    return status;
}

/* ---- the interpreter's variables ---- */

typedef struct {
    hsight_reach *reach;
    hsight_status status;
    hsight_error *err;
} following;

#if defined(__linux__)
static bool is_within(const struct dl_phdr_info *library, uintptr_t address)
{
    for (int i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[i];
        if (part->p_type == PT_LOAD &&
            address - (library->dlpi_addr + part->p_vaddr) < part->p_memsz) {
            return true;
        }
    }
    return false;
}

/* Writable parts of the library or program that the interpreter is in. */
static int follow_library(struct dl_phdr_info *library, size_t size, void *state)
{
    (void)size;
    following *job = state;
    if (!is_within(library, (uintptr_t)&PyType_Type)) {
        return 0;
    }
    for (int i = 0; i < library->dlpi_phnum && job->status == HSIGHT_OK; i++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_W) != 0) {
            const void *begin = (const void *)(uintptr_t)(library->dlpi_addr + part->p_vaddr);
            job->status = hsight_reach_follow_variables(job->reach, begin, part->p_memsz, &old_dict,
                                                        job->err);
        }
    }
    return 1;
}
#endif

static hsight_status follow_interpreter(hsight_reach *reach, hsight_error *err)
{
    following job = {reach, HSIGHT_OK, err};
#if defined(__linux__)
    dl_iterate_phdr(follow_library, &job);
#endif
    return job.status;
}

/* ---- all of it ---- */

static hsight_status follow_all(const hsight_graph *graph, hsight_reach *reach, hsight_error *err)
{
    type_memory *types = calloc((size_t)hsight_graph_type_count(graph) + 1, sizeof *types);
    if (types == NULL) {
        return hsight__out_of_memory(err);
    }
    hsight_reach_ignore(reach, without_addresses,
                        sizeof without_addresses / sizeof *without_addresses);
    hsight_status status = follow_objects(graph, reach, types, err);
    free(types);
    return status == HSIGHT_OK ? follow_interpreter(reach, err) : status;
}

hsight_status hsight__search_native(const hsight_graph *graph, hsight_tracer *tracer,
                                    hsight_reach **out, hsight_error *err)
{
    *out = NULL;
    if (hsight_tracer_mode(tracer) != HSIGHT_TRACE_EXACT) {
        return HSIGHT_OK;
    }
    hsight_status status = hsight_reach_new(tracer, out, err);
    if (status == HSIGHT_ENOTSUP) {
        *out = NULL;
        return HSIGHT_OK;
    }
    if (status == HSIGHT_OK) {
        status = follow_all(graph, *out, err);
        if (status != HSIGHT_OK) {
            hsight_reach_free(*out);
            *out = NULL;
        }
    }
    return status;
}
