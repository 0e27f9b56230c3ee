/* SPDX-License-Identifier: MIT */
/* numbering.c - from an object to its node and back, and lists of pointers: what all phases of the
 * walk stand on. Memory: the lists and the map belong to the walk. Cost: amortised O(1) a call. */
#include "walk.h"

/* ---- pointers ---- */

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

/* ---- numbering ---- */

uint32_t hsight__walk_number(hsight__walk *walk, uint32_t *slot, PyObject *object)
{
    hsight_node_id node;
    hsight_status status = hsight_builder_add_address(
        walk->visit.builder, (uint64_t)(uintptr_t)object, &node, walk->visit.err);
    if (status != HSIGHT_OK) {
        hsight__visit_keep_failure(&walk->visit, status);
        return 0;
    }
    *slot = node.index;
    return node.index;
}

uint32_t hsight__walk_node(hsight__walk *walk, PyObject *object)
{
    uint32_t *slot = hsight__pointer_map_slot(&walk->map, object, true);
    if (slot == NULL) {
        hsight__visit_fail(&walk->visit, HSIGHT_ENOMEM,
                           "out of memory while objects were numbered");
        return 0;
    }
    if (*slot == HSIGHT__HIDDEN) {
        return 0;
    }
    return *slot != 0 ? *slot : hsight__walk_number(walk, slot, object);
}

uint32_t hsight__walk_find(hsight__walk *walk, const void *address)
{
    uint32_t node = hsight__pointer_map_get(&walk->map, address);
    if (node == 0 || node == HSIGHT__HIDDEN) {
        return 0;
    }
    const uint64_t *addresses = hsight_builder_addresses(walk->visit.builder);
    return addresses[node] == (uint64_t)(uintptr_t)address ? node : 0;
}

bool hsight__is_hidden(hsight__walk *walk, const void *address)
{
    return hsight__pointer_map_get(&walk->map, address) == HSIGHT__HIDDEN;
}
