/* SPDX-License-Identifier: MIT */
/* own_memory.h - memory of this process that another thread may unmap at any moment.
 *
 * The system copies it, page by page, so what is gone is an answer and no crash. */
#ifndef HEAPSIGHT_LIB_TRACE_OWN_MEMORY_H
#define HEAPSIGHT_LIB_TRACE_OWN_MEMORY_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define HSIGHT__COPY_BYTES 4096u /* no page of a system is smaller */

typedef struct hsight__own_memory hsight__own_memory; /* opaque */

/* @return HSIGHT_OK, HSIGHT_ENOTSUP, HSIGHT_ENOMEM; 4 MiB */
hsight_status hsight__own_memory_new(const hsight_allocator *allocator, hsight__own_memory **out,
                                     hsight_error *err);
void hsight__own_memory_free(hsight__own_memory *memory);

/* A copy of the bytes at `address` up to the end of their page, `*bytes` of them, as they were at
 * some moment since new(); NULL, `*bytes` set too, when they cannot be read. Borrowed until the
 * next call. O(1): a system call for a page that was not read lately. */
const void *hsight__own_memory_read(hsight__own_memory *memory, uint64_t address, size_t *bytes);

/* Of the system. */
size_t hsight__own_memory_page_bytes(const hsight__own_memory *memory);
/* For each of 64 pages of the system from `begin` on a bit, the lowest first: was anything ever
 * written to it, or is that not known? Without reading it, which would make it take memory. */
uint64_t hsight__own_memory_touched(const hsight__own_memory *memory, const void *begin);

#endif
