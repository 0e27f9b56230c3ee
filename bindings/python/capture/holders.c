/* SPDX-License-Identifier: MIT */
/* holders.c - who seems to hold the objects that the heap does not explain.
 *
 * The writable data of every loaded library is compared with the addresses of the objects that have
 * a surplus. A word that is one names the static variable it lies in. That is weak evidence: the
 * word may be stale, or a number. So it is the name of a root and never a reference, and it takes
 * nothing off the surplus. After them come the bodies of objects whose types tell no collector what
 * they refer to.
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
#include "type_table.h"
#include "walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__linux__)
#include "libraries.h"
#include <dlfcn.h>
#endif

typedef struct {
    const char *at; /* the word; NULL: in the body of an object of this type */
    PyTypeObject *type;
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

static void add_hit(search *s, const void *at, PyTypeObject *type, uint32_t node)
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
    s->hits[s->count++] = (hit){at, type, node};
    s->names[node].index = UINT32_MAX; /* the first word is enough */
}

/* The node that a word leads to, if a holder of it is looked for; 0: none. Low bits may be a tag.
 */
static uint32_t wanted(search *s, uintptr_t word)
{
    uintptr_t address = word & ~(uintptr_t)7;
    if (address < s->lowest || address > s->highest) {
        return 0;
    }
    size_t hash = hash_of(address);
    if ((s->filter[hash / 64] >> hash % 64 & 1) == 0) {
        return 0;
    }
    uint32_t node = hsight__walk_find(s->walk, (const void *)address);
    return node != 0 && s->surplus[node] > 0 && s->names[node].index == 0 ? node : 0;
}

/* ---- bodies ---- */

static bool refers_to(const hsight_builder *builder, uint32_t source, uint32_t target)
{
    hsight_references edges = hsight_builder_references(builder, (hsight_node_id){source});
    for (uint32_t i = 0; i < edges.count; i++) {
        if (edges.targets[i].index == target) {
            return true;
        }
    }
    return false;
}

/* Of an object whose type does not tell all that it refers to. */
static void look_at_body(search *s, uint32_t node, PyTypeObject *type)
{
    const hsight_builder *builder = s->walk->visit.builder;
    const uintptr_t *words = (const uintptr_t *)(uintptr_t)hsight_builder_addresses(builder)[node];
    size_t count = (size_t)type->tp_basicsize / sizeof *words;
    for (size_t i = sizeof(PyObject) / sizeof *words; i < count; i++) {
        uint32_t target = wanted(s, words[i]);
        if (target != 0 && target != node && !refers_to(builder, node, target)) {
            add_hit(s, NULL, type, target);
        }
    }
}

/* Types of which nobody knows what they keep beside their block may keep references untold, too. */
static void look_at_bodies(search *s)
{
    const uint32_t *types = hsight_builder_types(s->walk->visit.builder);
    uint32_t count = hsight_builder_node_count(s->walk->visit.builder);
    hsight__type_info **infos = hsight__type_table_by_id(&s->walk->visit);
    if (infos == NULL) {
        s->walk->visit.dropped_count++;
        return;
    }
    for (uint32_t node = 1; node <= count; node++) {
        const hsight__type_info *info = infos[types[node]];
        if ((info->size_flags & HSIGHT_NODE_SIZE_LOWER_BOUND) != 0) {
            look_at_body(s, node, info->type);
        }
    }
    free(infos);
}

static hsight_string_id name_of_body(search *s, PyTypeObject *type)
{
    char text[256], type_name[200];
    hsight__type_name(type, type_name, sizeof type_name);
    size_t length = (size_t)snprintf(text, sizeof text, "a %s object", type_name);
    hsight_string_id name = {0};
    if (hsight_builder_string(s->walk->visit.builder, text, length, &name, NULL) != HSIGHT_OK) {
        s->walk->visit.dropped_count++;
    }
    return name;
}

/* ---- static data ---- */

#if defined(__linux__)
static void look_at_words(search *s, const uintptr_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t node = wanted(s, words[i]);
        if (node != 0) {
            add_hit(s, &words[i], NULL, node);
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

/* heapsight's own variables hold nothing of the program. */
static int look_at_library(struct dl_phdr_info *library, size_t size, void *state)
{
    (void)size;
    for (int i = 0; i < library->dlpi_phnum && !hsight__library_has(library, (uintptr_t)add_hit);
         i++) {
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

static void name_hits(search *s)
{
    hsight__symbols symbols = {.path = ""};
    for (size_t i = 0; i < s->count; i++) {
        const hit *found = &s->hits[i];
        s->names[found->node] =
            found->at != NULL ? name_of(s, &symbols, found->at) : name_of_body(s, found->type);
    }
    hsight__symbols_close(&symbols);
}

static void look_at_statics(search *s)
{
    if (!hsight__is_forked_child()) {
        dl_iterate_phdr(look_at_library, s);
    }
}
#else
static void name_hits(search *s)
{
    for (size_t i = 0; i < s->count; i++) {
        s->names[s->hits[i].node] = name_of_body(s, s->hits[i].type);
    }
}

static void look_at_statics(search *s)
{
    (void)s;
}
#endif

void hsight__find_holders(hsight__walk *walk, const uint32_t *surplus, hsight_string_id *names)
{
    search *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        walk->visit.dropped_count++;
        return;
    }
    *s = (search){.walk = walk, .surplus = surplus, .names = names};
    if (know_addresses(s)) {
        look_at_statics(s);
        look_at_bodies(s);
    }
    name_hits(s);
    free(s->hits);
    free(s);
}
