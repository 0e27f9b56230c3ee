/* SPDX-License-Identifier: MIT */
/* capture.h - what the capture layer does for the extension module.
 *
 * The GIL must be held; everything happens in the calling interpreter. */
#ifndef HEAPSIGHT_CAPTURE_CAPTURE_H
#define HEAPSIGHT_CAPTURE_CAPTURE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <heapsight/builder.h>
#include <heapsight/snapshot.h>

#include <stdbool.h>

typedef struct {
    uint64_t dropped_count;
    uint64_t overcounted_count;
    /* Where the blocks of objects begin: bytes before an object by its type's id. malloc, owned by
     * the caller; NULL unless asked for. */
    uint8_t *preheaders;
    uint32_t preheader_count;
    bool wants_preheaders;
} hsight_capture_counts;

/* Once, at import. NULL, or why this interpreter cannot be walked (static storage). */
const char *hsight_capture_check(void);

/* Walk the whole heap into a builder, with the collector off. Runs no code of the program, leaves
 * no Python object behind, changes no refcount.
 * @param interned_probe  any interned str (finds the interpreter's table of interned strings)
 * @return HSIGHT_OK, HSIGHT_ENOMEM or HSIGHT_ELIMIT; the builder is then only good for being freed
 */
hsight_status hsight_capture_walk(hsight_builder *builder, bool values, PyObject *interned_probe,
                                  hsight_capture_counts *counts, hsight_error *err);

/* Walk and freeze, with everything hsight_snapshot_info asks for.
 * @param label  UTF-8, borrowed for the call */
hsight_status hsight_capture_snapshot(hsight_string label, bool values, PyObject *interned_probe,
                                      hsight_snapshot **out, hsight_error *err);

/* Bytes each object keeps together with what it refers to: out[i] for items[i], in this order,
 * shared objects charged to the earlier item. Classes, modules, functions, code, frames and the
 * other items are not entered; weak references are not followed. */
hsight_status hsight_capture_deep_sizes(PyObject *const *items, Py_ssize_t count, uint64_t *out,
                                        hsight_error *err);

/* Resident set of this process in bytes; 0 when the system does not tell. */
uint64_t hsight_capture_resident_bytes(void);

#endif
