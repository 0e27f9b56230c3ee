/* SPDX-License-Identifier: MIT */
/* check_prefault.c - memory that is backed before it is written to: how much, with which pages. */
#include <heapsight/base.h>

#include "suite.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__linux__)

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static const hsight_allocator *memory;

/* What the system was asked, and a clock that the test moves on. */
static uint64_t now_ns, thread_ns, backing_ns;
static int huge_count, no_huge_count, populated_count;
static bool populate_fails;

int clock_gettime(clockid_t clock, struct timespec *out)
{
    thread_ns += backing_ns; /* between two looks at it */
    uint64_t ns = clock == CLOCK_THREAD_CPUTIME_ID ? thread_ns : now_ns;
    *out = (struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    return 0;
}

int madvise(void *block, size_t bytes, int advice)
{
    huge_count += advice == MADV_HUGEPAGE;
    no_huge_count += advice == MADV_NOHUGEPAGE;
    populated_count += advice == MADV_POPULATE_WRITE;
    if (advice == MADV_POPULATE_WRITE && populate_fails) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_madvise, block, bytes, advice);
}

/* The pause after a slow page of the test before is over. */
static void setup(void)
{
    memory = hsight_allocator_default();
    now_ns += UINT64_C(1000000000000);
    backing_ns = 0;
    huge_count = no_huge_count = populated_count = 0;
    populate_fails = false;
}

static size_t prefault(uint8_t *block, size_t bytes, size_t begin, size_t need)
{
    size_t end = memory->prefault(memory->state, block, bytes, begin, need);
    ck_assert_uint_ge(end, need);
    ck_assert_uint_le(end, bytes);
    return end;
}

static size_t count_resident(uint8_t *block, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = bytes / page, count = 0;
    unsigned char *resident = malloc(pages);
    ck_assert_ptr_nonnull(resident);
    ck_assert_int_eq(mincore(block, pages * page, resident), 0);
    for (size_t i = 0; i < pages; i++) {
        count += resident[i] & 1;
    }
    free(resident);
    return count * page;
}

/* From 16 MiB, in steps of many sizes: what was said to be backed is, and not much else. */
START_TEST(what_is_needed_is_backed)
{
    const size_t bytes = 16 * MIB;
    uint8_t *block = memory->allocate(memory->state, bytes);
    backing_ns = _i == 0 ? 0 : 2000000; /* as huge pages come, and as they do not */
    size_t end = 0, page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t step = 1; end < bytes; step *= 3) {
        size_t need = end + step < bytes ? end + step : bytes;
        end = prefault(block, bytes, end, need);
        ck_assert_uint_ge(count_resident(block, end), end / page * page);
        ck_assert_uint_le(count_resident(block, bytes), end + 2 * MIB);
        ck_assert_uint_le(end, need + 2 * MIB);
    }
    memory->release(memory->state, block, bytes);
}
END_TEST

START_TEST(small_steps_back_little)
{
    const size_t bytes = 16 * MIB;
    uint8_t *block = memory->allocate(memory->state, bytes);
    backing_ns = 2000000;
    size_t end = prefault(block, bytes, 0, 1); /* slow: from here on, small pages */
    size_t next = prefault(block, bytes, end, end + 1);
    ck_assert_uint_ge(next - end, 64 << 10);
    ck_assert_uint_le(next - end, MIB);
    memory->release(memory->state, block, bytes);
}
END_TEST

START_TEST(what_is_there_stays)
{
    const size_t bytes = 8 * MIB;
    uint8_t *block = memory->allocate(memory->state, bytes);
    for (size_t i = 0; i < 3 * MIB; i++) {
        block[i] = (uint8_t)(i * 31 ^ i >> 12);
    }
    (void)prefault(block, bytes, 3 * MIB, 7 * MIB);
    (void)prefault(block, bytes, 0, bytes);
    size_t wrong = 0;
    for (size_t i = 0; i < bytes; i++) {
        wrong += block[i] != (i < 3 * MIB ? (uint8_t)(i * 31 ^ i >> 12) : 0);
    }
    ck_assert_uint_eq(wrong, 0);
    memory->release(memory->state, block, bytes);
}
END_TEST

/* A page of 2 MiB that takes longer than a millisecond is the last for a second. */
START_TEST(slow_huge_pages_are_not_asked_for_again)
{
    const size_t bytes = 16 * MIB;
    uint8_t *block = memory->allocate(memory->state, bytes), *other;
    if (sysconf(_SC_PAGESIZE) != 4096) { /* there they are not asked for at all */
        (void)prefault(block, bytes, 0, bytes);
        ck_assert_int_eq(huge_count, 0);
        memory->release(memory->state, block, bytes);
        return;
    }
    size_t end = prefault(block, bytes, 0, 4 * MIB);
    ck_assert_int_eq(huge_count, 2);
    ck_assert_int_eq(no_huge_count, 0);
    backing_ns = 1000001;
    end = prefault(block, bytes, end, end + 1);
    ck_assert_int_eq(huge_count, 3);
    ck_assert_int_ge(no_huge_count, 1);
    end = prefault(block, bytes, end, end + 3 * MIB);
    other = memory->allocate(memory->state, bytes);
    now_ns += UINT64_C(999999999);
    (void)prefault(other, bytes, 0, 5 * MIB);
    ck_assert_int_eq(huge_count, 3);
    now_ns += 1;
    backing_ns = 1000000;
    (void)prefault(other, bytes, 6 * MIB, 10 * MIB);
    ck_assert_int_eq(huge_count, 5);
    memory->release(memory->state, block, bytes);
    memory->release(memory->state, other, bytes);
}
END_TEST

/* Asked for a huge page, the system may give a small one: then no more than a step is backed. */
START_TEST(where_no_huge_page_comes_little_is_backed)
{
    const size_t bytes = 16 * MIB;
    uint8_t *block = memory->allocate(memory->state, bytes);
    ck_assert_int_eq(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0);
    size_t end = prefault(block, bytes, 0, 1);
    ck_assert_uint_le(end, MIB);
    ck_assert_uint_le(count_resident(block, bytes), MIB);
    (void)prefault(block, bytes, end, bytes);
    ck_assert_int_le(huge_count, 1);
    ck_assert_int_eq(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0), 0);
    memory->release(memory->state, block, bytes);
}
END_TEST

/* A quarter has huge pages, or that and a half small ones; a neighbour lets none grow in place. */
START_TEST(a_block_of_both_can_move)
{
    const size_t bytes = 8 * MIB;
    uint8_t *block = memory->allocate(memory->state, bytes);
    (void)prefault(block, bytes, 0, 2 * MIB);
    if (_i == 1) {
        backing_ns = 2000000;
        (void)prefault(block, bytes, 2 * MIB, 6 * MIB);
    }
    memset(block, 7, bytes);
    void *neighbour = mmap(block + bytes, MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(neighbour, MAP_FAILED);
    block = memory->resize(memory->state, block, bytes, 4 * bytes);
    ck_assert_ptr_nonnull(block);
    ck_assert_uint_eq(block[0], 7);
    ck_assert_int_eq(memcmp(block, block + 1, bytes - 1), 0);
    (void)prefault(block, 4 * bytes, bytes, 4 * bytes);
    memory->release(memory->state, block, 4 * bytes);
    munmap(neighbour, MIB);
}
END_TEST

START_TEST(a_system_that_refuses_changes_nothing)
{
    const size_t bytes = 4 * MIB;
    uint8_t *block = memory->allocate(memory->state, bytes);
    memset(block, 3, MIB);
    populate_fails = true;
    backing_ns = 2000000;
    errno = 0;
    for (size_t end = 0; end < bytes;) {
        end = prefault(block, bytes, end, end + 1);
    }
    ck_assert_int_eq(errno, 0);
    ck_assert_int_gt(populated_count, 0);
    ck_assert_int_le(huge_count, 1); /* one was slow, also where nothing can be asked for at once */
    ck_assert_uint_eq(block[0], 3);
    ck_assert_int_eq(memcmp(block, block + 1, MIB - 1), 0);
    memory->release(memory->state, block, bytes);
}
END_TEST

/* malloc's, and mappings that end within a page. */
START_TEST(blocks_of_any_size)
{
    static const size_t sizes[] = {1,     100,         65535,       65536,
                                   65537, 2 * MIB - 1, 2 * MIB + 1, 5 * MIB - 7};
    size_t bytes = sizes[_i];
    uint8_t *block = memory->allocate(memory->state, bytes);
    ck_assert_uint_eq(prefault(block, bytes, bytes - 1, bytes), bytes);
    ck_assert_uint_eq(prefault(block, bytes, 0, bytes), bytes);
    memset(block, 1, bytes);
    memory->release(memory->state, block, bytes);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("prefault");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_loop_test(tests, what_is_needed_is_backed, 0, 2);
    tcase_add_test(tests, small_steps_back_little);
    tcase_add_test(tests, what_is_there_stays);
    tcase_add_test(tests, where_no_huge_page_comes_little_is_backed);
    tcase_add_test(tests, slow_huge_pages_are_not_asked_for_again);
    tcase_add_loop_test(tests, a_block_of_both_can_move, 0, 2);
    tcase_add_test(tests, a_system_that_refuses_changes_nothing);
    tcase_add_loop_test(tests, blocks_of_any_size, 0, 8);
    return run_tests("prefault", tests);
}

#else

START_TEST(without_pages_all_is_backed)
{
    const hsight_allocator *memory = hsight_allocator_default();
    void *block = memory->allocate(memory->state, 1000);
    ck_assert_uint_eq(memory->prefault(memory->state, block, 1000, 0, 1), 1000);
    memory->release(memory->state, block, 1000);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("prefault");
    tcase_add_test(tests, without_pages_all_is_backed);
    return run_tests("prefault", tests);
}

#endif
