/* SPDX-License-Identifier: MIT */
/* live_table.h - every block that is known: the map for many, the side table for the rest.
 *
 * Changed with the tracer locked. Looking whether there is anything takes no lock. */
#ifndef HEAPSIGHT_LIB_TRACE_LIVE_TABLE_H
#define HEAPSIGHT_LIB_TRACE_LIVE_TABLE_H

#include "trace/block_map.h"
#include "trace/free_filter.h"
#include "trace/side_table.h"

typedef struct {
    hsight__block_map map;      /* exact mode */
    hsight__side_table side;    /* samples, and what the map cannot hold */
    hsight__free_filter filter; /* what is in the side table */
} hsight__live_table;

/* Where a block is. */
typedef struct {
    const void *address;
    hsight__slot *slot; /* NULL: in the side table, if anywhere */
} hsight__place;

/* Allocates nothing. */
void hsight__live_table_init(hsight__live_table *table, const hsight_allocator *allocator);
/* No lookup may be under way. */
void hsight__live_table_free(hsight__live_table *table);
/* Forget all and give memory back, but for what late lookups may still read. */
void hsight__live_table_clear(hsight__live_table *table);

static inline bool hsight__block_is_empty(const hsight__block *block)
{
    return block->stack == 0 && !block->is_code;
}

/* Where the block is; false: nothing is known of it. Without the lock, and O(1): right for a block
 * that nobody enters or removes meanwhile, as that of a caller who frees it. */
static inline bool hsight__live_table_find(hsight__live_table *table, bool exact,
                                           const void *address, hsight__place *out)
{
    *out = (hsight__place){address, NULL};
    if (exact && hsight__block_map_holds(address, 0)) {
        hsight__slot *slot = hsight__block_map_find(&table->map, address);
        if (slot != NULL && hsight__slot_is_taken(slot)) {
            out->slot = slot;
            return true;
        }
    }
    return hsight__free_filter_may_know(&table->filter, address);
}

/* The slow paths of what follows. */
hsight__block hsight__live_table_get_side(const hsight__live_table *table, const void *address);
bool hsight__live_table_put_side(hsight__live_table *table, const void *address,
                                 const hsight__block *block);

/* An empty block where there is none. */
static inline hsight__block hsight__live_table_read(const hsight__live_table *table,
                                                    const hsight__place *place)
{
    return place->slot != NULL ? hsight__slot_read(place->slot)
                               : hsight__live_table_get_side(table, place->address);
}

/* Where a block of that many bytes is to be; false when memory is refused. */
static inline bool hsight__live_table_reach(hsight__live_table *table, bool exact,
                                            const void *address, uint64_t bytes, hsight__place *out)
{
    *out = (hsight__place){address, NULL};
    if (!exact || !hsight__block_map_holds(address, bytes)) {
        return true;
    }
    out->slot = hsight__block_map_find(&table->map, address);
    if (out->slot == NULL) {
        out->slot = hsight__block_map_reach(&table->map, address);
    }
    return out->slot != NULL;
}

/* Enter or change; false when memory is refused, which changes nothing. */
static inline bool hsight__live_table_write(hsight__live_table *table, const hsight__place *place,
                                            const hsight__block *block)
{
    if (place->slot == NULL) {
        return hsight__live_table_put_side(table, place->address, block);
    }
    hsight__slot_write(place->slot, block);
    return true;
}

static inline void hsight__live_table_remove(hsight__live_table *table, const hsight__place *place)
{
    (void)hsight__live_table_write(table, place, &(hsight__block){0});
}

/* Must hsight__live_table_find_stale() be asked before a block is entered? */
static inline bool hsight__live_table_may_be_stale(const hsight__live_table *table,
                                                   const hsight__place *place, uint64_t bytes)
{
    const hsight__slot *slot = place->slot;
    return slot == NULL || hsight__slot_is_taken(slot) ||
           (bytes > HSIGHT__SLOT_BYTES_MAX && hsight__slot_is_taken(slot + 1)) ||
           hsight__free_filter_may_know(&table->filter, place->address);
}
/* For a block that the map can hold, in a slot that is there, and for which the question is
 * answered no: that slot. NULL else. */
static inline hsight__slot *hsight__live_table_empty_slot(hsight__live_table *table,
                                                          const void *address, uint64_t bytes)
{
    if (!hsight__block_map_holds(address, bytes)) {
        return NULL;
    }
    hsight__place place = {address, hsight__block_map_find(&table->map, address)};
    return hsight__live_table_may_be_stale(table, &place, bytes) ? NULL : place.slot;
}

/* A block of the map that cannot be there any more once another one of `bytes` lies at `address`:
 * that one, or a neighbour whose slots they would share. False where there is none. */
bool hsight__live_table_find_stale(hsight__live_table *table, bool exact, const void *address,
                                   uint64_t bytes, hsight__place *out);

#endif
