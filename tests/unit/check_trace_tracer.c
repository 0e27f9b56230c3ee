/* SPDX-License-Identifier: MIT */
/* check_trace_tracer.c - the live tracer against a model that knows every block and recounts. */
#include <heapsight/tracer.h>

#include "trace/tracer_parts.h"

#include "check_trace_kit.h"
#include "failing_allocator.h"
#include "random_graph.h"
#include "suite.h"

#include <string.h>

/* ---- the model ---- */

enum { BLOCKS = 300, STACKS = 12 };

typedef struct {
    uint64_t bytes;
    uint32_t stack; /* 0: not allocated; else index + 1 */
} model_block;

typedef struct {
    model_block blocks[BLOCKS];
    hsight_trace_figures figures[STACKS];
    uint64_t peak_bytes;
    int last; /* block that was allocated last and not freed; -1 else */
} model;

static void recount(model *m)
{
    uint64_t bytes = 0;
    for (int s = 0; s < STACKS; s++) {
        m->figures[s].live_bytes = m->figures[s].live_blocks = 0;
    }
    for (int b = 0; b < BLOCKS; b++) {
        if (m->blocks[b].stack != 0) {
            hsight_trace_figures *figures = &m->figures[m->blocks[b].stack - 1];
            figures->live_bytes += m->blocks[b].bytes;
            figures->live_blocks++;
            bytes += m->blocks[b].bytes;
        }
    }
    if (bytes > m->peak_bytes) {
        m->peak_bytes = bytes;
        for (int s = 0; s < STACKS; s++) {
            m->figures[s].peak_bytes = m->figures[s].live_bytes;
            m->figures[s].peak_blocks = m->figures[s].live_blocks;
        }
    }
}

static void model_allocate(model *m, int block, uint64_t bytes, uint32_t stack)
{
    m->blocks[block] = (model_block){bytes, stack + 1};
    m->figures[stack].total_bytes += bytes;
    m->figures[stack].total_blocks++;
    m->last = block;
    recount(m);
}

static void model_free(model *m, int block)
{
    model_block *known = &m->blocks[block];
    if (known->stack != 0 && m->last == block) {
        m->figures[known->stack - 1].temporary_bytes += known->bytes;
        m->figures[known->stack - 1].temporary_blocks++;
    }
    m->last = m->last == block ? -1 : m->last;
    *known = (model_block){0};
    recount(m);
}

/* ---- the same on the tracer ---- */

static const void *address_of(int block)
{
    /* Every third block lies where the map cannot hold it. */
    return (const void *)(uintptr_t)(UINT64_C(0x7f0000000000) + (uint64_t)block * 4096 +
                                     (block % 3 == 0 ? 8 : 0));
}

/* Stacks 1..3 frames deep that share callers; code objects 0x1000, 0x2000, ... */
static uint32_t frames_of(uint32_t stack, hsight_raw_frame *frames)
{
    uint32_t count = 1 + stack % 3;
    for (uint32_t i = 0; i < count; i++) {
        frames[i] = (hsight_raw_frame){0x1000 * (1 + (stack >> i) % 5), i == 0 ? stack : 7};
    }
    return count;
}

static void tracer_allocate(hsight_tracer *tracer, hsight_trace_thread *thread, int block,
                            uint64_t bytes, uint32_t stack)
{
    hsight_raw_frame frames[3];
    uint32_t count = frames_of(stack, frames);
    hsight_tracer_record(tracer, thread, address_of(block), bytes, frames, count);
}

static bool same_figures(const hsight_trace_figures *a, const hsight_trace_figures *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* Rows of a trace by the offset of their innermost frame: `line` of trace_kit. */
static void compare(hsight_tracer *tracer, const model *m, uint64_t seed)
{
    hsight_trace *trace = trace_kit_take(tracer);
    hsight_trace_figures found[STACKS];
    memset(found, 0, sizeof found);
    uint64_t peak = 0;
    for (uint32_t i = 0; i < hsight_trace_row_count(trace); i++) {
        const hsight_trace_row *row = &hsight_trace_rows(trace)[i];
        hsight_trace_frame frame =
            hsight_trace_get_frame(trace, hsight_trace_innermost(trace, row->stack));
        ck_assert_uint_lt(frame.line, STACKS);
        found[frame.line] = row->figures;
        peak += row->figures.peak_bytes;
    }
    for (uint32_t s = 0; s < STACKS; s++) {
        ck_assert_msg(same_figures(&found[s], &m->figures[s]), "stack %u, seed %llu", s,
                      (unsigned long long)seed);
    }
    const hsight_trace_info *info = hsight_trace_get_info(trace);
    ck_assert_uint_eq(info->peak_bytes, m->peak_bytes);
    ck_assert_uint_eq(peak, m->peak_bytes);
    ck_assert_uint_eq(info->dropped_count, 0);
    hsight_trace_free(trace);
}

static uint64_t random_size(uint64_t *state)
{
    switch (random_below(state, 8)) {
    case 0:
        return random_below(state, 17);
    case 1: /* beyond what a slot holds */
        return UINT64_C(0x100000000) + random_below(state, 1000);
    default:
        return random_below(state, 3000);
    }
}

/* One event, on both. A resize is a forget, then a record or, where it is refused, a restore. */
static void random_step(hsight_tracer *tracer, hsight_trace_thread *thread, model *m,
                        uint64_t *state, bool grows)
{
    int block = (int)random_below(state, BLOCKS);
    uint32_t stack = random_below(state, STACKS), chance = random_below(state, 100);
    uint64_t bytes = random_size(state);
    hsight_traced_block taken;
    if (m->blocks[block].stack == 0) {
        if (chance < (grows ? 90u : 40u)) {
            model_allocate(m, block, bytes, stack);
            tracer_allocate(tracer, thread, block, bytes, stack);
        } else {
            ck_assert(!hsight_tracer_forget(tracer, thread, address_of(block), &taken));
        }
        return;
    }
    model_block before = m->blocks[block];
    if (chance < 10) { /* resize in place */
        thread->last_block = NULL;
        m->last = -1;
        ck_assert(hsight_tracer_forget(tracer, thread, address_of(block), &taken));
        ck_assert_uint_eq(taken.bytes, before.bytes);
        if (chance < 3) {
            hsight_tracer_restore(tracer, thread, address_of(block), &taken);
        } else {
            model_free(m, block);
            model_allocate(m, block, bytes, stack);
            tracer_allocate(tracer, thread, block, bytes, stack);
        }
    } else if (chance < (grows ? 20u : 80u)) {
        model_free(m, block);
        ck_assert(hsight_tracer_forget(tracer, thread, address_of(block), &taken));
        ck_assert_uint_eq(taken.bytes, before.bytes);
    } else if (chance < 90) {
        ck_assert_uint_ne(hsight_tracer_stack_of(tracer, address_of(block)), 0);
    } else { /* its free passed the hook by, and it is allocated again */
        m->last = m->last == block ? -1 : m->last;
        model_free(m, block);
        model_allocate(m, block, bytes, stack);
        tracer_allocate(tracer, thread, block, bytes, stack);
    }
}

START_TEST(agrees_with_the_model)
{
    static model m;
    uint64_t state = (uint64_t)_i + 1;
    memset(&m, 0, sizeof m);
    m.last = -1;
    hsight_tracer *tracer = trace_kit_start(HSIGHT_TRACE_EXACT, 0);
    hsight_trace_thread thread = {0};
    for (int step = 0; step < 6000; step++) {
        random_step(tracer, &thread, &m, &state, step / 700 % 2 == 0);
        if (step % 97 == 0) {
            compare(tracer, &m, (uint64_t)_i + 1);
        }
    }
    compare(tracer, &m, (uint64_t)_i + 1);
    hsight_traced_block taken;
    for (int block = 0; block < BLOCKS; block++) {
        (void)hsight_tracer_forget(tracer, &thread, address_of(block), &taken);
        ck_assert(!hsight_tracer_forget(tracer, &thread, address_of(block), &taken));
    }
    hsight_trace *trace = trace_kit_take(tracer);
    ck_assert_uint_eq(hsight_trace_get_info(trace)->live_bytes, 0);
    ck_assert_uint_eq(hsight_trace_get_info(trace)->live_blocks, 0);
    hsight_trace_free(trace);
    hsight_tracer_free(tracer);
}
END_TEST

/* ---- single rules ---- */

static const hsight_raw_frame one_frame = {0x1000, 5};

START_TEST(a_block_that_is_met_again_was_freed_unseen)
{
    hsight_tracer *tracer = trace_kit_start(HSIGHT_TRACE_EXACT, 0);
    hsight_trace_thread thread = {0};
    static const uint64_t sizes[] = {100, UINT64_C(5) << 30, 8, UINT64_C(6) << 30, 3000};
    for (size_t i = 0; i < 5; i++) {
        hsight_tracer_record(tracer, &thread, address_of(1), sizes[i], &one_frame, 1);
        hsight_trace *trace = trace_kit_take(tracer);
        ck_assert_uint_eq(hsight_trace_get_info(trace)->live_bytes, sizes[i]);
        ck_assert_uint_eq(hsight_trace_get_info(trace)->live_blocks, 1);
        hsight_trace_free(trace);
    }
    hsight_tracer_free(tracer);
}
END_TEST

START_TEST(a_record_of_an_earlier_start_is_not_restored)
{
    hsight_tracer *tracer = trace_kit_start(HSIGHT_TRACE_EXACT, 0);
    hsight_trace_thread thread = {0};
    hsight_traced_block taken;
    hsight_tracer_record(tracer, &thread, address_of(1), 100, &one_frame, 1);
    ck_assert(hsight_tracer_forget(tracer, &thread, address_of(1), &taken));
    hsight_tracer_stop(tracer);
    trace_kit_restart(tracer, HSIGHT_TRACE_EXACT, 0);
    hsight_raw_frame other = {0x2000, 9};
    hsight_tracer_record(tracer, &thread, address_of(2), 50, &other, 1);
    hsight_tracer_restore(tracer, &thread, address_of(1), &taken);
    ck_assert_uint_eq(hsight_tracer_stack_of(tracer, address_of(1)), 0);
    hsight_trace *trace = trace_kit_take(tracer);
    ck_assert_uint_eq(hsight_trace_get_info(trace)->live_bytes, 50);
    hsight_trace_free(trace);
    hsight_tracer_free(tracer);
}
END_TEST

START_TEST(nothing_happens_while_stopped)
{
    hsight_tracer *tracer;
    ck_assert_int_eq(hsight_tracer_new(NULL, &tracer, NULL), HSIGHT_OK);
    hsight_trace_thread thread = {0};
    hsight_traced_block taken;
    hsight_error err;
    hsight_trace *trace = NULL;
    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(hsight_tracer_mode(tracer), 0);
        hsight_tracer_record(tracer, &thread, address_of(1), 100, &one_frame, 1);
        ck_assert(!hsight_tracer_forget(tracer, &thread, address_of(1), &taken));
        hsight_tracer_restore(tracer, &thread, address_of(1), &(hsight_traced_block){100, 1, 1});
        ck_assert_uint_eq(hsight_tracer_stack_of(tracer, address_of(1)), 0);
        ck_assert_int_eq(hsight_tracer_take(tracer, NULL, &trace, NULL, NULL, &err), HSIGHT_EINVAL);
        hsight_tracer_stop(tracer);
        trace_kit_restart(tracer, HSIGHT_TRACE_EXACT, 0);
        hsight_tracer_record(tracer, &thread, address_of(1), 100, &one_frame, 1);
        hsight_tracer_stop(tracer);
    }
    hsight_tracer_free(tracer);
}
END_TEST

START_TEST(options_out_of_range_are_refused)
{
    hsight_tracer *tracer;
    ck_assert_int_eq(hsight_tracer_new(NULL, &tracer, NULL), HSIGHT_OK);
    hsight_tracer_options good = trace_kit_options(HSIGHT_TRACE_SAMPLED, 1000), bad[6];
    for (size_t i = 0; i < 6; i++) {
        bad[i] = good;
    }
    bad[0].mode = (hsight_trace_mode)0;
    bad[1].mode = (hsight_trace_mode)4;
    bad[2].frame_limit = 0;
    bad[3].frame_limit = HSIGHT_FRAME_LIMIT_MAX + 1;
    bad[4].sample_bytes = 0;
    bad[5].sample_bytes = (uint64_t)INT64_MAX + 1;
    for (size_t i = 0; i < 6; i++) {
        hsight_error err;
        ck_assert_int_eq(hsight_tracer_start(tracer, &bad[i], &err), HSIGHT_EINVAL);
        ck_assert_uint_gt(strlen(err.message), 10);
        ck_assert_int_eq(hsight_tracer_mode(tracer), 0);
    }
    hsight_error err;
    ck_assert_int_eq(hsight_tracer_start(tracer, &good, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_tracer_start(tracer, &good, &err), HSIGHT_EINVAL);
    hsight_tracer_free(tracer);
}
END_TEST

static uint64_t temporaries(hsight_tracer *tracer)
{
    hsight_trace *trace = trace_kit_take(tracer);
    uint64_t temporary = 0;
    for (uint32_t i = 0; i < hsight_trace_row_count(trace); i++) {
        temporary += hsight_trace_rows(trace)[i].figures.temporary_blocks;
    }
    hsight_trace_free(trace);
    return temporary;
}

START_TEST(temporaries_belong_to_a_thread)
{
    hsight_tracer *tracer = trace_kit_start(HSIGHT_TRACE_EXACT, 0);
    hsight_trace_thread a = {0}, b = {0};
    hsight_traced_block taken;
    hsight_tracer_record(tracer, &a, address_of(1), 100, &one_frame, 1);
    hsight_tracer_record(tracer, &b, address_of(2), 100, &one_frame, 1);
    ck_assert(hsight_tracer_forget(tracer, &a, address_of(1), &taken)); /* one */
    hsight_tracer_record(tracer, &a, address_of(3), 100, &one_frame, 1);
    ck_assert(hsight_tracer_forget(tracer, &a, address_of(2), &taken)); /* of another thread */
    hsight_tracer_record(tracer, &a, address_of(4), 100, &one_frame, 1);
    ck_assert(hsight_tracer_forget(tracer, &a, address_of(3), &taken)); /* not the last one */
    ck_assert_uint_eq(temporaries(tracer), 1);
    hsight_tracer_free(tracer);
}
END_TEST

/* The last block of a thread is freed by another one, which allocates there itself, and more. */
START_TEST(an_address_says_not_who_allocated_there)
{
    hsight_tracer *tracer = trace_kit_start(HSIGHT_TRACE_EXACT, 0);
    hsight_trace_thread a = {0}, b = {0};
    hsight_traced_block taken;
    hsight_tracer_record(tracer, &a, address_of(1), 100, &one_frame, 1);
    ck_assert(hsight_tracer_forget(tracer, &b, address_of(1), &taken));
    hsight_tracer_record(tracer, &b, address_of(1), 100, &one_frame, 1);
    hsight_tracer_record(tracer, &b, address_of(2), 100, &one_frame, 1);
    ck_assert(hsight_tracer_forget(tracer, &a, address_of(1), &taken));
    ck_assert_uint_eq(temporaries(tracer), 0);
    hsight_tracer_free(tracer);
}
END_TEST

/* What a thread allocated last before a stop is not what it allocated last after the next start. */
START_TEST(a_last_block_of_an_earlier_start_is_none)
{
    hsight_tracer *tracer = trace_kit_start(HSIGHT_TRACE_EXACT, 0);
    hsight_trace_thread a = {0}, b = {0};
    hsight_traced_block taken;
    hsight_tracer_record(tracer, &a, address_of(1), 100, &one_frame, 1);
    hsight_tracer_stop(tracer);
    trace_kit_restart(tracer, HSIGHT_TRACE_EXACT, 0);
    hsight_tracer_record(tracer, &b, address_of(1), 100, &one_frame, 1);
    ck_assert(hsight_tracer_forget(tracer, &a, address_of(1), &taken));
    ck_assert_uint_eq(temporaries(tracer), 0);
    hsight_tracer_free(tracer);
}
END_TEST

static void expect_live(hsight_tracer *tracer, uint64_t bytes, uint64_t blocks)
{
    hsight_trace *trace = trace_kit_take(tracer);
    ck_assert_uint_eq(hsight_trace_get_info(trace)->live_bytes, bytes);
    ck_assert_uint_eq(hsight_trace_get_info(trace)->live_blocks, blocks);
    hsight_trace_free(trace);
}

/* Two blocks cannot share 16 bytes: the one that was known first was freed unseen. Their slots must
 * not be mixed up, or figures fall below 0. */
START_TEST(a_neighbour_in_the_way_was_freed_unseen)
{
    static const uint64_t sizes[] = {5000,
                                     0x90000010}; /* as a slot: of a stack; of 17 bytes more */
    const char *at = address_of(1);
    hsight_traced_block taken;
    for (size_t i = 0; i < 2; i++) {
        hsight_tracer *tracer = trace_kit_start(HSIGHT_TRACE_EXACT, 0);
        hsight_trace_thread thread = {0};
        hsight_tracer_record(tracer, &thread, at, sizes[i], &one_frame, 1);
        hsight_tracer_record(tracer, &thread, at + 16, 40, &one_frame, 1);
        expect_live(tracer, 40, 1);
        hsight_tracer_record(tracer, &thread, at, 16, &one_frame, 1);
        expect_live(tracer, 56, 2);
        hsight_tracer_record(tracer, &thread, at, sizes[i], &one_frame, 1); /* over both */
        expect_live(tracer, sizes[i], 1);
        ck_assert(hsight_tracer_forget(tracer, &thread, at, &taken));
        expect_live(tracer, 0, 0);
        hsight_tracer_free(tracer);
    }
}
END_TEST

/* Handlers around fork() allocate and free while the forking thread has the lock. */
START_TEST(the_thread_with_the_lock_goes_on)
{
    hsight_tracer *tracer = trace_kit_start(HSIGHT_TRACE_EXACT, 0);
    hsight_trace_thread thread = {0};
    hsight_traced_block taken;
    hsight_tracer_record(tracer, &thread, address_of(1), 100, &one_frame, 1);
    hsight_tracer_lock(tracer, &thread);
    hsight_tracer_record(tracer, &thread, address_of(2), 50, &one_frame, 1);
    ck_assert(hsight_tracer_forget(tracer, &thread, address_of(1), &taken));
    hsight_tracer_restore(tracer, &thread, address_of(1), &taken);
    ck_assert(hsight_tracer_forget(tracer, &thread, address_of(1), &taken));
    hsight_tracer_unlock(tracer, &thread);
    expect_live(tracer, 50, 1);
    hsight_tracer_free(tracer);
}
END_TEST

/* The first call of a thread may fall there too. */
START_TEST(a_thread_may_begin_with_the_lock)
{
    hsight_tracer *tracer = trace_kit_start(HSIGHT_TRACE_SAMPLED, 1);
    hsight_trace_thread thread = {0};
    hsight_tracer_lock(tracer, &thread);
    ck_assert(hsight_tracer_wants(tracer, &thread, 100000));
    hsight_tracer_record(tracer, &thread, address_of(2), 100000, &one_frame, 1);
    hsight_tracer_unlock(tracer, &thread);
    expect_live(tracer, 100000, 1);
    hsight_tracer_free(tracer);
}
END_TEST

START_TEST(samples_are_those_of_the_seed)
{
    uint64_t live[2] = {0};
    for (int round = 0; round < 2; round++) {
        hsight_tracer *tracer = trace_kit_start(HSIGHT_TRACE_SAMPLED, 1000);
        hsight_trace_thread thread = {0};
        uint32_t kept = 0;
        for (int i = 0; i < 10000; i++) {
            if (hsight_tracer_wants(tracer, &thread, 64)) {
                hsight_tracer_record(tracer, &thread, address_of(i), 64, &one_frame, 1);
                kept++;
            }
        }
        ck_assert(kept > 500 && kept < 800); /* 640 expected, a deviation of 25 */
        hsight_trace *trace = trace_kit_take(tracer);
        live[round] = hsight_trace_get_info(trace)->live_bytes;
        ck_assert(live[round] > 540000 && live[round] < 740000);
        hsight_trace_free(trace);
        for (int i = 0; i < 10000; i++) {
            hsight_traced_block taken;
            (void)hsight_tracer_forget(tracer, &thread, address_of(i), &taken);
        }
        trace = trace_kit_take(tracer);
        ck_assert_uint_eq(hsight_trace_get_info(trace)->live_bytes, 0);
        hsight_trace_free(trace);
        hsight_tracer_free(tracer);
    }
    ck_assert_uint_eq(live[0], live[1]);
}
END_TEST

/* Only while it samples may a free be told apart at once; after that everything is asked for. */
START_TEST(what_may_be_a_sample)
{
    hsight_tracer *tracer = trace_kit_start(HSIGHT_TRACE_SAMPLED, 1);
    hsight_trace_thread thread = {0};
    const void *unaligned = address_of(0), *aligned = address_of(1), *unknown = address_of(5);
    for (int again = 0; again < 2; again++) {
        ck_assert(!hsight_tracer_may_have_sample(tracer, aligned));
        tracer_allocate(tracer, &thread, 0, 10, 0);
        tracer_allocate(tracer, &thread, 1, 10, 0);
        ck_assert(hsight_tracer_may_have_sample(tracer, unaligned));
        ck_assert(hsight_tracer_may_have_sample(tracer, aligned));
        ck_assert(!hsight_tracer_may_have_sample(tracer, unknown));
        hsight_tracer_stop(tracer);
        ck_assert(hsight_tracer_may_have_sample(tracer, unknown));

        trace_kit_restart(tracer, HSIGHT_TRACE_EXACT, 0);
        tracer_allocate(tracer, &thread, 0, 10, 0); /* in the table that has the filter */
        ck_assert(hsight_tracer_may_have_sample(tracer, unknown));
        hsight_tracer_stop(tracer);
        trace_kit_restart(tracer, HSIGHT_TRACE_COUNTS, 0);
        ck_assert(hsight_tracer_may_have_sample(tracer, unknown));
        hsight_tracer_stop(tracer);
        trace_kit_restart(tracer, HSIGHT_TRACE_SAMPLED, 1);
    }
    hsight_tracer_free(tracer);
}
END_TEST

/* A code object dies and another comes to lie at its address: equal frames, another stack. */
START_TEST(an_address_of_code_is_used_again)
{
    for (int sampled = 0; sampled < 2; sampled++) {
        hsight_tracer *tracer =
            trace_kit_start(sampled ? HSIGHT_TRACE_SAMPLED : HSIGHT_TRACE_EXACT, 1);
        hsight_trace_thread thread = {0};
        hsight_traced_block taken;
        hsight_raw_frame frame = {0x5000, 3};
        uint32_t stacks[3];
        for (int i = 0; i < 3; i++) {
            trace_kit_name(0x5000, (const char *[]){"first", "second", "third"}[i]);
            hsight_tracer_record(tracer, &thread, address_of(i), 100, &frame, 1);
            hsight_tracer_record(tracer, &thread, address_of(i + 10), 100, &frame, 1);
            stacks[i] = hsight_tracer_stack_of(tracer, address_of(i));
            ck_assert_uint_eq(hsight_tracer_stack_of(tracer, address_of(i + 10)), stacks[i]);
            (void)hsight_tracer_forget(tracer, &thread, (const void *)0x5000, &taken);
        }
        ck_assert(stacks[0] != stacks[1] && stacks[1] != stacks[2] && stacks[0] != stacks[2]);
        hsight_trace *trace = trace_kit_take(tracer);
        ck_assert_uint_eq(hsight_trace_row_count(trace), 3);
        const char *names[] = {"first", "second", "third"};
        for (uint32_t i = 0; i < 3; i++) {
            ck_assert_uint_eq(trace_kit_live_blocks(trace, names[i]), 2);
        }
        hsight_trace_free(trace);
        trace_kit_name(0x5000, NULL);
        hsight_tracer_free(tracer);
    }
}
END_TEST

/* Every request of start and of some events is refused once: a block is dropped and counted, or
 * kept; nothing else is lost. */
START_TEST(refused_memory_drops_blocks)
{
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        hsight_tracer *tracer = NULL;
        hsight_error err;
        hsight_tracer_options options = trace_kit_options(HSIGHT_TRACE_EXACT, 0);
        if (hsight_tracer_new(&memory.allocator, &tracer, &err) == HSIGHT_OK) {
            if (hsight_tracer_start(tracer, &options, &err) != HSIGHT_OK) {
                ck_assert_int_eq(err.status, HSIGHT_ENOMEM);
                ck_assert_int_eq(hsight_tracer_start(tracer, &options, &err), HSIGHT_OK);
            }
            hsight_trace_thread thread = {0};
            for (uint32_t i = 0; i < 700; i++) {
                hsight_raw_frame frames[2] = {{0x1000 + i % 300 * 16, i}, {0x9000, i % 7}};
                hsight_tracer_record(tracer, &thread, address_of((int)i), 100, frames, 2);
            }
            uint64_t known = 0;
            for (int i = 0; i < 700; i++) {
                known += hsight_tracer_stack_of(tracer, address_of(i)) != 0;
            }
            memory.refuse_at = 0; /* a take may have what it needs */
            hsight_trace *trace = trace_kit_take(tracer);
            const hsight_trace_info *info = hsight_trace_get_info(trace);
            ck_assert_uint_eq(info->live_blocks, known);
            ck_assert_uint_eq(info->live_bytes, known * 100);
            ck_assert_uint_eq(info->dropped_count, 700 - known);
            ck_assert_uint_le(info->dropped_count, 1);
            hsight_trace_free(trace);
            hsight_tracer_stop(tracer);
            hsight_tracer_free(tracer);
        }
        ck_assert_uint_eq(memory.live_blocks, 0);
        if (!memory.refused) {
            break;
        }
    }
}
END_TEST

START_TEST(stop_gives_the_memory_back)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    hsight_tracer *tracer;
    hsight_tracer_options options = trace_kit_options(HSIGHT_TRACE_EXACT, 0);
    ck_assert_int_eq(hsight_tracer_new(&memory.allocator, &tracer, NULL), HSIGHT_OK);
    size_t idle = 0;
    for (int round = 0; round < 3; round++) {
        ck_assert_int_eq(hsight_tracer_start(tracer, &options, NULL), HSIGHT_OK);
        hsight_trace_thread thread = {0};
        for (int i = 0; i < 3000; i++) {
            hsight_raw_frame frame = {0x1000 + (uint64_t)i % 100 * 16, (uint32_t)i};
            hsight_tracer_record(tracer, &thread, address_of(i), 100, &frame, 1);
        }
        hsight_trace *trace = trace_kit_take(tracer);
        ck_assert_uint_ge(hsight_trace_get_info(trace)->memory_bytes,
                          memory.live_bytes - sizeof(hsight_tracer) - 100000);
        hsight_trace_free(trace);
        hsight_tracer_stop(tracer);
        ck_assert(round == 0 || memory.live_bytes == idle);
        idle = memory.live_bytes;
    }
    hsight_tracer_free(tracer);
    ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("trace_tracer");
    tcase_add_loop_test(tests, agrees_with_the_model, 0, 8);
    tcase_add_test(tests, a_block_that_is_met_again_was_freed_unseen);
    tcase_add_test(tests, a_record_of_an_earlier_start_is_not_restored);
    tcase_add_test(tests, nothing_happens_while_stopped);
    tcase_add_test(tests, options_out_of_range_are_refused);
    tcase_add_test(tests, temporaries_belong_to_a_thread);
    tcase_add_test(tests, an_address_says_not_who_allocated_there);
    tcase_add_test(tests, a_last_block_of_an_earlier_start_is_none);
    tcase_add_test(tests, a_neighbour_in_the_way_was_freed_unseen);
    tcase_add_test(tests, the_thread_with_the_lock_goes_on);
    tcase_add_test(tests, a_thread_may_begin_with_the_lock);
    tcase_add_test(tests, samples_are_those_of_the_seed);
    tcase_add_test(tests, what_may_be_a_sample);
    tcase_add_test(tests, an_address_of_code_is_used_again);
    tcase_add_test(tests, refused_memory_drops_blocks);
    tcase_add_test(tests, stop_gives_the_memory_back);
    return run_tests("trace_tracer", tests);
}
