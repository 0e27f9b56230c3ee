/* SPDX-License-Identifier: MIT */
/* process_memory.h - what the system says of this process's memory. */
#ifndef HEAPSIGHT_CAPTURE_PROCESS_MEMORY_H
#define HEAPSIGHT_CAPTURE_PROCESS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is there memory at every address of a range? O(pages of 4 KiB), and ends where memory does. */
bool hsight__memory_is_mapped(const void *begin, size_t bytes);

/* Bytes of the address space in use, and of those the resident ones; 0 where the system does not
 * tell. */
typedef struct {
    uint64_t mapped_bytes;
    uint64_t resident_bytes;
} hsight__process_memory;
hsight__process_memory hsight__process_memory_now(void);

#endif
