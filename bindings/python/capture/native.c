/* SPDX-License-Identifier: MIT */
/* native.c - where objects and the interpreter keep addresses.
 *
 * What the interpreter's own variables lead to (free lists, the table of interned strings, states
 * of threads) is not native either. Those of other libraries are not asked: a cache in a static of
 * an extension is what somebody may be looking for. */
#include "native.h"

#include "buffers.h"
#include "libraries.h"
#include "type_table.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef enum { NO_ADDRESSES = 1, OF_TEXT, OF_BUFFER, ANYWHERE } address_places;

static bool is_array(PyTypeObject *type)
{
    return strcmp(type->tp_name, "array.array") == 0;
}

static bool is_buffer(PyTypeObject *type)
{
    return type == &PyByteArray_Type || is_array(type);
}

/* Its numbers are no addresses. A wrong one, should the layout change, does no harm. */
static const void *buffer_of(PyObject *object)
{
    return PyByteArray_Check(object) ? ((PyByteArrayObject *)object)->ob_bytes
                                     : *(void **)((char *)object + sizeof(PyVarObject));
}

/* Bytes and numbers have no addresses; these, text and buffers are much of a heap. */
static address_places places_of(PyTypeObject *type)
{
    bool has_none = type == &PyBytes_Type || type == &PyLong_Type || type == &PyFloat_Type ||
                    type == &PyBool_Type || type == &PyComplex_Type;
    return has_none                  ? NO_ADDRESSES
           : type == &PyUnicode_Type ? OF_TEXT
           : is_buffer(type)         ? OF_BUFFER
                                     : ANYWHERE;
}

/* In which order objects are followed: each block counts for the first that leads to it. What
 * points into the memory of others comes last, and behind it what nobody is shown. */
typedef enum {
    TURN_OWNERS = 1,
    TURN_UNKNOWN, /* before those that know their size: frames have stale words, as others may */
    TURN_EXACT,
    TURN_FORMULA,
    TURN_VIEWS, /* those that count memory of their own first */
    TURN_VIEWS_ALONE,
    TURN_COUNT
} search_turn;

typedef struct {
    hsight__type_info *info;
    uint8_t places; /* address_places */
    uint8_t turn;   /* search_turn */
} searched_type;

typedef struct {
    hsight__walk *walk;
    const hsight_builder *builder;
    hsight_reach *reach;
    searched_type *types; /* by id */
    hsight__block_bytes_visitor visitor;
    void *visitor_state;
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

/* ---- what is known of a type ---- */

/* Does the object lead to memory that may belong to another one? */
static bool is_view(const hsight__type_info *info)
{
    static const char *const views[] = {"managedbuffer", "memoryview", "_ctypes.", "numpy.ndarray"};
    const char *name = hsight__type_root(info)->tp_name;
    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
        if (strncmp(name, views[i], strlen(views[i])) == 0) {
            return true;
        }
    }
    return false;
}

static search_turn turn_of(const hsight__type_info *info)
{
    bool is_owner = (info->node_flags & HSIGHT_NODE_TYPE) != 0 ||
                    places_of(hsight__type_root(info)) == OF_BUFFER;
    return is_owner                                                 ? TURN_OWNERS
           : is_view(info)                                          ? TURN_VIEWS
           : (info->size_flags & HSIGHT_NODE_SIZE_LOWER_BOUND) != 0 ? TURN_UNKNOWN
           : (info->size_flags & HSIGHT_NODE_SIZE_FORMULA) != 0     ? TURN_FORMULA
                                                                    : TURN_EXACT;
}

static bool know_types(searching *job)
{
    uint32_t last = hsight__type_table_last_id(&job->walk->visit);
    hsight__type_info **infos = hsight__type_table_by_id(&job->walk->visit);
    job->types = calloc((size_t)last + 1, sizeof(*job->types));
    bool is_done = infos != NULL && job->types != NULL;
    for (uint32_t id = 1; is_done && id <= last; id++) {
        if (infos[id] != NULL) {
            job->types[id] = (searched_type){infos[id], (uint8_t)places_of(infos[id]->type),
                                             (uint8_t)turn_of(infos[id])};
        }
    }
    free(infos);
    return is_done;
}

/* It is a PyTypeObject without a gc head, in no block, whatever its type says. */
static bool is_static_type(PyObject *object, const hsight__type_info *info)
{
    return (info->node_flags & HSIGHT_NODE_TYPE) != 0 &&
           !PyType_HasFeature((PyTypeObject *)object, Py_TPFLAGS_HEAPTYPE);
}

static const char *begin_of(PyObject *object, const hsight__type_info *info)
{
    size_t before = is_static_type(object, info) ? 0 : hsight__type_preheader_bytes(info);
    return (const char *)object - before;
}

/* Bytes of an object's own block as its type tells. tp_itemsize is not always the size of what
 * Py_SIZE counts, but then the shallow size is that of one block. */
static size_t body_bytes(PyObject *object, const hsight__type_info *info, size_t shallow)
{
    size_t fixed = info->fixed_bytes + hsight__compat_following_values_bytes(object, info->type);
    if (is_static_type(object, info)) {
        return sizeof(PyTypeObject);
    }
    size_t most = shallow > fixed ? shallow : fixed, bytes;
    size_t items = info->type->tp_itemsize > 0 ? (size_t)Py_SIZE(object) : 0;
    if (__builtin_mul_overflow(items, (size_t)info->type->tp_itemsize, &bytes) ||
        __builtin_add_overflow(bytes, fixed, &bytes)) {
        return most;
    }
    return bytes < most ? bytes : most;
}

/* ---- objects ---- */

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

static hsight_status follow(const searching *job, PyObject *object, const searched_type *type,
                            size_t shallow, hsight_error *err)
{
    switch ((address_places)type->places) {
    case NO_ADDRESSES:
        return HSIGHT_OK;
    case OF_BUFFER:
        hsight_reach_pass(job->reach, buffer_of(object));
        return HSIGHT_OK;
    case OF_TEXT:
        return follow_text(job->reach, object, err);
    case ANYWHERE:
        return hsight_reach_follow(job->reach, begin_of(object, type->info),
                                   body_bytes(object, type->info, shallow), err);
    }
    return HSIGHT_OK;
}

static void add_buffers(hsight_reach *reach, PyObject *object, const hsight__type_info *info,
                        hsight__block_bytes *blocks)
{
    hsight__buffers buffers;
    hsight__buffers_of(object, info, &buffers);
    for (int i = 0; i < buffers.count; i++) {
        uint64_t bytes = hsight_reach_block_bytes(reach, buffers.begins[i]);
        blocks->buffer_bytes += bytes;
        blocks->is_whole &= bytes != 0;
    }
}

static hsight_status follow_node(const searching *job, uint32_t node, const searched_type *type,
                                 hsight_error *err)
{
    PyObject *object = (PyObject *)(uintptr_t)hsight_builder_addresses(job->builder)[node];
    const hsight_node_id id = {node};
    uint64_t before = hsight_reach_led_bytes(job->reach);
    hsight_status status =
        follow(job, object, type, hsight_builder_shallow_bytes(job->builder, id), err);
    hsight__block_bytes blocks = {
        .own_bytes = hsight_reach_block_bytes(job->reach, begin_of(object, type->info)),
        .other_bytes = hsight_reach_led_bytes(job->reach) - before,
        .is_whole = true,
    };
    if (status == HSIGHT_OK && blocks.own_bytes != 0) {
        add_buffers(job->reach, object, type->info, &blocks);
        job->visitor(job->visitor_state, job->reach, id, type->info, &blocks);
    }
    return status;
}

/* Does the size of this object tell of more than the block it lies in? */
static bool counts_more(const searching *job, uint32_t node, const searched_type *type)
{
    PyObject *object = (PyObject *)(uintptr_t)hsight_builder_addresses(job->builder)[node];
    return hsight_builder_shallow_bytes(job->builder, (hsight_node_id){node}) >
           hsight_reach_block_bytes(job->reach, begin_of(object, type->info));
}

static const searched_type *type_of(const searching *job, uint32_t node)
{
    return &job->types[hsight_builder_type(job->builder, (hsight_node_id){node}).index];
}

/* Is it this object's turn? */
static bool is_due(const searching *job, uint32_t node, const searched_type *type, search_turn turn)
{
    if (type->turn != TURN_VIEWS) {
        return type->turn == turn;
    }
    return turn == (counts_more(job, node, type) ? TURN_VIEWS : TURN_VIEWS_ALONE);
}

static hsight_status follow_turn(const searching *job, search_turn turn, hsight_error *err)
{
    uint32_t count = hsight_builder_node_count(job->builder);
    hsight_status status = HSIGHT_OK;
    for (uint32_t node = 1; node <= count && status == HSIGHT_OK; node++) {
        const searched_type *type = type_of(job, node);
        if (is_due(job, node, type, turn)) {
            status = follow_node(job, node, type, err);
        }
    }
    return status;
}

/* Before anything is followed: what is met is not looked into on the way. Buffers hold references
 * to objects, and in what is not used of them what was there before. */
static hsight_status meet(const searching *job, PyObject *object, const hsight__type_info *info,
                          hsight_error *err)
{
    hsight__buffers buffers;
    hsight__buffers_of(object, info, &buffers);
    hsight_status status = hsight_reach_meet(job->reach, begin_of(object, info), err);
    for (int i = 0; i < buffers.count && status == HSIGHT_OK; i++) {
        if (hsight_reach_block_bytes(job->reach, buffers.begins[i]) != 0) {
            status = hsight_reach_meet(job->reach, buffers.begins[i], err);
        }
    }
    return status;
}

static hsight_status meet_objects(const searching *job, hsight_error *err)
{
    const uint64_t *addresses = hsight_builder_addresses(job->builder);
    uint32_t count = hsight_builder_node_count(job->builder);
    hsight_status status = HSIGHT_OK;
    for (uint32_t node = 1; node <= count && status == HSIGHT_OK; node++) {
        PyObject *object = (PyObject *)(uintptr_t)addresses[node];
        status = meet(job, object, type_of(job, node)->info, err);
    }
    return status;
}

/* heapsight's own, which no graph has. */
static hsight_status each_hidden(const searching *job, bool follows, hsight_error *err)
{
    const hsight__pointers *hidden = &job->walk->hidden;
    hsight_status status = HSIGHT_OK;
    for (size_t i = 0; i < hidden->count && status == HSIGHT_OK; i++) {
        PyObject *object = hidden->items[i];
        hsight__type_info *info = hsight__type_info_of(&job->walk->visit, Py_TYPE(object));
        searched_type type = {info, (uint8_t)places_of(info->type), TURN_COUNT};
        status = follows ? follow(job, object, &type, info->size(object, info), err)
                         : meet(job, object, info, err);
    }
    return status;
}

static hsight_status follow_objects(const searching *job, hsight_error *err)
{
    hsight_status status = meet_objects(job, err);
    if (status == HSIGHT_OK) {
        status = each_hidden(job, false, err);
    }
    if (status == HSIGHT_OK) { /* blocks that have more than one object count for none */
        status = hsight_reach_follow_variables(job->reach, NULL, 0, NULL, err);
    }
    for (int turn = TURN_OWNERS; turn < TURN_COUNT && status == HSIGHT_OK; turn++) {
        status = follow_turn(job, (search_turn)turn, err);
    }
    return status == HSIGHT_OK ? each_hidden(job, true, err) : status;
}

/* ---- the interpreter's variables ---- */

/* The state of the main interpreter is one of them. */
static hsight_status follow_interpreter(hsight_reach *reach, hsight_error *err)
{
    size_t count;
    const hsight__data_part *parts = hsight__interpreter_data(&count);
    hsight_status status = HSIGHT_OK;
    for (size_t i = 0; i < count && status == HSIGHT_OK; i++) {
        status =
            hsight_reach_follow_variables(reach, parts[i].begin, parts[i].bytes, &old_dict, err);
    }
    return status;
}

/* ---- all of it ---- */

static hsight_status follow_all(searching *job, hsight_error *err)
{
    if (!know_types(job)) {
        free(job->types);
        return HSIGHT_ENOMEM;
    }
    hsight_reach_ignore(job->reach, without_addresses,
                        sizeof without_addresses / sizeof *without_addresses);
    hsight_status status = follow_objects(job, err);
    free(job->types);
    return status == HSIGHT_OK ? follow_interpreter(job->reach, err) : status;
}

hsight_reach *hsight__search_native(hsight__walk *walk, hsight_tracer *tracer,
                                    hsight__block_bytes_visitor visitor, void *state)
{
    searching job = {
        .walk = walk, .builder = walk->visit.builder, .visitor = visitor, .visitor_state = state};
    if (hsight_tracer_mode(tracer) != HSIGHT_TRACE_EXACT || !hsight__compat_is_alone() ||
        hsight_reach_new(tracer, &job.reach, NULL) != HSIGHT_OK) {
        return NULL;
    }
    if (follow_all(&job, NULL) != HSIGHT_OK) {
        hsight_reach_free(job.reach);
        return NULL;
    }
    return job.reach;
}
