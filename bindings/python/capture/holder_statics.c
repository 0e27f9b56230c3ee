/* SPDX-License-Identifier: MIT */
/* holder_statics.c - static variables of libraries that seem to hold objects.
 *
 * The writable data of every loaded library is looked at. The loader is locked while its list of
 * libraries is gone through, and not after it, so what names need is copied. In a forked child that
 * lock may be held for ever: there nothing is looked for.
 * Cost: O(static data that was written to), and a look at the symbols of a library where something
 * was found; 24 bytes an object that was found, freed before return. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* dl_iterate_phdr */
#endif
#include "holders.h"

#if defined(__linux__)
#include "child_memory.h"
#include "libraries.h"
#include "process_memory.h"
#include "symbols.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    uintptr_t at; /* the word */
    hsight__held_object *object;
    uint32_t library; /* place in `libraries` */
} hit;

enum { PAGE_BYTES = 4096, PAGES_AT_ONCE = 512 };

typedef struct {
    hsight__holder_search *all;
    hit *hits;
    size_t count;
    size_t capacity;
    hsight__library_name *libraries; /* in which something was found */
    uint32_t library_count;
    bool is_new_library; /* nothing was found yet in the one that is looked at */
} search;

/* Names are made once the loader is not locked any more. */
static void add_hit(search *s, hit found)
{
    if (s->count == s->capacity) {
        size_t capacity = s->capacity != 0 ? 2 * s->capacity : 64;
        hit *hits = realloc(s->hits, capacity * sizeof *hits);
        if (hits == NULL) {
            s->all->walk->visit.dropped_count++;
            return;
        }
        s->hits = hits;
        s->capacity = capacity;
    }
    s->hits[s->count++] = found;
    found.object->evidence = HSIGHT__EVIDENCE_WORD; /* the first is enough */
}

static bool know_library(search *s, const struct dl_phdr_info *library)
{
    if (!s->is_new_library) {
        return true;
    }
    if (!hsight__library_name_add(&s->libraries, &s->library_count, library->dlpi_addr,
                                  library->dlpi_name)) {
        s->all->walk->visit.dropped_count++;
        return false;
    }
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
        hsight__held_object *held = hsight__held_by_word(s->all, words[i]);
        if (held != NULL && held->evidence == 0 && know_library(s, library)) {
            add_hit(s, (hit){begin + i * sizeof *words, held, s->library_count - 1});
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

/* "static cache of rows.so", or, where no symbol covers it, "static data of rows.so (+0x4060)". */
static hsight_string_id name_of(search *s, hsight__symbols *symbols, const hit *found)
{
    char text[256], symbol[128], buffer[512];
    const hsight__library_name *library = &s->libraries[found->library];
    const char *path = hsight__library_path(library, buffer, sizeof buffer);
    if (hsight__symbols_find(symbols, HSIGHT__SYMBOL_VARIABLE, path, (const void *)found->at,
                             library->bias, symbol, sizeof symbol)) {
        snprintf(text, sizeof text, "static %s of %.80s", symbol, hsight__base_name(path));
    } else {
        snprintf(text, sizeof text, "static data of %.80s (+0x%llx)", hsight__base_name(path),
                 (unsigned long long)(found->at - library->bias));
    }
    return hsight__holder_name(s->all, text);
}

static void name_hits(search *s)
{
    hsight__symbols symbols = {.path = ""};
    for (size_t i = 0; i < s->count; i++) {
        const hit *found = &s->hits[i];
        hsight__holder_found(s->all, found->object, name_of(s, &symbols, found),
                             HSIGHT__EVIDENCE_STATIC);
    }
    hsight__symbols_close(&symbols);
}

void hsight__find_static_holders(hsight__holder_search *all)
{
    search s = {.all = all};
    if (!hsight__is_forked_child()) {
        dl_iterate_phdr(look_at_library, &s);
    }
    name_hits(&s);
    free(s.libraries);
    free(s.hits);
}
#else
void hsight__find_static_holders(hsight__holder_search *all)
{
    (void)all;
}
#endif
