/* SPDX-License-Identifier: MIT */
/* tracer.c - the live tracer: from events of an allocator hook to figures for each stack.
 *
 *   event -> live block (live_table) -> stack -> figures
 *
 * The composition of the highest mark costs a comparison an event. Whenever the sum of live bytes
 * leaves a mark that was the highest so far, the epoch moves on; a stack that changes for the first
 * time in an epoch keeps what it was before as its share of that mark. A stack that did not change
 * since has its live figures as its share; so has every stack while the sum is still rising.
 *
 * I1  every change is made under the lock; forget() and its like look first, without it, whether
 *     there is anything: its block cannot be entered meanwhile, because it is not free yet
 * I2  totals.live_* are the sums of all stacks' live figures, and of all live blocks' weights
 * I3  totals.peak_bytes >= totals.live_bytes; equal while is_rising
 * I4  a block is subtracted from the figures that it was added to, once, by the same weight
 *
 * Memory: live_table.c, stacks.c; all but address space is given back by stop(). */
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

/* ---- life, start and stop ---- */

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
    tracer->counted = hsight__counted_allocator(&tracer->memory);
    hsight__lock_init(&tracer->lock);
    hsight__live_table_init(&tracer->blocks, &tracer->counted);
    *out = tracer;
    return HSIGHT_OK;
}

void hsight_tracer_free(hsight_tracer *tracer)
{
    if (tracer == NULL) {
        return;
    }
    hsight_tracer_stop(tracer);
    hsight__live_table_free(&tracer->blocks);
    const hsight_allocator *allocator = tracer->memory.allocator;
    allocator->release(allocator->state, tracer, sizeof *tracer);
}

void hsight_tracer_lock(hsight_tracer *tracer, hsight_trace_thread *thread)
{
    hsight__lock_take(&tracer->lock);
    thread->has_lock = 1;
}

void hsight_tracer_unlock(hsight_tracer *tracer, hsight_trace_thread *thread)
{
    thread->has_lock = 0;
    hsight__lock_release(&tracer->lock);
}

/* Around a change made for a thread, which may have the lock already. */
static inline void enter_lock(hsight_tracer *tracer, const hsight_trace_thread *thread)
{
    if (!thread->has_lock) {
        hsight__lock_take(&tracer->lock);
    }
}

static inline void leave_lock(hsight_tracer *tracer, const hsight_trace_thread *thread)
{
    if (!thread->has_lock) {
        hsight__lock_release(&tracer->lock);
    }
}

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
        tracer->totals = (hsight__figures){0};
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
        if (options->mode == HSIGHT_TRACE_SAMPLED) {
            hsight__free_filter_tell_all(&tracer->blocks.filter);
        }
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
        hsight__live_table_clear(&tracer->blocks);
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
        .has_lock = thread->has_lock,
    };
    if (hsight_tracer_mode(tracer) == HSIGHT_TRACE_SAMPLED) {
        thread->countdown = hsight__sample_distance(&thread->random, tracer->options.sample_bytes);
    }
}

static inline bool is_known(const hsight_tracer *tracer, const hsight_trace_thread *thread)
{
    return thread->generation == atomic_load_explicit(&tracer->generation, memory_order_relaxed);
}

/* Not inline, or every allocation would save registers for it. */
static __attribute__((noinline, cold)) void meet_thread(hsight_tracer *tracer,
                                                        hsight_trace_thread *thread)
{
    enter_lock(tracer, thread);
    begin_thread(tracer, thread);
    leave_lock(tracer, thread);
}

bool hsight_tracer_wants(hsight_tracer *tracer, hsight_trace_thread *thread, size_t bytes)
{
    if (!is_known(tracer, thread)) {
        meet_thread(tracer, thread);
    }
    thread->countdown -= bytes > 0 ? (int64_t)bytes : 1;
    return thread->countdown <= 0;
}

bool hsight_tracer_may_have_sample(const hsight_tracer *tracer, const void *block)
{
    return hsight__free_filter_may_know_any(&tracer->blocks.filter, block);
}

/* ---- figures ---- */

static inline hsight__weight weight_of(const hsight_tracer *tracer, bool exact, uint64_t bytes)
{
    return exact ? (hsight__weight){bytes, HSIGHT__BLOCK_UNITS}
                 : hsight__sample_weight(bytes, tracer->options.sample_bytes);
}

/* Before a stack changes: keep its share of the highest mark. */
static inline void keep_share(const hsight_tracer *tracer, hsight__stack *stack)
{
    if (stack->epoch != tracer->epoch) {
        stack->epoch = tracer->epoch;
        stack->figures.peak_bytes = hsight__live_bytes(&stack->figures);
        stack->figures.peak_blocks = hsight__live_blocks(&stack->figures);
    }
}

/* After the sum rose. */
static inline void note_mark(hsight__figures *totals, bool *is_rising)
{
    if (hsight__live_bytes(totals) > totals->peak_bytes) {
        totals->peak_bytes = hsight__live_bytes(totals);
        totals->peak_blocks = hsight__live_blocks(totals);
        *is_rising = true;
    }
}

static inline void add_allocated(hsight_tracer *tracer, hsight__stack *stack, hsight__weight weight)
{
    keep_share(tracer, stack);
    stack->figures.allocated_bytes += weight.bytes;
    stack->figures.allocated_blocks += weight.blocks;
    tracer->totals.allocated_bytes += weight.bytes;
    tracer->totals.allocated_blocks += weight.blocks;
    note_mark(&tracer->totals, &tracer->is_rising);
}

static inline void add_freed(hsight_tracer *tracer, hsight__stack *stack, hsight__weight weight)
{
    if (tracer->is_rising) { /* here the highest mark is left */
        tracer->is_rising = false;
        tracer->epoch++;
    }
    keep_share(tracer, stack);
    stack->figures.freed_bytes += weight.bytes;
    stack->figures.freed_blocks += weight.blocks;
    tracer->totals.freed_bytes += weight.bytes;
    tracer->totals.freed_blocks += weight.blocks;
}

static void take_back_freed(hsight_tracer *tracer, hsight__stack *stack, hsight__weight weight)
{
    keep_share(tracer, stack);
    stack->figures.freed_bytes -= weight.bytes;
    stack->figures.freed_blocks -= weight.blocks;
    tracer->totals.freed_bytes -= weight.bytes;
    tracer->totals.freed_blocks -= weight.blocks;
    note_mark(&tracer->totals, &tracer->is_rising);
}

/* ---- events ---- */

static inline bool is_exact(const hsight_tracer *tracer)
{
    return hsight_tracer_mode(tracer) == HSIGHT_TRACE_EXACT;
}

/* The stack of a block; NULL where it has none. Valid until the next stack is met. */
static inline hsight__stack *stack_of(hsight_tracer *tracer, const hsight__block *block)
{
    bool known = block->stack != 0 && block->stack < tracer->stacks.stacks.count;
    return known ? hsight__stacks_get(&tracer->stacks, block->stack) : NULL;
}

static inline void subtract_block(hsight_tracer *tracer, bool exact, const hsight__block *block)
{
    hsight__stack *stack = stack_of(tracer, block);
    if (stack != NULL) {
        add_freed(tracer, stack, weight_of(tracer, exact, block->bytes));
    }
}

/* A block goes: out of the tables, out of the figures. The lock is held. */
static inline void remove_block(hsight_tracer *tracer, bool exact, const hsight__place *place,
                                const hsight__block *block)
{
    hsight__live_table_remove(&tracer->blocks, place);
    if (block->is_code) {
        hsight__stacks_retire(&tracer->stacks, (uint64_t)(uintptr_t)place->address);
    }
    subtract_block(tracer, exact, block);
}

/* Blocks whose free passed the hook by, because another one lies there now. The lock is held. */
static __attribute__((noinline)) void remove_stale(hsight_tracer *tracer, bool exact,
                                                   const void *address, uint64_t bytes)
{
    hsight__place place;
    while (hsight__live_table_find_stale(&tracer->blocks, exact, address, bytes, &place)) {
        hsight__block stale = hsight__live_table_read(&tracer->blocks, &place);
        if (hsight__block_is_empty(&stale)) {
            break; /* the filter does not know for sure */
        }
        remove_block(tracer, exact, &place, &stale);
    }
}

/* Watch a code object, so that its end is seen. */
static bool watch_code(hsight_tracer *tracer, bool exact, const void *address)
{
    hsight__place place;
    if (!hsight__live_table_reach(&tracer->blocks, exact, address, 0, &place)) {
        return false;
    }
    hsight__block block = hsight__live_table_read(&tracer->blocks, &place);
    block.is_code = true;
    return hsight__live_table_write(&tracer->blocks, &place, &block);
}

/* The same for all that were met. */
static __attribute__((noinline)) void watch_codes(hsight_tracer *tracer, bool exact)
{
    const uint64_t *addresses = tracer->stacks.met_codes.data;
    for (size_t i = 0; i < tracer->stacks.met_codes.count; i++) {
        if (!watch_code(tracer, exact, (const void *)(uintptr_t)addresses[i])) {
            hsight__stacks_retire(&tracer->stacks, addresses[i]); /* met anew each time */
        }
    }
    tracer->stacks.met_codes.count = 0;
}

static bool enter(hsight_tracer *tracer, bool exact, const hsight_trace_thread *thread,
                  const void *block, size_t bytes, const hsight_raw_frame *frames,
                  uint32_t frame_count)
{
    hsight__place place;
    if (!hsight__live_table_reach(&tracer->blocks, exact, block, bytes, &place)) {
        return false;
    }
    if (hsight__live_table_may_be_stale(&tracer->blocks, &place, bytes)) {
        remove_stale(tracer, exact, block, bytes);
    }
    uint32_t id = hsight__stacks_intern(&tracer->stacks, &tracer->options, thread->number, frames,
                                        frame_count);
    if (tracer->stacks.met_codes.count != 0) {
        watch_codes(tracer, exact);
    }
    if (id == 0 ||
        !hsight__live_table_write(&tracer->blocks, &place, &(hsight__block){bytes, id, false})) {
        return false;
    }
    add_allocated(tracer, hsight__stacks_get(&tracer->stacks, id), weight_of(tracer, exact, bytes));
    return true;
}

static void drop(hsight_tracer *tracer)
{
    atomic_fetch_add_explicit(&tracer->dropped_count, 1, memory_order_relaxed);
}

static inline bool has_stacks(hsight_trace_mode mode)
{
    return mode == HSIGHT_TRACE_EXACT || mode == HSIGHT_TRACE_SAMPLED;
}

/* Exact mode, a known stack, and nothing that was left over in the way: nearly every block. */
static inline bool enter_at_once(hsight_tracer *tracer, const hsight_trace_thread *thread,
                                 const void *block, size_t bytes, const hsight_raw_frame *frames,
                                 uint32_t frame_count)
{
    hsight__slot *slot = hsight__live_table_empty_slot(&tracer->blocks, block, bytes);
    if (slot == NULL) {
        return false;
    }
    uint32_t id = hsight__stacks_find(&tracer->stacks, thread->number, frames, frame_count);
    if (id == 0) {
        return false;
    }
    hsight__slot_fill(slot, bytes, id);
    add_allocated(tracer, hsight__stacks_get(&tracer->stacks, id), weight_of(tracer, true, bytes));
    return true;
}

/* The lock is held. */
static __attribute__((noinline)) void
record_with_care(hsight_tracer *tracer, hsight_trace_thread *thread, const void *block,
                 size_t bytes, const hsight_raw_frame *frames, uint32_t frame_count)
{
    hsight_trace_mode mode = hsight_tracer_mode(tracer);
    if (!has_stacks(mode)) {
        return;
    }
    if (!is_known(tracer, thread)) {
        begin_thread(tracer, thread);
    }
    if (!enter(tracer, mode == HSIGHT_TRACE_EXACT, thread, block, bytes, frames, frame_count)) {
        drop(tracer);
    }
    if (mode == HSIGHT_TRACE_SAMPLED) {
        thread->countdown = hsight__sample_distance(&thread->random, tracer->options.sample_bytes);
        thread->last_countdown = thread->countdown;
    }
}

void hsight_tracer_record(hsight_tracer *tracer, hsight_trace_thread *thread, const void *block,
                          size_t bytes, const hsight_raw_frame *frames, uint32_t frame_count)
{
    enter_lock(tracer, thread);
    if (!is_exact(tracer) || !is_known(tracer, thread) ||
        !enter_at_once(tracer, thread, block, bytes, frames, frame_count)) {
        record_with_care(tracer, thread, block, bytes, frames, frame_count);
    }
    thread->recorded++;
    thread->last_block = block;
    leave_lock(tracer, thread);
}

/* Freed before the next allocation of its thread? An address is not enough: another thread may have
 * freed the block meanwhile and allocated there. */
static inline bool is_temporary(const hsight_tracer *tracer, bool exact,
                                const hsight_trace_thread *thread, const void *block,
                                const hsight__stack *stack)
{
    return thread->last_block == block && is_known(tracer, thread) &&
           stack->thread == thread->number &&
           (exact || thread->countdown == thread->last_countdown);
}

static inline void note_temporary(hsight_tracer *tracer, bool exact,
                                  const hsight_trace_thread *thread, const void *address,
                                  const hsight__block *block)
{
    hsight__stack *stack = stack_of(tracer, block);
    if (stack != NULL && is_temporary(tracer, exact, thread, address, stack)) {
        hsight__weight weight = weight_of(tracer, exact, block->bytes);
        stack->figures.temporary_bytes += weight.bytes;
        stack->figures.temporary_blocks += weight.blocks;
    }
}

/* The lock is held. */
static __attribute__((noinline)) hsight__block take_with_care(hsight_tracer *tracer,
                                                              const hsight_trace_thread *thread,
                                                              const hsight__place *place)
{
    hsight_trace_mode mode = hsight_tracer_mode(tracer);
    if (!has_stacks(mode)) {
        return (hsight__block){0};
    }
    bool exact = mode == HSIGHT_TRACE_EXACT;
    hsight__block known = hsight__live_table_read(&tracer->blocks, place);
    if (!hsight__block_is_empty(&known)) {
        note_temporary(tracer, exact, thread, place->address, &known);
        remove_block(tracer, exact, place, &known);
    }
    return known;
}

/* The same where the map has it and it is no code: nearly every block in exact mode. */
static inline hsight__block take_at_once(hsight_tracer *tracer, const hsight_trace_thread *thread,
                                         const hsight__place *place)
{
    hsight__block known = hsight__slot_empty(place->slot);
    note_temporary(tracer, true, thread, place->address, &known);
    subtract_block(tracer, true, &known);
    return known;
}

bool hsight_tracer_forget(hsight_tracer *tracer, hsight_trace_thread *thread, const void *block,
                          hsight_traced_block *out)
{
    hsight_trace_mode mode = hsight_tracer_mode(tracer);
    hsight__place place;
    if (!has_stacks(mode) || block == NULL ||
        !hsight__live_table_find(&tracer->blocks, mode == HSIGHT_TRACE_EXACT, block, &place)) {
        return false;
    }
    hsight__block known = {0};
    enter_lock(tracer, thread);
    if (is_exact(tracer) && place.slot != NULL) {
        known = take_at_once(tracer, thread, &place);
    }
    if (known.stack == 0) {
        known = take_with_care(tracer, thread, &place);
    }
    out->generation = atomic_load_explicit(&tracer->generation, memory_order_relaxed);
    leave_lock(tracer, thread);
    if (thread->last_block == block) {
        thread->last_block = NULL;
    }
    out->bytes = known.bytes;
    out->stack = known.stack;
    return known.stack != 0;
}

void hsight_tracer_restore(hsight_tracer *tracer, const hsight_trace_thread *thread,
                           const void *block, const hsight_traced_block *taken)
{
    enter_lock(tracer, thread);
    if (has_stacks(hsight_tracer_mode(tracer)) &&
        taken->generation == atomic_load(&tracer->generation)) {
        hsight__block known = {taken->bytes, taken->stack, false};
        hsight__stack *stack = stack_of(tracer, &known);
        hsight__place place;
        if (stack != NULL &&
            hsight__live_table_reach(&tracer->blocks, is_exact(tracer), block, known.bytes,
                                     &place) &&
            hsight__live_table_write(&tracer->blocks, &place, &known)) {
            take_back_freed(tracer, stack, weight_of(tracer, is_exact(tracer), taken->bytes));
        } else if (stack != NULL) {
            drop(tracer);
        }
    }
    leave_lock(tracer, thread);
}

bool hsight_tracer_is_reused(hsight_tracer *tracer, const void *block)
{
    hsight_trace_mode mode = hsight_tracer_mode(tracer);
    hsight__place place;
    return has_stacks(mode) &&
           hsight__live_table_find(&tracer->blocks, mode == HSIGHT_TRACE_EXACT, block, &place);
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
    hsight__place place;
    hsight__block known = {0};
    if (!hsight__live_table_find(&tracer->blocks, is_exact(tracer), block, &place)) {
        return 0;
    }
    hsight__lock_take(&tracer->lock);
    if (has_stacks(hsight_tracer_mode(tracer))) {
        known = hsight__live_table_read(&tracer->blocks, &place);
    }
    hsight__lock_release(&tracer->lock);
    return known.stack;
}
