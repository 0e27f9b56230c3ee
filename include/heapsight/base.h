/* SPDX-License-Identifier: MIT */
/* base.h - what every heapsight header shares: visibility, version, strings, sinks, allocator.
 *
 * Conventions of the whole library:
 *   - Functions that can fail return hsight_status; the optional hsight_error* gets place and remedy.
 *   - Ownership words, and no others: consumes, borrows until X, returns owned.
 *   - Units are in the names: _bytes, _ns, _count.
 *   - An id is a one-member struct, one type per table; index 0 means "none". */
#ifndef HEAPSIGHT_BASE_H
#define HEAPSIGHT_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define HSIGHT_API __attribute__((visibility("default")))
#define HSIGHT_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define HSIGHT_API
#define HSIGHT_PRINTF(text, first)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Version of the library that is running, "MAJOR.MINOR.PATCH". Since 0.1. Static storage. */
HSIGHT_API const char *hsight_version(void);

/** A run of UTF-8 bytes. Not NUL-terminated unless a function says so; length excludes any NUL.
 * Borrowed: it lives as long as the object that handed it out. */
typedef struct {
    const char *data;
    size_t length;
} hsight_string;

/** Where memory comes from. All get the state. `resize` keeps the old block on failure.
 * `release` is told the size that was asked for last, so that blocks may be mapped directly.
 * `prefault` may be NULL. It has the system back memory that is written to next, which costs less than
 * a trap for each page: bytes `begin` to `need` at least of a block for which `bytes` were asked last,
 * 0 <= begin < need <= bytes; what is there stays. It returns where backed memory ends, need .. bytes,
 * and cannot fail: what is not backed costs the trap. Since 0.1. */
typedef struct {
    void *(*allocate)(void *state, size_t bytes);
    void *(*resize)(void *state, void *block, size_t old_bytes, size_t new_bytes);
    void (*release)(void *state, void *block, size_t bytes);
    void *state;
    size_t (*prefault)(void *state, void *block, size_t bytes, size_t begin, size_t need);
} hsight_allocator;

/** The default allocator: malloc for small blocks; page mappings for blocks of 64 KiB and more, so that
 * growth does not copy. Its `prefault` uses huge pages where they come fast. Static storage. Since 0.1. */
HSIGHT_API const hsight_allocator *hsight_allocator_default(void);

/** Where a report goes. `write` returns 0, or non-zero to stop; the report then returns HSIGHT_EIO. */
typedef struct {
    int (*write)(void *state, const char *data, size_t length);
    void *state;
} hsight_sink;

#ifdef __cplusplus
}
#endif
#endif
