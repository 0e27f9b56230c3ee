/* SPDX-License-Identifier: MIT */
/* replace.c - put a new file in the place of an old one: completely, or not at all.
 *
 * The new file is written under another name in the target's directory, synced, renamed over the
 * target, and the directory is synced. All names are looked up in the directory that was opened at
 * the beginning, so a directory that is moved meanwhile does no harm.
 *
 * I1  temporary[0] != '\0'  <=>  a file of that name in `directory` is ours to remove
 * I2  the target is untouched until the rename, which is the last step that can lose anything
 *
 * Cost: the writes, two syncs. Owns two descriptors between begin and commit or abort. */
#include "store/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "store/display.h"

/* "cannot write out.hsnap: Permission denied (creating a file beside it); nothing was replaced" */
static hsight_status fail_step(const hsight__replacement *replacement, const char *step,
                               hsight_error *err)
{
    int cause = errno;
    hsight_status status =
        hsight__fail(err, HSIGHT_EIO, "cannot write %s: %s (%s); nothing was replaced",
                     hsight__show_path(replacement->path).text, hsight__errno_text(cause), step);
    if (err != NULL) {
        err->os_errno = cause;
    }
    return status;
}

static hsight_status fail_write(const hsight__replacement *replacement, uint64_t done_bytes,
                                hsight_error *err)
{
    char step[64];
    snprintf(step, sizeof step, "after %s bytes", hsight__show_number(done_bytes).text);
    return fail_step(replacement, step, err);
}

static hsight_status fail_target(const hsight__replacement *replacement, int cause,
                                 const char *reason, hsight_error *err)
{
    hsight_status status = hsight__fail(err, HSIGHT_EIO, "cannot write %s: it is %s",
                                        hsight__show_path(replacement->path).text, reason);
    if (err != NULL) {
        err->os_errno = cause;
    }
    return status;
}

/* A rename over a device or a pipe would replace /dev/null by a file, so only what can be meant is
 * accepted: nothing there, or a regular file. */
static hsight_status check_target(const hsight__replacement *replacement, hsight_error *err)
{
    struct stat status;
    if (fstatat(replacement->directory, replacement->name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? HSIGHT_OK
                               : fail_step(replacement, "looking for an older file", err);
    }
    if (S_ISREG(status.st_mode)) {
        return HSIGHT_OK;
    }
    if (S_ISDIR(status.st_mode)) {
        return fail_target(replacement, EISDIR, "a directory; give a file name", err);
    }
    if (S_ISLNK(status.st_mode)) {
        return fail_target(replacement, ELOOP,
                           "a symbolic link, which is not followed; name the file itself", err);
    }
    return fail_target(replacement, EINVAL,
                       "not a regular file, and a snapshot is put in place by renaming; give "
                       "another file name",
                       err);
}

static hsight_status open_directory(hsight__replacement *replacement, hsight_error *err)
{
    const char *path = replacement->path;
    const char *slash = strrchr(path, '/');
    replacement->name = slash == NULL ? path : slash + 1;
    if (replacement->name[0] == '\0') {
        return fail_target(replacement, path[0] == '\0' ? ENOENT : EISDIR,
                           path[0] == '\0' ? "an empty path; give a file name"
                                           : "a directory; give a file name",
                           err);
    }
    /* The directory part, its slash included, so that "/x" is in "/". */
    size_t length = (size_t)(replacement->name - path);
    char directory[4096] = ".";
    if (length >= sizeof directory) {
        errno = ENAMETOOLONG;
        return fail_step(replacement, "opening its directory", err);
    }
    if (length > 0) {
        memcpy(directory, path, length);
        directory[length] = '\0';
    }
    /* O_PATH: a directory may be written without being readable. */
    replacement->directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (replacement->directory < 0) {
        return fail_step(replacement, "opening its directory", err);
    }
    return HSIGHT_OK;
}

/* ".heapsight-0123456789abcdef.tmp" */
static hsight_status choose_name(const hsight__replacement *replacement,
                                 char name[sizeof replacement->temporary], hsight_error *err)
{
    const size_t size = sizeof replacement->temporary;
    unsigned char random[8];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        return fail_step(replacement, "asking for random bytes", err);
    }
    size_t used = (size_t)snprintf(name, size, ".heapsight-");
    for (size_t i = 0; i < sizeof random; i++) {
        used += (size_t)snprintf(name + used, size - used, "%02x", random[i]);
    }
    snprintf(name + used, size - used, ".tmp");
    return HSIGHT_OK;
}

static hsight_status create_temporary(hsight__replacement *replacement, const char *given,
                                      hsight_error *err)
{
    char name[sizeof replacement->temporary];
    if (given == NULL) {
        hsight_status status = choose_name(replacement, name, err);
        if (status != HSIGHT_OK) {
            return status;
        }
    } else if ((size_t)snprintf(name, sizeof name, "%s", given) >= sizeof name) {
        return hsight__fail(err, HSIGHT_EINVAL,
                            "the name of a temporary file, %s, is longer than %zu bytes",
                            hsight__show_path(given).text, sizeof name - 1);
    }
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    replacement->file = openat(replacement->directory, name, flags, 0600);
    if (replacement->file < 0) {
        return fail_step(replacement, "creating a file beside it", err);
    }
    memcpy(replacement->temporary, name, sizeof name);
    if (fchmod(replacement->file, 0600) != 0) { /* an umask may have taken bits away */
        return fail_step(replacement, "setting its mode", err);
    }
    return HSIGHT_OK;
}

hsight_status hsight__replace_begin(hsight__replacement *replacement, const char *path,
                                    const char *temporary, hsight_error *err)
{
    *replacement = (hsight__replacement){.path = path, .directory = -1, .file = -1};
    hsight_status status = open_directory(replacement, err);
    if (status == HSIGHT_OK) {
        status = check_target(replacement, err);
    }
    if (status == HSIGHT_OK) {
        status = create_temporary(replacement, temporary, err);
    }
    if (status != HSIGHT_OK) {
        hsight__replace_abort(replacement);
    }
    return status;
}

static hsight_status put(const hsight__replacement *replacement, uint64_t offset, const void *data,
                         size_t bytes, uint64_t *done_bytes, hsight_error *err)
{
    const char *at = data;
    *done_bytes = 0;
    while (*done_bytes < bytes) {
        ssize_t done = pwrite(replacement->file, at + *done_bytes, bytes - (size_t)*done_bytes,
                              (off_t)(offset + *done_bytes));
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            errno = done == 0 ? EIO : errno;
            return fail_write(replacement, offset + *done_bytes, err);
        }
        *done_bytes += (uint64_t)done;
    }
    return HSIGHT_OK;
}

hsight_status hsight__replace_write(hsight__replacement *replacement, const void *data,
                                    size_t bytes, hsight_error *err)
{
    uint64_t done_bytes;
    uint64_t end = replacement->written_bytes;
    hsight_status status = put(replacement, end, data, bytes, &done_bytes, err);
    replacement->written_bytes += done_bytes;
    return status;
}

hsight_status hsight__replace_write_at(hsight__replacement *replacement, uint64_t offset,
                                       const void *data, size_t bytes, hsight_error *err)
{
    uint64_t done_bytes;
    return put(replacement, offset, data, bytes, &done_bytes, err);
}

/* EINVAL is how file systems say that they have nothing to sync. */
static bool sync_descriptor(int descriptor)
{
    int result;
    do {
        result = fsync(descriptor);
    } while (result != 0 && errno == EINTR);
    return result == 0 || errno == EINVAL;
}

/* The new file is in place already: a failure says so. A directory that cannot be read cannot be
 * synced either, and that is not a failure (see the specification). */
static hsight_status sync_directory(const hsight__replacement *replacement, hsight_error *err)
{
    int directory = openat(replacement->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0 && errno == EACCES) {
        return HSIGHT_OK;
    }
    bool good = directory >= 0 && sync_descriptor(directory);
    int cause = errno;
    if (directory >= 0) {
        close(directory);
    }
    return good ? HSIGHT_OK
                : hsight__fail_errno(err, cause,
                                     "%s is written, but its directory could not be synced, so a "
                                     "power failure may lose it",
                                     hsight__show_path(replacement->path).text);
}

hsight_status hsight__replace_commit(hsight__replacement *replacement, hsight_error *err)
{
    if (!sync_descriptor(replacement->file)) {
        return fail_step(replacement, "syncing it", err);
    }
    int file = replacement->file;
    replacement->file = -1;
    if (close(file) != 0 && errno != EINTR) { /* Linux has closed it even so */
        return fail_step(replacement, "closing it", err);
    }
    if (renameat(replacement->directory, replacement->temporary, replacement->directory,
                 replacement->name) != 0) {
        return fail_step(replacement, "renaming the finished file", err);
    }
    replacement->temporary[0] = '\0';
    return sync_directory(replacement, err);
}

void hsight__replace_abort(hsight__replacement *replacement)
{
    if (replacement->file >= 0) {
        close(replacement->file);
    }
    if (replacement->temporary[0] != '\0') {
        unlinkat(replacement->directory, replacement->temporary, 0);
    }
    if (replacement->directory >= 0) {
        close(replacement->directory);
    }
    replacement->file = -1;
    replacement->directory = -1;
    replacement->temporary[0] = '\0';
}
