/* SPDX-License-Identifier: MIT */
/* pointer_map.h - from the address of an object to a 32-bit number, 0 meaning "not there".
 *
 * See pointer_map.c for the layout. Not thread-safe. The hot half is inline: a lookup is one
 * compare with a region met before and one load. */
#ifndef HEAPSIGHT_CAPTURE_POINTER_MAP_H
#define HEAPSIGHT_CAPTURE_POINTER_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One region covers 8 MiB of address space with one number per 16 bytes: 2 MiB of numbers. */
#define HSIGHT__REGION_SHIFT   23
#define HSIGHT__SLOT_SHIFT     4
#define HSIGHT__RECENT_REGIONS 256
#define HSIGHT__NO_REGION      UINT64_MAX /* no address has this key */

typedef struct {
    uint64_t key; /* address >> HSIGHT__REGION_SHIFT */
    uint32_t *slots;
} hsight__region;

typedef struct {
    hsight__region recent[HSIGHT__RECENT_REGIONS]; /* by the low bits of the key; or NO_REGION */
    hsight__region *table;
    size_t capacity; /* power of two, 0 before the first insertion */
    size_t count;
    bool huge_pages;
} hsight__pointer_map;

void hsight__pointer_map_init(hsight__pointer_map *map, bool huge_pages);
void hsight__pointer_map_clear(hsight__pointer_map *map);
/* The region's slots, made on demand when `create`; NULL: not there, or out of memory. */
uint32_t *hsight__pointer_map_region(hsight__pointer_map *map, uint64_t key, bool create);

/* Where the number of this address is kept, or NULL (out of memory when `create`). */
static inline uint32_t *hsight__pointer_map_slot(hsight__pointer_map *map, const void *address,
                                                 bool create)
{
    uint64_t word = (uint64_t)(uintptr_t)address;
    uint64_t key = word >> HSIGHT__REGION_SHIFT;
    hsight__region *recent = &map->recent[key % HSIGHT__RECENT_REGIONS];
    if (recent->key != key) {
        uint32_t *slots = hsight__pointer_map_region(map, key, create);
        if (slots == NULL) {
            return NULL;
        }
        recent->key = key;
        recent->slots = slots;
    }
    uint64_t within = word & (((uint64_t)1 << HSIGHT__REGION_SHIFT) - 1);
    return recent->slots + (within >> HSIGHT__SLOT_SHIFT);
}

static inline uint32_t hsight__pointer_map_get(hsight__pointer_map *map, const void *address)
{
    const uint32_t *slot = hsight__pointer_map_slot(map, address, false);
    return slot != NULL ? *slot : 0;
}

#endif
