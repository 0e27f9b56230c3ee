/* SPDX-License-Identifier: MIT */
/* container.h - header, table of contents and checksums of a file that is in memory. */
#ifndef HEAPSIGHT_LIB_STORE_CONTAINER_H
#define HEAPSIGHT_LIB_STORE_CONTAINER_H

#include "graph/numbers.h"
#include "store/format.h"

/* One chunk, where it lies. `data` is aligned to HSIGHT__FORMAT_ALIGNMENT when the file is. */
typedef struct {
    const void *data;
    const hsight__numbers *numbers; /* not NULL: it is written from these, four bytes an item */
    uint64_t bytes;
    uint64_t offset; /* in the file, for messages */
} hsight__chunk;

typedef struct {
    uint16_t minor;
    hsight__part last_part; /* the file has this one and those before it */
    hsight__chunk chunks[HSIGHT__CHUNK_COUNT];
} hsight__container;

/* Verify the container: steps 1 to 7 of the specification's "Reading a file", and that every needed
 * chunk is there. What is in the chunks is not looked at. O(bytes).
 * `bytes` is aligned to HSIGHT__FORMAT_ALIGNMENT and borrowed as long as the chunks are used.
 * HSIGHT_OK, HSIGHT_EFORMAT or HSIGHT_EVERSION. */
hsight_status hsight__container_open(const void *bytes, uint64_t size, hsight__container *out,
                                     hsight_error *err);

#endif
