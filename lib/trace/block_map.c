/* SPDX-License-Identifier: MIT */
/* block_map.c - a page-indexed table of live blocks.
 *
 *   address  47 ........ 35 34 ....... 23 22 ........... 4 3..0
 *            top            middle        slot in leaf     0
 *
 *   slot     31 .. 27  26    25 ......... 0
 *            size tag  code  stack            tag 1..17: a block of tag - 1 bytes
 *                                             tag 18: the size is in the following slot
 *
 * A block of 17 bytes and more covers the 16 bytes of the following slot too, so that slot is its
 * own. Tables hang from each other by pointers that are set once: a lookup is three loads, near one
 * another for blocks near one another, and takes no lock.
 *
 * I1  a slot is 0 exactly when no block and no code object begins there
 * I2  a leaf has one slot more than it covers, for the size of a block that runs over its end
 *
 * Memory: pages mapped by the map, 4 bytes for 16 bytes of heap that blocks lie in, resident where
 * blocks were. */
#include "trace/block_map.h"

#include <sys/mman.h>
#include <unistd.h>

#define LEAF_BYTES ((HSIGHT__LEAF_SLOTS + 1) * sizeof(hsight__slot))

static void *map_pages(size_t bytes)
{
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

void hsight__block_map_init(hsight__block_map *map)
{
    for (size_t i = 0; i < HSIGHT__TOP_SLOTS; i++) {
        atomic_init(&map->top[i], NULL);
    }
}

void hsight__block_map_visit(hsight__block_map *map,
                             void (*each)(hsight__slot *leaf, uint64_t base, void *state),
                             void *state)
{
    for (uint64_t i = 0; i < HSIGHT__TOP_SLOTS; i++) {
        hsight__middle *middle = atomic_load_explicit(&map->top[i], memory_order_acquire);
        for (uint64_t j = 0; middle != NULL && j < HSIGHT__MIDDLE_SLOTS; j++) {
            hsight__slot *leaf = atomic_load_explicit(&middle->leaves[j], memory_order_acquire);
            if (leaf != NULL) {
                each(leaf, i << HSIGHT__MIDDLE_SHIFT | j << HSIGHT__LEAF_SHIFT, state);
            }
        }
    }
}

static void unmap_leaf(hsight__slot *leaf, uint64_t base, void *state)
{
    (void)base, (void)state;
    munmap(leaf, LEAF_BYTES);
}

void hsight__block_map_free(hsight__block_map *map)
{
    hsight__block_map_visit(map, unmap_leaf, NULL);
    for (size_t i = 0; i < HSIGHT__TOP_SLOTS; i++) {
        hsight__middle *middle = atomic_load_explicit(&map->top[i], memory_order_relaxed);
        if (middle != NULL) {
            munmap(middle, sizeof *middle);
        }
    }
    hsight__block_map_init(map);
}

static void empty_leaf(hsight__slot *leaf, uint64_t base, void *state)
{
    (void)base, (void)state;
    if (madvise(leaf, LEAF_BYTES, MADV_DONTNEED) != 0) { /* locked pages: zero them by hand */
        for (size_t i = 0; i <= HSIGHT__LEAF_SLOTS; i++) {
            atomic_store_explicit(&leaf[i], 0, memory_order_relaxed);
        }
    }
}

void hsight__block_map_clear(hsight__block_map *map)
{
    hsight__block_map_visit(map, empty_leaf, NULL);
}

typedef struct {
    uint64_t page_bytes;
    uint64_t bytes;
} residence;

static void add_resident(hsight__slot *leaf, uint64_t base, void *state)
{
    (void)base;
    unsigned char pages[LEAF_BYTES / 4096 + 1];
    residence *sum = state;
    if (mincore(leaf, LEAF_BYTES, pages) != 0) {
        return;
    }
    for (size_t i = 0; i < (LEAF_BYTES + sum->page_bytes - 1) / sum->page_bytes; i++) {
        sum->bytes += (pages[i] & 1) != 0 ? sum->page_bytes : 0;
    }
}

uint64_t hsight__block_map_bytes(hsight__block_map *map)
{
    residence sum = {.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE)};
    hsight__block_map_visit(map, add_resident, &sum);
    for (size_t i = 0; i < HSIGHT__TOP_SLOTS; i++) {
        sum.bytes += atomic_load_explicit(&map->top[i], memory_order_relaxed) != NULL
                         ? sizeof(hsight__middle)
                         : 0;
    }
    return sum.bytes;
}

/* The table that *place points to, mapped now if there is none. Two threads may come at once: the
 * second takes the first one's. */
#define REACH(type, place, bytes)                                                                  \
    type *known = atomic_load_explicit(place, memory_order_acquire);                               \
    if (known == NULL) {                                                                           \
        type *made = map_pages(bytes);                                                             \
        if (made == NULL || atomic_compare_exchange_strong(place, &known, made)) {                 \
            return made;                                                                           \
        }                                                                                          \
        munmap(made, bytes);                                                                       \
    }                                                                                              \
    return known

static hsight__middle *reach_middle(_Atomic(hsight__middle *) *place)
{
    REACH(hsight__middle, place, sizeof(hsight__middle));
}

static hsight__slot *reach_leaf(_Atomic(hsight__slot *) *place)
{
    REACH(hsight__slot, place, LEAF_BYTES);
}

hsight__slot *hsight__block_map_reach(hsight__block_map *map, const void *block)
{
    hsight__slot *found = hsight__block_map_find(map, block);
    if (found != NULL) {
        return found;
    }
    uint64_t address = (uint64_t)(uintptr_t)block;
    hsight__middle *middle = reach_middle(&map->top[address >> HSIGHT__MIDDLE_SHIFT]);
    if (middle == NULL ||
        reach_leaf(&middle->leaves[address >> HSIGHT__LEAF_SHIFT & (HSIGHT__MIDDLE_SLOTS - 1)]) ==
            NULL) {
        return NULL;
    }
    return hsight__block_map_find(map, block);
}
