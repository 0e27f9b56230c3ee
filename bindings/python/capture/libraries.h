/* SPDX-License-Identifier: MIT */
/* libraries.h - loaded libraries, and the static data of the one that is the interpreter. */
#ifndef HEAPSIGHT_CAPTURE_LIBRARIES_H
#define HEAPSIGHT_CAPTURE_LIBRARIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *begin;
    size_t bytes;
} hsight__data_part;

/* What takes a lock of the loader, once for the process: before a clone() in whose child a walk is
 * to be made. Others need not call it. */
void hsight__libraries_prepare(void);
/* The writable parts of the interpreter's library or program; none where the system does not tell.
 */
const hsight__data_part *hsight__interpreter_data(size_t *count);
/* Is it a static variable of the interpreter? */
bool hsight__in_interpreter(const void *address);

#if defined(__linux__)
#include <link.h>
/* Does the address lie in one of its segments? */
bool hsight__library_has(const struct dl_phdr_info *library, uintptr_t address);
#endif

#endif
