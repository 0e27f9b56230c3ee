/* SPDX-License-Identifier: MIT */
/* container.c - header, table of contents and checksums of a file that is in memory.
 *
 *     | header 64 | entry 24 | entry 24 | ... | 0.. | chunk | 0.. | chunk | ... | chunk |
 *                                              ^64         ^64                         ^ file end
 *
 * I1  nothing is read before the length says that it is there
 * I2  nothing but the header is believed before its checksum holds
 * I3  when open() succeeds, every byte of the file was covered by a checksum or is a zero that was
 *     looked at, so a change of any one byte fails
 *
 * Cost: one pass over the file, 16 KiB of stack. Owns nothing. */
#include "store/container.h"

#include <stdbool.h>
#include <string.h>

#include "base/crc32.h"
#include "base/error.h"
#include "store/damage.h"
#include "store/display.h"

typedef struct {
    const uint8_t *bytes;
    uint64_t size;
    hsight__file_header header;
    hsight__crc32_tables crc;
} source;

static hsight_status fail_not_ours(hsight_error *err, const char *what)
{
    return hsight__fail(err, HSIGHT_EFORMAT, "%s; give a .hsnap file that heapsight wrote", what);
}

static bool has_magic(const source *file)
{
    uint64_t bytes =
        file->size < HSIGHT__FORMAT_MAGIC_BYTES ? file->size : HSIGHT__FORMAT_MAGIC_BYTES;
    return memcmp(file->bytes, HSIGHT__FORMAT_MAGIC, (size_t)bytes) == 0;
}

static uint32_t checksum(const source *file, const void *data, uint64_t bytes)
{
    return hsight__crc32(&file->crc, 0, data, (size_t)bytes);
}

static hsight_status check_header(source *file, hsight_error *err)
{
    hsight__file_header *header = &file->header;
    if (file->size == 0) {
        return fail_not_ours(err, "the file is empty");
    }
    if (!has_magic(file)) {
        return fail_not_ours(err, "not a heapsight snapshot: the first 8 bytes are others");
    }
    if (file->size < sizeof *header) {
        return hsight__fail_damaged(err, "file ends at %s, inside the header of %zu bytes",
                                    hsight__show_number(file->size).text, sizeof *header);
    }
    memcpy(header, file->bytes, sizeof *header);
    uint64_t covered = offsetof(hsight__file_header, header_checksum);
    if (checksum(file, file->bytes, covered) != header->header_checksum) {
        return hsight__fail_damaged(err, "header at offset 0: checksum does not match");
    }
    if (header->major > HSIGHT__FORMAT_MAJOR) {
        return hsight__fail(err, HSIGHT_EVERSION,
                            "file format %u.%u was written by a newer heapsight, this one reads "
                            "%d.x; upgrade heapsight",
                            header->major, header->minor, HSIGHT__FORMAT_MAJOR);
    }
    if (header->major < HSIGHT__FORMAT_MAJOR) {
        return hsight__fail_damaged(err, "header at offset 8: file format %u does not exist",
                                    header->major);
    }
    if (header->file_bytes != file->size) {
        return hsight__fail_damaged(err, "file ends at %s, header says %s bytes",
                                    hsight__show_number(file->size).text,
                                    hsight__show_number(header->file_bytes).text);
    }
    return HSIGHT_OK;
}

static uint64_t contents_end(const source *file)
{
    return sizeof file->header + (uint64_t)file->header.chunk_count * sizeof(hsight__file_entry);
}

static hsight_status check_contents(const source *file, hsight_error *err)
{
    uint32_t count = file->header.chunk_count;
    if (count < 1 || count > HSIGHT__FORMAT_MAX_CHUNKS) {
        return hsight__fail_damaged(err, "header at offset 12: %u chunks, 1 to %d are possible",
                                    count, HSIGHT__FORMAT_MAX_CHUNKS);
    }
    if (contents_end(file) > file->size) {
        return hsight__fail_damaged(err,
                                    "table of contents at offset 64: %u entries do not fit into "
                                    "the file of %s bytes",
                                    count, hsight__show_number(file->size).text);
    }
    uint64_t begin = sizeof file->header;
    if (checksum(file, file->bytes + begin, contents_end(file) - begin) !=
        file->header.contents_checksum) {
        return hsight__fail_damaged(err, "table of contents at offset 64: checksum does not match");
    }
    return HSIGHT_OK;
}

static uint64_t entry_offset(uint32_t index)
{
    return sizeof(hsight__file_header) + (uint64_t)index * sizeof(hsight__file_entry);
}

static hsight__file_entry get_entry(const source *file, uint32_t index)
{
    hsight__file_entry entry;
    memcpy(&entry, file->bytes + entry_offset(index), sizeof entry);
    return entry;
}

static bool is_id(const char id[4])
{
    for (int i = 0; i < 4; i++) {
        if (!(id[i] >= 'A' && id[i] <= 'Z') && !(id[i] >= '0' && id[i] <= '9')) {
            return false;
        }
    }
    return true;
}

static hsight_status check_id(const source *file, uint32_t index, hsight_error *err)
{
    hsight__file_entry entry = get_entry(file, index);
    unsigned long long at = entry_offset(index);
    if (!is_id(entry.id)) {
        return hsight__fail_damaged(err,
                                    "table of contents at offset %llu: the id of chunk %u is not "
                                    "four capital letters or digits",
                                    at, index);
    }
    for (uint32_t before = 0; before < index; before++) {
        if (memcmp(get_entry(file, before).id, entry.id, sizeof entry.id) == 0) {
            return hsight__fail_damaged(err, "table of contents at offset %llu: second %.4s chunk",
                                        at, entry.id);
        }
    }
    return HSIGHT_OK;
}

/* Chunks lie end to end but for padding; `*end` is the end of what came before. */
static hsight_status check_extent(const source *file, uint32_t index, uint64_t *end,
                                  hsight_error *err)
{
    hsight__file_entry entry = get_entry(file, index);
    unsigned long long at = entry_offset(index);
    uint64_t expected = hsight__align_up(*end, HSIGHT__FORMAT_ALIGNMENT);
    if (entry.offset != expected) {
        return hsight__fail_damaged(err,
                                    "table of contents at offset %llu: %.4s chunk at offset %llu, "
                                    "expected %llu",
                                    at, entry.id, (unsigned long long)entry.offset,
                                    (unsigned long long)expected);
    }
    if (expected > file->size || entry.length > file->size - expected) {
        return hsight__fail_damaged(err,
                                    "table of contents at offset %llu: %.4s chunk at offset %llu "
                                    "has %s bytes, more than the file",
                                    at, entry.id, (unsigned long long)entry.offset,
                                    hsight__show_number(entry.length).text);
    }
    for (uint64_t padding = *end; padding < expected; padding++) {
        if (file->bytes[padding] != 0) {
            return hsight__fail_damaged(err, "padding at offset %llu: %u, not zero",
                                        (unsigned long long)padding, file->bytes[padding]);
        }
    }
    *end = expected + entry.length;
    return HSIGHT_OK;
}

static hsight_status check_layout(const source *file, hsight_error *err)
{
    uint64_t end = contents_end(file);
    for (uint32_t i = 0; i < file->header.chunk_count; i++) {
        hsight_status status = check_id(file, i, err);
        if (status == HSIGHT_OK) {
            status = check_extent(file, i, &end, err);
        }
        if (status != HSIGHT_OK) {
            return status;
        }
    }
    if (end != file->size) {
        return hsight__fail_damaged(err, "last chunk ends at %s, the file at %s",
                                    hsight__show_number(end).text,
                                    hsight__show_number(file->size).text);
    }
    return HSIGHT_OK;
}

static hsight_status check_chunks(const source *file, hsight_error *err)
{
    for (uint32_t i = 0; i < file->header.chunk_count; i++) {
        hsight__file_entry entry = get_entry(file, i);
        if (checksum(file, file->bytes + entry.offset, entry.length) != entry.checksum) {
            return hsight__fail_damaged(err, "%.4s chunk at offset %llu: checksum does not match",
                                        entry.id, (unsigned long long)entry.offset);
        }
    }
    return HSIGHT_OK;
}

/* False, and an empty chunk, where there is none of that kind. */
static bool find_chunk(const source *file, int kind, hsight__chunk *out)
{
    *out = (hsight__chunk){0};
    for (uint32_t i = 0; i < file->header.chunk_count; i++) {
        hsight__file_entry entry = get_entry(file, i);
        if (memcmp(entry.id, hsight__chunk_kinds[kind].id, sizeof entry.id) == 0) {
            *out = (hsight__chunk){
                .data = file->bytes + entry.offset, .bytes = entry.length, .offset = entry.offset};
            return true;
        }
    }
    return false;
}

/* All chunks of each part up to the last one that there is. */
static hsight_status find_chunks(const source *file, hsight__container *out, hsight_error *err)
{
    bool is_there[HSIGHT__CHUNK_COUNT];
    out->last_part = HSIGHT__PART_HEAP;
    for (int kind = 0; kind < HSIGHT__CHUNK_COUNT; kind++) {
        is_there[kind] = find_chunk(file, kind, &out->chunks[kind]);
        if (is_there[kind] && hsight__chunk_kinds[kind].part > out->last_part) {
            out->last_part = hsight__chunk_kinds[kind].part;
        }
    }
    for (int kind = 0; kind < HSIGHT__CHUNK_COUNT; kind++) {
        if (!is_there[kind] && hsight__chunk_kinds[kind].part <= out->last_part) {
            return hsight__fail_damaged(err, "table of contents at offset 64: no %s chunk",
                                        hsight__chunk_kinds[kind].id);
        }
    }
    return HSIGHT_OK;
}

hsight_status hsight__container_open(const void *bytes, uint64_t size, hsight__container *out,
                                     hsight_error *err)
{
    source file = {.bytes = bytes, .size = size};
    hsight__crc32_prepare(&file.crc);
    hsight_status (*const steps[])(const source *, hsight_error *) = {check_contents, check_layout,
                                                                      check_chunks};
    hsight_status status = check_header(&file, err);
    for (size_t i = 0; i < sizeof steps / sizeof *steps && status == HSIGHT_OK; i++) {
        status = steps[i](&file, err);
    }
    if (status == HSIGHT_OK) {
        status = find_chunks(&file, out, err);
    }
    out->minor = file.header.minor;
    return status;
}
