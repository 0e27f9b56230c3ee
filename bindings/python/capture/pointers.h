/* SPDX-License-Identifier: MIT */
/* pointers.h - a growable list of objects. Pages are mapped, so that growth does not copy. Memory:
 * owned by the list, given back by _free, which leaves an empty list. */
#ifndef HEAPSIGHT_CAPTURE_POINTERS_H
#define HEAPSIGHT_CAPTURE_POINTERS_H

#include "compat.h"
#include "room.h"

typedef struct {
    PyObject **items;
    size_t count;
    hsight__room room;
} hsight__pointers;

/* Address space for so many, if there is some: a hint. */
void hsight__pointers_hold(hsight__pointers *pointers, size_t count);
bool hsight__pointers_grow(hsight__pointers *pointers); /* false: out of memory */
/* Amortised O(1); false: out of memory. */
static inline bool hsight__pointers_add(hsight__pointers *pointers, PyObject *pointer)
{
    if (pointers->count == pointers->room.capacity && !hsight__pointers_grow(pointers)) {
        return false;
    }
    pointers->items[pointers->count++] = pointer;
    return true;
}
void hsight__pointers_free(hsight__pointers *pointers);

#endif
