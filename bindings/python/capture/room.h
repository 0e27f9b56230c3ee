/* SPDX-License-Identifier: MIT */
/* room.h - an array that grows: held as address space, backed by memory as it is written to.
 *
 * The array itself is its owner's, with its own type; NULL while nothing is held. */
#ifndef HEAPSIGHT_CAPTURE_ROOM_H
#define HEAPSIGHT_CAPTURE_ROOM_H

#include <stddef.h>

/* Items. I1  capacity <= held, which was last asked for. */
typedef struct {
    size_t capacity; /* backed: may be written to */
    size_t held;
} hsight__room;

/* Where the items are from now on, with memory behind `need` of them, which are more than
 * `capacity`; NULL: out of memory, and nothing changed. Amortised O(1) for each item. */
void *hsight__room_grow(hsight__room *room, void *items, size_t item_bytes, size_t need);
/* The same without memory behind them yet. */
void *hsight__room_hold(hsight__room *room, void *items, size_t item_bytes, size_t need);
void hsight__room_free(hsight__room *room, void *items, size_t item_bytes);

#endif
