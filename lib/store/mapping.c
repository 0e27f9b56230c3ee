/* SPDX-License-Identifier: MIT */
/* mapping.c - a file in memory, read only.
 *
 * The mapping is private and read only. It is not proof against a file that is shortened or
 * rewritten in place while it is mapped (SIGBUS, changed contents): the specification says why, and
 * how to replace a file instead.
 *
 * Cost: O(1), pages come in when they are touched. Owns the mapping until close; no descriptor. */
#include "store/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "store/display.h"

static hsight_status fail_open(const char *path, int cause, const char *reason, hsight_error *err)
{
    hsight_status status =
        hsight__fail(err, HSIGHT_EIO, "cannot open %s: %s", hsight__show_path(path).text, reason);
    if (err != NULL) {
        err->os_errno = cause;
    }
    return status;
}

static hsight_status fail_system(const char *path, hsight_error *err)
{
    int cause = errno;
    return fail_open(path, cause, strerror(cause), err);
}

static hsight_status check_regular(const char *path, const struct stat *status, hsight_error *err)
{
    if (S_ISREG(status->st_mode)) {
        return HSIGHT_OK;
    }
    if (S_ISDIR(status->st_mode)) {
        return fail_open(path, EISDIR, "it is a directory; give a .hsnap file", err);
    }
    return fail_open(path, EINVAL,
                     "it is a pipe, a device or a socket, and only a regular file can be mapped; "
                     "save the snapshot to a file first",
                     err);
}

/* Asked before opening, because opening a pipe waits and opening a device may do something; asked
 * again afterwards, because the name may lead elsewhere by then. */
static hsight_status open_regular(const char *path, int *out, uint64_t *size, hsight_error *err)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return fail_system(path, err);
    }
    hsight_status result = check_regular(path, &status, err);
    if (result != HSIGHT_OK) {
        return result;
    }
    int file;
    do {
        file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    } while (file < 0 && errno == EINTR);
    if (file < 0) {
        return fail_system(path, err);
    }
    result = fstat(file, &status) != 0 ? fail_system(path, err) : check_regular(path, &status, err);
    if (result != HSIGHT_OK) {
        close(file);
        return result;
    }
    *out = file;
    *size = (uint64_t)status.st_size;
    return HSIGHT_OK;
}

static hsight_status map_file(const char *path, int file, uint64_t size, hsight__mapping *out,
                              hsight_error *err)
{
    if (size > SIZE_MAX) {
        return hsight__fail(err, HSIGHT_ELIMIT, "%s: %s bytes are more than this machine addresses",
                            hsight__show_path(path).text, hsight__show_number(size).text);
    }
    if (size == 0) { /* cannot be mapped; the container says what is wrong with it */
        *out = (hsight__mapping){NULL, 0};
        return HSIGHT_OK;
    }
    void *bytes = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, file, 0);
    if (bytes == MAP_FAILED) {
        return errno == ENOMEM
                   ? hsight__fail(err, HSIGHT_ENOMEM,
                                  "cannot map the %s bytes of %s: out of memory",
                                  hsight__show_number(size).text, hsight__show_path(path).text)
                   : fail_system(path, err);
    }
    *out = (hsight__mapping){bytes, size};
    return HSIGHT_OK;
}

hsight_status hsight__mapping_open(const char *path, hsight__mapping *out, hsight_error *err)
{
    int file = -1;
    uint64_t size = 0;
    hsight_status status = open_regular(path, &file, &size, err);
    if (status == HSIGHT_OK) {
        status = map_file(path, file, size, out, err);
        close(file);
    }
    return status;
}

void hsight__mapping_close(hsight__mapping *mapping)
{
    if (mapping->size > 0) {
        munmap((void *)(uintptr_t)mapping->bytes, (size_t)mapping->size);
    }
    *mapping = (hsight__mapping){NULL, 0};
}
