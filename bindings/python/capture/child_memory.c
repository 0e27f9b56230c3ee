/* SPDX-License-Identifier: MIT */
/* child_memory.c - malloc(), and what rests on it, for the forked child that takes a snapshot.
 *
 * fork() takes malloc's locks so that they are free in the child; clone() does not, and another
 * thread of the program may have held one. So the child uses neither malloc nor the interpreter's
 * allocators, which rest on it. The linker leads every malloc(), calloc(), realloc(), free() and
 * qsort() of the extension and of the engine inside it here (--wrap), and in the program itself
 * they go on to libc at the cost of one look at a flag. qsort() is among them because glibc's takes
 * a buffer from malloc.
 *
 *     mapping:  [ region | block | block | ... ]     small blocks, a power of two each
 *               [ region | block ]                   one that takes SMALL_BYTES and more
 *     block:    [ its capacity, 16 bytes | what the caller gets ]
 *
 * I1  what the caller gets is aligned to 16 bytes, and lies in a mapping of the list `regions`, or
 *     is from before the child began: that is never freed, and moves when it is resized
 * I2  the capacity of a block is below SMALL_BYTES if and only if others are in its mapping
 * I3  a free block's first word leads to the next one of its size
 *
 * Cost: O(1) to allocate, O(mappings) to free or resize. Everything goes with the child. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "child_memory.h"
#include "compat.h"

#if defined(__linux__)

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { HEADER_BYTES = 16, LEAST_BITS = 5, CLASS_COUNT = 64 };
static const size_t SMALL_BYTES = (size_t)256 << 10;
static const size_t REGION_BYTES = (size_t)1 << 20;

typedef struct region {
    struct region *next;
    size_t bytes;
} region;

static bool is_child;
static region *regions;
static char *rest; /* of the newest region of small blocks */
static size_t rest_bytes;
static void *free_blocks[CLASS_COUNT]; /* by the power of two */

static char *map_region(size_t bytes)
{
    region *made = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED) {
        return NULL;
    }
    *made = (region){regions, bytes};
    regions = made;
    return (char *)made + sizeof(region);
}

static const region *region_of(const void *block)
{
    const region *at = regions;
    while (at != NULL && (uintptr_t)block - (uintptr_t)at >= at->bytes) {
        at = at->next;
    }
    return at;
}

static size_t *capacity_of(void *block)
{
    return (size_t *)(void *)((char *)block - HEADER_BYTES);
}

/* The least power of two that has room for a block of so many bytes with its header. */
static int class_of(size_t bytes)
{
    int bits = LEAST_BITS;
    while (((size_t)1 << bits) < bytes + HEADER_BYTES) {
        bits++;
    }
    return bits;
}

static void *allocate_large(size_t bytes)
{
    size_t capacity = bytes > SMALL_BYTES ? bytes : SMALL_BYTES;
    if (capacity > SIZE_MAX / 2) {
        return NULL;
    }
    char *begin = map_region(capacity + sizeof(region) + HEADER_BYTES);
    if (begin == NULL) {
        return NULL;
    }
    *(size_t *)(void *)begin = capacity;
    return begin + HEADER_BYTES;
}

static void *allocate(size_t bytes)
{
    if (bytes > SMALL_BYTES - HEADER_BYTES) {
        return allocate_large(bytes);
    }
    int bits = class_of(bytes);
    size_t whole = (size_t)1 << bits;
    void *block = free_blocks[bits];
    if (block != NULL) {
        free_blocks[bits] = *(void **)block;
        return block;
    }
    if (rest_bytes < whole) {
        char *begin = map_region(REGION_BYTES);
        if (begin == NULL) {
            return NULL;
        }
        rest = begin;
        rest_bytes = REGION_BYTES - sizeof(region);
    }
    block = rest + HEADER_BYTES;
    *capacity_of(block) = whole - HEADER_BYTES;
    rest += whole;
    rest_bytes -= whole;
    return block;
}

static void *allocate_zeros(size_t count, size_t bytes)
{
    size_t whole;
    if (__builtin_mul_overflow(count, bytes, &whole)) {
        return NULL;
    }
    void *block = allocate(whole);
    if (block != NULL && *capacity_of(block) < SMALL_BYTES) { /* a fresh mapping is zeros */
        memset(block, 0, whole);
    }
    return block;
}

static void unmap_large(const region *gone)
{
    region **link = &regions;
    while (*link != gone) {
        link = &(*link)->next;
    }
    *link = gone->next;
    munmap((void *)gone, gone->bytes);
}

static void release(void *block)
{
    const region *home = block != NULL ? region_of(block) : NULL;
    if (home == NULL) {
        return;
    }
    if (*capacity_of(block) >= SMALL_BYTES) {
        unmap_large(home);
        return;
    }
    int bits = class_of(*capacity_of(block));
    *(void **)block = free_blocks[bits];
    free_blocks[bits] = block;
}

/* known_bytes: of a block from before the child began. */
static void *resize(void *block, size_t bytes, size_t known_bytes)
{
    bool is_own = block != NULL && region_of(block) != NULL;
    size_t before = is_own ? *capacity_of(block) : known_bytes;
    if (is_own && bytes <= before && before < SMALL_BYTES) {
        return block;
    }
    void *moved = allocate(bytes);
    if (moved != NULL && block != NULL) {
        memcpy(moved, block, before < bytes ? before : bytes);
        release(block);
    }
    return moved;
}

/* In place, no buffer: O(n log n). */
static void swap_items(char *a, char *b, size_t bytes)
{
    while (bytes-- > 0) {
        char kept = *a;
        *a++ = *b;
        *b++ = kept;
    }
}

static void sift_down(char *items, size_t at, size_t count, size_t bytes,
                      int (*compare)(const void *, const void *))
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && compare(items + child * bytes, items + (child + 1) * bytes) < 0) {
            child++;
        }
        if (compare(items + at * bytes, items + child * bytes) >= 0) {
            return;
        }
        swap_items(items + at * bytes, items + child * bytes, bytes);
    }
}

static void sort_heap(char *items, size_t count, size_t bytes,
                      int (*compare)(const void *, const void *))
{
    for (size_t at = count / 2; at-- > 0;) {
        sift_down(items, at, count, bytes, compare);
    }
    for (size_t last = count; last-- > 1;) {
        swap_items(items, items + last * bytes, bytes);
        sift_down(items, 0, last, bytes, compare);
    }
}

/* ---- where the linker leads ---- */

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *block, size_t bytes);
void __real_free(void *block);
void __real_qsort(void *items, size_t count, size_t bytes,
                  int (*compare)(const void *, const void *));
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *block, size_t bytes);
void __wrap_free(void *block);
void __wrap_qsort(void *items, size_t count, size_t bytes,
                  int (*compare)(const void *, const void *));

void *__wrap_malloc(size_t bytes)
{
    return __builtin_expect(is_child, 0) ? allocate(bytes) : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return __builtin_expect(is_child, 0) ? allocate_zeros(count, bytes)
                                         : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *block, size_t bytes)
{
    if (__builtin_expect(is_child, 0)) {
        bool is_old = block != NULL && region_of(block) == NULL;
        return resize(block, bytes, is_old ? malloc_usable_size(block) : 0); /* takes no lock */
    }
    return __real_realloc(block, bytes);
}

void __wrap_free(void *block)
{
    if (__builtin_expect(is_child, 0)) {
        release(block);
    } else {
        __real_free(block);
    }
}

void __wrap_qsort(void *items, size_t count, size_t bytes,
                  int (*compare)(const void *, const void *))
{
    if (__builtin_expect(is_child, 0)) {
        sort_heap(items, count, bytes, compare);
    } else {
        __real_qsort(items, count, bytes, compare);
    }
}

/* ---- the interpreter's allocators ---- */

static void *python_malloc(void *ctx, size_t bytes)
{
    (void)ctx;
    return allocate(bytes);
}

static void *python_calloc(void *ctx, size_t count, size_t bytes)
{
    (void)ctx;
    return allocate_zeros(count, bytes);
}

/* Nobody knows how large a block of the interpreter's own is: it stays, and the caller hears that
 * there is no memory. */
static void *python_realloc(void *ctx, void *block, size_t bytes)
{
    (void)ctx;
    bool is_old = block != NULL && region_of(block) == NULL;
    return is_old ? NULL : resize(block, bytes, 0);
}

static void python_free(void *ctx, void *block)
{
    (void)ctx;
    release(block);
}

void hsight__child_memory_begin(void)
{
    PyMemAllocatorEx own = {NULL, python_malloc, python_calloc, python_realloc, python_free};
    is_child = true;
    hsight__compat_use_allocator(&own);
}

bool hsight__is_forked_child(void)
{
    return is_child;
}

#else

bool hsight__is_forked_child(void)
{
    return false;
}

#endif
