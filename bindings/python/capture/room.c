/* SPDX-License-Identifier: MIT */
/* room.c - see room.h. Memory is the default allocator's, so it does not pass through the heap of
 * the program, and large arrays grow without a copy. */
#include "room.h"

#include <heapsight/base.h>

enum { FIRST_ITEMS = 256 };

void *hsight__room_hold(hsight__room *room, void *items, size_t item_bytes, size_t need)
{
    if (need <= room->held) {
        return items;
    }
    const hsight_allocator *memory = hsight_allocator_default();
    size_t doubled = room->held != 0 ? 2 * room->held : FIRST_ITEMS;
    size_t held = need > doubled ? need : doubled;
    void *moved = memory->resize(memory->state, items, room->held * item_bytes, held * item_bytes);
    if (moved != NULL) {
        room->held = held;
    }
    return moved;
}

void *hsight__room_grow(hsight__room *room, void *items, size_t item_bytes, size_t need)
{
    const hsight_allocator *memory = hsight_allocator_default();
    void *moved = hsight__room_hold(room, items, item_bytes, need);
    if (moved != NULL) {
        size_t backed = memory->prefault(memory->state, moved, room->held * item_bytes,
                                         room->capacity * item_bytes, need * item_bytes);
        room->capacity = backed / item_bytes;
    }
    return moved;
}

void hsight__room_free(hsight__room *room, void *items, size_t item_bytes)
{
    const hsight_allocator *memory = hsight_allocator_default();
    memory->release(memory->state, items, room->held * item_bytes);
    *room = (hsight__room){0};
}
