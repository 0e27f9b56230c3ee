/* SPDX-License-Identifier: MIT */
/* symbols.h - the name of a static variable, from the symbol table of a library's file. */
#ifndef HEAPSIGHT_CAPTURE_SYMBOLS_H
#define HEAPSIGHT_CAPTURE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>

/* The file looked into last, mapped. Begin with {.path = ""}. */
typedef struct {
    char path[512];
    const unsigned char *data; /* NULL: not an ELF file of this machine, or not readable */
    size_t bytes;
} hsight__symbols;

/* The variable that lies at an address: from the full table, which has statics too, or where that
 * was stripped from the dynamic one. The name is cut to the buffer.
 * @param base  where the library is loaded
 * @return false where no symbol covers the address. O(symbols) */
bool hsight__symbols_find(hsight__symbols *symbols, const char *path, const void *at,
                          const void *base, char *out, size_t size);
void hsight__symbols_close(hsight__symbols *symbols);

#endif
