/* SPDX-License-Identifier: MIT */
/* damage.h - how the reader says that a file is not what the specification promises. */
#ifndef HEAPSIGHT_LIB_STORE_DAMAGE_H
#define HEAPSIGHT_LIB_STORE_DAMAGE_H

#include <heapsight/error.h>

/* HSIGHT_EFORMAT; the message is the place and the fault, and this adds the remedy. */
hsight_status hsight__fail_damaged(hsight_error *err, const char *format, ...) HSIGHT_PRINTF(2, 3);

#endif
