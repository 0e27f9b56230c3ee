/* SPDX-License-Identifier: MIT */
/* prefault.h - having the system back memory before it is written to. */
#ifndef HEAPSIGHT_LIB_BASE_PREFAULT_H
#define HEAPSIGHT_LIB_BASE_PREFAULT_H

#include <stddef.h>

/* Back bytes `begin` to `need` at least of a block, 0 <= begin < need <= bytes, and what is cheap
 * beside them. What is there stays. Where the system refuses, pages are backed as they are written
 * to.
 * @param block   the begin of a mapping of `mapped` >= bytes; huge pages need a multiple of 2 MiB
 * @return where backed memory ends, need .. bytes. O(what is backed) */
size_t hsight__prefault(void *block, size_t bytes, size_t mapped, size_t begin, size_t need);

#endif
