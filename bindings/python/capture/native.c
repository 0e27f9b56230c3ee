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

typedef enum { NO_ADDRESSES = 1, OF_TEXT, OF_BUFFER, ANYWHERE } address_places;

/* Bytes and numbers have no addresses; these, text and buffers are much of a heap. */
static address_places places_of(PyTypeObject *type)
{
    bool has_none = type == &PyBytes_Type || type == &PyLong_Type || type == &PyFloat_Type ||
                    type == &PyBool_Type || type == &PyComplex_Type;
    return has_none                    ? NO_ADDRESSES
           : type == &PyUnicode_Type   ? OF_TEXT
           : type == &PyByteArray_Type ? OF_BUFFER
                                       : ANYWHERE;
}

/* What is searched, by type id: bytes from the begin of a block to the object, and address_places,
 * 0 where they were not looked at yet. */
typedef struct {
    const hsight_graph *graph;
    hsight_reach *reach;
    const uint8_t *preheaders;
    uint32_t preheader_count;
    uint8_t *places;
} searching;

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

static PyObject *object_of(const searching *job, hsight_node_id node)
{
    return (PyObject *)(uintptr_t)hsight_graph_address(job->graph, node);
}

static const char *begin_of(const searching *job, hsight_node_id node)
{
    uint32_t type = hsight_graph_type(job->graph, node).index;
    return (const char *)object_of(job, node) -
           (type < job->preheader_count ? job->preheaders[type] : 0);
}

static address_places places_in(const searching *job, hsight_node_id node)
{
    uint8_t *known = &job->places[hsight_graph_type(job->graph, node).index];
    if (*known == 0) {
        *known = (uint8_t)places_of(Py_TYPE(object_of(job, node)));
    }
    return (address_places)*known;
}

/* Bytes of an object's own block as its type tells. tp_itemsize is not always the size of what
 * Py_SIZE counts, but then the shallow size is that of one block. */
static size_t body_bytes(const searching *job, hsight_node_id node)
{
    PyObject *object = object_of(job, node);
    PyTypeObject *type = Py_TYPE(object);
    size_t shallow = (size_t)hsight_graph_shallow_bytes(job->graph, node);
    size_t fixed = hsight__compat_preheader_bytes(type) + (size_t)type->tp_basicsize +
                   hsight__compat_following_values_bytes(object, type);
    size_t most = shallow > fixed ? shallow : fixed, bytes;
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
    size_t begin, end;
    hsight__compat_text_addresses(text, &begin, &end);
    return begin < end
               ? hsight_reach_follow_variables(reach, (char *)text + begin, end - begin, NULL, err)
               : HSIGHT_OK;
}

/* Before anything is followed: what is met is not looked into on the way. */
static hsight_status meet_object(const searching *job, hsight_node_id node, hsight_error *err)
{
    if (places_in(job, node) == OF_BUFFER) {
        hsight_reach_pass(job->reach, PyByteArray_AS_STRING(object_of(job, node)));
    }
    return hsight_reach_meet(job->reach, begin_of(job, node), err);
}

static hsight_status follow_object(const searching *job, hsight_node_id node, hsight_error *err)
{
    switch (places_in(job, node)) {
    case NO_ADDRESSES:
    case OF_BUFFER:
        return HSIGHT_OK;
    case OF_TEXT:
        return follow_text(job->reach, object_of(job, node), err);
    case ANYWHERE:
        return hsight_reach_follow(job->reach, begin_of(job, node), body_bytes(job, node), err);
    }
    return HSIGHT_OK;
}

static hsight_status follow_objects(const searching *job, hsight_error *err)
{
    hsight_status status = HSIGHT_OK;
    uint32_t count = hsight_graph_node_count(job->graph);
    for (uint32_t n = 1; n <= count && status == HSIGHT_OK; n++) {
        status = meet_object(job, (hsight_node_id){n}, err);
    }
    for (uint32_t n = 1; n <= count && status == HSIGHT_OK; n++) {
        status = follow_object(job, (hsight_node_id){n}, err);
    }
    return status;
}

/* ---- the interpreter's variables ---- */

enum { PARTS_MAX = 8 };

typedef struct {
    uintptr_t within; /* an address in the library that is wanted */
    size_t count;
    struct {
        const void *begin;
        size_t bytes;
    } parts[PARTS_MAX];
} library_data;

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

/* Writable parts of the library or program that the address is in. The loader is locked. */
static int find_data(struct dl_phdr_info *library, size_t size, void *state)
{
    (void)size;
    library_data *found = state;
    if (!is_within(library, found->within)) {
        return 0;
    }
    for (int i = 0; i < library->dlpi_phnum && found->count < PARTS_MAX; i++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_W) != 0) {
            found->parts[found->count].begin =
                (const void *)(uintptr_t)(library->dlpi_addr + part->p_vaddr);
            found->parts[found->count++].bytes = part->p_memsz;
        }
    }
    return 1;
}
#endif

/* The state of the main interpreter is one of them. */
static hsight_status follow_interpreter(hsight_reach *reach, hsight_error *err)
{
    size_t bytes;
    library_data found = {.within = (uintptr_t)hsight__compat_interpreter_memory(&bytes)};
#if defined(__linux__)
    dl_iterate_phdr(find_data, &found);
#endif
    hsight_status status = HSIGHT_OK;
    for (size_t i = 0; i < found.count && status == HSIGHT_OK; i++) {
        status = hsight_reach_follow_variables(reach, found.parts[i].begin, found.parts[i].bytes,
                                               &old_dict, err);
    }
    return status;
}

/* ---- all of it ---- */

static hsight_status follow_all(searching *job, hsight_error *err)
{
    job->places = calloc((size_t)hsight_graph_type_count(job->graph) + 1, 1);
    if (job->places == NULL) {
        return HSIGHT_ENOMEM;
    }
    hsight_reach_ignore(job->reach, without_addresses,
                        sizeof without_addresses / sizeof *without_addresses);
    hsight_status status = follow_objects(job, err);
    free(job->places);
    return status == HSIGHT_OK ? follow_interpreter(job->reach, err) : status;
}

/* Objects of other interpreters are in no snapshot. */
static bool is_alone(void)
{
    return PyInterpreterState_Next(PyInterpreterState_Head()) == NULL;
}

hsight_reach *hsight__search_native(const hsight_graph *graph, const uint8_t *preheaders,
                                    uint32_t preheader_count, hsight_tracer *tracer)
{
    searching job = {.graph = graph, .preheaders = preheaders, .preheader_count = preheader_count};
    if (hsight_tracer_mode(tracer) != HSIGHT_TRACE_EXACT || !is_alone() ||
        hsight_reach_new(tracer, &job.reach, NULL) != HSIGHT_OK) {
        return NULL;
    }
    if (follow_all(&job, NULL) != HSIGHT_OK) {
        hsight_reach_free(job.reach);
        return NULL;
    }
    return job.reach;
}
