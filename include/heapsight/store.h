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
 * temporary file is removed on failure. O(file size), straight from the columns: no buffers.
 * @param path  UTF-8 (bytes are passed on as they are), NUL-terminated. What exists there must be a
 *              regular file: a directory, a device, a pipe or a symbolic link is refused and stays
 * @return HSIGHT_OK, HSIGHT_EIO (os_errno set; message names path and step), HSIGHT_ENOMEM,
 *         HSIGHT_ELIMIT (a text of its info has 4 GiB or more), HSIGHT_ENOTSUP (a big-endian
 *         machine) */
HSIGHT_API hsight_status hsight_store_save(const hsight_snapshot *snapshot, const char *path,
                                           hsight_error *err);

/** The same through a temporary file whose name the caller chose: who finds the writer killed can
 * remove it. Since 0.1.
 * @param temporary  a name in the directory of `path`, at most 39 bytes, that nobody uses; NULL for
 *                   a random one
 * @return also HSIGHT_EINVAL: the name is too long */
HSIGHT_API hsight_status hsight_store_save_through(const hsight_snapshot *snapshot, const char *path,
                                                   const char *temporary, hsight_error *err);

/** Open a snapshot file: mapped, checksums and structure verified, nothing parsed into objects; the
 * columns are used in place. O(file size) for the verification, O(1) memory besides the mapping.
 * Replace a file that is in use by renaming another over it, as hsight_store_save() does: one that is
 * shortened in place takes the pages away from under the reader (SIGBUS).
 * @param path  of a regular file, or a symbolic link to one
 * @param out   receives a snapshot the caller owns; the mapping lives as long
 * @return HSIGHT_OK, HSIGHT_EIO (os_errno set), HSIGHT_EFORMAT (message names the place in the
 *         file), HSIGHT_EVERSION, HSIGHT_ENOMEM, HSIGHT_ELIMIT (larger than the machine's address
 *         space), HSIGHT_ENOTSUP (a big-endian machine) */
HSIGHT_API hsight_status hsight_store_load(const char *path, hsight_snapshot **out,
                                           hsight_error *err);

#ifdef __cplusplus
}
#endif
#endif
