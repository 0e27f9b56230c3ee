/* SPDX-License-Identifier: MIT */
/* reach_blocks.c - the blocks that are alive when a search begins, and those it did not reach.
 *
 * I1  regions and long blocks are ascending
 * I2  pages of the block map that nothing was ever written to are not read, so they take no memory
 *
 * O(heap / 16) slots read. The search owns its bitmaps and lists, from the tracer's allocator. */
#include "trace/live_slots.h"
#include "trace/reach_parts.h"
#include "trace/reach_sums.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    hsight_reach *reach;
    hsight_status status;
    hsight_error *err;
} collecting;

static const size_t BITS_BYTES = 2 * (size_t)HSIGHT__REACH_WORDS * sizeof(uint64_t);

/* ---- what is alive ---- */

static bool is_long(const hsight__region *in, uint64_t begin, uint64_t bytes)
{
    return bytes > HSIGHT__LONG_BYTES || begin + bytes > in->base + HSIGHT__REGION_BYTES;
}

typedef struct {
    hsight_reach *reach;
    const hsight__region *in;
    hsight_status status;
    hsight_error *err;
} filling;

/* After a failure the rest is passed over. */
static void fill(const hsight__live_block *blocks, size_t count, void *state)
{
    filling *job = state;
    for (size_t i = 0; i < count && job->status == HSIGHT_OK; i++) {
        hsight__long_block found = {blocks[i].begin, blocks[i].bytes, false, false};
        size_t at = (size_t)(found.begin - job->in->base) / HSIGHT__GRANULE_BYTES;
        job->in->begins[at / 64] |= UINT64_C(1) << at % 64;
        if (is_long(job->in, found.begin, found.bytes)) {
            job->status = hsight__vec_push(&job->reach->longs, &found, job->err);
        }
    }
}

static hsight_status fill_region(hsight_reach *reach, const hsight__region *in, hsight_error *err)
{
    filling job = {reach, in, HSIGHT_OK, err};
    hsight__live_slots(reach->tracer, reach->memory, in->slots, in->base, fill, &job);
    return job.status;
}

static hsight_status enter_region(hsight_reach *reach, const hsight__region *made,
                                  hsight_error *err)
{
    hsight_status status = hsight__vec_push(&reach->regions, made, err);
    if (status != HSIGHT_OK) {
        reach->allocator->release(reach->allocator->state, made->begins, BITS_BYTES);
        return status;
    }
    uint32_t *place = hsight__map_put(&reach->region_of, made->base / HSIGHT__REGION_BYTES, err);
    if (place == NULL) {
        return HSIGHT_ENOMEM;
    }
    *place = (uint32_t)reach->regions.count;
    return HSIGHT_OK;
}

static void add_region(hsight__slot *leaf, uint64_t base, void *state)
{
    collecting *job = state;
    hsight_reach *reach = job->reach;
    if (job->status != HSIGHT_OK) {
        return;
    }
    uint64_t *bits = reach->allocator->allocate(reach->allocator->state, BITS_BYTES);
    if (bits == NULL) {
        job->status = hsight__fail_memory(job->err, BITS_BYTES);
        return;
    }
    memset(bits, 0, BITS_BYTES);
    hsight__region made = {base, leaf, bits, bits + HSIGHT__REACH_WORDS};
    job->status = enter_region(reach, &made, job->err);
    if (job->status == HSIGHT_OK) {
        job->status = fill_region(reach, &made, job->err);
    }
}

/* The tracer is locked. */
static hsight_status add_side_blocks(hsight_reach *reach, hsight_error *err)
{
    const hsight__side_table *side = &reach->tracer->blocks.side;
    hsight_status status = HSIGHT_OK;
    const void *address;
    for (size_t at = 0; status == HSIGHT_OK && hsight__side_table_next(side, &at, &address);) {
        hsight__block block = hsight__side_table_get(side, address);
        hsight__long_block found = {(uint64_t)(uintptr_t)address, block.bytes, true, false};
        if (block.stack != 0) {
            reach->has_side_blocks = true;
            status = hsight__vec_push(&reach->longs, &found, err);
        }
    }
    return status;
}

static int compare_longs(const void *a, const void *b)
{
    uint64_t first = ((const hsight__long_block *)a)->begin;
    uint64_t second = ((const hsight__long_block *)b)->begin;
    return (first > second) - (first < second);
}

static hsight_status collect(hsight_reach *reach, hsight_error *err)
{
    collecting job = {reach, HSIGHT_OK, err};
    hsight__block_map_visit(&reach->tracer->blocks.map, add_region, &job);
    if (job.status == HSIGHT_OK) {
        hsight__lock_take(&reach->tracer->lock);
        job.status = add_side_blocks(reach, err);
        hsight__lock_release(&reach->tracer->lock);
    }
    if (job.status == HSIGHT_OK && reach->longs.count != 0) {
        qsort(reach->longs.data, reach->longs.count, sizeof(hsight__long_block), compare_longs);
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
    for (size_t i = 0; i < HSIGHT__MET_REGIONS; i++) {
        reach->met[i].number = UINT64_MAX; /* of no region */
    }
    reach->tracer = tracer;
    reach->allocator = allocator;
    hsight__vec_init(&reach->regions, allocator, sizeof(hsight__region));
    hsight__map_init(&reach->region_of, allocator);
    hsight__vec_init(&reach->longs, allocator, sizeof(hsight__long_block));
    hsight__vec_init(&reach->pending, allocator, sizeof(hsight__span));
    hsight_status status = hsight__own_memory_new(allocator, &reach->memory, err);
    if (status == HSIGHT_OK) {
        status = collect(reach, err);
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
    const hsight__region *all = reach->regions.data;
    for (size_t i = 0; i < reach->regions.count; i++) {
        allocator->release(allocator->state, all[i].begins, BITS_BYTES);
    }
    hsight__vec_free(&reach->regions);
    hsight__map_free(&reach->region_of);
    hsight__vec_free(&reach->longs);
    hsight__vec_free(&reach->pending);
    hsight__own_memory_free(reach->memory);
    allocator->release(allocator->state, reach, sizeof *reach);
}

/* ---- what is left ---- */

typedef struct {
    uint64_t begin;
    hsight__block block;
} left_block;

/* What nothing led to in HSIGHT__SLOT_GROUP places of a region, and is alive; returns how many. The
 * tracer is not locked any more when they are looked at. */
static size_t read_unseen(const hsight_reach *reach, const hsight__region *in, size_t word,
                          left_block out[HSIGHT__SLOT_GROUP])
{
    uint64_t left = in->begins[word] & ~in->seen[word];
    size_t count = 0;
    if (left == 0) {
        return 0;
    }
    hsight__lock_take(&reach->tracer->lock);
    for (; left != 0; left &= left - 1) {
        size_t at = word * HSIGHT__SLOT_GROUP + (size_t)__builtin_ctzll(left);
        hsight__block block = hsight__slot_read(&in->slots[at]);
        if (block.stack != 0) {
            out[count++] = (left_block){in->base + at * HSIGHT__GRANULE_BYTES, block};
        }
    }
    hsight__lock_release(&reach->tracer->lock);
    return count;
}

/* The same of one block of the side table, as it is now: another one may begin there. */
static bool read_unseen_side_block(const hsight_reach *reach, const hsight__long_block *from,
                                   left_block *out)
{
    if (!from->is_side || from->is_seen) {
        return false;
    }
    const void *address = (const void *)(uintptr_t)from->begin;
    hsight__lock_take(&reach->tracer->lock);
    *out = (left_block){from->begin, hsight__side_table_get(&reach->tracer->blocks.side, address)};
    hsight__lock_release(&reach->tracer->lock);
    return out->block.stack != 0;
}

typedef void (*left_visitor)(const hsight_reach *reach, const left_block *left, void *state);

static void each_unseen(const hsight_reach *reach, left_visitor visit, void *state)
{
    const hsight__region *regions = reach->regions.data;
    left_block left[HSIGHT__SLOT_GROUP];
    for (size_t i = 0; i < reach->regions.count; i++) {
        for (size_t word = 0; word < HSIGHT__REACH_WORDS; word++) {
            size_t count = read_unseen(reach, &regions[i], word, left);
            for (size_t at = 0; at < count; at++) {
                visit(reach, &left[at], state);
            }
        }
    }
    const hsight__long_block *longs = reach->longs.data;
    for (size_t i = 0; i < reach->longs.count; i++) {
        if (read_unseen_side_block(reach, &longs[i], left)) {
            visit(reach, left, state);
        }
    }
}

typedef struct {
    hsight_block_visitor visit;
    void *state;
} native_call;

static void call_visitor(const hsight_reach *reach, const left_block *left, void *state)
{
    const native_call *call = state;
    const hsight_block_reader reader = {reach->memory};
    call->visit(&reader, left->begin, left->block.bytes, call->state);
}

void hsight_reach_each_native(hsight_reach *reach, hsight_block_visitor visit, void *state)
{
    native_call call = {visit, state};
    each_unseen(reach, call_visitor, &call);
}

static void add_to_sums(const hsight_reach *reach, const left_block *left, void *state)
{
    (void)reach;
    hsight__vec *sums = state;
    if (left->block.stack < sums->count) {
        hsight__reach_sum *sum = (hsight__reach_sum *)sums->data + left->block.stack;
        sum->bytes += left->block.bytes;
        sum->blocks++;
    }
}

void hsight__reach_sum_native(const hsight_reach *reach, hsight__vec *sums)
{
    each_unseen(reach, add_to_sums, sums);
}
