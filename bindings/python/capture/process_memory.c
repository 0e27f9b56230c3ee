/* SPDX-License-Identifier: MIT */
/* process_memory.c - what the system says of this process's memory. Touches no page, owns nothing.
 */
#if defined(__linux__) && !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* mincore */
#endif
#include "process_memory.h"

#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES_AT_ONCE 4096

/* mincore() refuses a range with a hole; which pages are resident is of no interest. */
static bool pages_are_mapped(uintptr_t first, size_t bytes)
{
#if defined(__linux__)
    unsigned char resident[PAGES_AT_ONCE];
    return mincore((void *)first, bytes, resident) == 0 || errno != ENOMEM;
#else
    (void)first, (void)bytes;
    return true;
#endif
}

bool hsight__memory_is_mapped(const void *begin, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), most = page * PAGES_AT_ONCE;
    uintptr_t at = (uintptr_t)begin / page * page, end;
    if (__builtin_add_overflow((uintptr_t)begin, bytes, &end)) {
        return false;
    }
    for (; at < end; at += most) {
        if (!pages_are_mapped(at, end - at < most ? end - at : most)) {
            return false;
        }
    }
    return true;
}

hsight__process_memory hsight__process_memory_now(void)
{
    char text[128];
    unsigned long long mapped, resident;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t length = file >= 0 ? read(file, text, sizeof(text) - 1) : 0;
    if (file >= 0) {
        close(file);
    }
    text[length > 0 ? length : 0] = 0;
    if (sscanf(text, "%llu %llu", &mapped, &resident) != 2) {
        return (hsight__process_memory){0, 0};
    }
    return (hsight__process_memory){mapped * page, resident * page};
}

uint64_t hsight_capture_resident_bytes(void)
{
    return hsight__process_memory_now().resident_bytes;
}
