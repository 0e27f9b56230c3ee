/* SPDX-License-Identifier: MIT */
/* live_table.c - the map, or the side table behind its filter.
 *
 * I1  a block is in the map or in the side table, never in both; what is in the side table counts
 *     in the filter, once
 * I2  map and filter stay mapped until the table is freed, so a late lookup reads zeros
 *
 * Cost and memory: block_map.c, side_table.c, free_filter.c. */
#include "trace/live_table.h"

void hsight__live_table_init(hsight__live_table *table, const hsight_allocator *allocator)
{
    hsight__block_map_init(&table->map);
    hsight__side_table_init(&table->side, allocator);
    hsight__free_filter_init(&table->filter, allocator);
}

void hsight__live_table_free(hsight__live_table *table)
{
    hsight__block_map_free(&table->map);
    hsight__side_table_free(&table->side);
    hsight__free_filter_free(&table->filter);
}

void hsight__live_table_clear(hsight__live_table *table)
{
    hsight__block_map_clear(&table->map);
    hsight__side_table_free(&table->side);
    hsight__free_filter_clear(&table->filter);
}

/* ---- the side table and its filter ---- */

hsight__block hsight__live_table_get_side(const hsight__live_table *table, const void *address)
{
    return hsight__free_filter_may_know(&table->filter, address)
               ? hsight__side_table_get(&table->side, address)
               : (hsight__block){0};
}

/* Lookups read the old filter until every block counts in the new one. */
static bool grow_filter(hsight__live_table *table)
{
    hsight__filter_table *larger = hsight__free_filter_larger(&table->filter);
    if (larger == NULL) {
        return false;
    }
    const void *address;
    for (size_t at = 0; hsight__side_table_next(&table->side, &at, &address);) {
        hsight__filter_table_add(larger, address);
    }
    hsight__free_filter_use(&table->filter, larger);
    return true;
}

bool hsight__live_table_put_side(hsight__live_table *table, const void *address,
                                 const hsight__block *block)
{
    hsight__block old = hsight__live_table_get_side(table, address);
    bool was = !hsight__block_is_empty(&old), is = !hsight__block_is_empty(block);
    if (!was && is && hsight__free_filter_is_full(&table->filter) && !grow_filter(table)) {
        return false;
    }
    if (!hsight__side_table_put(&table->side, address, block)) {
        return false;
    }
    if (!was && is) {
        hsight__free_filter_add(&table->filter, address);
    } else if (was && !is) {
        hsight__free_filter_remove(&table->filter, address);
    }
    return true;
}

/* ---- all blocks ---- */

bool hsight__live_table_find_stale(hsight__live_table *table, bool exact, const void *address,
                                   uint64_t bytes, hsight__place *out)
{
    const char *at = address;
    if (!exact || !hsight__block_map_holds(address, 0)) {
        return hsight__live_table_find(table, exact, address, out);
    }
    hsight__slot *slot = hsight__block_map_find(&table->map, at);
    if (slot == NULL) {
        return hsight__live_table_find(table, exact, address, out);
    }
    bool taken = hsight__slot_is_taken(slot);
    if (taken && (uintptr_t)at >= HSIGHT__GRANULE_BYTES) { /* by the size of the one before? */
        const char *before = at - HSIGHT__GRANULE_BYTES;
        hsight__slot *other = hsight__block_map_find(&table->map, before);
        if (other != NULL && other + 1 == slot && hsight__slot_is_split(other)) {
            *out = (hsight__place){before, other};
            return true;
        }
    }
    if (!taken && hsight__block_map_holds(address, bytes) && bytes > HSIGHT__SLOT_BYTES_MAX &&
        hsight__slot_is_taken(slot + 1)) { /* in the way of our size */
        *out = (hsight__place){at + HSIGHT__GRANULE_BYTES, slot + 1};
        return true;
    }
    return hsight__live_table_find(table, exact, address, out);
}
