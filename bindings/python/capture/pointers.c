/* SPDX-License-Identifier: MIT */
/* pointers.c - a growable list of objects.
 * I1  count <= capacity; items has room for capacity, or is NULL while that is 0. */
#include "pointers.h"

#include <heapsight/base.h>

bool hsight__pointers_grow(hsight__pointers *pointers)
{
    const hsight_allocator *memory = hsight_allocator_default();
    size_t capacity = pointers->capacity != 0 ? pointers->capacity * 2 : 256;
    size_t old_bytes = pointers->capacity * sizeof(PyObject *);
    size_t new_bytes = capacity * sizeof(PyObject *);
    void *items = pointers->items != NULL
                      ? memory->resize(memory->state, pointers->items, old_bytes, new_bytes)
                      : memory->allocate(memory->state, new_bytes);
    if (items == NULL) {
        return false;
    }
    pointers->items = items;
    pointers->capacity = capacity;
    return true;
}

void hsight__pointers_free(hsight__pointers *pointers)
{
    const hsight_allocator *memory = hsight_allocator_default();
    if (pointers->items != NULL) {
        memory->release(memory->state, pointers->items, pointers->capacity * sizeof(PyObject *));
    }
    *pointers = (hsight__pointers){0};
}
