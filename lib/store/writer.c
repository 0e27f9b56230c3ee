/* SPDX-License-Identifier: MIT */
/* writer.c - write a snapshot into a .hsnap file.
 *
 * Columns go from memory to the file in slices, each checksummed just before it is written, while
 * it is in the cache. Header and table of contents come last, over the zeros that kept their place:
 * a file that was cut short has no magic.
 *
 * I1  at the start of a chunk, `end` is what was written so far
 * I2  the target is untouched unless everything was written and synced (replace.c)
 *
 * Cost: one pass over the columns; 50 KiB and what the META chunk and pairs of big sizes need, of
 * the graph's allocator and not of the stack, which may be small; freed before return. */
#include <heapsight/store.h>

#include <stdbool.h>
#include <string.h>

#include "base/crc32.h"
#include "base/error.h"
#include "base/vec.h"
#include "graph/columns.h"
#include "graph/graph_allocator.h"
#include "store/column_chunks.h"
#include "store/format.h"
#include "store/meta.h"
#include "store/replace.h"
#include "store/trace_chunks.h"

static const size_t SLICE_BYTES = (size_t)1 << 20;
/* Numbers that are widened at a time. */
enum { WIDE_ITEMS = 8192 };
static const char
    ZEROS[sizeof(hsight__file_header) + HSIGHT__CHUNK_COUNT * sizeof(hsight__file_entry)];

/* `entries` of the chunks that are written, one after the other. */
typedef struct {
    hsight__part last_part;
    uint32_t chunk_count;
    hsight__replacement file;
    hsight__crc32_tables crc;
    hsight__file_entry entries[HSIGHT__CHUNK_COUNT];
    uint32_t wide[WIDE_ITEMS];
} writer;

static hsight_status pad(writer *to, hsight_error *err)
{
    uint64_t end = to->file.written_bytes;
    uint64_t missing = hsight__align_up(end, HSIGHT__FORMAT_ALIGNMENT) - end;
    return hsight__replace_write(&to->file, ZEROS, (size_t)missing, err);
}

static bool is_written(const writer *to, int kind)
{
    return hsight__chunk_kinds[kind].part <= to->last_part;
}

static hsight_status write_bytes(writer *to, hsight__file_entry *entry, const char *at,
                                 uint64_t left, hsight_error *err)
{
    hsight_status status = HSIGHT_OK;
    while (left > 0 && status == HSIGHT_OK) {
        size_t bytes = left < SLICE_BYTES ? (size_t)left : SLICE_BYTES;
        entry->checksum = hsight__crc32(&to->crc, entry->checksum, at, bytes);
        status = hsight__replace_write(&to->file, at, bytes, err);
        at += bytes;
        left -= bytes;
    }
    return status;
}

static hsight_status write_numbers(writer *to, hsight__file_entry *entry,
                                   const hsight__chunk *chunk, hsight_error *err)
{
    hsight_status status = HSIGHT_OK;
    uint64_t items = chunk->bytes / sizeof *to->wide;
    for (uint64_t first = 0; first < items && status == HSIGHT_OK; first += WIDE_ITEMS) {
        size_t count = items - first < WIDE_ITEMS ? (size_t)(items - first) : WIDE_ITEMS;
        hsight__numbers_widen(chunk->numbers, first, count, to->wide);
        status = write_bytes(to, entry, (const char *)to->wide, count * sizeof *to->wide, err);
    }
    return status;
}

static hsight_status write_chunk(writer *to, int kind, const hsight__chunk *chunk,
                                 hsight_error *err)
{
    hsight_status status = pad(to, err);
    hsight__file_entry *entry = &to->entries[to->chunk_count++];
    *entry = (hsight__file_entry){.offset = to->file.written_bytes, .length = chunk->bytes};
    memcpy(entry->id, hsight__chunk_kinds[kind].id, sizeof entry->id);
    if (status != HSIGHT_OK) {
        return status;
    }
    return chunk->numbers != NULL ? write_numbers(to, entry, chunk, err)
                                  : write_bytes(to, entry, chunk->data, chunk->bytes, err);
}

static hsight_status write_front(writer *to, hsight_error *err)
{
    size_t contents_bytes = to->chunk_count * sizeof(hsight__file_entry);
    hsight__file_header header = {
        .magic = HSIGHT__FORMAT_MAGIC,
        .major = HSIGHT__FORMAT_MAJOR,
        .minor = (uint16_t)to->last_part,
        .chunk_count = to->chunk_count,
        .file_bytes = to->file.written_bytes,
        .contents_checksum = hsight__crc32(&to->crc, 0, to->entries, contents_bytes),
    };
    header.header_checksum =
        hsight__crc32(&to->crc, 0, &header, offsetof(hsight__file_header, header_checksum));
    hsight_status status = hsight__replace_write_at(&to->file, 0, &header, sizeof header, err);
    if (status == HSIGHT_OK) {
        status =
            hsight__replace_write_at(&to->file, sizeof header, to->entries, contents_bytes, err);
    }
    return status;
}

static hsight_status write_file(writer *to, const hsight__chunk chunks[HSIGHT__CHUNK_COUNT],
                                hsight_error *err)
{
    hsight__crc32_prepare(&to->crc);
    size_t front_bytes = sizeof(hsight__file_header);
    for (int i = 0; i < HSIGHT__CHUNK_COUNT; i++) {
        front_bytes += is_written(to, i) ? sizeof(hsight__file_entry) : 0;
    }
    to->chunk_count = 0;
    hsight_status status = hsight__replace_write(&to->file, ZEROS, front_bytes, err);
    for (int i = 0; i < HSIGHT__CHUNK_COUNT && status == HSIGHT_OK; i++) {
        status = is_written(to, i) ? write_chunk(to, i, &chunks[i], err) : HSIGHT_OK;
    }
    return status == HSIGHT_OK ? write_front(to, err) : status;
}

static hsight__part last_part_of(const hsight_trace *trace)
{
    return trace == NULL                      ? HSIGHT__PART_HEAP
           : hsight_trace_knows_native(trace) ? HSIGHT__PART_NATIVE
                                              : HSIGHT__PART_TRACE;
}

static hsight_status save(writer *to, const hsight_snapshot *snapshot, hsight__vec *meta,
                          hsight__sparse *big, hsight_error *err)
{
    hsight__chunk chunks[HSIGHT__CHUNK_COUNT];
    hsight__trace_numbers numbers;
    const hsight_graph *graph = hsight_snapshot_graph(snapshot);
    hsight_status status = hsight__meta_encode(hsight_snapshot_get_info(snapshot), meta, err);
    if (status == HSIGHT_OK) {
        status = hsight__chunks_of_columns(hsight__graph_columns(graph), big, chunks, err);
    }
    if (status != HSIGHT_OK) {
        return status;
    }
    to->last_part = last_part_of(hsight_snapshot_trace(snapshot));
    if (to->last_part != HSIGHT__PART_HEAP) {
        hsight__chunks_of_trace(snapshot, &numbers, chunks);
    }
    chunks[HSIGHT__CHUNK_META] = (hsight__chunk){.data = meta->data, .bytes = meta->count};
    status = write_file(to, chunks, err);
    return status == HSIGHT_OK ? hsight__replace_commit(&to->file, err) : status;
}

hsight_status hsight_store_save(const hsight_snapshot *snapshot, const char *path,
                                hsight_error *err)
{
    return hsight_store_save_through(snapshot, path, NULL, err);
}

hsight_status hsight_store_save_through(const hsight_snapshot *snapshot, const char *path,
                                        const char *temporary, hsight_error *err)
{
    const hsight_allocator *memory = hsight__graph_allocator(hsight_snapshot_graph(snapshot));
    hsight_status status = hsight__format_check_host(err);
    if (status != HSIGHT_OK) {
        return status;
    }
    writer *to = memory->allocate(memory->state, sizeof *to);
    if (to == NULL) {
        return hsight__fail_memory(err, sizeof *to);
    }
    status = hsight__replace_begin(&to->file, path, temporary, err);
    if (status == HSIGHT_OK) {
        hsight__vec meta;
        hsight__sparse big;
        hsight__vec_init(&meta, memory, 1);
        hsight__sparse_init(&big, memory, sizeof(uint64_t));
        status = save(to, snapshot, &meta, &big, err);
        hsight__sparse_free(&big);
        hsight__vec_free(&meta);
        hsight__replace_abort(&to->file);
    }
    memory->release(memory->state, to, sizeof *to);
    return status;
}
