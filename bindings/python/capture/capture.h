/* SPDX-License-Identifier: MIT */
/* capture.h - what the capture layer does for the extension module.
 *
 * The GIL must be held; everything happens in the calling interpreter. */
#ifndef HEAPSIGHT_CAPTURE_CAPTURE_H
#define HEAPSIGHT_CAPTURE_CAPTURE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <heapsight/builder.h>
#include <heapsight/labels.h>
#include <heapsight/reach.h>
#include <heapsight/snapshot.h>

#include <stdbool.h>

/* What a walk found to be odd: how often, and "app.Row 12, list 1", the most frequent types first.
 */
typedef struct {
    uint64_t count;
    char types[512];
} hsight_capture_remark;

typedef struct {
    hsight_capture_remark overcounted; /* objects with more references found than their refcount */
    hsight_capture_remark doubted;     /* objects whose size cannot be */
    hsight_capture_remark invalid;     /* addresses from tp_traverse that are no object's */
} hsight_capture_remarks;

/* What the tracer knows of the blocks of a walk's objects; all NULL where none runs. */
typedef struct {
    hsight_stack_id *stacks; /* by node, numbers of the tracer; of the default allocator */
    size_t bytes;            /* of those */
    hsight_reach *reach;     /* or NULL: see native.h */
} hsight_capture_blocks;

void hsight_capture_blocks_free(hsight_capture_blocks *blocks);

/* The sizes of one type's objects beside the blocks that the tracer saw of the same objects. */
typedef struct {
    uint64_t count;       /* of objects whose own block it saw, and their buffers */
    uint64_t given_count; /* that got their size from the blocks */
    uint64_t equal_count; /* whose size is that of their blocks */
    uint64_t equal_bytes; /* in blocks, of those */
    uint64_t block_bytes; /* in blocks */
    uint64_t size_bytes;  /* as sizes say */
} hsight_capture_size_row;

typedef struct {
    uint64_t dropped_count;
    hsight_capture_remarks remarks;
    hsight_capture_blocks blocks; /* owned by the caller */
    bool wants_size_rows;
    hsight_capture_size_row *size_rows; /* by type id, or NULL; malloc, owned by the caller */
} hsight_capture_counts;

/* Once, at import. NULL, or why this interpreter cannot be walked (static storage). */
const char *hsight_capture_check(void);

/* Walk the whole heap into a builder, with the collector off. Runs no code of the program, leaves
 * no Python object behind, changes no refcount.
 * @param interned_probe  any interned str (finds the interpreter's table of interned strings)
 * @return HSIGHT_OK, HSIGHT_ENOMEM or HSIGHT_ELIMIT; the builder is then only good for being freed,
 *         and `counts` have no blocks and no rows */
hsight_status hsight_capture_walk(hsight_builder *builder, bool values, PyObject *interned_probe,
                                  hsight_capture_counts *counts, hsight_error *err);

/* Where and when a snapshot is taken; points into itself, so it stays where it was filled. */
typedef struct {
    char interpreter[64];
    char platform[256];
    char arguments[4096];
    hsight_snapshot_info info;
} hsight_capture_moment;

/* Fill in what hsight_snapshot_info asks for, but for what the walk tells.
 * @param label  UTF-8, borrowed as long as the moment is used */
void hsight_capture_begin(hsight_capture_moment *moment, hsight_string label, bool values);
/* Walk, freeze and join the trace, if the tracer runs. */
hsight_status hsight_capture_take(const hsight_capture_moment *moment, PyObject *interned_probe,
                                  hsight_snapshot **out, hsight_error *err);

/* Walk and compare sizes with blocks, for tests and benchmarks.
 * @param graph  receives the graph, owned by the caller
 * @param rows   receives a row for each of its types and an unused first one, to be freed; all 0
 *               where no tracer runs in mode exact */
hsight_status hsight_capture_compare_sizes(PyObject *interned_probe, hsight_graph **graph,
                                           hsight_capture_size_row **rows, hsight_error *err);

/* Bytes each object keeps together with what it refers to: out[i] for items[i], in this order,
 * shared objects charged to the earlier item. Classes, modules, functions, code, frames and the
 * other items are not entered; weak references are not followed. */
hsight_status hsight_capture_deep_sizes(PyObject *const *items, Py_ssize_t count, uint64_t *out,
                                        hsight_error *err);

/* Name references that the tp_traverse of a C type tells of: register_fields() of
 * heapsight/labels.h, which says what is kept, and of the package.
 * @return HSIGHT_OK, HSIGHT_ENOMEM, or HSIGHT_EINVAL with type, field and remedy; what was said
 *         before of the type stays in force on failure */
hsight_status hsight_capture_register_fields(PyTypeObject *type, const hsight_label_field *fields,
                                             size_t count, const char *rest, hsight_error *err);

/* Resident set of this process in bytes; 0 when the system does not tell. */
uint64_t hsight_capture_resident_bytes(void);

#endif
