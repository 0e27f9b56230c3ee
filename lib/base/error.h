/* SPDX-License-Identifier: MIT */
/* error.h - how lib/ reports a failure: fill the caller's hsight_error, return the code.
 *
 *     return hsight__fail(err, HSIGHT_EINVAL, "node %u: only %u nodes are known", node, count);
 *
 * A message gives place and value; `err` may be NULL. */
#ifndef HEAPSIGHT_LIB_BASE_ERROR_H
#define HEAPSIGHT_LIB_BASE_ERROR_H

#include <heapsight/error.h>

/* Returns `status`. A message that does not fit is cut at a character, not inside one. */
hsight_status hsight__fail(hsight_error *err, hsight_status status, const char *format, ...)
    HSIGHT_PRINTF(3, 4);

/* HSIGHT_EIO with os_errno set and ": <the system's text>" appended to the message. */
hsight_status hsight__fail_errno(hsight_error *err, int errno_value, const char *format, ...)
    HSIGHT_PRINTF(3, 4);

/* HSIGHT_ENOMEM for a request of `bytes`; SIZE_MAX stands for "more than can be addressed". */
hsight_status hsight__fail_memory(hsight_error *err, size_t bytes);

/* The system's words for an errno, in English. Static storage. */
const char *hsight__errno_text(int errno_value);

#endif
