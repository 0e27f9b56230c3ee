/* SPDX-License-Identifier: MIT */
/* store.h - snapshots in files (.hsnap). The format is specified in docs/snapshot-format.md. */
#ifndef HEAPSIGHT_STORE_H
#define HEAPSIGHT_STORE_H

#include "snapshot.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Write a snapshot. It goes to a temporary file beside `path` (mode 0600), is synced, then renamed:
 * after a crash or a full disk there is the old file or the new one, never half of one, and the
 * temporary file is removed on failure. O(file size), 1 MiB of buffers.
 * @param path  UTF-8 (bytes are passed on as they are), NUL-terminated
 * @return HSIGHT_OK, HSIGHT_EIO (os_errno set; message names path and step), HSIGHT_ENOMEM */
HSIGHT_API hsight_status hsight_store_save(const hsight_snapshot *snapshot, const char *path,
                                           hsight_error *err);

/** Open a snapshot file: mapped, checksums and structure verified, nothing parsed into objects; the
 * columns are used in place. O(file size) for the verification, O(1) memory besides the mapping.
 * @param out  receives a snapshot the caller owns; the mapping lives as long
 * @return HSIGHT_OK, HSIGHT_EIO, HSIGHT_EFORMAT (message names chunk and offset), HSIGHT_EVERSION,
 *         HSIGHT_ENOMEM */
HSIGHT_API hsight_status hsight_store_load(const char *path, hsight_snapshot **out,
                                           hsight_error *err);

#ifdef __cplusplus
}
#endif
#endif
