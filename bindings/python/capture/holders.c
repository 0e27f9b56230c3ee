/* SPDX-License-Identifier: MIT */
/* holders.c - who seems to hold the objects that the heap does not explain.
 *
 * The writable data of every loaded library is compared with the addresses of the objects that have
 * a surplus. A word that is one names the static variable it lies in. That is weak evidence: the
 * word may be stale, or a number. So it is the name of a root and never a reference, and it takes
 * nothing off the surplus. After them come the bodies of objects whose types tell no collector what
 * they refer to.
 *
 * The loader is locked while its list of libraries is gone through, and not after it, so what names
 * need is copied. In a forked child that lock may be held for ever: there nothing is looked for.
 * Cost: O(static data that was written to), and a look at the symbols of a library where something
 * was found; 32 bytes an object that was found and 8 KiB, freed before return. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* dl_iterate_phdr */
#endif
#include "child_memory.h"
#include "process_memory.h"
#include "symbols.h"
#include "type_table.h"
#include "walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__linux__)
#include "libraries.h"
#include <unistd.h>
#endif

typedef struct {
    uintptr_t at; /* the word; 0: in the body of an object of this type */
    PyTypeObject *type;
    uint32_t node;
    uint32_t library; /* place in `libraries` */
} hit;

/* Copied while the loader is locked: later it may be gone, and to ask again takes a lock that a
 * thread may hold which waits for the GIL. */
typedef struct {
    uint64_t bias;
    char path[512];
} library_name;

enum { FILTER_BITS = 1 << 16, PAGE_BYTES = 4096, PAGES_AT_ONCE = 512 };

typedef struct {
    hsight__walk *walk;
    const uint32_t *surplus;
    hsight_string_id *names;
    hit *hits;
    size_t count;
    size_t capacity;
    library_name *libraries; /* in which something was found */
    uint32_t library_count;
    bool is_new_library;               /* nothing was found yet in the one that is looked at */
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

static void add_hit(search *s, hit found)
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
    s->hits[s->count++] = found;
    s->names[found.node].index = UINT32_MAX; /* the first word is enough */
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
            add_hit(s, (hit){.type = type, .node = target});
        }
    }
}

/* Types of which nobody knows what they keep beside their block may keep references untold, too.
 * Not classes: static ones are shorter than their metaclass says. */
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
        if ((info->size_flags & HSIGHT_NODE_SIZE_LOWER_BOUND) != 0 &&
            (info->node_flags & HSIGHT_NODE_TYPE) == 0) {
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
static bool know_library(search *s, const struct dl_phdr_info *library)
{
    if (!s->is_new_library) {
        return true;
    }
    library_name *grown = realloc(s->libraries, (s->library_count + 1) * sizeof *grown);
    if (grown == NULL) {
        s->walk->visit.dropped_count++;
        return false;
    }
    s->libraries = grown;
    library_name *made = &grown[s->library_count++];
    made->bias = library->dlpi_addr;
    snprintf(made->path, sizeof made->path, "%s", library->dlpi_name);
    s->is_new_library = false;
    return true;
}

static void look_at_page(search *s, const struct dl_phdr_info *library, uintptr_t begin,
                         uintptr_t end)
{
    uintptr_t words[PAGE_BYTES / sizeof(uintptr_t)];
    if (!hsight__memory_copy((const void *)begin, words, end - begin)) {
        return;
    }
    for (size_t i = 0; i < (end - begin) / sizeof *words; i++) {
        uint32_t node = wanted(s, words[i]);
        if (node != 0 && know_library(s, library)) {
            add_hit(s, (hit){.at = begin + i * sizeof *words,
                             .node = node,
                             .library = s->library_count - 1});
        }
    }
}

/* Pages that nobody wrote to hold nothing, and looking would make them resident; others may be gone
 * or closed, so they are copied by the system. `page` is its size. */
static void look_at_pages(search *s, const struct dl_phdr_info *library, uintptr_t begin,
                          uintptr_t end, size_t page)
{
    uint64_t is_written[PAGES_AT_ONCE];
    for (uintptr_t at = begin / page * page, next; at < end; at = next) {
        size_t count = (end - at + page - 1) / page;
        count = count < PAGES_AT_ONCE ? count : PAGES_AT_ONCE;
        next = at + count * page;
        if (!hsight__memory_written((const void *)at, count, is_written)) {
            continue;
        }
        for (uintptr_t part = at; part < next; part += PAGE_BYTES) {
            uintptr_t from = part > begin ? part : begin;
            uintptr_t to = part + PAGE_BYTES < end ? part + PAGE_BYTES : end;
            if (is_written[(part - at) / page] != 0 && from < to) {
                look_at_page(s, library, from, to);
            }
        }
    }
}

/* Not the interpreter's structure, if it is in there: its words are looked at elsewhere, and those
 * of its free lists are stale. */
static void look_at_part(search *s, const struct dl_phdr_info *library, uintptr_t begin,
                         uintptr_t end)
{
    size_t bytes, page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t own = (uintptr_t)hsight__compat_interpreter_memory(&bytes);
    if (own >= begin && own < end) {
        look_at_pages(s, library, begin, own, page);
        begin = own + bytes;
    }
    if (begin < end) {
        look_at_pages(s, library, begin, end, page);
    }
}

/* heapsight's own variables hold nothing of the program. */
static int look_at_library(struct dl_phdr_info *library, size_t size, void *state)
{
    (void)size;
    search *s = state;
    s->is_new_library = true;
    if (hsight__library_has(library, (uintptr_t)add_hit)) {
        return 0;
    }
    for (int i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_W) != 0) {
            uintptr_t begin = (library->dlpi_addr + part->p_vaddr + 7) & ~(uintptr_t)7;
            uintptr_t end = (library->dlpi_addr + part->p_vaddr + part->p_memsz) & ~(uintptr_t)7;
            look_at_part(s, library, begin, end);
        }
    }
    return 0;
}

/* The program itself has no path in the loader's list. */
static const char *path_of(const library_name *library, char *buffer, size_t size)
{
    if (library->path[0] != 0) {
        return library->path;
    }
    ssize_t length = readlink("/proc/self/exe", buffer, size - 1);
    buffer[length > 0 ? length : 0] = 0;
    return buffer;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* "static cache of rows.so", or, where no symbol covers it, "static data of rows.so (+0x4060)". */
static hsight_string_id name_of(search *s, hsight__symbols *symbols, const hit *found)
{
    char text[256], symbol[128], buffer[512];
    const library_name *library = &s->libraries[found->library];
    const char *path = path_of(library, buffer, sizeof buffer);
    if (hsight__symbols_find(symbols, path, (const void *)found->at, library->bias, symbol,
                             sizeof symbol)) {
        snprintf(text, sizeof text, "static %s of %.80s", symbol, base_name(path));
    } else {
        snprintf(text, sizeof text, "static data of %.80s (+0x%llx)", base_name(path),
                 (unsigned long long)(found->at - library->bias));
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
            found->at != 0 ? name_of(s, &symbols, found) : name_of_body(s, found->type);
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
    free(s->libraries);
    free(s->hits);
    free(s);
}
