/* SPDX-License-Identifier: MIT */
/* mapping.h - a file in memory, read only. */
#ifndef HEAPSIGHT_LIB_STORE_MAPPING_H
#define HEAPSIGHT_LIB_STORE_MAPPING_H

#include <stdint.h>

#include <heapsight/error.h>

typedef struct {
    const void *bytes; /* page aligned; NULL while size is 0 */
    uint64_t size;
} hsight__mapping;

/* Map a regular file. Anything else (directory, pipe, device) is refused without opening it.
 * HSIGHT_OK, HSIGHT_EIO (message names path and step), HSIGHT_ENOMEM or HSIGHT_ELIMIT. */
hsight_status hsight__mapping_open(const char *path, hsight__mapping *out, hsight_error *err);
void hsight__mapping_close(hsight__mapping *mapping);

#endif
