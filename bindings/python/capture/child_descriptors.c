/* SPDX-License-Identifier: MIT */
/* child_descriptors.c - closing everything in a forked child, so that nobody waits for the end of a
 * pipe because of it.
 *
 * One system call where it is there (Linux 5.9). Else the system's list of open descriptors, read
 * into the stack: opendir() would take memory. The limit of descriptors bounds new ones only, so it
 * is the last resort, without /proc. Cost: O(descriptors). */
#include "child_descriptors.h"

#if defined(__linux__)

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if !defined(SYS_close_range)
#define SYS_close_range 436 /* on every machine */
#endif

enum { DESCRIPTORS_MAX = 1 << 16, LISTED_BYTES = 4096, NAME_OFFSET = 19, LENGTH_OFFSET = 16 };

static bool close_range_of(unsigned first, unsigned last)
{
    return first > last || syscall(SYS_close_range, first, last, 0U) == 0;
}

/* Entries as getdents64() gives them: 16 bytes, their length in two, one byte, the name. */
static void close_entries(const char *entries, size_t bytes, int kept, int listing)
{
    for (size_t at = 0; at < bytes;) {
        const char *name = entries + at + NAME_OFFSET;
        int descriptor = *name >= '0' && *name <= '9' ? atoi(name) : kept; /* "." and ".." */
        if (descriptor != kept && descriptor != listing) {
            close(descriptor);
        }
        at += *(const uint16_t *)(const void *)(entries + at + LENGTH_OFFSET);
    }
}

static bool close_listed(int kept)
{
    _Alignas(uint64_t) char entries[LISTED_BYTES];
    long bytes;
    close(kept == 0 ? 1 : 0); /* so that there is one for the list */
    int listing = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (listing < 0) {
        return false;
    }
    while ((bytes = syscall(SYS_getdents64, listing, entries, sizeof entries)) > 0) {
        close_entries(entries, (size_t)bytes, kept, listing);
    }
    close(listing);
    return bytes == 0;
}

static void close_below_limit(int kept)
{
    struct rlimit limit;
    bool known = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < DESCRIPTORS_MAX;
    int end = known ? (int)limit.rlim_cur : DESCRIPTORS_MAX;
    for (int descriptor = 0; descriptor < end; descriptor++) {
        if (descriptor != kept) {
            close(descriptor);
        }
    }
}

void hsight__close_all_but(int kept)
{
    bool below = kept == 0 || close_range_of(0, (unsigned)kept - 1);
    if (!(below && close_range_of((unsigned)kept + 1, ~0U)) && !close_listed(kept)) {
        close_below_limit(kept);
    }
}

#endif
