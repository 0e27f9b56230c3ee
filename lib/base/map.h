/* SPDX-License-Identifier: MIT */
/* map.h - a hash map from uint64_t to uint32_t.
 *
 * Any key; values are not 0, because 0 is the answer for "absent" (as with ids). No removal. */
#ifndef HEAPSIGHT_LIB_BASE_MAP_H
#define HEAPSIGHT_LIB_BASE_MAP_H

#include "base/vec.h"

typedef struct {
    hsight__vec slots; /* a power of two of them, or none; see map.c */
    size_t count;      /* keys */
    uint64_t seed;
} hsight__map;

/* Allocates nothing. */
void hsight__map_init(hsight__map *map, const hsight_allocator *allocator);
void hsight__map_free(hsight__map *map);

/* 0 when absent. O(1). */
uint32_t hsight__map_get(const hsight__map *map, uint64_t key);
/* Where the value of `key` is, added as 0 when absent: the caller must then write a value that is
 * not 0. Borrowed until the next call. NULL, err filled, when memory is refused. */
uint32_t *hsight__map_put(hsight__map *map, uint64_t key, hsight_error *err);

#endif
