/* SPDX-License-Identifier: MIT */
/* strings.c - the interning string table.
 *
 *     slots    [ . . {hash, id} . {hash, id} . . . ]     linear probing, id 0 = free
 *     offsets  [ 0 0 4 9 ... ]                           string 0 is "", string 1 is bytes[0..4)
 *     bytes    [ n a m e c o u n t ... ]
 *
 * I1  offsets[0] == offsets[1] == 0, offsets never descend, the last one is bytes.count
 * I2  every id but 0 is in exactly one slot, which a probe from its hash reaches
 * I3  at most three quarters of the slots are taken
 *
 * The low 32 bits of the hash are kept in the slot: growing never reads a string again, and a probe
 * compares bytes only where they match. About 16 bytes a string besides its bytes; the slots are
 * given back by hsight__strings_freeze(). */
#include "base/strings.h"

#include "base/hash.h"

#include <assert.h>
#include <string.h>

typedef struct {
    uint32_t hash;
    uint32_t id;
} slot;

enum { FIRST_SLOTS = 64 };

hsight_status hsight__strings_init(hsight__strings *strings, const hsight_allocator *allocator,
                                   hsight_error *err)
{
    hsight__vec_init(&strings->bytes, allocator, 1);
    hsight__vec_init(&strings->offsets, allocator, sizeof(uint64_t));
    hsight__vec_init(&strings->slots, allocator, sizeof(slot));
    strings->seed = hsight__hash_seed();
    return hsight__vec_append_zeros(&strings->offsets, 2, err);
}

void hsight__strings_free(hsight__strings *strings)
{
    hsight__vec_free(&strings->slots);
    hsight__vec_free(&strings->offsets);
    hsight__vec_free(&strings->bytes);
}

hsight_string hsight__strings_get(const hsight__strings *strings, uint32_t id)
{
    assert(id <= hsight__strings_count(strings));
    const uint64_t *offsets = strings->offsets.data;
    size_t length = (size_t)(offsets[id + 1] - offsets[id]);
    if (length == 0) {
        return (hsight_string){"", 0};
    }
    return (hsight_string){(const char *)strings->bytes.data + offsets[id], length};
}

/* The slot that holds this string, or the free one where it belongs. */
static slot *probe(const hsight__strings *strings, uint32_t hash, const char *data, size_t length)
{
    slot *slots = strings->slots.data;
    size_t mask = strings->slots.count - 1;
    for (size_t at = hash & mask;; at = (at + 1) & mask) {
        if (slots[at].id == 0) {
            return &slots[at];
        }
        if (slots[at].hash == hash) {
            hsight_string known = hsight__strings_get(strings, slots[at].id);
            if (known.length == length && memcmp(known.data, data, length) == 0) {
                return &slots[at];
            }
        }
    }
}

static void rehash(const hsight__vec *from, hsight__vec *to)
{
    const slot *old = from->data;
    slot *slots = to->data;
    size_t mask = to->count - 1;
    for (size_t i = 0; i < from->count; i++) {
        if (old[i].id != 0) {
            size_t at = old[i].hash & mask;
            while (slots[at].id != 0) {
                at = (at + 1) & mask;
            }
            slots[at] = old[i];
        }
    }
}

/* Keep I3 for one more string. */
static hsight_status reserve_slot(hsight__strings *strings, hsight_error *err)
{
    size_t have = strings->slots.count;
    if (hsight__strings_count(strings) + 1 <= have / 4 * 3) {
        return HSIGHT_OK;
    }
    hsight__vec grown;
    hsight__vec_init(&grown, strings->slots.allocator, sizeof(slot));
    hsight_status status = hsight__vec_append_zeros(&grown, have ? have * 2 : FIRST_SLOTS, err);
    if (status == HSIGHT_OK) {
        rehash(&strings->slots, &grown);
        hsight__vec_free(&strings->slots);
        strings->slots = grown;
    }
    return status;
}

static hsight_status reserve(hsight__strings *strings, size_t length, hsight_error *err)
{
    hsight_status status = hsight__vec_reserve(&strings->offsets, 1, err);
    if (status == HSIGHT_OK) {
        status = hsight__vec_reserve(&strings->bytes, length, err);
    }
    return status == HSIGHT_OK ? reserve_slot(strings, err) : status;
}

/* Everything is reserved: cannot fail. */
static uint32_t add(hsight__strings *strings, uint32_t hash, const char *data, size_t length)
{
    slot *free_slot = probe(strings, hash, data, length);
    uint32_t id = hsight__strings_count(strings) + 1;
    memcpy((char *)strings->bytes.data + strings->bytes.count, data, length);
    strings->bytes.count += length;
    ((uint64_t *)strings->offsets.data)[strings->offsets.count++] = strings->bytes.count;
    *free_slot = (slot){hash, id};
    return id;
}

hsight_status hsight__strings_intern(hsight__strings *strings, const char *data, size_t length,
                                     uint32_t *out, hsight_error *err)
{
    if (length == 0) {
        *out = 0;
        return HSIGHT_OK;
    }
    uint32_t hash = (uint32_t)hsight__hash_bytes(strings->seed, data, length);
    if (strings->slots.count > 0) {
        const slot *found = probe(strings, hash, data, length);
        if (found->id != 0) {
            *out = found->id;
            return HSIGHT_OK;
        }
    }
    if (hsight__strings_count(strings) >= HSIGHT__STRING_COUNT_MAX) {
        return hsight__fail(err, HSIGHT_ELIMIT, "more than %u different strings",
                            HSIGHT__STRING_COUNT_MAX);
    }
    hsight_status status = reserve(strings, length, err);
    if (status == HSIGHT_OK) {
        *out = add(strings, hash, data, length);
    }
    return status;
}

void hsight__strings_shrink(hsight__strings *strings)
{
    hsight__vec_shrink(&strings->bytes);
    hsight__vec_shrink(&strings->offsets);
}

void hsight__strings_freeze(hsight__strings *strings)
{
    hsight__vec_free(&strings->slots);
}
