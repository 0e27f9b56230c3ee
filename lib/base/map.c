/* SPDX-License-Identifier: MIT */
/* map.c - uint64_t to uint32_t by open addressing with linear probing.
 *
 * I1  slots.count is 0 or a power of two, at most two thirds of them taken
 * I2  a slot is free exactly when its value is 0
 * I3  a key is in at most one slot, which a probe from its hash reaches over taken slots only
 *
 * 16 bytes a slot, owned by the map; amortised O(1) a call. */
#include "base/map.h"

#include "base/hash.h"

typedef struct {
    uint64_t key;
    uint32_t value;
} slot;

enum { FIRST_SLOTS = 32 };

void hsight__map_init(hsight__map *map, const hsight_allocator *allocator)
{
    hsight__vec_init(&map->slots, allocator, sizeof(slot));
    map->count = 0;
    map->seed = hsight__hash_seed();
}

void hsight__map_free(hsight__map *map)
{
    hsight__vec_free(&map->slots);
    map->count = 0;
}

/* The slot of `key`, or the free one where it belongs. */
static slot *probe(const hsight__vec *slots, uint64_t seed, uint64_t key)
{
    slot *all = slots->data;
    size_t mask = slots->count - 1;
    size_t at = (size_t)hsight__hash_u64(seed, key) & mask;
    while (all[at].value != 0 && all[at].key != key) {
        at = (at + 1) & mask;
    }
    return &all[at];
}

uint32_t hsight__map_get(const hsight__map *map, uint64_t key)
{
    return map->count == 0 ? 0 : probe(&map->slots, map->seed, key)->value;
}

static hsight_status reserve(hsight__map *map, hsight_error *err)
{
    size_t have = map->slots.count;
    if (map->count < have / 3 * 2) {
        return HSIGHT_OK;
    }
    hsight__vec grown;
    hsight__vec_init(&grown, map->slots.allocator, sizeof(slot));
    hsight_status status = hsight__vec_append_zeros(&grown, have ? have * 2 : FIRST_SLOTS, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    const slot *old = map->slots.data;
    for (size_t i = 0; i < have; i++) {
        if (old[i].value != 0) {
            *probe(&grown, map->seed, old[i].key) = old[i];
        }
    }
    hsight__vec_free(&map->slots);
    map->slots = grown;
    return HSIGHT_OK;
}

uint32_t *hsight__map_put(hsight__map *map, uint64_t key, hsight_error *err)
{
    if (reserve(map, err) != HSIGHT_OK) {
        return NULL;
    }
    slot *found = probe(&map->slots, map->seed, key);
    if (found->value == 0) {
        found->key = key;
        map->count++;
    }
    return &found->value;
}
