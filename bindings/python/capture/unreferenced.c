/* SPDX-License-Identifier: MIT */
/* unreferenced.c - objects that no object refers to and the collector does not know.
 *
 * A str, int or bytes that C code holds, or forgot, is in no list and behind no reference: only the
 * allocator knows its block. With an exact tracer each live block is asked whether it begins with
 * an object: a type that the walk has met, a refcount that counts something, and the size that such
 * an object has. Freed objects in free lists fail: their refcount is 0, or the word of it or of the
 * type leads to the next one.
 *
 * I1  only objects of these kinds are numbered, because they are complete whenever another thread
 *     can run: of types that the collector does not know, and plain tuples and dicts, which it
 *     forgets while there are no containers in them
 *
 * I2  what a C type counts as a part of its objects (the buffer of a Pickler) stays a part of them:
 *     such types say their size themselves, and have the address in the object
 *
 * Cost: a look at the begin of every live block that is no object of the walk, and at the type of
 * every object. Memory: 4 bytes for 16 of the heap around those that are found, freed before
 * return.
 */
#include "hook.h"
#include "type_table.h"
#include "walk.h"

#include <string.h>

enum { GC_HEAD_BYTES = 2 * sizeof(void *), ROUNDING = 2 * sizeof(void *) };
/* More are an address, or immortality: programs that are linked to a fixed address begin here. */
static const uint64_t REFCOUNT_END = 0x400000;

/* The begin of any object, as memory that may be none. */
typedef struct {
    uint64_t refcount;
    uintptr_t type;
} header;

static bool is_type(hsight__walk *walk, uintptr_t address)
{
    return address % sizeof(void *) == 0 && hsight__walk_find(walk, (const void *)address) != 0 &&
           PyType_Check((PyObject *)address);
}

/* Do the objects of this type begin so many bytes into their blocks, and may they be unknown? */
static bool begins_at(PyTypeObject *type, size_t offset)
{
    if (offset == 0) {
        return !PyType_IS_GC(type);
    }
    return type == &PyTuple_Type || type == &PyDict_Type;
}

static uint64_t text_bytes(PyObject *text)
{
    uint64_t length = (uint64_t)PyUnicode_GET_LENGTH(text) + 1;
    if (PyUnicode_IS_COMPACT_ASCII(text)) {
        return sizeof(PyASCIIObject) + length;
    }
    return PyUnicode_IS_COMPACT(text)
               ? sizeof(PyCompactUnicodeObject) + length * (uint64_t)PyUnicode_KIND(text)
               : 0;
}

/* Is this the block of such an object? What has items may have a few more or less than its type
 * says. */
static bool has_its_size(hsight__walk *walk, PyObject *object, PyTypeObject *type, uint64_t bytes)
{
    uint64_t fixed = hsight__type_info_of(&walk->visit, type)->fixed_bytes;
    if (PyUnicode_CheckExact(object)) {
        return bytes >= sizeof(PyASCIIObject) && bytes == text_bytes(object);
    }
    return type->tp_itemsize != 0 ? bytes + ROUNDING > fixed
                                  : bytes >= fixed && bytes < fixed + ROUNDING;
}

typedef struct {
    hsight__walk *walk;
    hsight__pointers found;
    hsight__pointer_map is_found; /* 1: in `found`; 2: a part of another object */
} search;

static void keep(search *s, PyObject *object)
{
    uint32_t *slot = hsight__pointer_map_slot(&s->is_found, object, true);
    if (slot == NULL || !hsight__pointers_add(&s->found, object)) {
        s->walk->visit.dropped_count++;
        return;
    }
    *slot = 1;
}

static void look_into(search *s, const hsight_block_reader *reader, uint64_t block, uint64_t bytes,
                      size_t offset)
{
    header found;
    if (bytes < offset + sizeof found ||
        !hsight_block_read(reader, block + offset, &found, sizeof found) || found.refcount == 0 ||
        found.refcount >= REFCOUNT_END || !is_type(s->walk, found.type)) {
        return;
    }
    PyTypeObject *type = (PyTypeObject *)found.type;
    PyObject *object = (PyObject *)(uintptr_t)(block + offset);
    if (begins_at(type, offset) && has_its_size(s->walk, object, type, bytes)) {
        keep(s, object);
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
    look_into(s, reader, address, bytes, 0);
    look_into(s, reader, address, bytes, GC_HEAD_BYTES);
}

/* ---- parts of other objects ---- */

static bool says_its_size(const hsight__type_info *info)
{
    return info->c_sizeof != NULL || (info->base != NULL && info->base->c_sizeof != NULL);
}

static void mark_parts(search *s, PyObject *object, const hsight__type_info *info)
{
    void *const *words = (void *const *)object;
    size_t count = (size_t)info->type->tp_basicsize / sizeof *words;
    for (size_t i = sizeof(PyObject) / sizeof *words; i < count; i++) {
        uint32_t *slot = hsight__pointer_map_slot(&s->is_found, words[i], false);
        if (slot != NULL && *slot != 0) {
            *slot = 2;
        }
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
        if (says_its_size(info)) {
            mark_parts(s, object, info);
        }
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

/* Objects of other interpreters have blocks, too, and are in no snapshot. */
static bool is_alone(void)
{
    return PyInterpreterState_Next(PyInterpreterState_Head()) == NULL;
}

void hsight__find_unreferenced(hsight__walk *walk)
{
    hsight_tracer *tracer = hsight_hook_is_running() ? hsight_hook_tracer() : NULL;
    if (walk->visit.status != HSIGHT_OK || tracer == NULL || !is_alone() ||
        hsight_tracer_mode(tracer) != HSIGHT_TRACE_EXACT) {
        return;
    }
    search s = {.walk = walk};
    hsight__pointer_map_init(&s.is_found, false);
    /* Where the system forbids looking, the snapshot goes without them. */
    (void)hsight_tracer_each_block(tracer, look_at_block, &s, NULL);
    mark_all_parts(&s);
    number_found(&s);
    hsight__pointers_free(&s.found);
    hsight__pointer_map_clear(&s.is_found);
}
