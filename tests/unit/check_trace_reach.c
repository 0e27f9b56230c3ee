/* SPDX-License-Identifier: MIT */
/* check_trace_reach.c - which blocks are found from which memory, and which are left. */
#include "check_trace_kit.h"
#include "check_trace_reach_kit.h"
#include "failing_allocator.h"
#include "random_graph.h"
#include "suite.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

START_TEST(what_an_object_leads_to_is_its_own)
{
    void *object = block(1, 0, 32), *table = block(2, 64, 64), *item = block(3, 256, 16);
    block(4, 512, 48); /* nobody's */
    block(4, 1024, 52);
    point(object, 24, table);
    point(table, 56, item);
    hsight_reach *reach = begin();
    meet(reach, object);
    follow(reach, object, 0);
    hsight_trace *trace = finish(reach);
    ck_assert_uint_eq(hsight_trace_native_count(trace), 1);
    ck_assert_uint_eq(hsight_trace_native_rows(trace)->blocks, 2);
    ck_assert_uint_eq(native_bytes(trace, 4), 100);
    hsight_trace_free(trace);
}
END_TEST

/* Where a program without address randomisation may have its heap. */
START_TEST(the_first_addresses_of_all)
{
    hsight_raw_frame frame = {7, 1};
    void *small = (void *)(uintptr_t)0x10100, *large = (void *)(uintptr_t)0x600000;
    hsight_tracer_record(tracer, &thread, small, 16, &frame, 1);
    hsight_tracer_record(tracer, &thread, large, 1 << 20, &frame, 1);
    hsight_reach *reach = begin();
    meet(reach, small);
    meet(reach, (char *)large + 100000);
    expect_native(reach, 7, 0);
}
END_TEST

START_TEST(blocks_that_lead_to_each_other_are_native)
{
    void *one = block(1, 0, 16), *other = block(1, 16, 16);
    point(one, 0, other);
    point(other, 0, one);
    expect_native(begin(), 1, 32);
}
END_TEST

/* Where addresses lead: _i is a row. */
static const struct {
    size_t offset; /* of the block */
    size_t bytes;
    size_t leads; /* from the block's begin on */
    bool is_found;
} ways[] = {
    {4096, 40, 0, true},                            /* the begin */
    {4096, 40, 39, true},                           /* the last byte */
    {4096, 40, 40, false},                          /* the end */
    {4096, 0, 0, true},                             /* a block of no bytes */
    {4096, 0, 3, true},                             /* the begin, tagged */
    {4096, 0, 16, false},                           /* behind it */
    {4096, 60000, 59999, true},                     /* far from the begin */
    {4096, 1 << 20, (1 << 20) - 1, true},           /* farther than `begins` is searched */
    {4096, 1 << 20, 1 << 20, false},                /* behind it */
    {(8 << 20) - 32, 64, 48, true},                 /* it begins in the region before */
    {(8 << 20) - 32, 9 << 20, (9 << 20) - 1, true}, /* and ends in the one after */
    {(8 << 20) - 32, 64, 64, false},
    {4104, 40, 39, true}, /* not aligned: in the side table */
    {4104, 40, 40, false},
};

START_TEST(an_address_leads_into_a_block)
{
    void *object = block(1, 0, 8);
    const char *target = block(2, ways[_i].offset, ways[_i].bytes);
    point(object, 0, target + ways[_i].leads);
    hsight_reach *reach = begin();
    follow(reach, object, 0);
    hsight_trace *trace = finish(reach);
    ck_assert_uint_eq(hsight_trace_native_count(trace), ways[_i].is_found ? 1 : 2); /* the object */
    hsight_trace_free(trace);
}
END_TEST

START_TEST(a_long_block_does_not_hide_those_behind_it)
{
    void *object = block(1, 0, 16), *long_one = block(2, 16, 1 << 20);
    void *behind = block(3, 16 + (1 << 20), 16);
    point(object, 0, behind);
    hsight_reach *reach = begin();
    follow(reach, object, 0);
    hsight_trace *trace = finish(reach);
    ck_assert_uint_eq(native_bytes(trace, 2), 1 << 20);
    ck_assert_uint_eq(native_bytes(trace, 3), 0);
    ck_assert_ptr_nonnull(long_one);
    hsight_trace_free(trace);
}
END_TEST

START_TEST(a_block_of_the_side_table_leads_on)
{
    void *object = block(1, 0, 16), *odd = block(2, 72, 40), *last = block(3, 256, 16);
    point(object, 0, odd);
    point(odd, 24, last); /* at an address that is aligned */
    hsight_reach *reach = begin();
    meet(reach, object);
    follow(reach, object, 0);
    hsight_trace *trace = finish(reach);
    ck_assert_uint_eq(hsight_trace_native_count(trace), 0);
    hsight_trace_free(trace);
}
END_TEST

START_TEST(some_words_of_a_block)
{
    void *text = block(1, 0, 64);
    point(text, 8, block(2, 128, 16));
    point(text, 16, block(3, 256, 16));
    point(text, 24, block(4, 512, 16));
    hsight_reach *reach = begin();
    ck_assert_int_eq(hsight_reach_follow_variables(reach, arena + 16, 8, NULL, NULL), HSIGHT_OK);
    hsight_trace *trace = finish(reach);
    ck_assert_uint_eq(native_bytes(trace, 2), 16);
    ck_assert_uint_eq(native_bytes(trace, 3), 0);
    ck_assert_uint_eq(native_bytes(trace, 4), 16);
    hsight_trace_free(trace);
}
END_TEST

/* An object that is older than the tracer: its own word is what tells how long it is. */
START_TEST(a_block_that_is_not_known_is_as_long_as_it_says)
{
    void *old = arena + 64;
    point(old, 16, block(1, 4096, 16));
    point(old, 24, block(2, 8192, 16));
    hsight_reach *reach = begin();
    follow(reach, old, 24);
    hsight_trace *trace = finish(reach);
    ck_assert_uint_eq(native_bytes(trace, 1), 0);
    ck_assert_uint_eq(native_bytes(trace, 2), 16);
    hsight_trace_free(trace);
}
END_TEST

START_TEST(a_met_block_is_followed_by_itself_only)
{
    void *object = block(1, 0, 16), *text = block(2, 64, 64);
    point(object, 0, text);
    point(text, 32, block(3, 256, 16)); /* a number that looks like an address */
    hsight_reach *reach = begin();
    meet(reach, object);
    meet(reach, text);
    follow(reach, object, 0);
    expect_native(reach, 3, 16);
}
END_TEST

START_TEST(an_ignored_block_is_found_and_not_followed)
{
    static const char text_type, other_type;
    const hsight_reach_object kind = {32, 8, (uintptr_t)&text_type};
    const char *const types[] = {&text_type, &other_type, &text_type};
    const size_t bytes[] = {32, 32, 24}; /* the last one is too short to be a text */
    const bool is_followed[] = {false, true, true};
    void *object = block(1, 0, 16), *found = block(2, 64, bytes[_i]);
    point(object, 0, found);
    point(found, 8, types[_i]);
    point(found, 16, block(3, 256, 16));
    hsight_reach *reach = begin();
    hsight_reach_ignore(reach, &kind, 1);
    meet(reach, object);
    follow(reach, object, 0);
    hsight_trace *trace = finish(reach);
    ck_assert_uint_eq(native_bytes(trace, 2), 0);
    ck_assert_uint_eq(native_bytes(trace, 3), is_followed[_i] ? 0 : 16);
    hsight_trace_free(trace);
}
END_TEST

/* static -> an old object -> its table, which is younger than the tracer; and a static that leads
 * to memory that is no such object */
START_TEST(variables_lead_through_old_objects)
{
    static const char type;
    static void *variables[3];
    const hsight_reach_object kind = {24, 8, (uintptr_t)&type};
    char *old = arena + 64, *other = arena + 128;
    variables[1] = old;
    variables[2] = other;
    if (_i == 1) { /* a block before it that was met already hides nothing */
        void *met = block(4, 0, 16);
        variables[0] = met;
    }
    point(old, 8, &type);
    point(old, 16, block(1, 4096, 16));
    point(old, 24, block(2, 8192, 16)); /* behind it */
    point(other, 16, block(3, 12288, 16));
    hsight_reach *reach = begin();
    ck_assert_int_eq(hsight_reach_follow_variables(reach, variables, sizeof variables, &kind, NULL),
                     HSIGHT_OK);
    hsight_trace *trace = finish(reach);
    ck_assert_uint_eq(native_bytes(trace, 1), 0);
    ck_assert_uint_eq(native_bytes(trace, 2), 16);
    ck_assert_uint_eq(native_bytes(trace, 3), 16);
    hsight_trace_free(trace);
}
END_TEST

START_TEST(memory_that_is_gone_is_passed_over)
{
    char *object = block(1, 0, 16), *hole = block(2, 8192, 3 * 4096);
    point(object, 0, hole);
    point(hole, 8, block(3, 256, 16));
    point(hole, 4096 + 8, block(4, 512, 16));
    hsight_reach *reach = begin();
    ck_assert_int_eq(munmap(hole + 4096, 4096), 0);
    follow(reach, object, 0);
    follow(reach, NULL, 64); /* nobody's memory at all */
    hsight_trace *trace = finish(reach);
    ck_assert_uint_eq(native_bytes(trace, 2), 0);
    ck_assert_uint_eq(native_bytes(trace, 3), 0);
    ck_assert_uint_eq(native_bytes(trace, 4), 16);
    hsight_trace_free(trace);
}
END_TEST

/* The size of a block lies in the next slot, where a large one looks like a block. */
START_TEST(a_size_is_no_block)
{
    /* As blocks they would be of stack 1, of 0, 16 bytes and a size in the slot after; of no stack.
     */
    static const size_t sizes[] = {(1u << 27) + 1, (17u << 27) + 1, (18u << 27) + 1, UINT32_MAX};
    block(1, 16 * 63, sizes[_i]); /* the size is in the next word of `begins` */
    hsight_trace *trace = finish(begin());
    ck_assert_uint_eq(hsight_trace_native_count(trace), 1);
    ck_assert_uint_eq(hsight_trace_native_rows(trace)->blocks, 1);
    ck_assert_uint_eq(hsight_trace_native_rows(trace)->bytes, sizes[_i]);
    hsight_trace_free(trace);
}
END_TEST

/* What is not mapped ends an object, whatever it says of itself. */
START_TEST(an_absurd_size_is_soon_read)
{
    char *old = arena + ARENA_BYTES - 4096;
    point(old, 16, block(1, 0, 16));
    hsight_reach *reach = begin();
    follow(reach, old, SIZE_MAX);
    follow(reach, old, SIZE_MAX / 2);
    expect_native(reach, 1, 0);
}
END_TEST

START_TEST(an_object_may_have_a_part_of_its_block)
{
    char *shared = block(1, 64, 200);
    point(shared, 8, block(2, 512, 16));
    point(shared, 180, block(3, 1024, 16));
    hsight_reach *reach = begin();
    meet(reach, shared + 96);
    follow(reach, shared + 96, 16);
    hsight_trace *trace = finish(reach);
    ck_assert_uint_eq(native_bytes(trace, 1) + native_bytes(trace, 2), 0);
    hsight_trace_free(trace);
}
END_TEST

/* Each block counts once, for the first that leads to it; objects, and what nobody leads to, for
 * nobody. */
START_TEST(bytes_count_for_the_first_that_leads_to_them)
{
    void *first = block(1, 0, 32), *second = block(1, 64, 48), *shared = block(2, 256, 100);
    void *behind = block(2, 512, 24), *buffer = block(3, 1024, 200);
    block(4, 2048, 64);
    point(first, 8, shared);
    point(first, 16, second);
    point(shared, 0, behind);
    point(second, 8, shared);
    point(second, 16, first);
    hsight_reach *reach = begin();
    meet(reach, first);
    meet(reach, second);
    ck_assert_uint_eq(hsight_reach_block_bytes(reach, first), 32);
    ck_assert_uint_eq(hsight_reach_block_bytes(reach, second), 48);
    ck_assert_uint_eq(hsight_reach_block_bytes(reach, (char *)first + 16), 0); /* inside */
    ck_assert_uint_eq(hsight_reach_block_bytes(reach, arena + 8192), 0);
    ck_assert_uint_eq(hsight_reach_block_bytes(reach, NULL), 0);
    ck_assert_uint_eq(hsight_reach_led_bytes(reach), 0);
    follow(reach, first, 0);
    ck_assert_uint_eq(hsight_reach_led_bytes(reach), 124);
    follow(reach, second, 0);
    ck_assert_uint_eq(hsight_reach_led_bytes(reach), 124);
    hsight_reach_pass(reach, buffer);
    hsight_reach_pass(reach, buffer);
    ck_assert_uint_eq(hsight_reach_led_bytes(reach), 324);
    expect_native(reach, 4, 64);
}
END_TEST

START_TEST(a_buffer_is_passed)
{
    char *buffer = block(1, 64, 200);
    point(buffer, 8, block(2, 512, 16));
    hsight_reach *reach = begin();
    hsight_reach_pass(reach, buffer + 32); /* its object knows where its first byte is */
    hsight_reach_pass(reach, NULL);
    follow(reach, arena + 4096, 8); /* nothing */
    hsight_trace *trace = finish(reach);
    ck_assert_uint_eq(native_bytes(trace, 1), 0);
    ck_assert_uint_eq(native_bytes(trace, 2), 16);
    hsight_trace_free(trace);
}
END_TEST

/* The block map takes memory where blocks are, not where a search looked for some. */
START_TEST(looking_takes_no_memory)
{
    block(1, 0, 16);
    block(2, 2 * REGION - 64, 16);
    hsight_trace *before = trace_kit_take(tracer);
    hsight_reach *reach = begin();
    hsight_trace *after = finish(reach);
    ck_assert_uint_eq(hsight_trace_native_count(after), 2);
    ck_assert_uint_eq(hsight_trace_get_info(after)->memory_bytes,
                      hsight_trace_get_info(before)->memory_bytes);
    hsight_trace_free(after);
    hsight_trace_free(before);
}
END_TEST

START_TEST(only_what_lived_from_the_begin_to_the_end_counts)
{
    hsight_traced_block gone;
    void *freed = block(1, 0, 16);
    block(2, 64, 16);
    hsight_reach *reach = begin();
    ck_assert(hsight_tracer_forget(tracer, &thread, freed, &gone));
    block(3, 128, 16);              /* a region that is known, a place that is not */
    block(4, 2 * REGION + 128, 16); /* a region that is not */
    hsight_trace *trace = finish(reach);
    ck_assert_uint_eq(hsight_trace_native_count(trace), 1);
    ck_assert_uint_eq(native_bytes(trace, 2), 16);
    hsight_trace_free(trace);
}
END_TEST

START_TEST(other_modes_do_not_know)
{
    hsight_reach *reach;
    hsight_error err;
    hsight_tracer_stop(tracer);
    ck_assert_int_eq(hsight_reach_new(tracer, &reach, &err), HSIGHT_EINVAL);
    trace_kit_restart(tracer, HSIGHT_TRACE_SAMPLED, 512);
    ck_assert_int_eq(hsight_reach_new(tracer, &reach, &err), HSIGHT_EINVAL);
    hsight_trace *trace = trace_kit_take(tracer);
    ck_assert(!hsight_trace_knows_native(trace));
    ck_assert_uint_eq(hsight_trace_native_count(trace), 0);
    hsight_trace_free(trace);
    hsight_reach_free(NULL);
}
END_TEST

/* ---- at random, beside a search that looks at every pair ---- */

enum { BLOCKS = 300, WORDS_MAX = 12 };

typedef struct {
    uint64_t *at;
    size_t words;
    bool is_reached;
} random_block;

static bool leads(const random_block *from, const random_block *to)
{
    for (size_t i = 0; i < from->words; i++) {
        size_t bytes = to->words > 1 ? to->words * sizeof(uint64_t) : 16; /* or a tagged address */
        if (from->at[i] >= (uintptr_t)to->at && from->at[i] - (uintptr_t)to->at < bytes) {
            return true;
        }
    }
    return false;
}

static void reach_all(random_block *blocks)
{
    for (bool has_changed = true; has_changed;) {
        has_changed = false;
        for (size_t i = 0; i < BLOCKS; i++) {
            for (size_t j = 0; blocks[i].is_reached && j < BLOCKS; j++) {
                if (!blocks[j].is_reached && leads(&blocks[i], &blocks[j])) {
                    blocks[j].is_reached = has_changed = true;
                }
            }
        }
    }
}

START_TEST(random_blocks)
{
    static random_block blocks[BLOCKS];
    uint64_t state = (uint64_t)_i + 1;
    size_t offset = REGION - 8192; /* across a border */
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = (random_block){.words = 1 + random_below(&state, WORDS_MAX)};
        blocks[i].at = block(1, offset, blocks[i].words * sizeof(uint64_t));
        offset +=
            (blocks[i].words * sizeof(uint64_t) + 15) / 16 * 16 + 16 * random_below(&state, 3);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        for (size_t w = 0; w < blocks[i].words; w++) {
            uint64_t target = (uintptr_t)(arena + REGION - 8192) + 8 * random_below(&state, 4096);
            blocks[i].at[w] =
                random_below(&state, 12) == 0 ? target : random_below(&state, 1 << 20);
        }
    }
    hsight_reach *reach = begin();
    for (size_t i = 0; i < 10; i++) {
        random_block *object = &blocks[random_below(&state, BLOCKS)];
        object->is_reached = true;
        meet(reach, object->at);
        follow(reach, object->at, 0);
    }
    reach_all(blocks);
    uint64_t expected = 0;
    for (size_t i = 0; i < BLOCKS; i++) {
        expected += blocks[i].is_reached ? 0 : blocks[i].words * sizeof(uint64_t);
    }
    ck_assert_uint_ne(expected, 0);
    expect_native(reach, 1, expected);
}
END_TEST

/* ---- without memory ---- */

/* A whole search; *bytes: what it found of function 3. */
static hsight_status search(const void *object, uint64_t *bytes)
{
    hsight_reach *reach = NULL;
    hsight_trace *trace = NULL;
    hsight_status status = hsight_reach_new(tracer, &reach, NULL);
    if (status == HSIGHT_OK) {
        status = hsight_reach_follow(reach, object, 0, NULL);
    }
    if (status == HSIGHT_OK) {
        status = hsight_tracer_take(tracer, reach, &trace, NULL, NULL, NULL);
    }
    *bytes = trace != NULL ? native_bytes(trace, 3) : 0;
    hsight_trace_free(trace);
    hsight_reach_free(reach);
    return status;
}

START_TEST(refused_memory_leaves_nothing_behind)
{
    static failing_allocator memory; /* the tracer is freed with it by tear_down() */
    const hsight_tracer_options options = trace_kit_options(HSIGHT_TRACE_EXACT, 0);
    failing_allocator_init(&memory, 0);
    hsight_tracer_free(tracer);
    ck_assert_int_eq(hsight_tracer_new(&memory.allocator, &tracer, NULL), HSIGHT_OK);
    ck_assert_int_eq(hsight_tracer_start(tracer, &options, NULL), HSIGHT_OK);
    void *object = block(1, 0, 16);
    point(object, 0, block(2, 64, 1 << 20));
    block(3, 72 + (1 << 20), 16);
    const size_t held = memory.live_bytes;
    size_t failures = 0;
    do {
        uint64_t bytes;
        memory.refused = false;
        memory.refuse_at = memory.requests + failures + 1;
        hsight_status status = search(object, &bytes);
        ck_assert_int_eq(status, bytes == 16 ? HSIGHT_OK : HSIGHT_ENOMEM);
        ck_assert_uint_eq(memory.live_bytes, held);
        failures++;
    } while (memory.refused);
    ck_assert_uint_gt(failures, 10);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("trace_reach");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, what_an_object_leads_to_is_its_own);
    tcase_add_test(tests, the_first_addresses_of_all);
    tcase_add_test(tests, blocks_that_lead_to_each_other_are_native);
    tcase_add_loop_test(tests, an_address_leads_into_a_block, 0, sizeof ways / sizeof *ways);
    tcase_add_test(tests, a_long_block_does_not_hide_those_behind_it);
    tcase_add_test(tests, a_block_of_the_side_table_leads_on);
    tcase_add_test(tests, some_words_of_a_block);
    tcase_add_test(tests, a_block_that_is_not_known_is_as_long_as_it_says);
    tcase_add_test(tests, a_met_block_is_followed_by_itself_only);
    tcase_add_loop_test(tests, an_ignored_block_is_found_and_not_followed, 0, 3);
    tcase_add_loop_test(tests, variables_lead_through_old_objects, 0, 2);
    tcase_add_test(tests, memory_that_is_gone_is_passed_over);
    tcase_add_loop_test(tests, a_size_is_no_block, 0, 4);
    tcase_add_test(tests, an_absurd_size_is_soon_read);
    tcase_add_test(tests, an_object_may_have_a_part_of_its_block);
    tcase_add_test(tests, bytes_count_for_the_first_that_leads_to_them);
    tcase_add_test(tests, a_buffer_is_passed);
    tcase_add_test(tests, looking_takes_no_memory);
    tcase_add_test(tests, only_what_lived_from_the_begin_to_the_end_counts);
    tcase_add_test(tests, other_modes_do_not_know);
    tcase_add_loop_test(tests, random_blocks, 0, 40);
    tcase_add_test(tests, refused_memory_leaves_nothing_behind);
    return run_tests("trace_reach", tests);
}
