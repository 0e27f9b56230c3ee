/* SPDX-License-Identifier: MIT */
/* reach.c - blocks are marked from objects on; what is left is native.
 *
 *   region  8 MiB of addresses, as a leaf of the block map
 *           begins: a bit for every 16 bytes, set where a block began when the search did
 *           seen:   the same, set once something leads to that block
 *   long    by address: blocks that the search back through `begins` would be slow for or that
 *           reach into another region, and those of the side table
 *
 * The GIL keeps objects and their buffers from being freed; other blocks may come and go. So memory
 * is read through own_memory.c, and sizes and stacks are read from the block map when they are
 * needed, with what was true at some moment.
 *
 * I1  a block is in `pending` at most once, when its bit (or that of its long_block) is set; only
 *     objects of the kind that variables lead to may come again
 * I2  regions are ascending, long blocks too */
#include "trace/reach_sums.h"

#include "base/error.h"
#include "trace/own_memory.h"
#include "trace/tracer_parts.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS = HSIGHT__LEAF_SLOTS / 64 };

#define REGION_BYTES (UINT64_C(1) << HSIGHT__LEAF_SHIFT)
#define LONG_BYTES   (UINT64_C(64) << 10) /* 64 words of `begins` */

typedef struct {
    uint64_t base;
    const hsight__slot *slots;
    uint64_t *begins; /* WORDS, and as many for `seen` behind them */
    uint64_t *seen;
} region;

typedef struct {
    uint64_t begin;
    uint64_t bytes;
    uint32_t stack; /* of a block of the side table; 0: in a region */
    bool is_seen;   /* the same */
} long_block;

typedef struct {
    uint64_t begin;
    uint64_t bytes;
} span;

enum { MET = 256 };

typedef struct {
    uint64_t number; /* base / REGION_BYTES */
    const region *region;
} met_region;

struct hsight_reach {
    const hsight_allocator *allocator;
    hsight__own_memory *memory;
    hsight__vec regions;   /* region */
    hsight__map region_of; /* base / REGION_BYTES -> place in regions + 1 */
    hsight__vec longs;     /* long_block */
    bool has_side_blocks;  /* rare: some in `longs` are those of the side table */
    hsight__vec pending;   /* span: to be looked into */
    const hsight_reach_object *ignored;
    size_t ignored_count;
    met_region met[MET]; /* by number: found lately */
};

/* ---- what is alive ---- */

typedef struct {
    hsight_reach *reach;
    hsight_status status;
    hsight_error *err;
} collecting;

static uint64_t *new_bits(const hsight_allocator *allocator, hsight_error *err)
{
    size_t bytes = 2 * WORDS * sizeof(uint64_t);
    uint64_t *bits = allocator->allocate(allocator->state, bytes);
    if (bits == NULL) {
        (void)hsight__fail_memory(err, bytes);
    } else {
        memset(bits, 0, bytes);
    }
    return bits;
}

static hsight_status fill_region(hsight_reach *reach, const region *made, hsight_error *err)
{
    hsight_status status = HSIGHT_OK;
    for (size_t i = 0; i < HSIGHT__LEAF_SLOTS && status == HSIGHT_OK; i++) {
        hsight__block block = hsight__slot_read(&made->slots[i]);
        if (block.stack == 0) {
            continue;
        }
        made->begins[i / 64] |= UINT64_C(1) << i % 64;
        uint64_t begin = made->base + i * HSIGHT__GRANULE_BYTES;
        if (block.bytes > LONG_BYTES || begin + block.bytes > made->base + REGION_BYTES) {
            long_block found = {begin, block.bytes, 0, false};
            status = hsight__vec_push(&reach->longs, &found, err);
        }
    }
    return status;
}

static void add_region(hsight__slot *leaf, uint64_t base, void *state)
{
    collecting *job = state;
    hsight_reach *reach = job->reach;
    if (job->status != HSIGHT_OK) {
        return;
    }
    region made = {.base = base, .slots = leaf, .begins = new_bits(reach->allocator, job->err)};
    if (made.begins == NULL) {
        job->status = HSIGHT_ENOMEM;
        return;
    }
    made.seen = made.begins + WORDS;
    job->status = hsight__vec_push(&reach->regions, &made, job->err);
    if (job->status != HSIGHT_OK) {
        reach->allocator->release(reach->allocator->state, made.begins,
                                  2 * WORDS * sizeof(uint64_t));
        return;
    }
    uint32_t *place = hsight__map_put(&reach->region_of, base / REGION_BYTES, job->err);
    if (place == NULL) {
        job->status = HSIGHT_ENOMEM;
        return;
    }
    *place = (uint32_t)reach->regions.count;
    job->status = fill_region(reach, &made, job->err);
}

/* The tracer is locked. */
static hsight_status add_side_blocks(hsight_reach *reach, const hsight__side_table *side,
                                     hsight_error *err)
{
    hsight_status status = HSIGHT_OK;
    const void *address;
    for (size_t at = 0; status == HSIGHT_OK && hsight__side_table_next(side, &at, &address);) {
        hsight__block block = hsight__side_table_get(side, address);
        long_block found = {(uint64_t)(uintptr_t)address, block.bytes, block.stack, false};
        if (block.stack != 0) {
            reach->has_side_blocks = true;
            status = hsight__vec_push(&reach->longs, &found, err);
        }
    }
    return status;
}

static int compare_longs(const void *a, const void *b)
{
    uint64_t first = ((const long_block *)a)->begin, second = ((const long_block *)b)->begin;
    return (first > second) - (first < second);
}

static hsight_status collect(hsight_reach *reach, hsight_tracer *tracer, hsight_error *err)
{
    collecting job = {reach, HSIGHT_OK, err};
    hsight__block_map_visit(&tracer->blocks.map, add_region, &job);
    if (job.status == HSIGHT_OK) {
        hsight__lock_take(&tracer->lock);
        job.status = add_side_blocks(reach, &tracer->blocks.side, err);
        hsight__lock_release(&tracer->lock);
    }
    if (job.status == HSIGHT_OK && reach->longs.count != 0) {
        qsort(reach->longs.data, reach->longs.count, sizeof(long_block), compare_longs);
    }
    return job.status;
}

hsight_status hsight_reach_new(hsight_tracer *tracer, hsight_reach **out, hsight_error *err)
{
    if (hsight_tracer_mode(tracer) != HSIGHT_TRACE_EXACT) {
        return hsight__fail(err, HSIGHT_EINVAL, "native blocks are known in mode exact only");
    }
    const hsight_allocator *allocator = tracer->memory.allocator;
    hsight_reach *reach = allocator->allocate(allocator->state, sizeof *reach);
    if (reach == NULL) {
        return hsight__fail_memory(err, sizeof *reach);
    }
    memset(reach, 0, sizeof *reach);
    for (size_t i = 0; i < MET; i++) {
        reach->met[i].number = UINT64_MAX; /* of no region */
    }
    reach->allocator = allocator;
    hsight__vec_init(&reach->regions, allocator, sizeof(region));
    hsight__map_init(&reach->region_of, allocator);
    hsight__vec_init(&reach->longs, allocator, sizeof(long_block));
    hsight__vec_init(&reach->pending, allocator, sizeof(span));
    hsight_status status = hsight__own_memory_new(allocator, &reach->memory, err);
    if (status == HSIGHT_OK) {
        status = collect(reach, tracer, err);
    }
    if (status != HSIGHT_OK) {
        hsight_reach_free(reach);
        return status;
    }
    *out = reach;
    return HSIGHT_OK;
}

void hsight_reach_free(hsight_reach *reach)
{
    if (reach == NULL) {
        return;
    }
    const hsight_allocator *allocator = reach->allocator;
    const region *all = reach->regions.data;
    for (size_t i = 0; i < reach->regions.count; i++) {
        allocator->release(allocator->state, all[i].begins, 2 * WORDS * sizeof(uint64_t));
    }
    hsight__vec_free(&reach->regions);
    hsight__map_free(&reach->region_of);
    hsight__vec_free(&reach->longs);
    hsight__vec_free(&reach->pending);
    hsight__own_memory_free(reach->memory);
    allocator->release(allocator->state, reach, sizeof *reach);
}

/* ---- where an address leads ---- */

static const region *find_region(hsight_reach *reach, uint64_t address)
{
    uint64_t number = address / REGION_BYTES;
    met_region *met = &reach->met[number % MET];
    if (met->number != number) {
        uint32_t place = hsight__map_get(&reach->region_of, number);
        const region *all = reach->regions.data;
        *met = (met_region){number, place != 0 ? &all[place - 1] : NULL};
    }
    return met->region;
}

static bool is_set(const uint64_t *bits, size_t at)
{
    return (bits[at / 64] >> at % 64 & 1) != 0;
}

static size_t place_of(uint64_t address)
{
    return (size_t)(address % REGION_BYTES) / HSIGHT__GRANULE_BYTES;
}

/* The last place at or before `at`, but not before the one that LONG_BYTES lead back to, where a
 * block begins; SIZE_MAX: none. */
static size_t last_begin(const uint64_t *begins, size_t at)
{
    size_t word = at / 64, first = word > LONG_BYTES / 1024 ? word - LONG_BYTES / 1024 : 0;
    uint64_t bits = begins[word] & (UINT64_MAX >> (63 - at % 64));
    while (bits == 0 && word > first) {
        bits = begins[--word];
    }
    return bits == 0 ? SIZE_MAX : word * 64 + 63 - (size_t)__builtin_clzll(bits);
}

static uint64_t bytes_at(const region *in, size_t at)
{
    return hsight__slot_read(&in->slots[at]).bytes;
}

/* The functions that mark are false where no block is known, or it was marked before. */
static bool mark_place(const region *in, size_t at)
{
    bool was_seen = is_set(in->seen, at);
    in->seen[at / 64] |= UINT64_C(1) << at % 64;
    return !was_seen;
}

static long_block *find_long(const hsight_reach *reach, uint64_t address)
{
    long_block *all = reach->longs.data;
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

static bool mark_long(hsight_reach *reach, uint64_t address, span *out)
{
    long_block *found = find_long(reach, address);
    if (found == NULL) {
        return false;
    }
    *out = (span){found->begin, found->bytes};
    if (found->stack == 0) {
        return mark_place(find_region(reach, found->begin), place_of(found->begin));
    }
    bool was_seen = found->is_seen;
    found->is_seen = true;
    return !was_seen;
}

/* Mark the block that an address lies in. Where one begins, a tag in the low bits counts too,
 * however few bytes it has. */
static inline bool mark(hsight_reach *reach, uint64_t address, span *out)
{
    const region *in = find_region(reach, address);
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
    uint64_t begin = in->base + at * HSIGHT__GRANULE_BYTES, bytes = bytes_at(in, at);
    if (at != here && address - begin >= bytes) {
        return mark_long(reach, address, out);
    }
    *out = (span){begin, bytes};
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
    span found;
    bool is_pending = mark(reach, word, &found);
    if (!is_pending && old_object != NULL && is_object(reach, word, old_object)) {
        found = (span){word, old_object->bytes};
        is_pending = true;
    }
    return is_pending ? hsight__vec_push(&reach->pending, &found, err) : HSIGHT_OK;
}

static hsight_status follow_span(hsight_reach *reach, span of,
                                 const hsight_reach_object *old_object, hsight_error *err)
{
    const size_t step = sizeof(uintptr_t);
    uint64_t at = (of.begin + step - 1) & ~(uint64_t)(step - 1), end = of.begin + of.bytes;
    hsight_status status = HSIGHT_OK;
    while (at < end && status == HSIGHT_OK) {
        uintptr_t words[HSIGHT__COPY_BYTES / sizeof(uintptr_t)]; /* the copy is lent for a moment */
        size_t bytes;
        const void *copy = hsight__own_memory_read(reach->memory, at, &bytes);
        bytes = bytes < end - at ? bytes : (size_t)(end - at);
        size_t count = copy != NULL ? bytes / step : 0;
        if (count != 0) {
            memcpy(words, copy, count * step);
        }
        for (size_t i = 0; i < count && status == HSIGHT_OK; i++) {
            status = follow_word(reach, words[i], old_object, err);
        }
        at += bytes;
    }
    return status;
}

static bool is_ignored(hsight_reach *reach, span block)
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
        span next = ((const span *)reach->pending.data)[--reach->pending.count];
        status = is_ignored(reach, next) ? HSIGHT_OK : follow_span(reach, next, NULL, err);
    }
    return status;
}

void hsight_reach_ignore(hsight_reach *reach, const hsight_reach_object *kinds, size_t count)
{
    reach->ignored = kinds;
    reach->ignored_count = count;
}

void hsight_reach_meet(hsight_reach *reach, const void *begin)
{
    uint64_t address = (uint64_t)(uintptr_t)begin;
    const region *in = find_region(reach, address);
    if (in != NULL && is_set(in->begins, place_of(address))) {
        (void)mark_place(in, place_of(address));
    } else { /* in the block of another object, or of the side table */
        span unused;
        (void)mark(reach, address, &unused);
    }
}

/* The block that begins there, or, where it is not known, what the object says. */
static span memory_of(hsight_reach *reach, uint64_t begin, size_t bytes)
{
    const region *in = find_region(reach, begin);
    bool is_known = in != NULL && is_set(in->begins, place_of(begin));
    return (span){begin, is_known ? bytes_at(in, place_of(begin)) : bytes};
}

hsight_status hsight_reach_follow(hsight_reach *reach, const void *begin, size_t bytes,
                                  hsight_error *err)
{
    span of = memory_of(reach, (uint64_t)(uintptr_t)begin, bytes);
    hsight_status status = follow_span(reach, of, NULL, err);
    return status == HSIGHT_OK ? follow_pending(reach, err) : status;
}

hsight_status hsight_reach_follow_variables(hsight_reach *reach, const void *begin, size_t bytes,
                                            const hsight_reach_object *old_object,
                                            hsight_error *err)
{
    span of = {(uint64_t)(uintptr_t)begin, bytes};
    hsight_status status = follow_span(reach, of, old_object, err);
    return status == HSIGHT_OK ? follow_pending(reach, err) : status;
}

/* ---- what is left ---- */

static void add_block(hsight__vec *sums, uint64_t bytes, uint32_t stack)
{
    if (stack != 0 && stack < sums->count) {
        hsight__reach_sum *sum = (hsight__reach_sum *)sums->data + stack;
        sum->bytes += bytes;
        sum->blocks++;
    }
}

static void add_unseen(const region *in, size_t word, hsight__vec *sums)
{
    for (uint64_t left = in->begins[word] & ~in->seen[word]; left != 0; left &= left - 1) {
        size_t at = word * 64 + (size_t)__builtin_ctzll(left);
        hsight__block block = hsight__slot_read(&in->slots[at]);
        add_block(sums, block.bytes, block.stack);
    }
}

void hsight__reach_sum_native(const hsight_reach *reach, hsight__vec *sums)
{
    const region *regions = reach->regions.data;
    for (size_t i = 0; i < reach->regions.count; i++) {
        for (size_t word = 0; word < WORDS; word++) {
            add_unseen(&regions[i], word, sums);
        }
    }
    const long_block *longs = reach->longs.data;
    for (size_t i = 0; i < reach->longs.count; i++) {
        if (longs[i].stack != 0 && !longs[i].is_seen) {
            add_block(sums, longs[i].bytes, longs[i].stack);
        }
    }
}
