/* SPDX-License-Identifier: MIT */
/* unreferenced.c - objects that no object refers to and the collector does not know.
 *
 * A str, int or bytes that C code holds, or forgot, is in no list and behind no reference: only the
 * allocator knows its block. With an exact tracer each live block is asked whether it begins with
 * an object of one of a few core types: the address of the type, a refcount that counts something,
 * and exactly the size that such an object has. Freed objects in free lists fail: their refcount is
 * 0, or the word of it or of the type leads to the next one.
 *
 * I1  nothing that is found leads anywhere: text, bytes and numbers have no references. A plain
 *     dict, which the collector forgets before 3.14 while there are no containers in it, is
 *     believed only where its table begins a live block of the same size as the table says. Objects
 *     of other types stay native blocks: data of a program may look like one by chance, or be one
 *     that is half made
 * I2  what a C type counts as a part of its objects (the buffer of a Pickler) stays a part of them:
 *     such objects have the address in themselves, or the size rules know it (what was written to a
 *     StringIO)
 * I3  blocks of the domain raw may be freed meanwhile: a block is read as a copy
 *
 * Cost: a look at the begin of every live block that is no object of the walk, and, where something
 * is found, at the words of every object. Memory: 4 bytes for 32 of the heap around those that are
 * found, freed before return.
 */
#include "hook.h"
#include "type_table.h"
#include "walk.h"

#include <string.h>

enum { GC_HEAD_BYTES = 2 * sizeof(void *) };
/* More are an address, or immortality: programs that are linked to a fixed address begin here. */
static const Py_ssize_t REFCOUNT_END = 0x400000;

/* The begin of a block, as memory that may be anything. */
typedef union {
    char bytes[GC_HEAD_BYTES + sizeof(PyDictObject)];
    PyObject object;
    PyVarObject variable;
    PyCompactUnicodeObject text;
    PyLongObject number;
    struct {
        uintptr_t head[2];
        PyDictObject dict;
    } collected;
} block_begin;

/* Bytes of an object without references whose copy this is; 0: of another type. */
static uint64_t leaf_bytes(block_begin *begin, PyTypeObject *type)
{
    if (type == &PyUnicode_Type) {
        return PyUnicode_IS_COMPACT(&begin->object) ? hsight__text_block_bytes(&begin->object) : 0;
    }
    if (type == &PyBytes_Type) {
        return (uint64_t)type->tp_basicsize + (uint64_t)begin->variable.ob_size;
    }
    if (type == &PyLong_Type) {
        return hsight__compat_int_bytes(&begin->object);
    }
    return type == &PyFloat_Type || type == &PyComplex_Type ? (uint64_t)type->tp_basicsize : 0;
}

/* Results of arithmetic may have room for a digit or two that they did not need. */
static bool is_leaf(block_begin *begin, uint64_t bytes)
{
    PyTypeObject *type = Py_TYPE(&begin->object);
    uint64_t expected = leaf_bytes(begin, type);
    uint64_t spare = type == &PyLong_Type ? 2 * sizeof(digit) : 0;
    return expected != 0 && bytes >= expected && bytes <= expected + spare;
}

static bool is_counted(const PyObject *object)
{
    Py_ssize_t refcount = Py_REFCNT((PyObject *)object);
    return refcount > 0 && refcount < REFCOUNT_END;
}

typedef struct {
    hsight__walk *walk;
    hsight__pointers found;
    hsight__pointer_map is_found; /* 1: in `found`; 2: a part of another object */
} search;

static void keep(search *s, PyObject *object)
{
    if (!hsight__pointer_map_set(&s->is_found, object, 1) ||
        !hsight__pointers_add(&s->found, object)) {
        s->walk->visit.dropped_count++;
    }
}

/* A dict that the collector does not know, with a table of its own. */
static bool is_dict(const hsight_block_reader *reader, const block_begin *begin, uint64_t bytes)
{
    const PyDictObject *dict = &begin->collected.dict;
    return bytes == sizeof begin->collected && begin->collected.head[0] == 0 &&
           Py_IS_TYPE((PyObject *)dict, &PyDict_Type) && is_counted((const PyObject *)dict) &&
           hsight__compat_dict_can_be(dict, reader);
}

static void look_into(search *s, const hsight_block_reader *reader, uint64_t block, uint64_t bytes)
{
    block_begin begin;
    memset(&begin, 0, sizeof begin);
    size_t copied = bytes < sizeof begin ? (size_t)bytes : sizeof begin;
    if (copied < sizeof(PyObject) + sizeof(void *) ||
        !hsight_block_read(reader, block, &begin, copied)) {
        return;
    }
    if (is_counted(&begin.object) && is_leaf(&begin, bytes)) {
        keep(s, (PyObject *)(uintptr_t)block);
    } else if (is_dict(reader, &begin, bytes)) {
        keep(s, (PyObject *)(uintptr_t)(block + GC_HEAD_BYTES));
    }
}

static void look_at_block(const hsight_block_reader *reader, uint64_t address, uint64_t bytes,
                          void *state)
{
    search *s = state;
    const char *begin = (const char *)(uintptr_t)address;
    for (size_t offset = 0; offset <= 2 * GC_HEAD_BYTES && offset < bytes;
         offset += GC_HEAD_BYTES) { /* what lies behind the block is another one's */
        if (hsight__pointer_map_get(&s->walk->map, begin + offset) != 0) {
            return; /* an object of the walk, or heapsight's own */
        }
    }
    look_into(s, reader, address, bytes);
}

/* ---- parts of other objects ---- */

/* May objects of this type have an address of such a part? They have all of their tp_basicsize,
 * which text and static types have not. */
static bool keeps_parts(const hsight__type_info *info)
{
    if ((info->node_flags & HSIGHT_NODE_TYPE) != 0) {
        return false;
    }
    return info->size_flags != 0 || strncmp(hsight__type_root(info)->tp_name, "_ctypes.", 8) == 0;
}

static void mark_part(search *s, const void *part)
{
    if (hsight__pointer_map_get(&s->is_found, part) != 0) {
        (void)hsight__pointer_map_set(&s->is_found, part, 2); /* it is there: cannot fail */
    }
}

static void mark_parts(search *s, PyObject *object, const hsight__type_info *info)
{
    void *const *words = (void *const *)object;
    size_t count = (size_t)info->type->tp_basicsize / sizeof *words;
    for (size_t i = sizeof(PyObject) / sizeof *words; i < count; i++) {
        mark_part(s, words[i]);
    }
}

static void mark_all_parts(search *s)
{
    hsight_builder *builder = s->walk->visit.builder;
    const uint64_t *addresses = hsight_builder_addresses(builder);
    uint32_t count = s->found.count > 0 ? hsight_builder_node_count(builder) : 0;
    for (uint32_t node = 1; node <= count; node++) {
        PyObject *object = (PyObject *)(uintptr_t)addresses[node];
        const hsight__type_info *info = hsight__type_info_of(&s->walk->visit, Py_TYPE(object));
        if (keeps_parts(info)) {
            mark_parts(s, object, info);
        }
        mark_part(s, hsight__sizes_hidden_part(object, info));
    }
}

/* ---- all of it ---- */

static void number_found(search *s)
{
    for (size_t i = 0; i < s->found.count; i++) {
        if (hsight__pointer_map_get(&s->is_found, s->found.items[i]) == 1) {
            (void)hsight__walk_node(s->walk, s->found.items[i]);
        }
    }
}

void hsight__find_unreferenced(hsight__walk *walk)
{
    hsight_tracer *tracer = hsight_hook_is_running() ? hsight_hook_tracer() : NULL;
    if (walk->visit.status != HSIGHT_OK || tracer == NULL || !hsight__compat_is_alone() ||
        hsight_tracer_mode(tracer) != HSIGHT_TRACE_EXACT) {
        return;
    }
    search s = {.walk = walk};
    hsight__pointer_map_init(&s.is_found, SIZE_MAX);
    /* Where the system forbids looking, the snapshot goes without them. */
    (void)hsight_tracer_each_block(tracer, look_at_block, &s, NULL);
    mark_all_parts(&s);
    number_found(&s);
    hsight__pointers_free(&s.found);
    hsight__pointer_map_clear(&s.is_found);
}
