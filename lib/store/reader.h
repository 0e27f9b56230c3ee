/* SPDX-License-Identifier: MIT */
/* reader.h - bytes of a .hsnap file -> snapshot. */
#ifndef HEAPSIGHT_LIB_STORE_READER_H
#define HEAPSIGHT_LIB_STORE_READER_H

#include <heapsight/snapshot.h>

#include "graph/columns.h"

/* Verify a file that is in memory, aligned to 64 bytes, and use it as a snapshot, in place.
 * `bytes` is borrowed until release(owner, ...) is called: when the snapshot is freed, or before
 * the return on failure. Messages name chunk and offset, not the file. O(size). HSIGHT_OK,
 * HSIGHT_EFORMAT, HSIGHT_EVERSION, HSIGHT_ENOMEM or HSIGHT_ENOTSUP. */
hsight_status hsight__store_read(const hsight_allocator *allocator, const void *bytes,
                                 uint64_t size, hsight__columns_release release, void *owner,
                                 hsight_snapshot **out, hsight_error *err);

#endif
