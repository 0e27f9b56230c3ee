/* SPDX-License-Identifier: MIT */
/* allocator.c - the default allocator.
 *
 * Blocks under 64 KiB come from malloc, larger ones are page mappings of their own:
 *   - growth from 1 MiB on moves page tables, not bytes (mremap), so the peak of a growing column
 * is the column;
 *   - what is not touched yet is not resident, but for the begin of a block that was copied;
 *   - nothing passes through the heap of the program that is being measured: what malloc gets back
 *     it keeps, and a snapshot that was dropped would still be resident.
 *
 * I1  a block of fewer than MAP_BYTES bytes is malloc's, any other is a mapping of round_up(bytes)
 *     bytes that starts at a multiple of 2 MiB; the size given to resize and release decides
 * I2  a failing resize leaves the old block as it was
 *
 * The alignment serves huge pages, which prefault.c asks for: a mapping that moves between two
 * aligned places keeps them. Systems without mremap only use malloc. */
#include <heapsight/base.h>

#include "base/checked.h"
#include "base/prefault.h"

#include <stdlib.h>
#include <string.h>

#if defined(__linux__)

#include <sys/mman.h>
#include <unistd.h>

static const size_t MAP_BYTES = (size_t)64 << 10;
static const size_t REMAP_BYTES = (size_t)1 << 20; /* less is copied: two calls cost more */
static const size_t HUGE_BYTES = (size_t)2 << 20;
static const size_t PAGE_BYTES = (size_t)64 << 10; /* the largest page size Linux has on our CPUs */

static bool is_mapped(size_t bytes)
{
    return bytes >= MAP_BYTES;
}

static size_t round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) & ~(unit - 1);
}

/* A fresh mapping of `bytes` (a multiple of PAGE_BYTES) at a multiple of HUGE_BYTES, or NULL. */
static void *map_aligned(size_t bytes)
{
    size_t slack;
    if (!hsight__add_size(bytes, HUGE_BYTES, &slack)) {
        return NULL;
    }
    char *raw = mmap(NULL, slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED) {
        return NULL;
    }
    char *block = (char *)round_up((size_t)(uintptr_t)raw, HUGE_BYTES);
    size_t head = (size_t)(block - raw);
    if (head > 0) {
        munmap(raw, head);
    }
    if (head < HUGE_BYTES) {
        munmap(block + bytes, HUGE_BYTES - head);
    }
    return block;
}

static void *map_block(size_t bytes)
{
    if (bytes > SIZE_MAX - PAGE_BYTES) {
        return NULL;
    }
    return map_aligned(round_up(bytes, PAGE_BYTES));
}

/* Grow or shrink a mapping: in place where the address space allows, else by moving its pages. */
static void *remap_block(void *block, size_t old_bytes, size_t new_bytes)
{
    if (new_bytes > SIZE_MAX - PAGE_BYTES) {
        return NULL;
    }
    size_t old_length = round_up(old_bytes, PAGE_BYTES);
    size_t new_length = round_up(new_bytes, PAGE_BYTES);
    void *moved = mremap(block, old_length, new_length, 0);
    if (moved == MAP_FAILED) {
        void *target = map_aligned(new_length);
        if (target == NULL) {
            return NULL;
        }
        moved = mremap(block, old_length, new_length, MREMAP_MAYMOVE | MREMAP_FIXED, target);
        if (moved == MAP_FAILED) {
            /* The target stays: mremap unmaps it first, and may fail after that. By now another
             * thread may have got these addresses, and would lose its memory. What leaks, if
             * anything does, is address space. */
            return NULL;
        }
    }
    return moved;
}

static void *default_allocate(void *state, size_t bytes)
{
    (void)state;
    return is_mapped(bytes) ? map_block(bytes) : malloc(bytes > 0 ? bytes : 1);
}

static void default_release(void *state, void *block, size_t bytes)
{
    (void)state;
    if (block != NULL && is_mapped(bytes)) {
        munmap(block, round_up(bytes, PAGE_BYTES));
    } else {
        free(block);
    }
}

static size_t default_prefault(void *state, void *block, size_t bytes, size_t begin, size_t need)
{
    (void)state;
    return is_mapped(bytes)
               ? hsight__prefault(block, bytes, round_up(bytes, PAGE_BYTES), begin, need)
               : bytes;
}

static void *default_resize(void *state, void *block, size_t old_bytes, size_t new_bytes)
{
    if (block == NULL) {
        return default_allocate(state, new_bytes);
    }
    if (old_bytes >= REMAP_BYTES && is_mapped(new_bytes)) {
        return remap_block(block, old_bytes, new_bytes);
    }
    if (!is_mapped(old_bytes) && !is_mapped(new_bytes)) {
        return realloc(block, new_bytes > 0 ? new_bytes : 1);
    }
    void *other = default_allocate(state, new_bytes);
    if (other != NULL) {
        if (is_mapped(new_bytes)) { /* before a first small page stands where a huge one could */
            (void)default_prefault(state, other, new_bytes, 0, 1);
        }
        memcpy(other, block, old_bytes < new_bytes ? old_bytes : new_bytes);
        default_release(state, block, old_bytes);
    }
    return other;
}

#else

static void *default_allocate(void *state, size_t bytes)
{
    (void)state;
    return malloc(bytes > 0 ? bytes : 1);
}

static void *default_resize(void *state, void *block, size_t old_bytes, size_t new_bytes)
{
    (void)state;
    (void)old_bytes;
    return realloc(block, new_bytes > 0 ? new_bytes : 1);
}

static void default_release(void *state, void *block, size_t bytes)
{
    (void)state;
    (void)bytes;
    free(block);
}

static size_t default_prefault(void *state, void *block, size_t bytes, size_t begin, size_t need)
{
    (void)state, (void)block, (void)begin, (void)need;
    return bytes;
}

#endif

const hsight_allocator *hsight_allocator_default(void)
{
    static const hsight_allocator allocator = {default_allocate, default_resize, default_release,
                                               NULL, default_prefault};
    return &allocator;
}
