/* SPDX-License-Identifier: MIT */
/* holders.c - who seems to hold the objects that the heap does not explain.
 *
 * The writable data of every loaded library is compared with the addresses of the objects that have
 * a surplus. A word that is one names the static variable it lies in. That is weak evidence: the
 * word may be stale, or a number. So it is the name of a root and never a reference, and it takes
 * nothing off the surplus.
 *
 * The loader is locked while its list of libraries is gone through, so none of them is unloaded
 * meanwhile. In a forked child that lock may be held for ever: there nothing is looked for. Cost:
 * O(bytes of static data), and a look at the symbols of a library where something was found; 16
 * bytes an object that was found and 8 KiB, freed before return. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* dl_iterate_phdr, dladdr1 */
#endif
#include "child_memory.h"
#include "symbols.h"
#include "walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__linux__)
#include <dlfcn.h>
#include <link.h>
#endif

typedef struct {
    const char *at; /* the word */
    uint32_t node;
} hit;

enum { FILTER_BITS = 1 << 16 };

typedef struct {
    hsight__walk *walk;
    const uint32_t *surplus;
    hsight_string_id *names;
    hit *hits;
    size_t count;
    size_t capacity;
    uintptr_t lowest, highest;         /* of the addresses that are looked for */
    uint64_t filter[FILTER_BITS / 64]; /* bits of their hashes: most words are none of them */
} search;

static size_t hash_of(uintptr_t address)
{
    return (size_t)((uint64_t)address * 0x9E3779B97F4A7C15u >> 48);
}

/* False: there is nothing to look for. */
static bool know_addresses(search *s)
{
    const uint64_t *addresses = hsight_builder_addresses(s->walk->visit.builder);
    uint32_t count = hsight_builder_node_count(s->walk->visit.builder);
    s->lowest = UINTPTR_MAX;
    for (uint32_t node = 1; node <= count; node++) {
        if (s->surplus[node] > 0) {
            uintptr_t address = (uintptr_t)addresses[node];
            size_t hash = hash_of(address);
            s->filter[hash / 64] |= UINT64_C(1) << hash % 64;
            s->lowest = address < s->lowest ? address : s->lowest;
            s->highest = address > s->highest ? address : s->highest;
        }
    }
    return s->highest != 0;
}

static void add_hit(search *s, const void *at, uint32_t node)
{
    if (s->count == s->capacity) {
        size_t capacity = s->capacity != 0 ? 2 * s->capacity : 64;
        hit *hits = realloc(s->hits, capacity * sizeof *hits);
        if (hits == NULL) {
            s->walk->visit.dropped_count++;
            return;
        }
        s->hits = hits;
        s->capacity = capacity;
    }
    s->hits[s->count++] = (hit){at, node};
    s->names[node].index = UINT32_MAX; /* the first word is enough */
}

#if defined(__linux__)
/* Low bits may be a tag. */
static void look_at_words(search *s, const uintptr_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uintptr_t address = words[i] & ~(uintptr_t)7;
        if (address < s->lowest || address > s->highest) {
            continue;
        }
        size_t hash = hash_of(address);
        if ((s->filter[hash / 64] >> hash % 64 & 1) == 0) {
            continue;
        }
        uint32_t node = hsight__walk_find(s->walk, (const void *)address);
        if (node != 0 && s->surplus[node] > 0 && s->names[node].index == 0) {
            add_hit(s, &words[i], node);
        }
    }
}

/* Not the interpreter's structure, if it is in there: its words are looked at elsewhere, and those
 * of its free lists are stale. */
static void look_at_part(search *s, uintptr_t begin, uintptr_t end)
{
    size_t bytes;
    uintptr_t own = (uintptr_t)hsight__compat_interpreter_memory(&bytes);
    if (own >= begin && own < end) {
        look_at_words(s, (const uintptr_t *)begin, (own - begin) / sizeof(uintptr_t));
        begin = own + bytes;
    }
    if (begin < end) {
        look_at_words(s, (const uintptr_t *)begin, (end - begin) / sizeof(uintptr_t));
    }
}

static bool is_within(const struct dl_phdr_info *library, uintptr_t address)
{
    for (int i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[i];
        if (part->p_type == PT_LOAD &&
            address - (library->dlpi_addr + part->p_vaddr) < part->p_memsz) {
            return true;
        }
    }
    return false;
}

/* heapsight's own variables hold nothing of the program. */
static int look_at_library(struct dl_phdr_info *library, size_t size, void *state)
{
    (void)size;
    for (int i = 0; i < library->dlpi_phnum && !is_within(library, (uintptr_t)add_hit); i++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_W) != 0) {
            uintptr_t begin = (library->dlpi_addr + part->p_vaddr + 7) & ~(uintptr_t)7;
            uintptr_t end = library->dlpi_addr + part->p_vaddr + part->p_memsz;
            look_at_part(state, begin, end);
        }
    }
    return 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* "static cache of rows.so", or, where no symbol covers it, "static data of rows.so (+0x4060)". */
static hsight_string_id name_of(search *s, hsight__symbols *symbols, const char *at)
{
    char text[256], symbol[128];
    Dl_info library;
    if (dladdr(at, &library) == 0 || library.dli_fname == NULL) {
        return (hsight_string_id){0};
    }
    uint64_t offset = (uint64_t)(at - (const char *)library.dli_fbase);
    if (hsight__symbols_find(symbols, library.dli_fname, at, library.dli_fbase, symbol,
                             sizeof symbol)) {
        snprintf(text, sizeof text, "static %s of %s", symbol, base_name(library.dli_fname));
    } else {
        snprintf(text, sizeof text, "static data of %s (+0x%llx)", base_name(library.dli_fname),
                 (unsigned long long)offset);
    }
    hsight_string_id name = {0};
    if (hsight_builder_string(s->walk->visit.builder, text, strlen(text), &name, NULL) !=
        HSIGHT_OK) {
        s->walk->visit.dropped_count++;
    }
    return name;
}
#endif

static void name_hits(search *s)
{
#if defined(__linux__)
    hsight__symbols symbols = {.path = ""};
    for (size_t i = 0; i < s->count; i++) {
        s->names[s->hits[i].node] = name_of(s, &symbols, s->hits[i].at);
    }
    hsight__symbols_close(&symbols);
#endif
}

void hsight__find_holders(hsight__walk *walk, const uint32_t *surplus, hsight_string_id *names)
{
    search *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        walk->visit.dropped_count++;
        return;
    }
    *s = (search){.walk = walk, .surplus = surplus, .names = names};
#if defined(__linux__)
    if (!hsight__is_forked_child() && know_addresses(s)) {
        dl_iterate_phdr(look_at_library, s);
    }
#endif
    name_hits(s);
    free(s->hits);
    free(s);
}
