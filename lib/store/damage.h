/* SPDX-License-Identifier: MIT */
/* damage.h - how the reader says that a file is not what the specification promises. */
#ifndef HEAPSIGHT_LIB_STORE_DAMAGE_H
#define HEAPSIGHT_LIB_STORE_DAMAGE_H

#include <stdint.h>

#include <heapsight/error.h>

/* HSIGHT_EFORMAT; the message is the place and the fault, and this adds the remedy. */
hsight_status hsight__fail_damaged(hsight_error *err, const char *format, ...) HSIGHT_PRINTF(2, 3);

/* A value in a column is impossible: HSIGHT_EFORMAT, or HSIGHT_EVERSION where the file's minor
 * version is newer than ours, as it may hold kinds that this build does not know. */
hsight_status hsight__fail_contents(uint16_t minor, const hsight_error *fault, hsight_error *err);

#endif
