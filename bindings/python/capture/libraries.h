/* SPDX-License-Identifier: MIT */
/* libraries.h - the loaded libraries, as the loader lists them. Linux only. */
#ifndef HEAPSIGHT_CAPTURE_LIBRARIES_H
#define HEAPSIGHT_CAPTURE_LIBRARIES_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

/* Does the address lie in one of its segments? */
static inline bool hsight__library_has(const struct dl_phdr_info *library, uintptr_t address)
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

#endif
