/* SPDX-License-Identifier: MIT */
/* side_table.c - open addressing with linear probing; removal shifts back, so no tombstones.
 *
 * I1  entries.count is 0 or a power of two, at most half of them taken
 * I2  an entry is free exactly when its address is 0
 * I3  an entry is reached from the place of its hash over taken entries only
 *
 * 24 bytes an entry, owned by the table; O(1) a call, growing amortised. */
#include "trace/side_table.h"

#include "base/hash.h"

typedef struct {
    uint64_t address;
    uint64_t bytes;
    uint32_t stack;
    uint32_t is_code;
} entry;

enum { FIRST_ENTRIES = 64 };

void hsight__side_table_init(hsight__side_table *table, const hsight_allocator *allocator)
{
    hsight__vec_init(&table->entries, allocator, sizeof(entry));
    table->count = 0;
    table->seed = hsight__hash_seed();
}

void hsight__side_table_free(hsight__side_table *table)
{
    hsight__vec_free(&table->entries);
    table->count = 0;
}

static size_t home(const hsight__vec *entries, uint64_t seed, uint64_t address)
{
    return (size_t)hsight__hash_u64(seed, address) & (entries->count - 1);
}

/* Where `address` is, or the free place where it belongs. */
static size_t probe(const hsight__vec *entries, uint64_t seed, uint64_t address)
{
    const entry *all = entries->data;
    size_t at = home(entries, seed, address);
    while (all[at].address != 0 && all[at].address != address) {
        at = (at + 1) & (entries->count - 1);
    }
    return at;
}

hsight__block hsight__side_table_get(const hsight__side_table *table, const void *address)
{
    if (table->count == 0) {
        return (hsight__block){0};
    }
    const entry *all = table->entries.data;
    const entry *found = &all[probe(&table->entries, table->seed, (uint64_t)(uintptr_t)address)];
    if (found->address == 0) {
        return (hsight__block){0};
    }
    return (hsight__block){found->bytes, found->stack, found->is_code != 0};
}

static bool reserve(hsight__side_table *table)
{
    size_t have = table->entries.count;
    if (table->count < have / 2) {
        return true;
    }
    hsight__vec grown;
    hsight__vec_init(&grown, table->entries.allocator, sizeof(entry));
    if (hsight__vec_append_zeros(&grown, have != 0 ? have * 2 : FIRST_ENTRIES, NULL) != HSIGHT_OK) {
        return false;
    }
    const entry *old = table->entries.data;
    entry *all = grown.data;
    for (size_t i = 0; i < have; i++) {
        if (old[i].address != 0) {
            all[probe(&grown, table->seed, old[i].address)] = old[i];
        }
    }
    hsight__vec_free(&table->entries);
    table->entries = grown;
    return true;
}

/* Move back what the hole at `at` would cut off from its home. */
static void close_hole(hsight__side_table *table, size_t at)
{
    entry *all = table->entries.data;
    size_t mask = table->entries.count - 1;
    for (size_t next = (at + 1) & mask; all[next].address != 0; next = (next + 1) & mask) {
        size_t wants = home(&table->entries, table->seed, all[next].address);
        if (((next - wants) & mask) >= ((next - at) & mask)) {
            all[at] = all[next];
            at = next;
        }
    }
    all[at] = (entry){0};
}

static void remove_entry(hsight__side_table *table, uint64_t address)
{
    if (table->count == 0) {
        return;
    }
    size_t at = probe(&table->entries, table->seed, address);
    if (((const entry *)table->entries.data)[at].address != 0) {
        close_hole(table, at);
        table->count--;
    }
}

bool hsight__side_table_put(hsight__side_table *table, const void *address,
                            const hsight__block *block)
{
    uint64_t key = (uint64_t)(uintptr_t)address;
    if (block->stack == 0 && !block->is_code) {
        remove_entry(table, key);
        return true;
    }
    if (!reserve(table)) {
        return false;
    }
    entry *found = (entry *)table->entries.data + probe(&table->entries, table->seed, key);
    table->count += found->address == 0;
    *found = (entry){key, block->bytes, block->stack, block->is_code};
    return true;
}

bool hsight__side_table_next(const hsight__side_table *table, size_t *at, const void **address)
{
    const entry *all = table->entries.data;
    for (; *at < table->entries.count; (*at)++) {
        if (all[*at].address != 0) {
            *address = (const void *)(uintptr_t)all[(*at)++].address;
            return true;
        }
    }
    return false;
}
