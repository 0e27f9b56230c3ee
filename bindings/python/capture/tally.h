/* SPDX-License-Identifier: MIT */
/* tally.h - how often each of a few thousand objects was met: a hash table by address.
 *
 * For many objects pointer_map.h is faster; this one costs nothing where there are few. Memory:
 * up to 64 bytes an object, owned by the tally, given back by _free, which leaves an empty one. */
#ifndef HEAPSIGHT_CAPTURE_TALLY_H
#define HEAPSIGHT_CAPTURE_TALLY_H

#include "compat.h"

typedef struct {
    const PyObject *object; /* NULL: no item */
    Py_ssize_t count;
} hsight__tally_item;

typedef struct {
    hsight__tally_item *items;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
} hsight__tally;

/* Counts one more and returns how many that makes; 0: out of memory. Amortised O(1). */
Py_ssize_t hsight__tally_add(hsight__tally *tally, const PyObject *object);
/* How many that are; 0: it was not met. O(1) */
Py_ssize_t hsight__tally_of(const hsight__tally *tally, const PyObject *object);
void hsight__tally_free(hsight__tally *tally);

#endif
