/* SPDX-License-Identifier: MIT */
/* column_chunks.h - which column of a graph is which chunk of a file, in both directions. */
#ifndef HEAPSIGHT_LIB_STORE_COLUMN_CHUNKS_H
#define HEAPSIGHT_LIB_STORE_COLUMN_CHUNKS_H

#include "graph/columns.h"
#include "graph/sparse.h"
#include "store/container.h"

/* Fill every chunk but META. Borrows the columns, and the sizes of 4 GiB and more, which it
 * collects in `big` (initialised, empty). O(sizes that have a pair). HSIGHT_OK or HSIGHT_ENOMEM. */
hsight_status hsight__chunks_of_columns(const hsight__columns *columns, hsight__sparse *big,
                                        hsight__chunk chunks[HSIGHT__CHUNK_COUNT],
                                        hsight_error *err);

/* Take the counts from the lengths, check that all lengths fit together, and point the columns at
 * the chunks. Values are not looked at: hsight__columns_check() does that. O(1).
 * HSIGHT_OK or HSIGHT_EFORMAT. */
hsight_status hsight__columns_of_chunks(const hsight__chunk chunks[HSIGHT__CHUNK_COUNT],
                                        hsight__columns *out, hsight_error *err);

#endif
