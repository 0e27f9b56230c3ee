/* SPDX-License-Identifier: MIT */
/* symbols.h - the name of a static variable or function, from the symbol table of a library's file.
 */
#ifndef HEAPSIGHT_CAPTURE_SYMBOLS_H
#define HEAPSIGHT_CAPTURE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The file looked into last, mapped. Begin with {.path = ""}. */
typedef struct {
    char path[512];
    const unsigned char *data; /* NULL: not an ELF file of this machine, or not readable */
    size_t bytes;
} hsight__symbols;

typedef enum {
    HSIGHT__SYMBOL_VARIABLE = 1,
    HSIGHT__SYMBOL_FUNCTION
} hsight__symbol_kind; /* STT_* */

/* What of that kind lies at an address: from the full table, which has statics too, or where that
 * was stripped from the dynamic one. The name is cut to the buffer.
 * @param bias  what is added to addresses in the file, as the loader tells it
 * @return false where no symbol covers the address. O(symbols) */
bool hsight__symbols_find(hsight__symbols *symbols, hsight__symbol_kind kind, const char *path,
                          const void *at, uint64_t bias, char *out, size_t size);
void hsight__symbols_close(hsight__symbols *symbols);

#endif
