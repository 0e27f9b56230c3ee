/* SPDX-License-Identifier: MIT */
/* check_allocator.c - the default allocator: contents over all thresholds, what is resident. */
#include <heapsight/base.h>

#include "random_graph.h"
#include "suite.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const hsight_allocator *memory;

static void setup(void)
{
    memory = hsight_allocator_default();
}

/* Bytes that depend on their position, so that a lost or shifted page shows. */
static void fill(uint8_t *block, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        block[i] = (uint8_t)(i * 31 ^ i >> 12);
    }
}

static void check_filled(const uint8_t *block, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (block[i] != (uint8_t)(i * 31 ^ i >> 12)) {
            ck_abort_msg("byte %zu of %zu is wrong", i, bytes);
        }
    }
}

enum { MIB = 1 << 20 };

static const size_t sizes[] = {
    0,           1,       100,         65536,   MIB - 1,         MIB,         MIB + 1,
    2 * MIB - 1, 2 * MIB, 2 * MIB + 1, 3 * MIB, 5 * MIB + 12345, 16 * MIB + 1};
enum { SIZES = sizeof sizes / sizeof *sizes };

START_TEST(contents_survive_every_resize)
{
    for (size_t from = 0; from < SIZES; from++) {
        for (size_t to = 0; to < SIZES; to++) {
            uint8_t *block = memory->allocate(memory->state, sizes[from]);
            ck_assert_ptr_nonnull(block);
            fill(block, 0, sizes[from]);
            block = memory->resize(memory->state, block, sizes[from], sizes[to]);
            ck_assert_ptr_nonnull(block);
            check_filled(block, sizes[from] < sizes[to] ? sizes[from] : sizes[to]);
            fill(block, 0, sizes[to]);
            memory->release(memory->state, block, sizes[to]);
        }
    }
}
END_TEST

/* Several blocks grow and shrink in turn, so that they get into each other's way. */
START_TEST(contents_survive_random_resizes)
{
    enum { BLOCKS = 6 };
    uint8_t *blocks[BLOCKS] = {NULL};
    size_t bytes[BLOCKS] = {0};
    uint64_t state = (uint64_t)_i + 1;
    for (int step = 0; step < 60; step++) {
        uint32_t which = random_below(&state, BLOCKS);
        size_t wanted = random_below(&state, 3) == 0 ? random_below(&state, 5000)
                                                     : random_below(&state, 6 * MIB);
        uint8_t *block = memory->resize(memory->state, blocks[which], bytes[which], wanted);
        ck_assert_ptr_nonnull(block);
        size_t kept = bytes[which] < wanted ? bytes[which] : wanted;
        check_filled(block, kept);
        fill(block, kept, wanted);
        blocks[which] = block;
        bytes[which] = wanted;
    }
    for (int which = 0; which < BLOCKS; which++) {
        check_filled(blocks[which], bytes[which]);
        memory->release(memory->state, blocks[which], bytes[which]);
    }
}
END_TEST

START_TEST(impossible_sizes_are_refused)
{
    /* Volatile: the compiler knows better than to allocate these. */
    static const volatile size_t impossible[] = {SIZE_MAX, SIZE_MAX - 4096, SIZE_MAX / 2};
    size_t held = _i ? 3 * MIB : 100;
    uint8_t *block = memory->allocate(memory->state, held);
    fill(block, 0, held);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_ptr_null(memory->allocate(memory->state, impossible[i]));
        ck_assert_ptr_null(memory->resize(memory->state, block, held, impossible[i]));
    }
    check_filled(block, held); /* the old block stays */
    memory->release(memory->state, block, held);
}
END_TEST

START_TEST(release_takes_null)
{
    memory->release(memory->state, NULL, 0);
    memory->release(memory->state, NULL, 100);
    memory->release(memory->state, NULL, 4 * MIB);
}
END_TEST

#if defined(__linux__)

static char *taken; /* where another thread's mapping is */
static bool mremap_fails;

/* Stands before the C library's. Where it fails, it does so as the kernel may: the target is gone
 * by then, and before the caller hears of it, another thread gets its addresses. */
void *mremap(void *block, size_t old_bytes, size_t new_bytes, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    char *target = (flags & MREMAP_FIXED) != 0 ? va_arg(more, char *) : NULL;
    va_end(more);
    if (!mremap_fails) {
        long moved = syscall(SYS_mremap, block, old_bytes, new_bytes, flags, target);
        return moved == -1 ? MAP_FAILED : (void *)(uintptr_t)moved;
    }
    if (target != NULL) {
        taken = mmap(target, new_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        ck_assert_ptr_eq(taken, target);
    }
    errno = ENOMEM;
    return MAP_FAILED;
}

START_TEST(a_move_that_fails_takes_nothing_from_others)
{
    size_t bytes = 3 * MIB;
    uint8_t *block = memory->allocate(memory->state, bytes);
    fill(block, 0, bytes);
    mremap_fails = true;
    ck_assert_ptr_null(memory->resize(memory->state, block, bytes, 2 * bytes));
    mremap_fails = false;
    check_filled(block, bytes);
    unsigned char resident;
    ck_assert_ptr_nonnull(taken);
    ck_assert_int_eq(mincore(taken, 1, &resident), 0); /* -1: nothing is there */
    munmap(taken, 2 * bytes);
    memory->release(memory->state, block, bytes);
}
END_TEST

static size_t count_resident(void *block, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t pages = bytes / page;
    unsigned char *resident = malloc(pages);
    ck_assert_ptr_nonnull(resident);
    ck_assert_int_eq(mincore(block, pages * page, resident), 0);
    size_t count = 0;
    for (size_t i = 0; i < pages; i++) {
        count += resident[i] & 1;
    }
    free(resident);
    return count * page;
}

/* A column that doubles touches half of it at most: the other half must cost nothing. */
START_TEST(untouched_memory_is_not_resident)
{
    size_t bytes = 64 * MIB;
    uint8_t *block = memory->allocate(memory->state, bytes);
    fill(block, 0, 8 * MIB);
    block = memory->resize(memory->state, block, bytes, 2 * bytes);
    ck_assert_ptr_nonnull(block);
    check_filled(block, 8 * MIB);
    size_t resident = count_resident(block, 2 * bytes);
    ck_assert_uint_ge(resident, 8 * MIB);
    ck_assert_uint_le(resident, 10 * MIB); /* one huge page more */
    memory->release(memory->state, block, 2 * bytes);
}
END_TEST

START_TEST(released_memory_is_unmapped)
{
    size_t bytes = 8 * MIB;
    uint8_t *block = memory->allocate(memory->state, bytes);
    fill(block, 0, bytes);
    block = memory->resize(memory->state, block, bytes, 2 * MIB);
    unsigned char resident;
    ck_assert_int_eq(mincore(block + 2 * MIB, 1, &resident), -1); /* ENOMEM: nothing there */
    memory->release(memory->state, block, 2 * MIB);
    ck_assert_int_eq(mincore(block, 1, &resident), -1);
}
END_TEST

#endif

int main(void)
{
    TCase *tests = tcase_create("allocator");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, contents_survive_every_resize);
    tcase_add_loop_test(tests, contents_survive_random_resizes, 0, 3);
    tcase_add_loop_test(tests, impossible_sizes_are_refused, 0, 2);
    tcase_add_test(tests, release_takes_null);
#if defined(__linux__)
    tcase_add_test(tests, a_move_that_fails_takes_nothing_from_others);
    tcase_add_test(tests, untouched_memory_is_not_resident);
    tcase_add_test(tests, released_memory_is_unmapped);
#endif
    return run_tests("allocator", tests);
}
