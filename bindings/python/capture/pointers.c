/* SPDX-License-Identifier: MIT */
/* pointers.c - a growable list of objects.
 * I1  count <= capacity <= held; items has room for `held`, or is NULL while that is 0. */
#include "pointers.h"

#include <heapsight/base.h>

static bool hold(hsight__pointers *pointers, size_t held)
{
    const hsight_allocator *memory = hsight_allocator_default();
    size_t old_bytes = pointers->held * sizeof(PyObject *);
    size_t new_bytes = held * sizeof(PyObject *);
    void *items = pointers->items != NULL
                      ? memory->resize(memory->state, pointers->items, old_bytes, new_bytes)
                      : memory->allocate(memory->state, new_bytes);
    if (items == NULL) {
        return false;
    }
    pointers->items = items;
    pointers->held = held;
    return true;
}

bool hsight__pointers_grow(hsight__pointers *pointers)
{
    const hsight_allocator *memory = hsight_allocator_default();
    const size_t item = sizeof(PyObject *);
    if (pointers->capacity == pointers->held &&
        !hold(pointers, pointers->held != 0 ? pointers->held * 2 : 256)) {
        return false;
    }
    pointers->capacity =
        memory->prefault(memory->state, pointers->items, pointers->held * item,
                         pointers->capacity * item, (pointers->capacity + 1) * item) /
        item;
    return true;
}

void hsight__pointers_free(hsight__pointers *pointers)
{
    const hsight_allocator *memory = hsight_allocator_default();
    if (pointers->items != NULL) {
        memory->release(memory->state, pointers->items, pointers->held * sizeof(PyObject *));
    }
    *pointers = (hsight__pointers){0};
}
