/* SPDX-License-Identifier: MIT */
/* prefault.c - having the system back memory before it is written to.
 *
 * A page that is written to first costs a trap into the system; asked for many at once, it needs
 * two thirds of the time for each. A huge page (2 MiB) takes a quarter: as long as it takes to be
 * cleared, if there is one. Else the system may move pages about to make one, or give a small one
 * instead. Or it runs in a virtual machine that has given free memory back to its host, which finds
 * it anew 4 KiB at a time: that takes ten times as long as small pages that some program left a
 * moment ago. Nothing tells beforehand, so each huge page is timed, and after a slow one, or none,
 * there are small pages for a second.
 *
 * All of a block has the same advice: the system does not move a mapping with two (mremap, EFAULT).
 * So a block that got small pages where huge ones could be keeps them, until it is freed. Owns one
 * word, of any thread; errno stays. Cost: O(pages), and some eight calls for each 2 MiB. */
#include "base/prefault.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(__linux__)

#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14; before, memory is backed as it is touched */
#endif

static const size_t HUGE_BYTES = (size_t)2 << 20;
static const size_t LEAST_BYTES = (size_t)64 << 10, MOST_BYTES = (size_t)256 << 10; /* at once */
static const uint64_t SLOW_NS = 1000000, PAUSE_NS = 1000000000;

static _Atomic uint64_t pause_ends_ns;

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    return clock_gettime(clock, &now) == 0
               ? (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec
               : 0;
}

static bool may_be_huge(void)
{
    return sysconf(_SC_PAGESIZE) == 4096 && /* with 64 KiB a huge page is 512 MiB */
           clock_ns(CLOCK_MONOTONIC) >= atomic_load_explicit(&pause_ends_ns, memory_order_relaxed);
}

/* Or leaves it to whoever touches it. */
static void back(char *begin, size_t bytes)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)begin & ~(page - 1);
    (void)madvise((void *)at, (uintptr_t)begin + bytes - at, MADV_POPULATE_WRITE);
}

/* Writes what is there already. */
static void touch(char *at)
{
    volatile char *byte = at;
    *byte = *byte;
}

static bool is_backed(char *at)
{
    unsigned char is_resident = 0;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    return mincore((void *)((uintptr_t)at & ~(page - 1)), 1, &is_resident) == 0 &&
           (is_resident & 1) != 0;
}

/* The first byte brings a huge page, if it does: then all of it is backed. The clock of the thread
 * does not see when others run. */
static bool back_huge(char *block, size_t mapped, size_t begin)
{
    (void)madvise(block, mapped, MADV_HUGEPAGE);
    uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    touch(block + begin);
    bool is_slow = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns > SLOW_NS;
    bool is_huge = is_backed(block + begin + HUGE_BYTES - 1);
    if (is_slow || !is_huge) {
        (void)madvise(block, mapped, MADV_NOHUGEPAGE);
        atomic_store_explicit(&pause_ends_ns, clock_ns(CLOCK_MONOTONIC) + PAUSE_NS,
                              memory_order_relaxed);
    }
    return is_huge;
}

static size_t clamp(size_t value, size_t least, size_t most)
{
    return value < least ? least : value < most ? value : most;
}

/* From `begin` to the end of the 2 MiB it lies in, or less. */
static size_t back_piece(char *block, size_t bytes, size_t mapped, size_t begin, size_t need)
{
    size_t within = ((uintptr_t)block + begin) % HUGE_BYTES;
    if (within == 0 && mapped - begin >= HUGE_BYTES) {
        if (!may_be_huge()) {
            (void)madvise(block, mapped, MADV_NOHUGEPAGE);
        } else if (back_huge(block, mapped, begin)) {
            return begin + HUGE_BYTES < bytes ? begin + HUGE_BYTES : bytes;
        }
    }
    size_t step = clamp(begin / 4, LEAST_BYTES, MOST_BYTES);
    size_t wanted = begin + step > need ? begin + step : need;
    size_t border = begin - within + HUGE_BYTES;
    size_t most = border < bytes ? border : bytes;
    size_t end = wanted < most ? wanted : most;
    back(block + begin, end - begin);
    return end;
}

size_t hsight__prefault(void *block, size_t bytes, size_t mapped, size_t begin, size_t need)
{
    int kept_errno = errno;
    while (begin < need) {
        begin = back_piece(block, bytes, mapped, begin, need);
    }
    errno = kept_errno;
    return begin;
}

#else

size_t hsight__prefault(void *block, size_t bytes, size_t mapped, size_t begin, size_t need)
{
    (void)block, (void)mapped, (void)begin, (void)need;
    return bytes;
}

#endif
