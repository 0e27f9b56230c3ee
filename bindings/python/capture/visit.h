/* SPDX-License-Identifier: MIT */
/* visit.h - what all parts of the walk share: a visit in progress, what it knows of each type, and
 * how a visited object hands out its references.
 *
 * A rule (rules*.c) gets one object and emits each reference the object owns, once, with its label.
 * Emitted references are buffered; `flush` is called with a full buffer and decides what they are
 * for: the graph (walk.c), hiding heapsight's own objects (hide.c) or adding up sizes
 * (deep_size.c). */
#ifndef HEAPSIGHT_CAPTURE_VISIT_H
#define HEAPSIGHT_CAPTURE_VISIT_H

#include "compat.h"

#include <heapsight/builder.h>

/* Fixed label names, interned when a visit starts. X(identifier, text) */
#define HSIGHT__NAME_LIST(X)                                                                       \
    X(dict, "__dict__")                                                                            \
    X(callback, "__callback__")                                                                    \
    X(self, "__self__")                                                                            \
    X(func, "__func__")                                                                            \
    X(module, "__module__")                                                                        \
    X(name, "__name__")                                                                            \
    X(args, "args")                                                                                \
    X(notes, "__notes__")                                                                          \
    X(traceback, "__traceback__")                                                                  \
    X(context, "__context__")                                                                      \
    X(cause, "__cause__")                                                                          \
    X(objclass, "__objclass__")                                                                    \
    X(qualname, "__qualname__")                                                                    \
    X(mapping, "mapping")                                                                          \
    X(next, "tb_next")                                                                             \
    X(frame, "tb_frame")                                                                           \
    X(length, "length")                                                                            \
    X(od_node, "order entry")                                                                      \
    X(lru_entry, "lru entry")                                                                      \
    X(base, "base")                                                                                \
    X(dtype, "dtype")                                                                              \
    X(tzinfo, "tzinfo")                                                                            \
    X(offset, "offset")                                                                            \
    X(zone_name, "name")                                                                           \
    X(f_code, "f_code")                                                                            \
    X(f_locals, "f_locals")                                                                        \
    X(f_frame, "frame object")

typedef enum {
#define HSIGHT__NAME_ENUM(identifier, text) HSIGHT__NAME_##identifier,
    HSIGHT__NAME_LIST(HSIGHT__NAME_ENUM)
#undef HSIGHT__NAME_ENUM
        HSIGHT__NAME_COUNT
} hsight__name;

typedef struct hsight__visit hsight__visit;
typedef struct hsight__type_info hsight__type_info;

/* Emit what `object` owns as an object of `info->type`, which is its type or a base of it. The
 * reference to the class itself is emitted by hsight__visit_object(). */
typedef void (*hsight__rule)(hsight__visit *visit, PyObject *object, hsight__type_info *info);
typedef size_t (*hsight__size_rule)(PyObject *object, const hsight__type_info *info);

/* A reference at a fixed place in the object: a __slots__ member, or a field of a known struct. */
typedef struct {
    Py_ssize_t offset;
    Py_ssize_t item_bytes; /* not 0: lies so much further for each item of the object */
    hsight_label label;
} hsight__member;

/* What the visit knows of one type; made when its first object is met. */
struct hsight__type_info {
    PyTypeObject *type;
    hsight__rule rule;
    hsight__size_rule size;
    PyCFunction c_sizeof; /* trusted __sizeof__ written in C, or NULL */
    /* Class written in Python: its first base written in C. Type written in C: the base that is
     * walked and sized by a row, when this one has no row and goes by the base's tp_traverse. */
    hsight__type_info *base;
    hsight__member *members; /* references at known places: __slots__, fields of C structs */
    uint32_t member_count;
    hsight_label rest_label;     /* of what tp_traverse tells of and nothing else names; 0: none */
    hsight_string_id *key_names; /* shared keys, filled as they are met; 0 = not yet */
    uint32_t key_count;
    Py_ssize_t table_offset; /* of the pointer to the table of items or values; 0: none */
    size_t fixed_bytes;      /* preheader + basicsize */
    size_t field_count;      /* struct sequences: items of each object */
    hsight_type_id id;       /* 0 until an object is described */
    uint32_t node_flags;     /* HSIGHT_NODE_TYPE, _MODULE */
    uint32_t size_flags;     /* HSIGHT_NODE_SIZE_* */
    bool owns_class;         /* instances own a reference to the class */
    bool is_heapsight;       /* our own: never shown */
    bool may_be_own; /* instances may be heapsight's own objects, or the interpreter's table */
    bool managed_dict;
    bool gc;                    /* instances have a gc head */
    bool may_have_preview;      /* worth a call of hsight__preview() */
    bool is_task;               /* of asyncio, written in C */
    bool counts_items;          /* Py_SIZE is a number of items: see hsight__items_doubted() */
    uint64_t overcounted_count; /* of its objects: more references found than counted */
    uint64_t doubted_count;     /* of its objects: the size cannot be */
    uint64_t invalid_count;     /* addresses handed out by its tp_traverse that are no object's */
};

#define HSIGHT__PENDING      512
#define HSIGHT__RECENT_NAMES 1024
#define HSIGHT__RECENT_TYPES 256

struct hsight__visit {
    hsight_builder *builder;
    void (*flush)(hsight__visit *visit);
    void (*assign)(hsight__visit *visit, hsight__type_info *info); /* fills in a type met first */
    void *state;                                                   /* of whoever set flush */
    hsight_node_id source;                                         /* node being visited */
    uint32_t pending_count;
    hsight_status status; /* first failure; the walk stops at the next chance */
    hsight_error *err;
    bool values;
    struct hsight__type_table *types;
    hsight__type_info *recent_types[HSIGHT__RECENT_TYPES]; /* by bits of the address; or NULL */
    hsight_string_id names[HSIGHT__NAME_COUNT];
    PyObject **scratch; /* targets tp_traverse handed out for one object */
    uint32_t *scratch_labels;
    size_t scratch_count;
    size_t scratch_capacity;
    uint64_t dropped_count;
    uint64_t invalid_count; /* of the tp_traverse that runs */
    struct hsight__cell_names *cells;
    struct {
        const void *key; /* a string literal or a str object; both outlive the visit */
        hsight_string_id id;
    } recent_names[HSIGHT__RECENT_NAMES];
    struct { /* references that were emitted, by columns; see flush */
        PyObject *targets[HSIGHT__PENDING];
        hsight_node_id sources[HSIGHT__PENDING];
        hsight_label labels[HSIGHT__PENDING]; /* DICT_VALUE with payload 0: key is the one before */
    } pending;
};

/* Closure variables by cell, collected from functions while they are visited (rules_callables.c).
 */
typedef struct hsight__cell_names {
    struct {
        PyObject *cell;
        hsight_string_id name;
    } *items;
    size_t count;
    size_t capacity;
} hsight__cell_names;

/* Keep the first failure, with the message given or (keep_failure) the one already in visit->err.
 */
void hsight__visit_fail(hsight__visit *visit, hsight_status status, const char *message);
void hsight__visit_keep_failure(hsight__visit *visit, hsight_status status);

/* UTF-8 of a str or a C string, truncated to size - 1 and ended by a NUL; returns the length. */
size_t hsight__copy_unicode(PyObject *unicode, char *out, size_t size);
size_t hsight__copy_text(const char *text, char *out, size_t size);
/* The value under a str key, compared without running any code; O(items). NULL: no dict, or no key.
 */
PyObject *hsight__dict_value(PyObject *dict, const char *key);
/* Fill err for a failed allocation outside a visit. */
hsight_status hsight__out_of_memory(hsight_error *err);

/* Intern text, or the UTF-8 of a str object; 0 when that fails (counted as dropped). */
hsight_string_id hsight__visit_name(hsight__visit *visit, const char *text);
hsight_string_id hsight__visit_unicode(hsight__visit *visit, PyObject *unicode);

static inline void hsight__emit(hsight__visit *visit, PyObject *target, hsight_label label)
{
    if (visit->pending_count == HSIGHT__PENDING) {
        visit->flush(visit);
    }
    uint32_t at = visit->pending_count++;
    visit->pending.targets[at] = target;
    visit->pending.sources[at] = visit->source;
    visit->pending.labels[at] = label;
}

static inline void hsight__emit_named(hsight__visit *visit, PyObject *target,
                                      hsight_label_kind kind, hsight__name name)
{
    if (target != NULL) {
        hsight__emit(visit, target, hsight_label_make(kind, visit->names[name].index));
    }
}

/* Emits with the name interned on the way: for parts that are met rarely. Signature of a
 * hsight__compat_part_visitor; `state` is the visit. */
void hsight__emit_part(const char *name, PyObject *target, void *visit);

/* Emit everything an object owns. */
static inline void hsight__visit_object(hsight__visit *visit, PyObject *object,
                                        hsight__type_info *info)
{
    info->rule(visit, object, info);
    if (info->owns_class) {
        hsight__emit(visit, (PyObject *)info->type, hsight_label_make(HSIGHT_LABEL_CLASS, 0));
    }
}

/* ---- rules and sizes ---- */

/* Fill info->rule, base and members for info->type (rules.c). */
void hsight__rules_assign(hsight__visit *visit, hsight__type_info *info);
/* Why no names can be registered for the fields of a type, after its name; NULL when they can.
 * Static storage. */
const char *hsight__rules_refusal(PyTypeObject *type);
/* Fill info->size and size_flags; after the rules (sizes.c). */
void hsight__sizes_assign(hsight__type_info *info);
/* Bytes of the block of a str, of which `text` may be a copy of the header. */
static inline size_t hsight__text_block_bytes(PyObject *text)
{
    size_t length = (size_t)PyUnicode_GET_LENGTH(text) + 1;
    return PyUnicode_IS_COMPACT_ASCII(text) ? sizeof(PyASCIIObject) + length
           : PyUnicode_IS_COMPACT(text)
               ? sizeof(PyCompactUnicodeObject) + length * PyUnicode_KIND(text)
               : sizeof(PyUnicodeObject);
}
/* An object that is told to nobody and counts as a part of this one's size, or NULL. */
PyObject *hsight__sizes_hidden_part(PyObject *object, const hsight__type_info *info);
/* Is the size of this type's objects known by its name, apart from the layout of a base? */
bool hsight__sizes_has_row(PyTypeObject *type);
/* Shallow size of an object, attribute values block included. */
static inline size_t hsight__shallow_bytes(PyObject *object, const hsight__type_info *info)
{
    return info->size(object, info);
}
/* ---- numbers of items that cannot be (doubt.c) ---- */

/* Fewer items are believed: nothing much is lost, and asking the system costs a call. */
#define HSIGHT__ITEMS_BELIEVED 16384

/* Is there memory for the items that Py_SIZE tells of? O(their pages). */
bool hsight__items_can_be(PyObject *object);
/* Of an object of a type with counts_items: items that are doubted must not be read. */
static inline bool hsight__items_doubted(PyObject *object)
{
    return (size_t)((PyVarObject *)object)->ob_size > HSIGHT__ITEMS_BELIEVED &&
           !hsight__items_can_be(object);
}
/* Can one object hold so many bytes? No more than the process has. */
#define HSIGHT__BYTES_BELIEVED ((size_t)1 << 28)
bool hsight__bytes_can_be(size_t bytes);
/* Is `bytes` no size of this object? Then its type's fixed size stands for it. */
static inline bool hsight__size_doubted(PyObject *object, const hsight__type_info *info,
                                        size_t bytes)
{
    return (info->counts_items && hsight__items_doubted(object)) ||
           (bytes >= HSIGHT__BYTES_BELIEVED && !hsight__bytes_can_be(bytes));
}

/* Value of a member, NULL when empty. */
static inline PyObject *hsight__member_value(PyObject *object, const hsight__member *member)
{
    char *at = (char *)object + member->offset;
    if (member->item_bytes != 0) {
        if (hsight__items_doubted(object)) {
            return NULL;
        }
        at += _Py_SIZE_ROUND_UP(Py_SIZE(object) * member->item_bytes, sizeof(PyObject *));
    }
    return *(PyObject **)at;
}

/* "fetch-orders, coroutine fetch": what a task of asyncio is called, given by name or number; 0 =
 * none (rules_asyncio.c). */
bool hsight__is_task_type(PyTypeObject *type);
hsight_string_id hsight__task_preview(hsight__visit *visit, PyObject *task,
                                      hsight__type_info *info);
/* Name (interned identifiers) or, with values, a preview of an object; 0 = none (preview.c). */
hsight_string_id hsight__preview(hsight__visit *visit, PyObject *object);

#endif
