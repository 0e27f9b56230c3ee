/* SPDX-License-Identifier: MIT */
/* holder_frames.c - frames of extension modules on a C stack.
 *
 *     lower addresses   | frame of read() | saved registers | return address into hold()
 *                       | variables of hold() | return address into the interpreter | ...
 *
 * Words between the return address into a function and the next one are its variables (on machines
 * that keep the address at the lower end of a frame: those of what it called, and then its own).
 * What a callee saved of its registers lies just before. Frames of the interpreter are passed over:
 * they hold nothing that the heap does not explain, and are full of stale words.
 *
 * A return address is a word that leads into the code of a library, behind a call. Whether it is
 * still one nobody knows.
 * Cost: O(words), a system call for each place that code returns to. Owns hsight__loaded_code's
 * lists. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* dl_iterate_phdr */
#endif
#include "holders.h"

#if defined(__linux__)
#include "libraries.h"
#include "process_memory.h"
#include "symbols.h"
#include "threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_LIBRARY UINT32_MAX
enum { PAGE_BYTES = 4096, SAVED_REGISTERS = 6 };

/* ---- code of libraries ---- */

/* Named as the interpreter's importer wants it: rows.so, librows.abi3.so, and not libffi.so.8.
 * Other libraries know of no objects, and leave words of them only by chance. */
static bool is_extension_name(const char *path)
{
    const char *name = hsight__base_name(path);
    size_t length = strlen(name);
    bool is_module = length > 3 && strcmp(name + length - 3, ".so") == 0;
    bool is_tagged = strstr(name, ".cpython-") != NULL || strstr(name, ".abi3.") != NULL;
    return is_module && (is_tagged || strncmp(name, "lib", 3) != 0);
}

static bool is_extension(const struct dl_phdr_info *library)
{
    return is_extension_name(library->dlpi_name) &&
           !hsight__library_has(library, (uintptr_t)&hsight__look_at_frames);
}

static bool add_part(hsight__loaded_code *code, hsight__code_part part)
{
    hsight__code_part *grown = realloc(code->parts, (code->count + 1) * sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    code->parts = grown;
    grown[code->count++] = part;
    return true;
}

/* Stops where there is no memory. */
static int add_code(struct dl_phdr_info *library, size_t size, void *state)
{
    (void)size;
    hsight__loaded_code *code = state;
    bool is_kept = is_extension(library);
    if (is_kept && !hsight__library_name_add(&code->libraries, &code->library_count,
                                             library->dlpi_addr, library->dlpi_name)) {
        return 1;
    }
    for (int i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[i];
        uintptr_t begin = library->dlpi_addr + part->p_vaddr;
        hsight__code_part made = {begin, begin + part->p_memsz,
                                  is_kept ? code->library_count - 1 : NO_LIBRARY};
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0 && !add_part(code, made)) {
            return 1;
        }
    }
    return 0;
}

static int compare_parts(const void *a, const void *b)
{
    uintptr_t first = ((const hsight__code_part *)a)->begin;
    uintptr_t second = ((const hsight__code_part *)b)->begin;
    return (first > second) - (first < second);
}

bool hsight__loaded_code_get(hsight__loaded_code *out)
{
    *out = (hsight__loaded_code){0};
    if (dl_iterate_phdr(add_code, out) != 0 || out->count == 0) {
        hsight__loaded_code_free(out);
        return false;
    }
    qsort(out->parts, out->count, sizeof *out->parts, compare_parts);
    return true;
}

void hsight__loaded_code_free(hsight__loaded_code *code)
{
    free(code->parts);
    free(code->libraries);
    *code = (hsight__loaded_code){0};
}

static const hsight__code_part *part_of(const hsight__loaded_code *code, uintptr_t address)
{
    size_t low = 0, high = code->count;
    while (low < high) { /* the first one behind the address */
        size_t middle = low + (high - low) / 2;
        if (code->parts[middle].begin <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && address < code->parts[low - 1].end ? &code->parts[low - 1] : NULL;
}

/* ---- return addresses ---- */

#if defined(__x86_64__)
enum { SLOTS_OF_FRAME = 1 };

/* call rel32; or call r/m64, which has 2 to 7 bytes: its ModRM byte has 2 as the middle three bits
 * (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, CALL). */
static bool follows_call(uintptr_t address)
{
    unsigned char code[7];
    if (!hsight__memory_copy((const void *)(address - sizeof code), code, sizeof code)) {
        return false;
    }
    bool is_call = code[2] == 0xE8;
    for (int at = 0; at <= 5; at++) {
        is_call |= code[at] == 0xFF && (code[at + 1] & 0x38) == 0x10;
    }
    return is_call;
}
#else
enum { SLOTS_OF_FRAME = 2 };

static bool follows_call(uintptr_t address)
{
    (void)address;
    return true;
}
#endif

/* Threads that wait have much the same functions on their stacks. */
static bool was_called(hsight__loaded_code *code, uintptr_t word)
{
    const size_t count = sizeof code->asked / sizeof *code->asked;
    uintptr_t *known = &code->asked[(word ^ word >> 8) % count];
    if (*known >> 1 != word) {
        *known = word << 1 | follows_call(word);
    }
    return *known & 1;
}

/* The part of a library that a return address leads into; NULL: the word is none. */
static const hsight__code_part *returns_to(hsight__loaded_code *code, uintptr_t word)
{
    const hsight__code_part *part = part_of(code, word);
    return part != NULL && word - part->begin >= 16 && was_called(code, word) ? part : NULL;
}

/* ---- frames ---- */

typedef struct {
    hsight__holder_search *all;
    hsight__loaded_code *code;
    unsigned long thread_id;
    uintptr_t address; /* of code of the function whose frame this is */
    const hsight__code_part *part;
    hsight_string_id name; /* of that function; {0}: not made yet */
    int slots_left;        /* return addresses that are still to come in it; 0: not of interest */
    uintptr_t
        before[SAVED_REGISTERS]; /* the words before this one, since the last return address */
    int before_count;
} frame_look;

/* "C stack of thread worker-1 in parse of rows.so". */
static hsight_string_id name_of(const frame_look *look)
{
    char text[512], function[128], thread[128], buffer[512];
    const hsight__library_name *library = &look->code->libraries[look->part->library];
    const char *path = hsight__library_path(library, buffer, sizeof buffer);
    hsight__symbols symbols = {.path = ""};
    bool is_known = hsight__symbols_find(&symbols, HSIGHT__SYMBOL_FUNCTION, path,
                                         (const void *)(look->address - 1), library->bias, function,
                                         sizeof function);
    hsight__symbols_close(&symbols);
    hsight__thread_text(hsight__active_threads(), look->thread_id, thread, sizeof thread);
    snprintf(text, sizeof text, "C stack of thread %s in %s%s%.80s", thread,
             is_known ? function : "", is_known ? " of " : "", hsight__base_name(path));
    return hsight__holder_name(look->all, text);
}

static void look_at_word(frame_look *look, uintptr_t word)
{
    hsight__held_object *held = hsight__held_by_word(look->all, word);
    if (held == NULL || held->evidence != 0) {
        return;
    }
    if (look->name.index == 0) {
        look->name = name_of(look);
    }
    hsight__holder_found(look->all, held, look->name, HSIGHT__EVIDENCE_WORD);
}

static void enter_frame(frame_look *look, uintptr_t word, const hsight__code_part *part)
{
    if (part->library != NO_LIBRARY) {
        look->address = word;
        look->name.index = 0;
        look->part = part;
        look->slots_left = SLOTS_OF_FRAME;
        for (int i = 0; i < look->before_count; i++) {
            look_at_word(look, look->before[i]);
        }
    } else if (look->slots_left > 0) {
        look->slots_left--;
    }
    look->before_count = 0;
}

static void keep_before(frame_look *look, uintptr_t word)
{
    if (look->before_count == SAVED_REGISTERS) {
        memmove(look->before, look->before + 1, sizeof look->before - sizeof *look->before);
        look->before_count--;
    }
    look->before[look->before_count++] = word;
}

static void look_on(frame_look *look, uintptr_t word)
{
    const hsight__code_part *part = returns_to(look->code, word);
    if (part != NULL) {
        enter_frame(look, word, part);
    } else if (look->slots_left > 0) {
        look_at_word(look, word);
    } else {
        keep_before(look, word);
    }
}

void hsight__look_at_frames(hsight__holder_search *search, hsight__loaded_code *code,
                            uintptr_t begin, uintptr_t end, unsigned long thread_id)
{
    frame_look look = {.all = search, .code = code, .thread_id = thread_id};
    uintptr_t words[PAGE_BYTES / sizeof(uintptr_t)];
    for (uintptr_t at = begin, next; at < end; at = next) {
        next = at / PAGE_BYTES * PAGE_BYTES + PAGE_BYTES;
        next = next < end ? next : end;
        if (!hsight__memory_copy((const void *)at, words, next - at)) {
            return;
        }
        for (size_t i = 0; i < (next - at) / sizeof *words; i++) {
            look_on(&look, words[i]);
        }
    }
}
#endif
