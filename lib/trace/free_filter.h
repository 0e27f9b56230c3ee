/* SPDX-License-Identifier: MIT */
/* free_filter.h - is a block that is being freed perhaps one of few that are known?
 *
 * A counter for each page of 4 KiB, shared with the pages a table's length away; 0 means that no
 * known block lies there. One load for every free that is not interesting, whatever the number of
 * samples. Pages near one another have counters near one another: those in use stay in the cache.
 */
#ifndef HEAPSIGHT_LIB_TRACE_FREE_FILTER_H
#define HEAPSIGHT_LIB_TRACE_FREE_FILTER_H

#include <heapsight/base.h>

#include <stdatomic.h>
#include <stdbool.h>

enum { HSIGHT__FILTER_SIZES = 4 };

typedef struct {
    uint64_t mask; /* number of counters, a power of two, less 1 */
    _Atomic uint8_t counters[];
} hsight__filter_table;

typedef struct {
    _Atomic(hsight__filter_table *) table; /* the one in use, or NULL: nothing is known */
    _Atomic(hsight__filter_table *) quick; /* the same while it tells all; NULL else */
    bool tells_all;                        /* all known blocks are in it */
    hsight__filter_table *tables[HSIGHT__FILTER_SIZES];
    uint32_t size;  /* index of the one in use */
    uint64_t count; /* blocks entered and not removed */
    const hsight_allocator *allocator;
} hsight__free_filter;

/* Allocates nothing. */
void hsight__free_filter_init(hsight__free_filter *filter, const hsight_allocator *allocator);
/* No lookup may be under way. */
void hsight__free_filter_free(hsight__free_filter *filter);
/* Empty it; memory stays, as lookups may be under way. */
void hsight__free_filter_clear(hsight__free_filter *filter);
/* From now on, until it is emptied, every known block will be in it. It must be empty now. */
void hsight__free_filter_tell_all(hsight__free_filter *filter);
/* Does the next add need a larger table? Then make one, add all known blocks to it, and use it:
 * lookups go on meanwhile and must find every one of them in whichever table they read. */
bool hsight__free_filter_is_full(const hsight__free_filter *filter);
/* Empty and not in use; NULL when memory is refused. Owned by the filter. */
hsight__filter_table *hsight__free_filter_larger(hsight__free_filter *filter);
void hsight__filter_table_add(hsight__filter_table *table, const void *block);
void hsight__free_filter_use(hsight__free_filter *filter, hsight__filter_table *table);
/* Counts up to 255, where a counter stays for good. */
void hsight__free_filter_add(hsight__free_filter *filter, const void *block);
void hsight__free_filter_remove(hsight__free_filter *filter, const void *block);

static inline _Atomic uint8_t *hsight__filter_counter(hsight__filter_table *table,
                                                      const void *block)
{
    return &table->counters[(uint64_t)(uintptr_t)block >> 12 & table->mask];
}

static inline bool hsight__free_filter_may_know(const hsight__free_filter *filter,
                                                const void *block)
{
    hsight__filter_table *table = atomic_load_explicit(&filter->table, memory_order_acquire);
    return table != NULL &&
           atomic_load_explicit(hsight__filter_counter(table, block), memory_order_relaxed) != 0;
}

/* The same for all known blocks, in the filter or not: true where it does not tell all. */
static inline bool hsight__free_filter_may_know_any(const hsight__free_filter *filter,
                                                    const void *block)
{
    hsight__filter_table *table = atomic_load_explicit(&filter->quick, memory_order_acquire);
    return table == NULL ||
           atomic_load_explicit(hsight__filter_counter(table, block), memory_order_relaxed) != 0;
}

#endif
