/* SPDX-License-Identifier: MIT */
/* pointer_map.h - from the address of an object to a 31-bit number, 0 meaning "not there".
 *
 * See pointer_map.c for the layout. Not thread-safe. What many addresses go through is inline: a
 * compare with a region met before, a load, and a look at one bit. */
#ifndef HEAPSIGHT_CAPTURE_POINTER_MAP_H
#define HEAPSIGHT_CAPTURE_POINTER_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One region covers 16 MiB of address space with one slot per 32 bytes: 2 MiB of slots. */
#define HSIGHT__REGION_SHIFT   24
#define HSIGHT__SLOT_SHIFT     5
#define HSIGHT__RECENT_REGIONS 256
#define HSIGHT__NO_REGION      UINT64_MAX /* no address has this key */

#define HSIGHT__SECOND_HALF UINT32_C(0x80000000)
#define HSIGHT__NUMBER_MAX  UINT32_C(0x7fffffff)

typedef struct {
    uint64_t key; /* address >> HSIGHT__REGION_SHIFT */
    uint32_t *slots;
    uint32_t *others; /* NULL: no slot is taken twice */
} hsight__region;

typedef struct {
    uint64_t key; /* or NO_REGION */
    uint32_t *slots;
} hsight__recent_region;

typedef struct {
    hsight__recent_region recent[HSIGHT__RECENT_REGIONS]; /* by the low bits of the key */
    hsight__region *table;
    size_t capacity; /* power of two, 0 before the first insertion */
    size_t count;
    size_t sparse_count; /* of the first regions that may have few addresses */
} hsight__pointer_map;

/* @param sparse_count  the first so many regions may be nearly empty: SIZE_MAX, all */
void hsight__pointer_map_init(hsight__pointer_map *map, size_t sparse_count);
void hsight__pointer_map_clear(hsight__pointer_map *map);

/* The number of this address, or 0. */
uint32_t hsight__pointer_map_get(hsight__pointer_map *map, const void *address);
/* Replaces the number of this address, 1 .. HSIGHT__NUMBER_MAX. False: out of memory, and nothing
 * changed. */
bool hsight__pointer_map_set(hsight__pointer_map *map, const void *address, uint32_t number);

/* ---- for many addresses at once: the slots first, so that they can be fetched ahead ---- */

/* The region's slots, made on demand; NULL: out of memory. */
uint32_t *hsight__pointer_map_region(hsight__pointer_map *map, uint64_t key);

/* The slot that this address shares with its neighbour, or NULL: out of memory. */
static inline uint32_t *hsight__pointer_map_slot(hsight__pointer_map *map, const void *address)
{
    uint64_t word = (uint64_t)(uintptr_t)address;
    uint64_t key = word >> HSIGHT__REGION_SHIFT;
    hsight__recent_region *recent = &map->recent[key % HSIGHT__RECENT_REGIONS];
    if (recent->key != key) {
        uint32_t *slots = hsight__pointer_map_region(map, key);
        if (slots == NULL) {
            return NULL;
        }
        recent->key = key;
        recent->slots = slots;
    }
    uint64_t within = word & (((uint64_t)1 << HSIGHT__REGION_SHIFT) - 1);
    return recent->slots + (within >> HSIGHT__SLOT_SHIFT);
}

/* What marks the number of this address in a slot. */
static inline uint32_t hsight__pointer_map_half(const void *address)
{
    return (uint32_t)((uintptr_t)address >> (HSIGHT__SLOT_SHIFT - 1)) << 31;
}

/* The slot for this address where its neighbour has the first one; NULL: out of memory. */
uint32_t *hsight__pointer_map_other(hsight__pointer_map *map, const void *address);

/* `slot`, or the other one if the neighbour has it; NULL: out of memory. */
static inline uint32_t *hsight__pointer_map_own(hsight__pointer_map *map, uint32_t *slot,
                                                const void *address)
{
    bool is_neighbour = ((*slot ^ hsight__pointer_map_half(address)) & HSIGHT__SECOND_HALF) != 0;
    return *slot == 0 || !is_neighbour ? slot : hsight__pointer_map_other(map, address);
}

#endif
