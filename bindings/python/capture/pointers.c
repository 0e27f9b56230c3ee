/* SPDX-License-Identifier: MIT */
/* pointers.c - a growable list of objects.
 * I1  count <= room.capacity; items is NULL exactly while nothing is held. */
#include "pointers.h"

bool hsight__pointers_grow(hsight__pointers *pointers)
{
    void *items = hsight__room_grow(&pointers->room, pointers->items, sizeof *pointers->items,
                                    pointers->room.capacity + 1);
    if (items != NULL) {
        pointers->items = items;
    }
    return items != NULL;
}

void hsight__pointers_hold(hsight__pointers *pointers, size_t count)
{
    void *items =
        hsight__room_hold(&pointers->room, pointers->items, sizeof *pointers->items, count);
    if (items != NULL) {
        pointers->items = items;
    }
}

void hsight__pointers_free(hsight__pointers *pointers)
{
    hsight__room_free(&pointers->room, pointers->items, sizeof *pointers->items);
    *pointers = (hsight__pointers){0};
}
