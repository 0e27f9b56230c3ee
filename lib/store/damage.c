/* SPDX-License-Identifier: MIT */
/* damage.c - how the reader says that a file is not what the specification promises.
 *
 * Owns nothing. */
#include "store/damage.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"

hsight_status hsight__fail_damaged(hsight_error *err, const char *format, ...)
{
    char fault[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault, sizeof fault, format, arguments);
    va_end(arguments);
    return hsight__fail(err, HSIGHT_EFORMAT,
                        "%s; the file is damaged: copy it again or take a new snapshot", fault);
}
