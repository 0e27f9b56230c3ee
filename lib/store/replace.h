/* SPDX-License-Identifier: MIT */
/* replace.h - put a new file in the place of an old one: completely, or not at all.
 *
 *     begin, write..., write_at..., commit       or, after any failure, abort
 *
 * abort() may always be called, also after commit(). */
#ifndef HEAPSIGHT_LIB_STORE_REPLACE_H
#define HEAPSIGHT_LIB_STORE_REPLACE_H

#include <stddef.h>
#include <stdint.h>

#include <heapsight/error.h>

typedef struct {
    const char *path; /* borrowed until commit or abort */
    const char *name; /* last component of path */
    int directory;    /* descriptor, -1 while none */
    int file;         /* descriptor of the temporary file, -1 while none */
    uint64_t written_bytes;
    char temporary[40]; /* name in the directory, "" while no such file exists */
} hsight__replacement;

/* Create the temporary file, mode 0600, beside `path`. A target that exists must be a regular file.
 * `temporary` is its name, or NULL for a random one.
 * Every failure below is HSIGHT_EIO with os_errno, and the message names path and step; a name that
 * is too long is HSIGHT_EINVAL. */
hsight_status hsight__replace_begin(hsight__replacement *replacement, const char *path,
                                    const char *temporary, hsight_error *err);
/* Append. Short and interrupted writes are continued. */
hsight_status hsight__replace_write(hsight__replacement *replacement, const void *data,
                                    size_t bytes, hsight_error *err);
/* Overwrite bytes that were appended before. */
hsight_status hsight__replace_write_at(hsight__replacement *replacement, uint64_t offset,
                                       const void *data, size_t bytes, hsight_error *err);
/* Sync, rename over the target, sync the directory. */
hsight_status hsight__replace_commit(hsight__replacement *replacement, hsight_error *err);
/* Remove the temporary file if it is still there, close everything. */
void hsight__replace_abort(hsight__replacement *replacement);

#endif
