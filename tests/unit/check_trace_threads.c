/* SPDX-License-Identifier: MIT */
/* check_trace_threads.c - the tracer from several threads; tools/test --sanitize also runs it under
 * ThreadSanitizer.
 *
 * Each worker owns its blocks, as the user of an allocator does, and hands some over to another
 * one, which frees them. Meanwhile the main thread starts, stops and takes. */
#include "check_trace_kit.h"
#include "random_graph.h"
#include "suite.h"

#include <pthread.h>
#include <stdatomic.h>

enum { WORKERS = 4, OWN = 64, STEPS = 6000, ROUNDS = 40 };

typedef struct {
    hsight_tracer *tracer;
    int number;
    _Atomic(void *) *mailbox; /* blocks on their way to another worker */
} worker;

static void *block_of(int number, uint32_t which)
{
    return (void *)(uintptr_t)(UINT64_C(0x7f0000000000) + (uint64_t)number * 0x100000 +
                               (uint64_t)which * 512 + (which % 5 == 0 ? 8 : 0));
}

static void allocate(hsight_tracer *tracer, hsight_trace_thread *thread, void *block,
                     uint64_t *state)
{
    hsight_raw_frame frames[3];
    uint32_t count = 1 + random_below(state, 3), size = random_below(state, 600);
    for (uint32_t i = 0; i < count; i++) {
        frames[i] = (hsight_raw_frame){0x1000 + random_below(state, 20) * UINT64_C(512),
                                       random_below(state, 30)};
    }
    (void)hsight_tracer_frame_limit(tracer);
    hsight_trace_mode mode = hsight_tracer_mode(tracer);
    if (mode == HSIGHT_TRACE_EXACT ||
        (mode == HSIGHT_TRACE_SAMPLED && hsight_tracer_wants(tracer, thread, size))) {
        hsight_tracer_record(tracer, thread, block, size, frames, count);
    } else if (mode == HSIGHT_TRACE_COUNTS) {
        hsight_tracer_count_allocation(tracer, (unsigned)random_below(state, 3), size);
    }
}

/* As the hook frees: asked without a lock first. */
static bool forget(hsight_tracer *tracer, hsight_trace_thread *thread, void *block,
                   hsight_traced_block *taken)
{
    return hsight_tracer_may_have_sample(tracer, block) &&
           hsight_tracer_forget(tracer, thread, block, taken);
}

static void *work(void *argument)
{
    worker *self = argument;
    hsight_trace_thread thread = {0};
    hsight_traced_block taken;
    void *own[OWN] = {0};
    uint64_t state = (uint64_t)self->number + 1;
    for (int step = 0; step < STEPS; step++) {
        uint32_t which = random_below(&state, OWN);
        if (own[which] == NULL) {
            own[which] = block_of(self->number, which);
            allocate(self->tracer, &thread, own[which], &state);
            continue;
        }
        (void)hsight_tracer_stack_of(self->tracer, own[which]);
        (void)hsight_tracer_is_reused(self->tracer, own[which]);
        bool known = forget(self->tracer, &thread, own[which], &taken);
        if (random_below(&state, 4) != 0) {
            own[which] = NULL;
        } else if (known && random_below(&state, 2) != 0) {
            hsight_tracer_restore(self->tracer, &thread, own[which], &taken);
        } else { /* resized */
            allocate(self->tracer, &thread, own[which], &state);
        }
        void *foreign = atomic_exchange(self->mailbox, step % 3 == 0 ? own[which] : NULL);
        if (step % 3 == 0) {
            own[which] = foreign;
        } else if (foreign != NULL) {
            (void)forget(self->tracer, &thread, foreign, &taken);
        }
    }
    for (uint32_t which = 0; which < OWN; which++) {
        (void)forget(self->tracer, &thread, own[which], &taken);
    }
    return NULL;
}

static void run_workers(hsight_tracer *tracer, void (*meanwhile)(hsight_tracer *tracer))
{
    pthread_t threads[WORKERS];
    worker workers[WORKERS];
    _Atomic(void *) mailbox = NULL;
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (worker){tracer, i, &mailbox};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    meanwhile(tracer);
    for (int i = 0; i < WORKERS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    hsight_trace_thread thread = {0};
    hsight_traced_block taken;
    (void)forget(tracer, &thread, atomic_load(&mailbox), &taken);
}

static void take_often(hsight_tracer *tracer)
{
    hsight_trace_thread thread = {0};
    for (int round = 0; round < ROUNDS; round++) {
        hsight_trace_free(trace_kit_take(tracer));
        hsight_tracer_lock(tracer, &thread); /* as around fork() */
        hsight_tracer_unlock(tracer, &thread);
    }
}

static void start_and_stop(hsight_tracer *tracer)
{
    for (int round = 0; round < ROUNDS; round++) {
        hsight_tracer_stop(tracer);
        hsight_trace_mode mode = (hsight_trace_mode)(1 + round % 3);
        trace_kit_restart(tracer, mode, mode == HSIGHT_TRACE_SAMPLED ? 2000 : 0);
        hsight_trace_free(trace_kit_take(tracer));
    }
}

/* Every block is freed in the end, whoever does it. */
START_TEST(all_blocks_are_gone_in_the_end)
{
    hsight_trace_mode mode = _i ? HSIGHT_TRACE_SAMPLED : HSIGHT_TRACE_EXACT;
    hsight_tracer *tracer = trace_kit_start(mode, _i ? 500 : 0);
    run_workers(tracer, take_often);
    hsight_trace *trace = trace_kit_take(tracer);
    const hsight_trace_info *info = hsight_trace_get_info(trace);
    ck_assert_uint_gt(info->total_blocks, 1000);
    ck_assert_uint_eq(info->live_blocks, 0);
    ck_assert_uint_eq(info->live_bytes, 0);
    ck_assert_uint_eq(info->dropped_count, 0);
    hsight_trace_free(trace);
    hsight_tracer_free(tracer);
}
END_TEST

/* ---- a filter that grows ---- */

#ifdef __SANITIZE_THREAD__
enum { SAMPLES = 40000 }; /* it takes its time */
#else
enum { SAMPLES = 300000 };
#endif
enum { WATCHERS = 3 };

static _Atomic uint32_t recorded_count;

static void *sample_of(uint32_t number)
{
    return (void *)(uintptr_t)(UINT64_C(0x10000000) + (uint64_t)number * 65536);
}

/* Asks for blocks that were recorded before, and says how often one was not known. */
static void *watch_samples(void *argument)
{
    worker *self = argument;
    uint64_t state = (uint64_t)self->number + 1;
    uintptr_t missed = 0;
    for (uint32_t count = 0; count < SAMPLES; count = atomic_load(&recorded_count)) {
        missed += count > 0 &&
                  !hsight_tracer_is_reused(self->tracer, sample_of(random_below(&state, count)));
    }
    return (void *)missed;
}

/* The filter of frees grows under way: no known block may be taken for an unknown one, or its free
 * is lost. */
START_TEST(no_block_is_missed_while_the_filter_grows)
{
    hsight_tracer *tracer = trace_kit_start(HSIGHT_TRACE_SAMPLED, 1);
    hsight_trace_thread thread = {0};
    hsight_traced_block taken;
    hsight_raw_frame frame = {0x5000, 2};
    pthread_t threads[WATCHERS];
    worker workers[WATCHERS];
    atomic_store(&recorded_count, 0);
    for (int i = 0; i < WATCHERS; i++) {
        workers[i] = (worker){tracer, i, NULL};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, watch_samples, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < SAMPLES; i++) {
        hsight_tracer_record(tracer, &thread, sample_of(i), 100, &frame, 1);
        atomic_store(&recorded_count, i + 1);
    }
    for (int i = 0; i < WATCHERS; i++) {
        void *missed;
        ck_assert_int_eq(pthread_join(threads[i], &missed), 0);
        ck_assert_ptr_null(missed);
    }
    for (uint32_t i = 0; i < SAMPLES; i++) {
        (void)hsight_tracer_forget(tracer, &thread, sample_of(i), &taken);
    }
    hsight_trace *trace = trace_kit_take(tracer);
    ck_assert_uint_eq(hsight_trace_get_info(trace)->live_blocks, 0);
    hsight_trace_free(trace);
    hsight_tracer_free(tracer);
}
END_TEST

START_TEST(it_starts_and_stops_under_way)
{
    hsight_tracer *tracer = trace_kit_start(HSIGHT_TRACE_EXACT, 0);
    run_workers(tracer, start_and_stop);
    hsight_tracer_free(tracer);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("trace_threads");
    tcase_add_loop_test(tests, all_blocks_are_gone_in_the_end, 0, 2);
    tcase_add_test(tests, no_block_is_missed_while_the_filter_grows);
    tcase_add_test(tests, it_starts_and_stops_under_way);
    return run_tests("trace_threads", tests);
}
