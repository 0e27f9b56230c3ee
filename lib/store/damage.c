/* SPDX-License-Identifier: MIT */
/* damage.c - how the reader says that a file is not what the specification promises.
 *
 * Owns nothing. */
#include "store/damage.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "store/format.h"

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

hsight_status hsight__fail_contents(uint16_t minor, const hsight_error *fault, hsight_error *err)
{
    if (minor > HSIGHT__FORMAT_MINOR) {
        return hsight__fail(err, HSIGHT_EVERSION,
                            "file format %d.%u was written by a newer heapsight, this one knows "
                            "%d.%d (%s); upgrade heapsight",
                            HSIGHT__FORMAT_MAJOR, minor, HSIGHT__FORMAT_MAJOR, HSIGHT__FORMAT_MINOR,
                            fault->message);
    }
    return hsight__fail_damaged(err, "contents do not fit together: %s", fault->message);
}
