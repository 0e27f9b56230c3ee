/* SPDX-License-Identifier: MIT */
/* error.h - status codes and the message that comes with them.
 *
 * The list below is the only place that names a code: number, message and the Python exception that
 * the extension raises come from it. Numbers are pinned for ever; a retired one is never reused. */
#ifndef HEAPSIGHT_ERROR_H
#define HEAPSIGHT_ERROR_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, number, message, python exception) */
#define HSIGHT_ERROR_LIST(X)                                                   \
    X(ENOMEM, 1, "out of memory", MemoryError)                                 \
    X(EINVAL, 2, "invalid argument", ValueError)                               \
    X(ELIMIT, 3, "too large for this version of heapsight", ValueError)        \
    X(EIO, 4, "input or output failed", OSError)                               \
    X(EFORMAT, 5, "not a usable heapsight snapshot", ValueError)               \
    X(EVERSION, 6, "snapshot written by a newer heapsight", ValueError)        \
    X(ENOTFOUND, 7, "not found", LookupError)                                  \
    X(ENOTSUP, 8, "not supported by this build", RuntimeError)                 \
    X(ENODOT, 9, "Graphviz's dot program is missing", OSError)                 \
    X(ETIMEOUT, 10, "time limit passed", OSError)                              \
    X(EKILLED, 11, "a child process was killed", RuntimeError)

typedef enum {
    HSIGHT_OK = 0,
#define HSIGHT_ERROR_ENUM(name, number, message, exception) HSIGHT_##name = number,
    HSIGHT_ERROR_LIST(HSIGHT_ERROR_ENUM)
#undef HSIGHT_ERROR_ENUM
} hsight_status;

/** Filled only on failure, by the function that returned the code. The caller owns it (usually on
 * its stack). `os_errno` is the system's errno where one caused the failure, else 0. */
typedef struct {
    hsight_status status;
    int os_errno;
    char message[480];
} hsight_error;

/** The fixed English text of a code; "unknown status" for others. Static storage. Since 0.1. */
HSIGHT_API const char *hsight_status_text(hsight_status status);

#ifdef __cplusplus
}
#endif
#endif
