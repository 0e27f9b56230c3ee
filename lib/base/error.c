/* SPDX-License-Identifier: MIT */
/* error.c - status texts, and filling an hsight_error.
 *
 * Owns nothing and allocates nothing, so that it works when memory is gone, and takes no lock: a
 * forked child that was not made by fork() calls it too, and some other thread may have had it. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* strerrordesc_np */
#endif
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *hsight_version(void)
{
    return HSIGHT_VERSION;
}

const char *hsight_status_text(hsight_status status)
{
    switch (status) {
    case HSIGHT_OK:
        return "no error";
#define ERROR_TEXT(name, number, message, exception)                                               \
    case HSIGHT_##name:                                                                            \
        return message;
        HSIGHT_ERROR_LIST(ERROR_TEXT)
#undef ERROR_TEXT
    }
    return "unknown status";
}

/* A cut in the middle of a UTF-8 sequence would make the whole message undecodable: take the
 * incomplete sequence off. */
static void drop_partial_character(char *text)
{
    size_t end = strlen(text);
    size_t lead = end;
    while (lead > 0 && end - lead < 3 && ((unsigned char)text[lead - 1] & 0xC0) == 0x80) {
        lead--;
    }
    if (lead == 0) {
        return;
    }
    unsigned char byte = (unsigned char)text[lead - 1];
    size_t need = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    if (need > end - lead + 1) {
        text[lead - 1] = '\0';
    }
}

/* strerror() translates: it reads catalogues, under a lock. */
const char *hsight__errno_text(int errno_value)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 32)
    const char *text = strerrordesc_np(errno_value);
    return text != NULL ? text : "unknown error";
#else
    return strerror(errno_value);
#endif
}

static void fill(hsight_error *err, hsight_status status, int errno_value, const char *format,
                 va_list arguments)
{
    err->status = status;
    err->os_errno = errno_value;
    int length = vsnprintf(err->message, sizeof err->message, format, arguments);
    if (length < 0) {
        snprintf(err->message, sizeof err->message, "%s", hsight_status_text(status));
    } else if ((size_t)length >= sizeof err->message) {
        drop_partial_character(err->message);
    }
}

hsight_status hsight__fail(hsight_error *err, hsight_status status, const char *format, ...)
{
    if (err != NULL) {
        va_list arguments;
        va_start(arguments, format);
        fill(err, status, 0, format, arguments);
        va_end(arguments);
    }
    return status;
}

hsight_status hsight__fail_errno(hsight_error *err, int errno_value, const char *format, ...)
{
    if (err != NULL) {
        va_list arguments;
        va_start(arguments, format);
        fill(err, HSIGHT_EIO, errno_value, format, arguments);
        va_end(arguments);
        size_t used = strlen(err->message);
        snprintf(err->message + used, sizeof err->message - used, ": %s",
                 hsight__errno_text(errno_value));
        drop_partial_character(err->message);
    }
    return HSIGHT_EIO;
}

hsight_status hsight__fail_memory(hsight_error *err, size_t bytes)
{
    if (bytes == SIZE_MAX) {
        return hsight__fail(err, HSIGHT_ENOMEM, "out of memory: more bytes than can be addressed");
    }
    return hsight__fail(err, HSIGHT_ENOMEM, "out of memory: a request for %zu bytes was refused",
                        bytes);
}
