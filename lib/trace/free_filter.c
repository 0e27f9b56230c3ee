/* SPDX-License-Identifier: MIT */
/* free_filter.c - page counters in tables of growing size.
 *
 * I1  a counter below 255 is the number of known blocks in its pages
 * I2  a table that was ever in use stays allocated until the filter is freed: a lookup that began
 *     before the filter grew reads the old one, where every block that was known then counts
 * I3  a table comes into use only when every known block counts in it
 * I4  `quick` is NULL or a table of which I3 holds for all that is known, outside the filter too
 *
 * 32 KiB to 16 MiB; changed with the tracer locked, read without. */
#include "trace/free_filter.h"

#include <assert.h>
#include <string.h>

/* It grows when one counter in SPARSE is in use: that share of frees is looked up for nothing. */
enum { FIRST_BITS = 15, BITS_STEP = 3, COUNTER_MAX = 255, SPARSE = 32 };

void hsight__free_filter_init(hsight__free_filter *filter, const hsight_allocator *allocator)
{
    *filter = (hsight__free_filter){.allocator = allocator};
}

static uint64_t counters_of(uint32_t size)
{
    return UINT64_C(1) << (FIRST_BITS + BITS_STEP * size);
}

static size_t table_bytes(uint32_t size)
{
    return sizeof(hsight__filter_table) + (size_t)counters_of(size);
}

void hsight__free_filter_free(hsight__free_filter *filter)
{
    for (uint32_t i = 0; i < HSIGHT__FILTER_SIZES; i++) {
        if (filter->tables[i] != NULL) {
            filter->allocator->release(filter->allocator->state, filter->tables[i], table_bytes(i));
        }
    }
    hsight__free_filter_init(filter, filter->allocator);
}

static void zero(hsight__filter_table *table, uint32_t size)
{
    for (uint64_t i = 0; i < counters_of(size); i++) {
        atomic_store_explicit(&table->counters[i], 0, memory_order_relaxed);
    }
}

void hsight__free_filter_clear(hsight__free_filter *filter)
{
    atomic_store_explicit(&filter->table, NULL, memory_order_release);
    atomic_store_explicit(&filter->quick, NULL, memory_order_release);
    filter->tells_all = false;
    filter->size = 0;
    filter->count = 0;
}

bool hsight__free_filter_is_full(const hsight__free_filter *filter)
{
    bool none = atomic_load_explicit(&filter->table, memory_order_relaxed) == NULL;
    bool can_grow = filter->size + 1 < HSIGHT__FILTER_SIZES;
    return none || (can_grow && filter->count * SPARSE >= counters_of(filter->size));
}

hsight__filter_table *hsight__free_filter_larger(hsight__free_filter *filter)
{
    bool none = atomic_load_explicit(&filter->table, memory_order_relaxed) == NULL;
    uint32_t size = none ? 0 : filter->size + 1;
    hsight__filter_table *table = filter->tables[size];
    if (table == NULL) {
        table = filter->allocator->allocate(filter->allocator->state, table_bytes(size));
        if (table == NULL) {
            return NULL;
        }
        if (filter->allocator->prefault != NULL) {
            (void)filter->allocator->prefault(filter->allocator->state, table, table_bytes(size), 0,
                                              table_bytes(size));
        }
        memset(table, 0, table_bytes(size));
        table->mask = counters_of(size) - 1;
    } else { /* a late lookup may still read it */
        zero(table, size);
    }
    filter->tables[size] = table;
    return table;
}

void hsight__filter_table_add(hsight__filter_table *table, const void *block)
{
    _Atomic uint8_t *counter = hsight__filter_counter(table, block);
    uint8_t value = atomic_load_explicit(counter, memory_order_relaxed);
    if (value < COUNTER_MAX) {
        atomic_store_explicit(counter, value + 1, memory_order_relaxed);
    }
}

void hsight__free_filter_use(hsight__free_filter *filter, hsight__filter_table *table)
{
    while (table->mask != counters_of(filter->size) - 1) { /* sizes only grow */
        filter->size++;
    }
    atomic_store_explicit(&filter->table, table, memory_order_release);
    if (filter->tells_all) {
        atomic_store_explicit(&filter->quick, table, memory_order_release);
    }
}

/* With a table from the start: without one all frees go the slow way. */
void hsight__free_filter_tell_all(hsight__free_filter *filter)
{
    assert(atomic_load_explicit(&filter->table, memory_order_relaxed) == NULL);
    filter->tells_all = true;
    hsight__filter_table *table = hsight__free_filter_larger(filter);
    if (table != NULL) {
        hsight__free_filter_use(filter, table);
    }
}

void hsight__free_filter_add(hsight__free_filter *filter, const void *block)
{
    hsight__filter_table_add(atomic_load_explicit(&filter->table, memory_order_relaxed), block);
    filter->count++;
}

void hsight__free_filter_remove(hsight__free_filter *filter, const void *block)
{
    hsight__filter_table *table = atomic_load_explicit(&filter->table, memory_order_relaxed);
    _Atomic uint8_t *counter = hsight__filter_counter(table, block);
    uint8_t value = atomic_load_explicit(counter, memory_order_relaxed);
    if (value < COUNTER_MAX) {
        atomic_store_explicit(counter, value - 1, memory_order_relaxed);
    }
    filter->count--;
}
