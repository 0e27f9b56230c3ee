/* SPDX-License-Identifier: MIT */
/* check_store_kit.h - what the tests of snapshot files share: a scratch directory, whole files,
 * samples, and a comparison of two snapshots. Everything here fails the test when it fails. */
#ifndef HEAPSIGHT_TESTS_CHECK_STORE_KIT_H
#define HEAPSIGHT_TESTS_CHECK_STORE_KIT_H

#include <heapsight/store.h>

#include <check.h>

#include <stdint.h>

typedef struct {
    char path[512];
} kit_path;

/* Before and after each test (tcase_add_checked_fixture): a fresh directory, removed with the files
 * in it. */
void kit_open(void);
void kit_close(void);
kit_path kit_directory(void);
kit_path kit_file(const char *name);
/* Names in the directory but "." and "..": tells whether something was left behind. */
int kit_entry_count(void);

typedef struct {
    uint8_t *data; /* owned, 64-byte aligned */
    size_t size;
} kit_bytes;

kit_bytes kit_read(const char *path);
void kit_write(const char *path, const void *data, size_t size);
void kit_free(kit_bytes *bytes);
/* Set a u32 in a chunk of a file to another value; all checksums are made right again. */
void kit_damage(kit_bytes *file, const char *chunk, uint32_t item, uint32_t value);

/* Kinds of references, roots and sizes on a few objects; about 2 KiB as a file. */
hsight_snapshot *kit_sample(const char *label);
/* How much a sample has: the minor version of its file. */
enum { KIT_PLAIN, KIT_TRACED, KIT_NATIVE, KIT_ALL };
/* kit_sample(); with the stacks that allocated a and b; with two rows of native blocks as well. The
 * trace is a second half to the file. */
hsight_snapshot *kit_sample_of(int minor, const char *label);
/* Give the trace of that to another snapshot, if it has one. */
void kit_join(hsight_snapshot *snapshot, int minor);
/* A snapshot of `count` objects: about 50 bytes each as a file. */
hsight_snapshot *kit_large(uint32_t count);
/* An object for each number, which is its size and, if that can be, its refcount. */
hsight_snapshot *kit_numbers(const uint64_t *numbers, size_t count);
/* Consumes the graph. */
hsight_snapshot *kit_snapshot(hsight_graph *graph, const char *label);

void kit_save(const hsight_snapshot *snapshot, const char *path);
hsight_snapshot *kit_load(const char *path);
/* Same columns, same info, same sum, same trace. */
void kit_assert_same(const hsight_snapshot *a, const hsight_snapshot *b);
/* The file at `path` holds this snapshot. */
void kit_assert_file(const char *path, const hsight_snapshot *snapshot);
/* One sentence: not empty, no line end, and it holds `part`. */
void kit_assert_message(const hsight_error *err, hsight_status status, const char *part);

#endif
