/* SPDX-License-Identifier: MIT */
/* pointer_map.c - a page-indexed map from object addresses to numbers.
 *
 *   address  63 ............ 24 23 ............ 5    4    3..0
 *            region key         slot in region     half   (two objects never share 16 bytes)
 *
 * Regions hang in an open-addressing table of a few dozen entries, so that it stays in the first
 * cache level; each is 2 MiB of slots, mapped when the first object in it is seen and resident
 * only where objects are: 4 bytes for 32 bytes of heap. A slot holds a number and, in its highest
 * bit, for which half of the 32 bytes. Only objects of 16 bytes have a neighbour in theirs: the
 * one that comes second gets the same place in `others`, a second array of the region.
 * I1  count * 2 <= capacity.   I2  every region with a key has slots.   I3  nothing is taken out,
 * so a slot stays with the one that got it first. Memory: owned by the map, mapped pages, given
 * back by _clear. Cost: O(1). */
#include "pointer_map.h"

#include <heapsight/base.h>

#include <stdlib.h>
#if defined(__linux__)
#include <sys/mman.h>
#else
#include <string.h>
#endif

#define REGION_BYTES (sizeof(uint32_t) << (HSIGHT__REGION_SHIFT - HSIGHT__SLOT_SHIFT))

void hsight__pointer_map_init(hsight__pointer_map *map, size_t sparse_count)
{
    *map = (hsight__pointer_map){.sparse_count = sparse_count};
    for (size_t i = 0; i < HSIGHT__RECENT_REGIONS; i++) {
        map->recent[i].key = HSIGHT__NO_REGION;
    }
}

void hsight__pointer_map_clear(hsight__pointer_map *map)
{
    const hsight_allocator *memory = hsight_allocator_default();
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->table[i].slots != NULL) {
            memory->release(memory->state, map->table[i].slots, REGION_BYTES);
        }
        if (map->table[i].others != NULL) {
            memory->release(memory->state, map->table[i].others, REGION_BYTES);
        }
    }
    free(map->table);
    hsight__pointer_map_init(map, map->sparse_count); /* also forgets the recent regions */
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

/* Zeros. Slots are read before they are written, and the read would map a page of zeros first: so
 * where most will be used, they are backed at once; where few will, no huge page may stand for one.
 */
static void *map_slots(bool is_dense)
{
    const hsight_allocator *memory = hsight_allocator_default();
    void *slots = memory->allocate(memory->state, REGION_BYTES);
    if (slots == NULL) {
        return NULL;
    }
#if defined(__linux__) /* a mapping */
    if (is_dense) {
        (void)memory->prefault(memory->state, slots, REGION_BYTES, 0, REGION_BYTES);
    } else {
        (void)madvise(slots, REGION_BYTES, MADV_NOHUGEPAGE);
    }
#else
    (void)is_dense;
    memset(slots, 0, REGION_BYTES);
#endif
    return slots;
}

uint32_t *hsight__pointer_map_region(hsight__pointer_map *map, uint64_t key)
{
    if (map->capacity != 0) {
        hsight__region *region = find(map->table, map->capacity, key);
        if (region->slots != NULL) {
            return region->slots;
        }
    }
    if ((map->count + 1) * 2 > map->capacity && !grow(map)) {
        return NULL;
    }
    uint32_t *slots = map_slots(map->count >= map->sparse_count);
    if (slots == NULL) {
        return NULL;
    }
    *find(map->table, map->capacity, key) = (hsight__region){.key = key, .slots = slots};
    map->count++;
    return slots;
}

static size_t place_of(const void *address)
{
    uint64_t within = (uint64_t)(uintptr_t)address % (UINT64_C(1) << HSIGHT__REGION_SHIFT);
    return (size_t)(within >> HSIGHT__SLOT_SHIFT);
}

static hsight__region *region_of(const hsight__pointer_map *map, const void *address)
{
    uint64_t key = (uint64_t)(uintptr_t)address >> HSIGHT__REGION_SHIFT;
    hsight__region *region = map->capacity != 0 ? find(map->table, map->capacity, key) : NULL;
    return region != NULL && region->slots != NULL ? region : NULL;
}

uint32_t *hsight__pointer_map_other(hsight__pointer_map *map, const void *address)
{
    hsight__region *region = region_of(map, address);
    if (region->others == NULL) {
        region->others = map_slots(false);
    }
    return region->others != NULL ? region->others + place_of(address) : NULL;
}

uint32_t hsight__pointer_map_get(hsight__pointer_map *map, const void *address)
{
    uint64_t key = (uint64_t)(uintptr_t)address >> HSIGHT__REGION_SHIFT;
    const hsight__recent_region *recent = &map->recent[key % HSIGHT__RECENT_REGIONS];
    const hsight__region *region = recent->key != key ? region_of(map, address) : NULL;
    if (recent->key != key && region == NULL) {
        return 0;
    }
    const uint32_t *slots = region != NULL ? region->slots : recent->slots;
    uint32_t value = slots[place_of(address)];
    if (((value ^ hsight__pointer_map_half(address)) & HSIGHT__SECOND_HALF) != 0 && value != 0) {
        region = region_of(map, address);
        value = region->others != NULL ? region->others[place_of(address)] : 0;
    }
    return value & HSIGHT__NUMBER_MAX;
}

bool hsight__pointer_map_set(hsight__pointer_map *map, const void *address, uint32_t number)
{
    uint32_t *slot = hsight__pointer_map_slot(map, address);
    slot = slot != NULL ? hsight__pointer_map_own(map, slot, address) : NULL;
    if (slot == NULL) {
        return false;
    }
    *slot = number | hsight__pointer_map_half(address);
    return true;
}
