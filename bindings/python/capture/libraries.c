/* SPDX-License-Identifier: MIT */
/* libraries.c - where the interpreter lies: found once, because it does not change while it runs.
 * Owns nothing. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* dl_iterate_phdr */
#endif
#include "libraries.h"

#include "compat.h"

enum { PARTS_MAX = 8 };

typedef struct {
    uintptr_t within; /* an address in the library that is wanted; 0: not looked for yet */
    size_t count;
    hsight__data_part parts[PARTS_MAX];
} library_data;

static library_data interpreter;

#if defined(__linux__)
bool hsight__library_has(const struct dl_phdr_info *library, uintptr_t address)
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

/* Writable parts of the library or program that the address is in. The loader is locked. */
static int find_data(struct dl_phdr_info *library, size_t size, void *state)
{
    (void)size;
    library_data *found = state;
    if (!hsight__library_has(library, found->within)) {
        return 0;
    }
    for (int i = 0; i < library->dlpi_phnum && found->count < PARTS_MAX; i++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_W) != 0) {
            found->parts[found->count++] = (hsight__data_part){
                (const char *)(uintptr_t)(library->dlpi_addr + part->p_vaddr), part->p_memsz};
        }
    }
    return 1;
}
#endif

void hsight__libraries_prepare(void)
{
    if (interpreter.within == 0) {
        interpreter.within = (uintptr_t)&PyType_Type;
#if defined(__linux__)
        dl_iterate_phdr(find_data, &interpreter);
#endif
    }
}

const hsight__data_part *hsight__interpreter_data(size_t *count)
{
    hsight__libraries_prepare();
    *count = interpreter.count;
    return interpreter.parts;
}

bool hsight__in_interpreter(const void *address)
{
    size_t count;
    const hsight__data_part *parts = hsight__interpreter_data(&count);
    for (size_t i = 0; i < count; i++) {
        if ((uintptr_t)address - (uintptr_t)parts[i].begin < parts[i].bytes) {
            return true;
        }
    }
    return false;
}
