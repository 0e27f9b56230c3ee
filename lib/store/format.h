/* SPDX-License-Identifier: MIT */
/* format.h - the layout of a .hsnap file, as docs/snapshot-format.md specifies it.
 *
 * The structs are the bytes of the file: little-endian, packed by construction. Adding a column is
 * a field in graph/columns.h, one line in HSIGHT__CHUNK_LIST, one in column_chunks.c and one row in
 * the specification. */
#ifndef HEAPSIGHT_LIB_STORE_FORMAT_H
#define HEAPSIGHT_LIB_STORE_FORMAT_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <heapsight/graph.h>
#include <heapsight/trace.h>

#define HSIGHT__FORMAT_MAGIC       "\x89HSNAP\r\n"
#define HSIGHT__FORMAT_MAGIC_BYTES 8
#define HSIGHT__FORMAT_MAJOR       1
#define HSIGHT__FORMAT_MINOR       1 /* the highest known; a file without a trace says 0 */
#define HSIGHT__FORMAT_ALIGNMENT   64
#define HSIGHT__FORMAT_MAX_CHUNKS  256 /* bounds the search for duplicate ids */

typedef struct {
    char magic[HSIGHT__FORMAT_MAGIC_BYTES];
    uint16_t major;
    uint16_t minor;
    uint32_t chunk_count;
    uint64_t file_bytes;
    uint32_t contents_checksum;
    uint32_t reserved[8];
    uint32_t header_checksum; /* of everything before it */
} hsight__file_header;

typedef struct {
    char id[4];
    uint32_t checksum;
    uint64_t offset;
    uint64_t length;
} hsight__file_entry;

typedef struct {
    uint16_t key_bytes;
    uint16_t kind; /* HSIGHT__META_TEXT or _NUMBER */
    uint32_t value_bytes;
} hsight__file_meta;

enum { HSIGHT__META_TEXT = 1, HSIGHT__META_NUMBER = 2, HSIGHT__META_ALIGNMENT = 8 };

static_assert(sizeof(hsight__file_header) == 64, "header is 64 bytes");
static_assert(offsetof(hsight__file_header, file_bytes) == 16, "header has no holes");
static_assert(offsetof(hsight__file_header, header_checksum) == 60, "checksum comes last");
static_assert(sizeof(hsight__file_entry) == 24, "entry is 24 bytes");
static_assert(offsetof(hsight__file_entry, offset) == 8, "entry has no holes");
static_assert(sizeof(hsight__file_meta) == 8, "record head is 8 bytes");
static_assert(sizeof(hsight_root) == 32, "a root is 32 bytes");
static_assert(offsetof(hsight_root, surplus) == 28, "a root has no holes");
static_assert(sizeof(hsight_trace_row) == 72, "a row of a trace is 72 bytes");
static_assert(offsetof(hsight_trace_row, figures) == 8, "figures follow the stack and a hole");
static_assert(sizeof(hsight_stack_id) == 4, "ids are one u32");
static_assert(sizeof(hsight_node_id) == 4 && sizeof(hsight_label) == 4, "ids are one u32");

/* X(id, item_bytes, is_needed), in the order in which the writer puts them. Those that are not
 * needed hold the allocations of a snapshot that was taken while a tracer ran: all of them, or
 * none. */
#define HSIGHT__CHUNK_LIST(X)                                                                      \
    X(META, 1, true)                                                                               \
    X(ADDR, 8, true)                                                                               \
    X(TYPE, 4, true)                                                                               \
    X(SIZE, 4, true)                                                                               \
    X(REFC, 4, true)                                                                               \
    X(FLAG, 1, true)                                                                               \
    X(EFST, 4, true)                                                                               \
    X(EDGE, 4, true)                                                                               \
    X(LABL, 4, true)                                                                               \
    X(BIGN, 4, true)                                                                               \
    X(BIGB, 8, true)                                                                               \
    X(PRVN, 4, true)                                                                               \
    X(PRVS, 4, true)                                                                               \
    X(TNAM, 4, true)                                                                               \
    X(TNOD, 4, true)                                                                               \
    X(STRO, 8, true)                                                                               \
    X(STRB, 1, true)                                                                               \
    X(ROOT, 32, true)                                                                              \
    X(TINF, 8, false)                                                                              \
    X(NSTK, 4, false)                                                                              \
    X(TSTC, 4, false)                                                                              \
    X(TSTF, 4, false)                                                                              \
    X(TFRM, 16, false)                                                                             \
    X(TROW, 72, false)                                                                             \
    X(TSTO, 8, false)                                                                              \
    X(TSTB, 1, false)

enum {
#define HSIGHT__CHUNK_ENUM(id, item_bytes, is_needed) HSIGHT__CHUNK_##id,
    HSIGHT__CHUNK_LIST(HSIGHT__CHUNK_ENUM)
#undef HSIGHT__CHUNK_ENUM
        HSIGHT__CHUNK_COUNT
};

typedef struct {
    char id[5];
    uint32_t item_bytes;
    bool is_needed;
} hsight__chunk_kind;

/* Indexed by HSIGHT__CHUNK_*. */
extern const hsight__chunk_kind hsight__chunk_kinds[HSIGHT__CHUNK_COUNT];

/* Columns are used where they lie in the file, so the format needs a little-endian host.
 * HSIGHT_OK or HSIGHT_ENOTSUP. */
hsight_status hsight__format_check_host(hsight_error *err);

/* The next multiple of a power of two; the caller knows that it does not overflow. */
static inline uint64_t hsight__align_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

#endif
