/* SPDX-License-Identifier: MIT */
/* block_map.h - the live block table: from the address of a block to its size and stack.
 *
 * Looking up takes no lock and never touches freed memory: what is mapped stays mapped until the
 * map itself is freed. Changing an entry is up to the owner of its block, with the tracer locked.
 */
#ifndef HEAPSIGHT_LIB_TRACE_BLOCK_MAP_H
#define HEAPSIGHT_LIB_TRACE_BLOCK_MAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HSIGHT__GRANULE_SHIFT 4 /* two blocks never share 16 bytes */
#define HSIGHT__GRANULE_BYTES (1u << HSIGHT__GRANULE_SHIFT)
#define HSIGHT__LEAF_SHIFT    23 /* one leaf covers 8 MiB of addresses: 2 MiB of slots */
#define HSIGHT__MIDDLE_SHIFT  35 /* one middle table covers 32 GiB: 4,096 leaves */
#define HSIGHT__ADDRESS_BITS  48
#define HSIGHT__LEAF_SLOTS    (1u << (HSIGHT__LEAF_SHIFT - HSIGHT__GRANULE_SHIFT))
#define HSIGHT__MIDDLE_SLOTS  (1u << (HSIGHT__MIDDLE_SHIFT - HSIGHT__LEAF_SHIFT))
#define HSIGHT__TOP_SLOTS     (1u << (HSIGHT__ADDRESS_BITS - HSIGHT__MIDDLE_SHIFT))

/* Stacks have 26 bits in a slot; see block_map.c. */
#define HSIGHT__STACK_MAX ((1u << 26) - 1)

typedef _Atomic uint32_t hsight__slot;
typedef struct {
    _Atomic(hsight__slot *) leaves[HSIGHT__MIDDLE_SLOTS];
} hsight__middle;

typedef struct {
    _Atomic(hsight__middle *) top[HSIGHT__TOP_SLOTS];
} hsight__block_map;

typedef struct {
    uint64_t bytes;
    uint32_t stack; /* 0: no block */
    bool is_code;   /* a code object that stacks name lies here */
} hsight__block;

void hsight__block_map_init(hsight__block_map *map);
void hsight__block_map_free(hsight__block_map *map);
/* Forget all and give the memory back, but for the address space. */
void hsight__block_map_clear(hsight__block_map *map);
/* Calls `each` with every leaf, ascending; `base` is its first address, `state` is passed on. */
void hsight__block_map_visit(hsight__block_map *map,
                             void (*each)(hsight__slot *leaf, uint64_t base, void *state),
                             void *state);
/* Resident memory. O(leaves). */
uint64_t hsight__block_map_bytes(hsight__block_map *map);

/* Can this block be held? Else it belongs into a side table. */
static inline bool hsight__block_map_holds(const void *block, size_t bytes)
{
    uint64_t address = (uint64_t)(uintptr_t)block;
    return (address & 15) == 0 && address >> HSIGHT__ADDRESS_BITS == 0 && bytes <= UINT32_MAX;
}

/* The slot of an address that the map can hold, or NULL when nothing near it was ever entered. */
static inline hsight__slot *hsight__block_map_find(hsight__block_map *map, const void *block)
{
    uint64_t address = (uint64_t)(uintptr_t)block;
    hsight__middle *middle =
        atomic_load_explicit(&map->top[address >> HSIGHT__MIDDLE_SHIFT], memory_order_acquire);
    if (middle == NULL) {
        return NULL;
    }
    hsight__slot *leaf = atomic_load_explicit(
        &middle->leaves[address >> HSIGHT__LEAF_SHIFT & (HSIGHT__MIDDLE_SLOTS - 1)],
        memory_order_acquire);
    return leaf == NULL ? NULL
                        : leaf + (address >> HSIGHT__GRANULE_SHIFT & (HSIGHT__LEAF_SLOTS - 1));
}

/* The slot of an address, mapped now if need be; NULL when memory is refused. */
hsight__slot *hsight__block_map_reach(hsight__block_map *map, const void *block);

/* Blocks of more bytes cover the following slot too, which then holds their size. */
#define HSIGHT__SLOT_BYTES_MAX 16u

/* Parts of a slot; see block_map.c. */
#define HSIGHT__SLOT_CODE      (1u << 26)
#define HSIGHT__SLOT_TAG_SHIFT 27
#define HSIGHT__SLOT_SPLIT     (HSIGHT__SLOT_BYTES_MAX + 2)

static inline uint32_t hsight__slot_load(const hsight__slot *slot)
{
    return atomic_load_explicit(slot, memory_order_relaxed);
}

static inline void hsight__slot_store(hsight__slot *slot, uint32_t value)
{
    atomic_store_explicit(slot, value, memory_order_relaxed);
}

/* Is there anything in a slot? */
static inline bool hsight__slot_is_taken(const hsight__slot *slot)
{
    return hsight__slot_load(slot) != 0;
}

/* Does its block have its size in the following slot? */
static inline bool hsight__slot_is_split(const hsight__slot *slot)
{
    return hsight__slot_load(slot) >> HSIGHT__SLOT_TAG_SHIFT == HSIGHT__SLOT_SPLIT;
}

static inline hsight__block hsight__slot_read(const hsight__slot *slot)
{
    uint32_t value = hsight__slot_load(slot), tag = value >> HSIGHT__SLOT_TAG_SHIFT;
    if (tag == 0 && (value & HSIGHT__STACK_MAX) != 0) {
        return (hsight__block){0}; /* the size of the block that begins 16 bytes before */
    }
    return (hsight__block){
        .bytes = tag == HSIGHT__SLOT_SPLIT ? hsight__slot_load(slot + 1)
                 : tag > 0                 ? tag - 1
                                           : 0,
        .stack = value & HSIGHT__STACK_MAX,
        .is_code = (value & HSIGHT__SLOT_CODE) != 0,
    };
}

/* Enter a block into a slot, over what is there; `stack` may have HSIGHT__SLOT_CODE with it. */
static inline void hsight__slot_fill(hsight__slot *slot, uint64_t bytes, uint32_t stack)
{
    if (bytes <= HSIGHT__SLOT_BYTES_MAX) {
        hsight__slot_store(slot, stack | ((uint32_t)bytes + 1) << HSIGHT__SLOT_TAG_SHIFT);
    } else {
        hsight__slot_store(slot, stack | HSIGHT__SLOT_SPLIT << HSIGHT__SLOT_TAG_SHIFT);
        hsight__slot_store(slot + 1, (uint32_t)bytes);
    }
}

static inline void hsight__slot_write(hsight__slot *slot, const hsight__block *block)
{
    uint32_t value = block->stack | (block->is_code ? HSIGHT__SLOT_CODE : 0);
    if (hsight__slot_is_split(slot) &&
        (block->stack == 0 || block->bytes <= HSIGHT__SLOT_BYTES_MAX)) {
        hsight__slot_store(slot + 1, 0);
    }
    if (block->stack == 0) {
        hsight__slot_store(slot, value);
    } else {
        hsight__slot_fill(slot, block->bytes, value);
    }
}

/* Take a block out; 0 for its stack when there is none, or when more than that is to be done. */
static inline hsight__block hsight__slot_empty(hsight__slot *slot)
{
    hsight__block block = hsight__slot_read(slot);
    if (block.stack == 0 || block.is_code) {
        return (hsight__block){0};
    }
    hsight__slot_write(slot, &(hsight__block){0});
    return block;
}

#endif
