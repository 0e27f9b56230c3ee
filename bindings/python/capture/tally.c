/* SPDX-License-Identifier: MIT */
/* tally.c - see tally.h. Open addressing with linear probing.
 * I1  2 * count <= capacity, so a probe ends. */
#include "tally.h"

#include <heapsight/base.h>

#include <string.h>

enum { FIRST_CAPACITY = 1024 };

static hsight__tally_item *place_of(const hsight__tally *tally, const PyObject *object)
{
    size_t hash = (size_t)((uint64_t)(uintptr_t)object * 0x9E3779B97F4A7C15u >> 32);
    for (size_t at = hash;; at++) {
        hsight__tally_item *item = &tally->items[at & (tally->capacity - 1)];
        if (item->object == object || item->object == NULL) {
            return item;
        }
    }
}

void hsight__tally_free(hsight__tally *tally)
{
    const hsight_allocator *memory = hsight_allocator_default();
    memory->release(memory->state, tally->items, tally->capacity * sizeof *tally->items);
    *tally = (hsight__tally){0};
}

static bool grow(hsight__tally *tally)
{
    hsight__tally grown = {.capacity = tally->capacity != 0 ? 2 * tally->capacity : FIRST_CAPACITY,
                           .count = tally->count};
    const hsight_allocator *memory = hsight_allocator_default();
    grown.items = memory->allocate(memory->state, grown.capacity * sizeof *grown.items);
    if (grown.items == NULL) {
        return false;
    }
    memset(grown.items, 0, grown.capacity * sizeof *grown.items);
    for (size_t i = 0; i < tally->capacity; i++) {
        if (tally->items[i].object != NULL) {
            *place_of(&grown, tally->items[i].object) = tally->items[i];
        }
    }
    hsight__tally_free(tally);
    *tally = grown;
    return true;
}

Py_ssize_t hsight__tally_add(hsight__tally *tally, const PyObject *object)
{
    if (2 * (tally->count + 1) > tally->capacity && !grow(tally)) {
        return 0;
    }
    hsight__tally_item *item = place_of(tally, object);
    tally->count += item->object == NULL;
    item->object = object;
    return ++item->count;
}

Py_ssize_t hsight__tally_of(const hsight__tally *tally, const PyObject *object)
{
    return tally->capacity != 0 ? place_of(tally, object)->count : 0;
}
