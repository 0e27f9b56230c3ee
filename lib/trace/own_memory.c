/* SPDX-License-Identifier: MIT */
/* own_memory.c - copies of pages, by process_vm_readv() or, where a sandbox forbids that, from
 * /proc/self/mem; a few hundred nanoseconds a page.
 *
 * I1  pages[i] is a copy of the page tags[i] - 1, or nothing (0): read, or found unreadable */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* process_vm_readv */
#endif
#include "trace/own_memory.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGES = 1024 };

struct hsight__own_memory {
    const hsight_allocator *allocator;
    int file;    /* /proc/self/mem; -1: not needed */
    int pagemap; /* /proc/self/pagemap; -1: cannot be read */
    size_t page_bytes;
    uint64_t tags[PAGES];
    bool is_readable[PAGES];
    char pages[PAGES][HSIGHT__COPY_BYTES];
};

static bool copy(const hsight__own_memory *memory, uint64_t address, void *out, size_t bytes)
{
#if defined(__linux__)
    if (memory->file >= 0) {
        return pread(memory->file, out, bytes, (off_t)address) == (ssize_t)bytes;
    }
    struct iovec to = {out, bytes}, from = {(void *)(uintptr_t)address, bytes};
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)bytes;
#else
    (void)memory, (void)address, (void)out, (void)bytes;
    return false;
#endif
}

/* Can memory be read that is there? */
static bool works(hsight__own_memory *memory)
{
    uint32_t there = 1, read = 0;
    if (copy(memory, (uint64_t)(uintptr_t)&there, &read, sizeof read) && read == there) {
        return true;
    }
    memory->file = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    return memory->file >= 0 && copy(memory, (uint64_t)(uintptr_t)&there, &read, sizeof read) &&
           read == there;
}

hsight_status hsight__own_memory_new(const hsight_allocator *allocator, hsight__own_memory **out,
                                     hsight_error *err)
{
    hsight__own_memory *memory = allocator->allocate(allocator->state, sizeof *memory);
    if (memory == NULL) {
        return hsight__fail_memory(err, sizeof *memory);
    }
    memory->allocator = allocator;
    memory->file = -1;
    memory->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    memory->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < PAGES; i++) {
        memory->tags[i] = 0;
    }
    if (!works(memory)) {
        hsight__own_memory_free(memory);
        return hsight__fail(err, HSIGHT_ENOTSUP,
                            "the system does not let this process read its own memory");
    }
    *out = memory;
    return HSIGHT_OK;
}

void hsight__own_memory_free(hsight__own_memory *memory)
{
    if (memory == NULL) {
        return;
    }
    if (memory->file >= 0) {
        close(memory->file);
    }
    if (memory->pagemap >= 0) {
        close(memory->pagemap);
    }
    const hsight_allocator *allocator = memory->allocator;
    allocator->release(allocator->state, memory, sizeof *memory);
}

const void *hsight__own_memory_read(hsight__own_memory *memory, uint64_t address, size_t *bytes)
{
    uint64_t page = address / HSIGHT__COPY_BYTES, offset = address % HSIGHT__COPY_BYTES;
    size_t at = (size_t)(page ^ page / PAGES) % PAGES;
    if (memory->tags[at] != page + 1) {
        memory->tags[at] = page + 1;
        memory->is_readable[at] =
            copy(memory, page * HSIGHT__COPY_BYTES, memory->pages[at], HSIGHT__COPY_BYTES);
    }
    *bytes = (size_t)(HSIGHT__COPY_BYTES - offset);
    return memory->is_readable[at] ? memory->pages[at] + offset : NULL;
}

size_t hsight__own_memory_page_bytes(const hsight__own_memory *memory)
{
    return memory->page_bytes;
}

uint64_t hsight__own_memory_touched(const hsight__own_memory *memory, const void *begin)
{
    const uint64_t present_or_swapped = UINT64_C(3) << 62; /* proc_pid_pagemap(5) */
    uint64_t entries[64], touched = 0;
    off_t at = (off_t)((uintptr_t)begin / memory->page_bytes * sizeof *entries);
    if (memory->pagemap < 0 ||
        pread(memory->pagemap, entries, sizeof entries, at) != (ssize_t)sizeof entries) {
        return UINT64_MAX;
    }
    for (int i = 0; i < 64; i++) {
        touched |= (entries[i] & present_or_swapped) != 0 ? UINT64_C(1) << i : 0;
    }
    return touched;
}
