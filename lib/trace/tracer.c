/* SPDX-License-Identifier: MIT */
/* tracer.c - the live tracer: from events of an allocator hook to figures for each stack.
 *
 *   event -> live block (block_map, or side_table behind free_filter) -> stack -> figures
 *
 * The composition of the highest mark costs two stores an event. Whenever the sum of live bytes
 * leaves a mark that was the highest so far, the epoch moves on; a stack that changes for the first
 * time in an epoch keeps what it was before as its share of that mark. A stack that did not change
 * since has its live figures as its share; so has every stack while the sum is still rising.
 *
 * I1  every change is made under the lock; forget() alone looks first, without it, whether
 *     there is anything: its block cannot be entered meanwhile, because it is not free yet
 * I2  totals.live_* are the sums of all stacks' live figures, and of all live blocks' weights
 * I3  totals.peak_bytes >= totals.live_bytes; equal while is_rising
 * I4  a block is in the map or in the side table, never in both; what is in the side table is
 *     in the filter, once
 * I5  map and filter stay mapped until the tracer is freed, so a late lookup reads zeros
 *
 * Memory: block_map.c, side_table.c, stacks.c; all but address space is given back by stop(). */
#include "trace/tracer_parts.h"

#include "base/error.h"
#include "trace/sampler.h"

#include <string.h>
#include <time.h>

uint64_t hsight__tracer_clock_ns(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- memory ---- */

static void *counted_allocate(void *state, size_t bytes)
{
    hsight__counted_memory *memory = state;
    void *block = memory->allocator->allocate(memory->allocator->state, bytes);
    memory->bytes += block != NULL ? bytes : 0;
    return block;
}

static void *counted_resize(void *state, void *block, size_t old_bytes, size_t new_bytes)
{
    hsight__counted_memory *memory = state;
    void *moved = memory->allocator->resize(memory->allocator->state, block, old_bytes, new_bytes);
    memory->bytes += moved != NULL ? new_bytes - old_bytes : 0;
    return moved;
}

static void counted_release(void *state, void *block, size_t bytes)
{
    hsight__counted_memory *memory = state;
    memory->bytes -= bytes;
    memory->allocator->release(memory->allocator->state, block, bytes);
}

hsight_status hsight_tracer_new(const hsight_allocator *allocator, hsight_tracer **out,
                                hsight_error *err)
{
    if (allocator == NULL) {
        allocator = hsight_allocator_default();
    }
    hsight_tracer *tracer = allocator->allocate(allocator->state, sizeof *tracer);
    if (tracer == NULL) {
        return hsight__fail_memory(err, sizeof *tracer);
    }
    memset(tracer, 0, sizeof *tracer);
    tracer->memory.allocator = allocator;
    tracer->counted =
        (hsight_allocator){counted_allocate, counted_resize, counted_release, &tracer->memory};
    hsight__lock_init(&tracer->lock);
    hsight__block_map_init(&tracer->blocks);
    hsight__side_table_init(&tracer->side, &tracer->counted);
    hsight__free_filter_init(&tracer->filter, &tracer->counted);
    *out = tracer;
    return HSIGHT_OK;
}

void hsight_tracer_free(hsight_tracer *tracer)
{
    if (tracer == NULL) {
        return;
    }
    hsight_tracer_stop(tracer);
    hsight__block_map_free(&tracer->blocks);
    hsight__free_filter_free(&tracer->filter);
    const hsight_allocator *allocator = tracer->memory.allocator;
    allocator->release(allocator->state, tracer, sizeof *tracer);
}

void hsight_tracer_lock(hsight_tracer *tracer)
{
    hsight__lock_take(&tracer->lock);
}

void hsight_tracer_unlock(hsight_tracer *tracer)
{
    hsight__lock_release(&tracer->lock);
}

/* ---- start and stop ---- */

hsight_trace_mode hsight_tracer_mode(const hsight_tracer *tracer)
{
    return (hsight_trace_mode)atomic_load_explicit(&tracer->mode, memory_order_relaxed);
}

uint32_t hsight_tracer_frame_limit(const hsight_tracer *tracer)
{
    return atomic_load_explicit(&tracer->frame_limit, memory_order_relaxed);
}

static hsight_status check_options(const hsight_tracer *tracer,
                                   const hsight_tracer_options *options, hsight_error *err)
{
    if (hsight_tracer_mode(tracer) != 0) {
        return hsight__fail(err, HSIGHT_EINVAL, "the tracer is running already");
    }
    if (options->mode < HSIGHT_TRACE_EXACT || options->mode > HSIGHT_TRACE_COUNTS) {
        return hsight__fail(err, HSIGHT_EINVAL, "trace mode %d does not exist", (int)options->mode);
    }
    if (options->frame_limit < 1 || options->frame_limit > HSIGHT_FRAME_LIMIT_MAX) {
        return hsight__fail(err, HSIGHT_EINVAL, "%u frames a stack; 1 to %d are possible",
                            options->frame_limit, HSIGHT_FRAME_LIMIT_MAX);
    }
    if (options->mode == HSIGHT_TRACE_SAMPLED &&
        (options->sample_bytes < 1 || options->sample_bytes > INT64_MAX)) {
        return hsight__fail(err, HSIGHT_EINVAL, "a sample every %llu bytes is not possible",
                            (unsigned long long)options->sample_bytes);
    }
    return HSIGHT_OK;
}

hsight_status hsight_tracer_start(hsight_tracer *tracer, const hsight_tracer_options *options,
                                  hsight_error *err)
{
    hsight__lock_take(&tracer->lock);
    hsight_status status = check_options(tracer, options, err);
    if (status == HSIGHT_OK) {
        status = hsight__stacks_init(&tracer->stacks, &tracer->counted, err);
    }
    if (status == HSIGHT_OK) {
        tracer->options = *options;
        if (options->seed == 0) {
            tracer->options.seed = tracer->stacks.seed;
        }
        tracer->totals = (hsight_trace_figures){0};
        tracer->epoch = 1;
        tracer->is_rising = false;
        tracer->started_ns = hsight__tracer_clock_ns();
        for (size_t i = 0; i < HSIGHT_DOMAIN_COUNT; i++) {
            atomic_store(&tracer->domains[i].allocated_blocks, 0);
            atomic_store(&tracer->domains[i].allocated_bytes, 0);
            atomic_store(&tracer->domains[i].freed_blocks, 0);
        }
        atomic_store(&tracer->frame_limit, options->frame_limit);
        atomic_store(&tracer->thread_count, 0);
        atomic_store(&tracer->dropped_count, 0);
        atomic_fetch_add(&tracer->generation, 1);
        atomic_store(&tracer->mode, (uint32_t)options->mode);
    }
    hsight__lock_release(&tracer->lock);
    return status;
}

void hsight_tracer_stop(hsight_tracer *tracer)
{
    hsight__lock_take(&tracer->lock);
    if (hsight_tracer_mode(tracer) != 0) {
        atomic_store(&tracer->mode, 0);
        hsight__block_map_clear(&tracer->blocks);
        hsight__side_table_free(&tracer->side);
        hsight__free_filter_clear(&tracer->filter);
        hsight__stacks_free(&tracer->stacks);
    }
    hsight__lock_release(&tracer->lock);
}

/* ---- threads ---- */

/* What a thread brought along belongs to an earlier start: it begins anew. The lock is held. */
static void begin_thread(hsight_tracer *tracer, hsight_trace_thread *thread)
{
    uint32_t number = atomic_fetch_add(&tracer->thread_count, 1) + 1;
    *thread = (hsight_trace_thread){
        .generation = atomic_load(&tracer->generation),
        .number = number < HSIGHT__THREAD_MAX ? number : HSIGHT__THREAD_MAX,
        .random = tracer->options.seed + number,
    };
    if (hsight_tracer_mode(tracer) == HSIGHT_TRACE_SAMPLED) {
        thread->countdown = hsight__sample_distance(&thread->random, tracer->options.sample_bytes);
    }
}

static inline bool is_known(const hsight_tracer *tracer, const hsight_trace_thread *thread)
{
    return thread->generation == atomic_load_explicit(&tracer->generation, memory_order_relaxed);
}

bool hsight_tracer_wants(hsight_tracer *tracer, hsight_trace_thread *thread, size_t bytes)
{
    if (!is_known(tracer, thread)) {
        hsight__lock_take(&tracer->lock);
        begin_thread(tracer, thread);
        hsight__lock_release(&tracer->lock);
    }
    thread->countdown -= bytes > 0 ? (int64_t)bytes : 1;
    return thread->countdown <= 0;
}

/* ---- live blocks ---- */

static inline bool fits_map(const hsight_tracer *tracer, const void *block, size_t bytes)
{
    return hsight_tracer_mode(tracer) == HSIGHT_TRACE_EXACT &&
           hsight__block_map_holds(block, bytes);
}

/* What is known of a block, wherever; the lock is held. */
static hsight__block get_block(hsight_tracer *tracer, const void *block)
{
    hsight__slot *slot =
        fits_map(tracer, block, 0) ? hsight__block_map_find(&tracer->blocks, block) : NULL;
    if (slot != NULL && hsight__slot_is_taken(slot)) {
        return hsight__slot_read(slot);
    }
    if (!hsight__free_filter_may_know(&tracer->filter, block)) {
        return (hsight__block){0};
    }
    return hsight__side_table_get(&tracer->side, block);
}

static bool is_empty(const hsight__block *block)
{
    return block->stack == 0 && !block->is_code;
}

/* Every entry of the side table counts in the filter that is in use. */
static void refill_filter(hsight_tracer *tracer)
{
    const void *address;
    for (size_t at = 0; hsight__side_table_next(&tracer->side, &at, &address);) {
        hsight__free_filter_add(&tracer->filter, address);
    }
}

static bool put_side(hsight_tracer *tracer, const void *address, const hsight__block *block)
{
    hsight__block old = {0};
    if (hsight__free_filter_may_know(&tracer->filter, address)) {
        old = hsight__side_table_get(&tracer->side, address);
    }
    bool enters = is_empty(&old) && !is_empty(block);
    if (enters && hsight__free_filter_is_full(&tracer->filter)) {
        if (!hsight__free_filter_grow(&tracer->filter)) {
            return false;
        }
        refill_filter(tracer);
    }
    if (!hsight__side_table_put(&tracer->side, address, block)) {
        return false;
    }
    if (enters) {
        hsight__free_filter_add(&tracer->filter, address);
    } else if (!is_empty(&old) && is_empty(block)) {
        hsight__free_filter_remove(&tracer->filter, address);
    }
    return true;
}

static void take_out(hsight_tracer *tracer, const void *address)
{
    hsight__slot *slot =
        fits_map(tracer, address, 0) ? hsight__block_map_find(&tracer->blocks, address) : NULL;
    if (slot != NULL && hsight__slot_is_taken(slot)) {
        hsight__slot_write(slot, &(hsight__block){0});
    } else { /* a block too large for the map lies in the side table, wherever it begins */
        (void)put_side(tracer, address, &(hsight__block){0});
    }
}

/* Enter or change; false when memory is refused. */
static bool put_block(hsight_tracer *tracer, const void *address, const hsight__block *block)
{
    if (!fits_map(tracer, address, block->bytes)) {
        return put_side(tracer, address, block);
    }
    hsight__slot *slot = hsight__block_map_reach(&tracer->blocks, address);
    if (slot != NULL) {
        hsight__slot_write(slot, block);
    }
    return slot != NULL;
}

/* ---- figures ---- */

static hsight__weight weight_of(const hsight_tracer *tracer, uint64_t bytes)
{
    if (hsight_tracer_mode(tracer) == HSIGHT_TRACE_SAMPLED) {
        return hsight__sample_weight(bytes, tracer->options.sample_bytes);
    }
    return (hsight__weight){bytes, 1};
}

/* Before a stack changes: keep its share of the highest mark. */
static inline void keep_share(const hsight_tracer *tracer, hsight__stack *stack)
{
    if (stack->epoch != tracer->epoch) {
        stack->epoch = tracer->epoch;
        stack->figures.peak_bytes = stack->figures.live_bytes;
        stack->figures.peak_blocks = stack->figures.live_blocks;
    }
}

static void add_live(hsight_tracer *tracer, hsight__stack *stack, hsight__weight weight)
{
    keep_share(tracer, stack);
    stack->figures.live_bytes += weight.bytes;
    stack->figures.live_blocks += weight.blocks;
    tracer->totals.live_bytes += weight.bytes;
    tracer->totals.live_blocks += weight.blocks;
    if (tracer->totals.live_bytes > tracer->totals.peak_bytes) {
        tracer->totals.peak_bytes = tracer->totals.live_bytes;
        tracer->totals.peak_blocks = tracer->totals.live_blocks;
        tracer->is_rising = true;
    }
}

static void subtract_live(hsight_tracer *tracer, hsight__stack *stack, hsight__weight weight)
{
    if (tracer->is_rising) { /* here the highest mark is left */
        tracer->is_rising = false;
        tracer->epoch++;
    }
    keep_share(tracer, stack);
    stack->figures.live_bytes -= weight.bytes;
    stack->figures.live_blocks -= weight.blocks;
    tracer->totals.live_bytes -= weight.bytes;
    tracer->totals.live_blocks -= weight.blocks;
}

static void add_total(hsight_trace_figures *figures, hsight__weight weight)
{
    figures->total_bytes += weight.bytes;
    figures->total_blocks += weight.blocks;
}

/* ---- events ---- */

/* A block goes: out of the tables, out of the figures. The lock is held. */
static void remove_block(hsight_tracer *tracer, const void *address, const hsight__block *block)
{
    take_out(tracer, address);
    if (block->is_code) {
        hsight__stacks_retire(&tracer->stacks, (uint64_t)(uintptr_t)address);
    }
    if (block->stack != 0 && block->stack < tracer->stacks.stacks.count) {
        subtract_live(tracer, hsight__stacks_get(&tracer->stacks, block->stack),
                      weight_of(tracer, block->bytes));
    }
}

/* Watch the code objects that were met since there were `from`, so that their end is seen. */
static void watch_codes(hsight_tracer *tracer, size_t from)
{
    for (size_t i = from; i < tracer->stacks.codes.count; i++) {
        uint64_t address = ((hsight__code *)tracer->stacks.codes.data)[i].address;
        const void *place = (const void *)(uintptr_t)address;
        hsight__block block = get_block(tracer, place);
        block.is_code = true;
        if (!put_block(tracer, place, &block)) {
            hsight__stacks_retire(&tracer->stacks, address); /* met anew each time */
        }
    }
}

static bool enter(hsight_tracer *tracer, const hsight_trace_thread *thread, const void *block,
                  size_t bytes, const hsight_raw_frame *frames, uint32_t frame_count)
{
    hsight__block stale = get_block(tracer, block);
    if (!is_empty(&stale)) { /* its free passed the hook by */
        remove_block(tracer, block, &stale);
    }
    size_t codes = tracer->stacks.codes.count;
    uint32_t id = hsight__stacks_intern(&tracer->stacks, &tracer->options, thread->number, frames,
                                        frame_count);
    if (tracer->stacks.codes.count != codes) {
        watch_codes(tracer, codes);
    }
    if (id == 0 || !put_block(tracer, block, &(hsight__block){bytes, id, false})) {
        return false;
    }
    hsight__weight weight = weight_of(tracer, bytes);
    hsight__stack *stack = hsight__stacks_get(&tracer->stacks, id);
    add_live(tracer, stack, weight);
    add_total(&stack->figures, weight);
    add_total(&tracer->totals, weight);
    return true;
}

static void drop(hsight_tracer *tracer)
{
    atomic_fetch_add_explicit(&tracer->dropped_count, 1, memory_order_relaxed);
}

static bool has_stacks(hsight_trace_mode mode)
{
    return mode == HSIGHT_TRACE_EXACT || mode == HSIGHT_TRACE_SAMPLED;
}

void hsight_tracer_record(hsight_tracer *tracer, hsight_trace_thread *thread, const void *block,
                          size_t bytes, const hsight_raw_frame *frames, uint32_t frame_count)
{
    hsight__lock_take(&tracer->lock);
    hsight_trace_mode mode = hsight_tracer_mode(tracer);
    if (has_stacks(mode)) {
        if (!is_known(tracer, thread)) {
            begin_thread(tracer, thread);
        }
        if (!enter(tracer, thread, block, bytes, frames, frame_count)) {
            drop(tracer);
        }
        if (mode == HSIGHT_TRACE_SAMPLED) {
            thread->countdown =
                hsight__sample_distance(&thread->random, tracer->options.sample_bytes);
            thread->last_countdown = thread->countdown;
        }
        thread->last_block = block;
    }
    hsight__lock_release(&tracer->lock);
}

/* Freed before the next allocation of its thread? */
static bool is_temporary(hsight_trace_mode mode, const hsight_trace_thread *thread,
                         const void *block)
{
    return thread->last_block == block &&
           (mode == HSIGHT_TRACE_EXACT || thread->countdown == thread->last_countdown);
}

static void note_temporary(hsight_tracer *tracer, hsight_trace_thread *thread, const void *address,
                           const hsight__block *block)
{
    if (is_temporary(hsight_tracer_mode(tracer), thread, address) && block->stack != 0 &&
        block->stack < tracer->stacks.stacks.count) {
        hsight__weight weight = weight_of(tracer, block->bytes);
        hsight_trace_figures *figures = &hsight__stacks_get(&tracer->stacks, block->stack)->figures;
        figures->temporary_bytes += weight.bytes;
        figures->temporary_blocks += weight.blocks;
    }
}

/* Without the lock: can there be anything? */
static bool may_know(hsight_tracer *tracer, hsight_trace_mode mode, const void *block)
{
    if (mode == HSIGHT_TRACE_EXACT && hsight__block_map_holds(block, 0)) {
        hsight__slot *slot = hsight__block_map_find(&tracer->blocks, block);
        if (slot != NULL && hsight__slot_is_taken(slot)) {
            return true;
        }
    }
    return hsight__free_filter_may_know(&tracer->filter, block);
}

bool hsight_tracer_forget(hsight_tracer *tracer, hsight_trace_thread *thread, const void *block,
                          hsight_traced_block *out)
{
    hsight_trace_mode mode = hsight_tracer_mode(tracer);
    if (!has_stacks(mode) || block == NULL || !may_know(tracer, mode, block)) {
        return false;
    }
    hsight__lock_take(&tracer->lock);
    hsight__block known = {0};
    if (has_stacks(hsight_tracer_mode(tracer))) {
        known = get_block(tracer, block);
        out->generation = atomic_load(&tracer->generation);
        if (!is_empty(&known)) {
            note_temporary(tracer, thread, block, &known);
            remove_block(tracer, block, &known);
        }
    }
    hsight__lock_release(&tracer->lock);
    if (thread->last_block == block) {
        thread->last_block = NULL;
    }
    out->bytes = known.bytes;
    out->stack = known.stack;
    return known.stack != 0;
}

void hsight_tracer_restore(hsight_tracer *tracer, const void *block,
                           const hsight_traced_block *taken)
{
    hsight__lock_take(&tracer->lock);
    if (has_stacks(hsight_tracer_mode(tracer)) && taken->stack != 0 &&
        taken->generation == atomic_load(&tracer->generation) &&
        taken->stack < tracer->stacks.stacks.count) {
        if (put_block(tracer, block, &(hsight__block){taken->bytes, taken->stack, false})) {
            add_live(tracer, hsight__stacks_get(&tracer->stacks, taken->stack),
                     weight_of(tracer, taken->bytes));
        } else {
            drop(tracer);
        }
    }
    hsight__lock_release(&tracer->lock);
}

bool hsight_tracer_is_reused(hsight_tracer *tracer, const hsight_trace_thread *thread,
                             const void *block)
{
    hsight_trace_mode mode = hsight_tracer_mode(tracer);
    return has_stacks(mode) && thread->last_block != block && may_know(tracer, mode, block);
}

void hsight_tracer_count_allocation(hsight_tracer *tracer, unsigned domain, size_t bytes)
{
    hsight__domain_counters *counters = &tracer->domains[domain];
    atomic_fetch_add_explicit(&counters->allocated_blocks, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->allocated_bytes, bytes, memory_order_relaxed);
}

void hsight_tracer_count_free(hsight_tracer *tracer, unsigned domain)
{
    atomic_fetch_add_explicit(&tracer->domains[domain].freed_blocks, 1, memory_order_relaxed);
}

uint32_t hsight_tracer_stack_of(hsight_tracer *tracer, const void *block)
{
    if (!may_know(tracer, hsight_tracer_mode(tracer), block)) {
        return 0;
    }
    hsight__lock_take(&tracer->lock);
    uint32_t stack = has_stacks(hsight_tracer_mode(tracer)) ? get_block(tracer, block).stack : 0;
    hsight__lock_release(&tracer->lock);
    return stack;
}
