/* SPDX-License-Identifier: MIT */
/* reach.c - blocks are marked, from the memory of objects on.
 *
 * The GIL keeps objects and their buffers from being freed; other blocks may come and go. So memory
 * is read through own_memory.c, and the size of a block when it is needed.
 *
 * I1  a block is in `pending` at most once, when its bit (or that of its long block) is set; only
 *     objects of the kind that variables lead to may come again */
#include "trace/reach_parts.h"

#include "base/error.h"

#include <string.h>

/* ---- where an address leads ---- */

static const hsight__region *find_region(hsight_reach *reach, uint64_t address)
{
    uint64_t number = address / HSIGHT__REGION_BYTES;
    hsight__met_region *met = &reach->met[number % HSIGHT__MET_REGIONS];
    if (met->number != number) {
        uint32_t place = hsight__map_get(&reach->region_of, number);
        const hsight__region *all = reach->regions.data;
        *met = (hsight__met_region){number, place != 0 ? &all[place - 1] : NULL};
    }
    return met->region;
}

static bool is_set(const uint64_t *bits, size_t at)
{
    return (bits[at / 64] >> at % 64 & 1) != 0;
}

static size_t place_of(uint64_t address)
{
    return (size_t)(address % HSIGHT__REGION_BYTES) / HSIGHT__GRANULE_BYTES;
}

/* The last place at or before `at`, but not before the one that HSIGHT__LONG_BYTES lead back to,
 * where a block begins; SIZE_MAX: none. */
static size_t last_begin(const uint64_t *begins, size_t at)
{
    size_t word = at / 64,
           first = word > HSIGHT__LONG_BYTES / 1024 ? word - HSIGHT__LONG_BYTES / 1024 : 0;
    uint64_t bits = begins[word] & (UINT64_MAX >> (63 - at % 64));
    while (bits == 0 && word > first) {
        bits = begins[--word];
    }
    return bits == 0 ? SIZE_MAX : word * 64 + 63 - (size_t)__builtin_clzll(bits);
}

static uint64_t bytes_at(const hsight_reach *reach, const hsight__region *in, size_t at)
{
    hsight__lock_take(&reach->tracer->lock);
    uint64_t bytes = hsight__slot_read(&in->slots[at]).bytes;
    hsight__lock_release(&reach->tracer->lock);
    return bytes;
}

/* The functions that mark are false where no block is known, or it was marked before. */
static bool mark_place(const hsight__region *in, size_t at)
{
    bool was_seen = is_set(in->seen, at);
    in->seen[at / 64] |= UINT64_C(1) << at % 64;
    return !was_seen;
}

static hsight__long_block *find_long(const hsight_reach *reach, uint64_t address)
{
    hsight__long_block *all = reach->longs.data;
    size_t low = 0, high = reach->longs.count;
    while (low < high) { /* the first one behind the address */
        size_t middle = low + (high - low) / 2;
        if (all[middle].begin <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && address - all[low - 1].begin < all[low - 1].bytes ? &all[low - 1] : NULL;
}

static bool mark_long(hsight_reach *reach, uint64_t address, hsight__span *out)
{
    hsight__long_block *found = find_long(reach, address);
    if (found == NULL) {
        return false;
    }
    *out = (hsight__span){found->begin, found->bytes};
    if (!found->is_side) {
        return mark_place(find_region(reach, found->begin), place_of(found->begin));
    }
    bool was_seen = found->is_seen;
    found->is_seen = true;
    return !was_seen;
}

/* Mark the block that an address lies in. Where one begins, a tag in the low bits counts too,
 * however few bytes it has. */
static inline bool mark(hsight_reach *reach, uint64_t address, hsight__span *out)
{
    const hsight__region *in = find_region(reach, address);
    if (in == NULL) {
        return mark_long(reach, address, out);
    }
    size_t here = place_of(address), at = last_begin(in->begins, here);
    if (at == SIZE_MAX) {
        return mark_long(reach, address, out);
    }
    if (is_set(in->seen, at) && !reach->has_side_blocks) {
        return false; /* blocks do not overlap: no other one of the map reaches over its begin */
    }
    uint64_t begin = in->base + at * HSIGHT__GRANULE_BYTES, bytes = bytes_at(reach, in, at);
    if (at != here && address - begin >= bytes) {
        return mark_long(reach, address, out);
    }
    *out = (hsight__span){begin, bytes};
    return mark_place(in, at);
}

/* ---- following ---- */

static bool is_object(hsight_reach *reach, uint64_t at, const hsight_reach_object *kind)
{
    uintptr_t mark;
    size_t bytes;
    const void *read = hsight__own_memory_read(reach->memory, at + kind->mark_offset, &bytes);
    if (read == NULL || bytes < sizeof mark) { /* objects are aligned: none has half a word here */
        return false;
    }
    memcpy(&mark, read, sizeof mark);
    return mark == kind->mark;
}

/* A block that a word leads to for the first time becomes pending; or else an old object there. */
static hsight_status follow_word(hsight_reach *reach, uintptr_t word,
                                 const hsight_reach_object *old_object, hsight_error *err)
{
    if (word >> HSIGHT__ADDRESS_BITS != 0 || word < HSIGHT__COPY_BYTES) {
        return HSIGHT_OK;
    }
    hsight__span found;
    bool is_pending = mark(reach, word, &found);
    if (is_pending) {
        reach->led_bytes += found.bytes;
    } else if (old_object != NULL && is_object(reach, word, old_object)) {
        found = (hsight__span){word, old_object->bytes};
        is_pending = true;
    }
    return is_pending ? hsight__vec_push(&reach->pending, &found, err) : HSIGHT_OK;
}

/* Up to the first page that cannot be read: what is alive has none, and what is gone no more to
 * say. */
static hsight_status follow_span(hsight_reach *reach, hsight__span of,
                                 const hsight_reach_object *old_object, hsight_error *err)
{
    const size_t step = sizeof(uintptr_t);
    uint64_t at = (of.begin + step - 1) & ~(uint64_t)(step - 1), end;
    if (__builtin_add_overflow(of.begin, of.bytes, &end)) {
        end = UINT64_MAX;
    }
    hsight_status status = HSIGHT_OK;
    while (at < end && status == HSIGHT_OK) {
        uintptr_t words[HSIGHT__COPY_BYTES / sizeof(uintptr_t)]; /* the copy is lent for a moment */
        size_t bytes;
        const void *copy = hsight__own_memory_read(reach->memory, at, &bytes);
        if (copy == NULL) {
            return HSIGHT_OK;
        }
        bytes = bytes < end - at ? bytes : (size_t)(end - at);
        memcpy(words, copy, bytes / step * step);
        for (size_t i = 0; i < bytes / step && status == HSIGHT_OK; i++) {
            status = follow_word(reach, words[i], old_object, err);
        }
        at += bytes;
    }
    return status;
}

static bool is_ignored(hsight_reach *reach, hsight__span block)
{
    for (size_t i = 0; i < reach->ignored_count; i++) {
        const hsight_reach_object *kind = &reach->ignored[i];
        if (block.bytes >= kind->bytes && is_object(reach, block.begin, kind)) {
            return true;
        }
    }
    return false;
}

static hsight_status follow_pending(hsight_reach *reach, hsight_error *err)
{
    hsight_status status = HSIGHT_OK;
    while (reach->pending.count != 0 && status == HSIGHT_OK) {
        hsight__span next = ((const hsight__span *)reach->pending.data)[--reach->pending.count];
        status = is_ignored(reach, next) ? HSIGHT_OK : follow_span(reach, next, NULL, err);
    }
    return status;
}

void hsight_reach_ignore(hsight_reach *reach, const hsight_reach_object *kinds, size_t count)
{
    reach->ignored = kinds;
    reach->ignored_count = count;
}

hsight_status hsight_reach_meet(hsight_reach *reach, const void *begin, hsight_error *err)
{
    uint64_t address = (uint64_t)(uintptr_t)begin;
    const hsight__region *in = find_region(reach, address);
    if (in != NULL && is_set(in->begins, place_of(address))) {
        (void)mark_place(in, place_of(address));
        return HSIGHT_OK;
    }
    hsight__span found; /* a block that has more than this object, or of the side table */
    return mark(reach, address, &found) ? hsight__vec_push(&reach->pending, &found, err)
                                        : HSIGHT_OK;
}

void hsight_reach_pass(hsight_reach *reach, const void *buffer)
{
    hsight__span found;
    if (mark(reach, (uint64_t)(uintptr_t)buffer, &found)) {
        reach->led_bytes += found.bytes;
    }
}

uint64_t hsight_reach_block_bytes(hsight_reach *reach, const void *begin)
{
    uint64_t address = (uint64_t)(uintptr_t)begin;
    const hsight__region *in = find_region(reach, address);
    bool is_known =
        in != NULL && address % HSIGHT__GRANULE_BYTES == 0 && is_set(in->begins, place_of(address));
    return is_known ? bytes_at(reach, in, place_of(address)) : 0;
}

uint64_t hsight_reach_led_bytes(const hsight_reach *reach)
{
    return reach->led_bytes;
}

/* The block that begins there, or, where it is not known, what the object says. */
static hsight__span memory_of(hsight_reach *reach, const void *begin, size_t bytes)
{
    uint64_t known = hsight_reach_block_bytes(reach, begin);
    return (hsight__span){(uint64_t)(uintptr_t)begin, known != 0 ? known : bytes};
}

hsight_status hsight_reach_follow(hsight_reach *reach, const void *begin, size_t bytes,
                                  hsight_error *err)
{
    hsight__span of = memory_of(reach, begin, bytes);
    hsight_status status = follow_span(reach, of, NULL, err);
    return status == HSIGHT_OK ? follow_pending(reach, err) : status;
}

hsight_status hsight_reach_follow_variables(hsight_reach *reach, const void *begin, size_t bytes,
                                            const hsight_reach_object *old_object,
                                            hsight_error *err)
{
    hsight__span of = {(uint64_t)(uintptr_t)begin, bytes};
    hsight_status status = follow_span(reach, of, old_object, err);
    return status == HSIGHT_OK ? follow_pending(reach, err) : status;
}
