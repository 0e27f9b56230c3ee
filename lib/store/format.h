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
#define HSIGHT__FORMAT_MINOR       2 /* the highest known; see HSIGHT__CHUNK_LIST */
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
static_assert(sizeof(hsight_native_row) == 24, "a row of native blocks is 24 bytes");
static_assert(sizeof(hsight_stack_id) == 4, "ids are one u32");
static_assert(sizeof(hsight_node_id) == 4 && sizeof(hsight_label) == 4, "ids are one u32");

/* What is in a file, by the minor version that it needs: a heap; and a trace, of a snapshot that
 * was taken while a tracer ran; and its native blocks, if they are known. Of each part there are
 * all chunks or none, and none without the part before. */
typedef enum {
    HSIGHT__PART_HEAP = 0,
    HSIGHT__PART_TRACE = 1,
    HSIGHT__PART_NATIVE = 2
} hsight__part;

/* X(id, item_bytes, part), in the order in which the writer puts them. */
#define HSIGHT__CHUNK_LIST(X)                                                                      \
    X(META, 1, HEAP)                                                                               \
    X(ADDR, 8, HEAP)                                                                               \
    X(TYPE, 4, HEAP)                                                                               \
    X(SIZE, 4, HEAP)                                                                               \
    X(REFC, 4, HEAP)                                                                               \
    X(FLAG, 1, HEAP)                                                                               \
    X(EFST, 4, HEAP)                                                                               \
    X(EDGE, 4, HEAP)                                                                               \
    X(LABL, 4, HEAP)                                                                               \
    X(BIGN, 4, HEAP)                                                                               \
    X(BIGB, 8, HEAP)                                                                               \
    X(PRVN, 4, HEAP)                                                                               \
    X(PRVS, 4, HEAP)                                                                               \
    X(TNAM, 4, HEAP)                                                                               \
    X(TNOD, 4, HEAP)                                                                               \
    X(STRO, 8, HEAP)                                                                               \
    X(STRB, 1, HEAP)                                                                               \
    X(ROOT, 32, HEAP)                                                                              \
    X(TINF, 8, TRACE)                                                                              \
    X(NSTK, 4, TRACE)                                                                              \
    X(TSTC, 4, TRACE)                                                                              \
    X(TSTF, 4, TRACE)                                                                              \
    X(TFRM, 16, TRACE)                                                                             \
    X(TROW, 72, TRACE)                                                                             \
    X(TSTO, 8, TRACE)                                                                              \
    X(TSTB, 1, TRACE)                                                                              \
    X(TNAT, 24, NATIVE)

enum {
#define HSIGHT__CHUNK_ENUM(id, item_bytes, part) HSIGHT__CHUNK_##id,
    HSIGHT__CHUNK_LIST(HSIGHT__CHUNK_ENUM)
#undef HSIGHT__CHUNK_ENUM
        HSIGHT__CHUNK_COUNT
};

typedef struct {
    char id[5];
    uint32_t item_bytes;
    hsight__part part;
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
