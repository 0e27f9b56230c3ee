/* SPDX-License-Identifier: MIT */
/* load.h - hsight_store_load() with an allocator of the caller's. */
#ifndef HEAPSIGHT_LIB_STORE_LOAD_H
#define HEAPSIGHT_LIB_STORE_LOAD_H

#include <heapsight/snapshot.h>

/* @param allocator  borrowed until the snapshot is freed; NULL = default */
hsight_status hsight__store_load_with(const hsight_allocator *allocator, const char *path,
                                      hsight_snapshot **out, hsight_error *err);

#endif
