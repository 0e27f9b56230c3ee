/* SPDX-License-Identifier: MIT */
/* process_memory.c - what the system says of this process's memory. Touches no page, owns nothing.
 */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* mincore, process_vm_readv */
#endif
#include "process_memory.h"

#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGES_AT_ONCE = 512 };

#if defined(__linux__)
/* Bytes that the system could copy from these places, up to the first that it could not. */
static ssize_t copy_from(const struct iovec *remote, size_t count, void *out, size_t bytes)
{
    struct iovec local = {out, bytes};
    return process_vm_readv(getpid(), &local, 1, remote, count, 0);
}

/* One byte of each page: mapped alone may also mean that it cannot be read. */
static bool pages_are_readable(uintptr_t first, size_t count, size_t page)
{
    char bytes[PAGES_AT_ONCE];
    unsigned char resident[PAGES_AT_ONCE];
    struct iovec remote[PAGES_AT_ONCE];
    for (size_t i = 0; i < count; i++) {
        remote[i] = (struct iovec){(void *)(first + i * page), 1};
    }
    ssize_t copied = copy_from(remote, count, bytes, count);
    bool is_refused = copied < 0 && errno != EFAULT; /* where a process may not read itself */
    return is_refused ? mincore((void *)first, count * page, resident) == 0 || errno != ENOMEM
                      : copied == (ssize_t)count;
}

bool hsight__memory_copy(const void *from, void *out, size_t bytes)
{
    struct iovec remote = {(void *)(uintptr_t)from, bytes};
    return copy_from(&remote, 1, out, bytes) == (ssize_t)bytes;
}

/* Documentation/admin-guide/mm/pagemap.rst: bit 63 present, bit 61 of a file or shared. */
bool hsight__memory_written(const void *first, size_t count, uint64_t *out)
{
    const uint64_t present = UINT64_C(1) << 63, of_file = UINT64_C(1) << 61;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = count * sizeof *out;
    int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    ssize_t got = pread(file, out, bytes, (off_t)((uintptr_t)first / page * sizeof *out));
    close(file);
    for (size_t i = 0; i < count; i++) {
        out[i] = (out[i] & (present | of_file)) == present;
    }
    return got == (ssize_t)bytes;
}
#else
static bool pages_are_readable(uintptr_t first, size_t count, size_t page)
{
    (void)first, (void)count, (void)page;
    return true;
}

bool hsight__memory_copy(const void *from, void *out, size_t bytes)
{
    (void)from, (void)out, (void)bytes;
    return false;
}

bool hsight__memory_written(const void *first, size_t count, uint64_t *out)
{
    (void)first, (void)count, (void)out;
    return false;
}
#endif

bool hsight__memory_is_readable(const void *begin, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), count;
    uintptr_t at = (uintptr_t)begin / page * page, end;
    if (__builtin_add_overflow((uintptr_t)begin, bytes, &end)) {
        return false;
    }
    for (; at < end; at += count * page) {
        size_t left = (end - at + page - 1) / page;
        count = left < PAGES_AT_ONCE ? left : PAGES_AT_ONCE;
        if (!pages_are_readable(at, count, page)) {
            return false;
        }
    }
    return true;
}

size_t hsight__read_system_file(const char *path, char *out, size_t size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file >= 0 ? read(file, out, size - 1) : 0;
    if (file >= 0) {
        close(file);
    }
    out[length > 0 ? length : 0] = 0;
    return length > 0 ? (size_t)length : 0;
}

hsight__process_memory hsight__process_memory_now(void)
{
    char text[128];
    unsigned long long mapped, resident;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    hsight__read_system_file("/proc/self/statm", text, sizeof text);
    if (sscanf(text, "%llu %llu", &mapped, &resident) != 2) {
        return (hsight__process_memory){0, 0};
    }
    return (hsight__process_memory){mapped * page, resident * page};
}

uint64_t hsight_capture_resident_bytes(void)
{
    return hsight__process_memory_now().resident_bytes;
}
