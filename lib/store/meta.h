/* SPDX-License-Identifier: MIT */
/* meta.h - the META chunk: where a snapshot came from, as keys and values. */
#ifndef HEAPSIGHT_LIB_STORE_META_H
#define HEAPSIGHT_LIB_STORE_META_H

#include <heapsight/snapshot.h>

#include "base/vec.h"
#include "store/container.h"

/* Append the chunk's bytes to `out`, a vector of bytes. HSIGHT_OK, HSIGHT_ENOMEM, or HSIGHT_ELIMIT
 * for a text of 4 GiB. */
hsight_status hsight__meta_encode(const hsight_snapshot_info *info, hsight__vec *out,
                                  hsight_error *err);

/* Texts in `out` borrow from the chunk. Keys that are not known are skipped.
 * HSIGHT_OK or HSIGHT_EFORMAT. O(bytes * known keys). */
hsight_status hsight__meta_decode(const hsight__chunk *chunk, hsight_snapshot_info *out,
                                  hsight_error *err);

#endif
