/* SPDX-License-Identifier: MIT */
/* check_trace_block_map.c - the live block table, against a plain array. */
#include "trace/block_map.h"

#include "random_graph.h"
#include "suite.h"

#include <stdlib.h>

static hsight__block_map map; /* 64 KiB: as in a tracer, not on the stack */

static void setup(void)
{
    hsight__block_map_init(&map);
}

static void teardown(void)
{
    hsight__block_map_free(&map);
}

static const void *at(uint64_t address)
{
    return (const void *)(uintptr_t)address;
}

static void put(uint64_t address, uint64_t bytes, uint32_t stack, bool is_code)
{
    hsight__slot *slot = hsight__block_map_reach(&map, at(address));
    if (slot == NULL) { /* an assertion each would take most of the time */
        ck_abort_msg("no slot");
    }
    hsight__slot_write(slot, &(hsight__block){bytes, stack, is_code});
}

static void expect(uint64_t address, uint64_t bytes, uint32_t stack, bool is_code)
{
    hsight__slot *slot = hsight__block_map_find(&map, at(address));
    ck_assert_ptr_nonnull(slot);
    hsight__block found = hsight__slot_read(slot);
    ck_assert_uint_eq(found.stack, stack);
    ck_assert_uint_eq(found.bytes, bytes);
    ck_assert(found.is_code == is_code);
    ck_assert(hsight__slot_is_taken(slot) == (stack != 0 || is_code));
}

START_TEST(only_what_fits_is_held)
{
    ck_assert(hsight__block_map_holds(at(0x1000), 0));
    ck_assert(hsight__block_map_holds(at(0x1000), UINT32_MAX));
    ck_assert(!hsight__block_map_holds(at(0x1000), (uint64_t)UINT32_MAX + 1));
    ck_assert(!hsight__block_map_holds(at(0x1008), 8)); /* between two slots */
    ck_assert(hsight__block_map_holds(at((UINT64_C(1) << 48) - 16), 16));
    ck_assert(!hsight__block_map_holds(at(UINT64_C(1) << 48), 16));
}
END_TEST

START_TEST(nothing_is_near_an_address_never_entered)
{
    ck_assert_ptr_null(hsight__block_map_find(&map, at(0x7f0000001000)));
    ck_assert_uint_eq(hsight__block_map_bytes(&map), 0);
    put(0x7f0000001000, 8, 1, false);
    ck_assert_ptr_nonnull(hsight__block_map_find(&map, at(0x7f0000001010)));
    ck_assert_ptr_null(hsight__block_map_find(&map, at(0x7e0000001000)));
    ck_assert_uint_gt(hsight__block_map_bytes(&map), 0);
}
END_TEST

START_TEST(sizes_around_the_split)
{
    for (uint64_t bytes = 0; bytes <= 40; bytes++) {
        put(0x10000, bytes, 7, false);
        expect(0x10000, bytes, 7, false);
        if (bytes <= 16) { /* a neighbour in the next slot */
            put(0x10010, 16, 9, false);
            expect(0x10000, bytes, 7, false);
            expect(0x10010, 16, 9, false);
            put(0x10010, 0, 0, false);
        }
        put(0x10000, 0, 0, false);
        expect(0x10000, 0, 0, false);
        expect(0x10010, 0, 0, false); /* the size is gone too */
    }
}
END_TEST

START_TEST(a_shrinking_block_frees_the_next_slot)
{
    put(0x10000, 100, 7, false);
    put(0x10000, 10, 8, false);
    expect(0x10010, 0, 0, false);
}
END_TEST

/* As a stack it would be number 100: asked for by who takes an address inside for a block. */
START_TEST(the_size_word_of_a_block_is_no_block)
{
    put(0x10000, 100, 7, false);
    hsight__block found = hsight__slot_read(hsight__block_map_find(&map, at(0x10010)));
    ck_assert_uint_eq(found.stack, 0);
    ck_assert(!found.is_code);
}
END_TEST

/* The fast ways in and out of a slot, beside the one for all. */
START_TEST(filling_and_emptying)
{
    for (uint32_t bytes = 0; bytes <= 40; bytes += 4) {
        hsight__slot *slot = hsight__block_map_reach(&map, at(0x10000));
        hsight__slot_fill(slot, bytes, 7);
        expect(0x10000, bytes, 7, false);
        ck_assert(hsight__slot_is_split(slot) == (bytes > HSIGHT__SLOT_BYTES_MAX));
        hsight__block taken = hsight__slot_empty(slot);
        ck_assert(taken.stack == 7 && taken.bytes == bytes && !taken.is_code);
        ck_assert(!hsight__slot_is_taken(slot) && !hsight__slot_is_taken(slot + 1));
        ck_assert_uint_eq(hsight__slot_empty(slot).stack, 0);
    }
}
END_TEST

/* There is more to do when code is freed. */
START_TEST(code_is_not_emptied_on_the_fast_way)
{
    hsight__slot *slot = hsight__block_map_reach(&map, at(0x10000));
    hsight__slot_fill(slot, 200, 7 | HSIGHT__SLOT_CODE);
    expect(0x10000, 200, 7, true);
    ck_assert_uint_eq(hsight__slot_empty(slot).stack, 0);
    expect(0x10000, 200, 7, true);
}
END_TEST

START_TEST(largest_values)
{
    put(0x10000, UINT32_MAX, HSIGHT__STACK_MAX, true);
    expect(0x10000, UINT32_MAX, HSIGHT__STACK_MAX, true);
    put(0x10000, 16, HSIGHT__STACK_MAX, false);
    expect(0x10000, 16, HSIGHT__STACK_MAX, false);
}
END_TEST

START_TEST(a_code_object_alone_has_no_size)
{
    put(0x10000, 0, 0, true);
    expect(0x10000, 0, 0, true);
    put(0x10000, 200, 3, true);
    expect(0x10000, 200, 3, true);
    put(0x10000, 0, 0, false);
    expect(0x10000, 0, 0, false);
}
END_TEST

/* The last slot of a leaf: its size lies beyond what the leaf covers. */
START_TEST(blocks_at_the_end_of_a_leaf)
{
    uint64_t end = UINT64_C(5) << HSIGHT__LEAF_SHIFT;
    put(end - 16, 12345, 3, false);
    put(end, 16, 4, false);
    expect(end - 16, 12345, 3, false);
    expect(end, 16, 4, false);
    put(end - 16, 0, 0, false);
    expect(end, 16, 4, false);
}
END_TEST

START_TEST(clearing_forgets_all_and_keeps_pointers_valid)
{
    hsight__slot *slots[3];
    static const uint64_t places[] = {0x10000, 0x7f0000001000, UINT64_C(0xffffffff0000)};
    for (size_t i = 0; i < 3; i++) {
        put(places[i], 500, 5, false);
        slots[i] = hsight__block_map_find(&map, at(places[i]));
    }
    uint64_t before = hsight__block_map_bytes(&map);
    hsight__block_map_clear(&map);
    ck_assert_uint_lt(hsight__block_map_bytes(&map), before);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_ptr_eq(hsight__block_map_find(&map, at(places[i])), slots[i]);
        ck_assert(!hsight__slot_is_taken(slots[i]));
        ck_assert(!hsight__slot_is_taken(slots[i] + 1));
    }
}
END_TEST

/* Blocks of random sizes, laid out as an allocator does, that come and go. */
enum { PLACES = 4000, SPACING = 64 };

START_TEST(agrees_with_an_array)
{
    uint64_t state = (uint64_t)_i + 1, base = UINT64_C(0x7f12345ff000);
    hsight__block *expected = calloc(PLACES, sizeof *expected);
    ck_assert_ptr_nonnull(expected);
    for (int step = 0; step < 40000; step++) {
        uint32_t place = random_below(&state, PLACES);
        hsight__block block = {0};
        if (random_below(&state, 3) != 0) {
            block.bytes = random_below(&state, SPACING + 1);
            block.stack = 1 + random_below(&state, 1000);
            block.is_code = random_below(&state, 10) == 0;
        }
        expected[place] = block;
        put(base + (uint64_t)place * SPACING, block.bytes, block.stack, block.is_code);
    }
    for (uint32_t place = 0; place < PLACES; place++) {
        uint64_t address = base + (uint64_t)place * SPACING;
        if (hsight__block_map_find(&map, at(address)) != NULL) {
            expect(address, expected[place].bytes, expected[place].stack, expected[place].is_code);
        } else {
            ck_assert_uint_eq(expected[place].stack, 0);
        }
    }
    free(expected);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("trace_block_map");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, only_what_fits_is_held);
    tcase_add_test(tests, nothing_is_near_an_address_never_entered);
    tcase_add_test(tests, sizes_around_the_split);
    tcase_add_test(tests, a_shrinking_block_frees_the_next_slot);
    tcase_add_test(tests, the_size_word_of_a_block_is_no_block);
    tcase_add_test(tests, filling_and_emptying);
    tcase_add_test(tests, code_is_not_emptied_on_the_fast_way);
    tcase_add_test(tests, largest_values);
    tcase_add_test(tests, a_code_object_alone_has_no_size);
    tcase_add_test(tests, blocks_at_the_end_of_a_leaf);
    tcase_add_test(tests, clearing_forgets_all_and_keeps_pointers_valid);
    tcase_add_loop_test(tests, agrees_with_an_array, 0, 4);
    return run_tests("trace_block_map", tests);
}
