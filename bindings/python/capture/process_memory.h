/* SPDX-License-Identifier: MIT */
/* process_memory.h - what the system says of this process, its memory above all. */
#ifndef HEAPSIGHT_CAPTURE_PROCESS_MEMORY_H
#define HEAPSIGHT_CAPTURE_PROCESS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Can every address of a range be read? O(pages), and ends where memory does. */
bool hsight__memory_is_readable(const void *begin, size_t bytes);
/* Copy memory that may not be there, or not be readable: then false. A system call. */
bool hsight__memory_copy(const void *from, void *out, size_t bytes);
/* Which private pages this process has written to and has in memory: out[i] is 1 for page i from
 * `first` on, the begin of a page, else 0. Makes none resident. False where the system does not
 * tell.
 */
bool hsight__memory_written(const void *first, size_t count, uint64_t *out);

/* The begin of a file such as those under /proc, ended by a NUL; returns its bytes, 0 where it
 * cannot be read. Takes no memory. */
size_t hsight__read_system_file(const char *path, char *out, size_t size);

/* Bytes of the address space in use, and of those the resident ones; 0 where the system does not
 * tell. */
typedef struct {
    uint64_t mapped_bytes;
    uint64_t resident_bytes;
} hsight__process_memory;
hsight__process_memory hsight__process_memory_now(void);

#endif
