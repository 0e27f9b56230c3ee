/* SPDX-License-Identifier: MIT */
/* symbols.c - the symbol tables of ELF files.
 *
 * The file is mapped and believed in nothing: every offset is checked against its length before it
 * is followed. It may be another one than was loaded, when it was replaced since; then the name is
 * wrong, as weak evidence may be. Memory: one mapping, owned by hsight__symbols. */
#include "symbols.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined(__linux__)
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef ElfW(Ehdr) file_header;
typedef ElfW(Shdr) section;
typedef ElfW(Sym) symbol;

enum { FULL_TABLE = 2 /* SHT_SYMTAB */, DYNAMIC_TABLE = 11 };

static void map_file(hsight__symbols *symbols, const char *path)
{
    struct stat facts;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* it may be a pipe by now */
    if (file >= 0 && fstat(file, &facts) == 0 && S_ISREG(facts.st_mode) &&
        facts.st_size >= (off_t)sizeof(file_header)) {
        void *data = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (data != MAP_FAILED) {
            symbols->data = data;
            symbols->bytes = (size_t)facts.st_size;
        }
    }
    if (file >= 0) {
        close(file);
    }
}

static void open_file(hsight__symbols *symbols, const char *path)
{
    if (strcmp(symbols->path, path) == 0) {
        return;
    }
    hsight__symbols_close(symbols);
    snprintf(symbols->path, sizeof symbols->path, "%s", path);
    map_file(symbols, path);
    const unsigned char mark[] = {0x7f, 'E', 'L', 'F', sizeof(void *) == 8 ? 2 : 1};
    if (symbols->data != NULL && memcmp(symbols->data, mark, sizeof mark) != 0) {
        hsight__symbols_close(symbols);
        snprintf(symbols->path, sizeof symbols->path, "%s", path);
    }
}

/* `count` items of `item_bytes` at an offset, or NULL where the file is shorter. Tables are
 * aligned, text is not. */
static const void *part(const hsight__symbols *symbols, uint64_t offset, uint64_t count,
                        size_t item_bytes)
{
    bool is_inside = offset <= symbols->bytes &&
                     (item_bytes == 1 || offset % sizeof(uint32_t) == 0) &&
                     count <= (symbols->bytes - offset) / item_bytes;
    return is_inside ? symbols->data + offset : NULL;
}

static bool copy_name(const hsight__symbols *symbols, const section *strings, uint32_t at,
                      char *out, size_t size)
{
    const char *text = part(symbols, strings->sh_offset, strings->sh_size, 1);
    if (text == NULL || at >= strings->sh_size) {
        return false;
    }
    size_t length = strnlen(text + at, (size_t)strings->sh_size - at);
    snprintf(out, size, "%.*s", (int)(length < size ? length : size - 1), text + at);
    return length > 0;
}

static bool find_in(const hsight__symbols *symbols, hsight__symbol_kind kind, const section *table,
                    const section *strings, uint64_t address, char *out, size_t size)
{
    uint64_t count = table->sh_size / sizeof(symbol);
    const symbol *all = part(symbols, table->sh_offset, count, sizeof(symbol));
    for (uint64_t i = 0; all != NULL && i < count; i++) {
        if ((all[i].st_info & 15) == kind && address - all[i].st_value < all[i].st_size &&
            all[i].st_shndx != 0) {
            return copy_name(symbols, strings, all[i].st_name, out, size);
        }
    }
    return false;
}

bool hsight__symbols_find(hsight__symbols *symbols, hsight__symbol_kind kind, const char *path,
                          const void *at, uint64_t bias, char *out, size_t size)
{
    open_file(symbols, path);
    if (symbols->data == NULL) {
        return false;
    }
    const file_header *header = (const void *)symbols->data;
    const section *sections = part(symbols, header->e_shoff, header->e_shnum, sizeof(section));
    uint64_t address = (uint64_t)(uintptr_t)at - bias;
    for (int turn = 0; sections != NULL && turn < 2; turn++) {
        uint32_t wanted = turn == 0 ? FULL_TABLE : DYNAMIC_TABLE;
        for (uint32_t i = 0; i < header->e_shnum; i++) {
            if (sections[i].sh_type == wanted && sections[i].sh_link < header->e_shnum &&
                find_in(symbols, kind, &sections[i], &sections[sections[i].sh_link], address, out,
                        size)) {
                return true;
            }
        }
    }
    return false;
}

void hsight__symbols_close(hsight__symbols *symbols)
{
    if (symbols->data != NULL) {
        munmap((void *)symbols->data, symbols->bytes);
    }
    *symbols = (hsight__symbols){.path = ""};
}
#else
bool hsight__symbols_find(hsight__symbols *symbols, hsight__symbol_kind kind, const char *path,
                          const void *at, uint64_t bias, char *out, size_t size)
{
    (void)symbols, (void)kind, (void)path, (void)at, (void)bias, (void)out, (void)size;
    return false;
}

void hsight__symbols_close(hsight__symbols *symbols)
{
    (void)symbols;
}
#endif
