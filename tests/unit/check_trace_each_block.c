/* SPDX-License-Identifier: MIT */
/* check_trace_each_block.c - every live block is visited once, and its memory read. */
#include <heapsight/tracer.h>

#include "check_trace_kit.h"
#include "failing_allocator.h"
#include "random_graph.h"
#include "suite.h"
#include "trace/block_map.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ARENA_BYTES ((size_t)24 << 20) /* more than two regions of the block map */
#define PLACES      (ARENA_BYTES / 64)

static char *arena;
static hsight_tracer *tracer;
static hsight_trace_thread thread;
static hsight_error err;

static void set_up(void)
{
    arena = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ck_assert_ptr_ne(arena, MAP_FAILED);
    memset(&thread, 0, sizeof thread);
    tracer = trace_kit_start(HSIGHT_TRACE_EXACT, 0);
}

static void tear_down(void)
{
    hsight_tracer_free(tracer);
    munmap(arena, ARENA_BYTES);
}

static void record(size_t offset, size_t bytes)
{
    hsight_raw_frame frame = {1, 1};
    hsight_tracer_record(tracer, &thread, arena + offset, bytes, &frame, 1);
}

typedef struct {
    uint64_t addresses[64];
    uint64_t bytes[64];
    size_t count;
} seen;

static void note(const hsight_block_reader *reader, uint64_t address, uint64_t bytes, void *state)
{
    (void)reader;
    seen *all = state;
    ck_assert_uint_lt(all->count, 64);
    all->addresses[all->count] = address;
    all->bytes[all->count++] = bytes;
}

START_TEST(live_blocks_come_by_address)
{
    static const size_t places[][2] = {{0, 0},           {16, 16},      {32, 17},
                                       {64, 4000},       {1 << 20, 24}, {9 << 20, 100000},
                                       {17 << 20, 1000}, {24 << 20, 0}};
    enum { COUNT = 7 };
    for (size_t i = COUNT; i-- > 0;) {
        record(places[i][0], places[i][1]);
    }
    record(128 << 10, 50);
    hsight_traced_block taken;
    ck_assert(hsight_tracer_forget(tracer, &thread, arena + (128 << 10), &taken));
    seen all = {.count = 0};
    ck_assert_int_eq(hsight_tracer_each_block(tracer, note, &all, &err), HSIGHT_OK);
    ck_assert_uint_eq(all.count, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert_uint_eq(all.addresses[i], (uintptr_t)arena + places[i][0]);
        ck_assert_uint_eq(all.bytes[i], places[i][1]);
    }
}
END_TEST

/* A size in a slot of its own may look like a block, whatever it is. */
START_TEST(sizes_are_no_blocks)
{
    static const size_t sizes[] = {0x07ffffff, 0x08000001, 0x10000001, 0x90000001, 0xf8000001};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        record(i * 4096 + 63 * 16, sizes[i]); /* its size lies in the next word of slots */
    }
    seen all = {.count = 0};
    ck_assert_int_eq(hsight_tracer_each_block(tracer, note, &all, &err), HSIGHT_OK);
    ck_assert_uint_eq(all.count, sizeof sizes / sizeof *sizes);
    for (size_t i = 0; i < all.count; i++) {
        ck_assert_uint_eq(all.bytes[i], sizes[i]);
    }
}
END_TEST

static void check_place(const hsight_block_reader *reader, uint64_t address, uint64_t bytes,
                        void *state)
{
    uint8_t *left = state;
    size_t place = (size_t)(address - (uintptr_t)arena) / 64;
    (void)reader;
    ck_assert_uint_eq(bytes, left[place]);
    left[place] = 0;
}

START_TEST(random_blocks_are_each_met_once)
{
    uint8_t *sizes = calloc(PLACES, 1);
    uint64_t random = 3;
    for (int i = 0; i < 20000; i++) {
        size_t place = random_below(&random, PLACES);
        if (sizes[place] == 0) {
            sizes[place] = (uint8_t)(1 + random_below(&random, 64));
            record(place * 64, sizes[place]);
        } else {
            hsight_traced_block taken;
            ck_assert(hsight_tracer_forget(tracer, &thread, arena + place * 64, &taken));
            sizes[place] = 0;
        }
    }
    ck_assert_int_eq(hsight_tracer_each_block(tracer, check_place, sizes, &err), HSIGHT_OK);
    for (size_t i = 0; i < PLACES; i++) {
        ck_assert_uint_eq(sizes[i], 0);
    }
    free(sizes);
}
END_TEST

static void read_it(const hsight_block_reader *reader, uint64_t address, uint64_t bytes,
                    void *state)
{
    char copy[64];
    int *answers = state;
    if (bytes == 64) { /* reaches into the next page */
        ck_assert(hsight_block_read(reader, address, copy, 64));
        ck_assert_mem_eq(copy, (const void *)(uintptr_t)address, 64);
        answers[0]++;
    } else { /* reaches into a page that is gone */
        ck_assert(!hsight_block_read(reader, address, copy, 64));
        ck_assert(hsight_block_read(reader, address, copy, 32));
        answers[1]++;
    }
}

START_TEST(memory_that_is_gone_is_an_answer)
{
    record(4096 - 32, 64);
    for (int i = 0; i < 64; i++) {
        arena[4096 - 32 + i] = (char)i;
    }
    record(3 * 4096 - 32, 65);
    munmap(arena + 3 * 4096, 4096);
    int answers[2] = {0, 0};
    ck_assert_int_eq(hsight_tracer_each_block(tracer, read_it, answers, &err), HSIGHT_OK);
    ck_assert_int_eq(answers[0], 1);
    ck_assert_int_eq(answers[1], 1);
}
END_TEST

START_TEST(other_modes_are_refused)
{
    seen all = {.count = 0};
    hsight_tracer_stop(tracer);
    trace_kit_restart(tracer, HSIGHT_TRACE_SAMPLED, 64);
    ck_assert_int_eq(hsight_tracer_each_block(tracer, note, &all, &err), HSIGHT_EINVAL);
    ck_assert_str_eq(err.message, "live blocks are known in mode exact only");
    hsight_tracer_stop(tracer);
    ck_assert_int_eq(hsight_tracer_each_block(tracer, note, &all, NULL), HSIGHT_EINVAL);
    ck_assert_uint_eq(all.count, 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("each_block");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, live_blocks_come_by_address);
    tcase_add_test(tests, sizes_are_no_blocks);
    tcase_add_test(tests, random_blocks_are_each_met_once);
    tcase_add_test(tests, memory_that_is_gone_is_an_answer);
    tcase_add_test(tests, other_modes_are_refused);
    return run_tests("trace_each_block", tests);
}
