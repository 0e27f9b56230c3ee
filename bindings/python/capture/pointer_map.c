/* SPDX-License-Identifier: MIT */
/* pointer_map.c - a page-indexed map from object addresses to numbers.
 *
 *   address  63 ............ 23 22 ............ 4 3..0
 *            region key         slot in region    (two objects never share 16 bytes)
 *
 * Regions hang in an open-addressing table of a few dozen entries, so that it stays in the first
 * cache level; each is 2 MiB of numbers, mapped when the first object in it is seen and resident
 * only where objects are: 4 bytes for 16 bytes of heap. I1  count * 2 <= capacity.   I2  every
 * region with a key has slots. Memory: owned by the map, mapped pages, given back by _clear. Cost:
 * O(1). */
#include "pointer_map.h"

#include <stdlib.h>
#include <sys/mman.h>

#define REGION_BYTES (sizeof(uint32_t) << (HSIGHT__REGION_SHIFT - HSIGHT__SLOT_SHIFT))

void hsight__pointer_map_init(hsight__pointer_map *map, bool huge_pages)
{
    *map = (hsight__pointer_map){.huge_pages = huge_pages};
    for (size_t i = 0; i < HSIGHT__RECENT_REGIONS; i++) {
        map->recent[i].key = HSIGHT__NO_REGION;
    }
}

void hsight__pointer_map_clear(hsight__pointer_map *map)
{
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->table[i].slots != NULL) {
            munmap(map->table[i].slots, REGION_BYTES);
        }
    }
    free(map->table);
    hsight__pointer_map_init(map, map->huge_pages); /* also forgets the recent regions */
}

static hsight__region *find(hsight__region *table, size_t capacity, uint64_t key)
{
    size_t mask = capacity - 1;
    size_t at = (size_t)((key * 0x9E3779B97F4A7C15u) >> 32) & mask;
    while (table[at].slots != NULL && table[at].key != key) {
        at = (at + 1) & mask;
    }
    return &table[at];
}

static bool grow(hsight__pointer_map *map)
{
    size_t capacity = map->capacity != 0 ? map->capacity * 2 : 64;
    hsight__region *table = calloc(capacity, sizeof(*table));
    if (table == NULL) {
        return false;
    }
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->table[i].slots != NULL) {
            *find(table, capacity, map->table[i].key) = map->table[i];
        }
    }
    free(map->table);
    map->table = table;
    map->capacity = capacity;
    return true;
}

static void *map_region(const hsight__pointer_map *map)
{
    void *slots =
        mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (slots == MAP_FAILED) {
        return NULL;
    }
#ifdef MADV_HUGEPAGE
    if (map->huge_pages) {
        (void)madvise(slots, REGION_BYTES, MADV_HUGEPAGE); /* a hint: failure changes nothing */
        /* Slots are read before they are written: the read would map a page of zeros first. */
        *(volatile uint32_t *)slots = 0;
    }
#else
    (void)map;
#endif
    return slots;
}

uint32_t *hsight__pointer_map_region(hsight__pointer_map *map, uint64_t key, bool create)
{
    if (map->capacity != 0) {
        hsight__region *region = find(map->table, map->capacity, key);
        if (region->slots != NULL) {
            return region->slots;
        }
    }
    if (!create || ((map->count + 1) * 2 > map->capacity && !grow(map))) {
        return NULL;
    }
    uint32_t *slots = map_region(map);
    if (slots == NULL) {
        return NULL;
    }
    *find(map->table, map->capacity, key) = (hsight__region){key, slots};
    map->count++;
    return slots;
}
