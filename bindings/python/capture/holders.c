/* SPDX-License-Identifier: MIT */
/* holders.c - who seems to hold the objects that the heap does not explain.
 *
 * The writable data of every loaded library is compared with the addresses of the objects that have
 * a surplus. A word that is one names the static variable it lies in. That is weak evidence: the
 * word may be stale, or a number. So it is the name of a root and never a reference, and it takes
 * nothing off the surplus.
 *
 * The loader is locked while its list of libraries is gone through, so none of them is unloaded
 * meanwhile. Cost: O(bytes of static data), and a look at the symbols of a library where something
 * was found; 16 bytes an object that was found, freed before return. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* dl_iterate_phdr, dladdr1 */
#endif
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

typedef struct {
    hsight__walk *walk;
    const uint32_t *surplus;
    hsight_string_id *names;
    hit *hits;
    size_t count;
    size_t capacity;
} search;

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
        const void *address = (const void *)(words[i] & ~(uintptr_t)7);
        uint32_t node = address != NULL ? hsight__walk_find(s->walk, address) : 0;
        if (node != 0 && s->surplus[node] > 0 && s->names[node].index == 0) {
            add_hit(s, &words[i], node);
        }
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
            look_at_words(state, (const uintptr_t *)begin, (end - begin) / sizeof(uintptr_t));
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
    search s = {.walk = walk, .surplus = surplus, .names = names};
#if defined(__linux__)
    dl_iterate_phdr(look_at_library, &s);
#endif
    name_hits(&s);
    free(s.hits);
}
