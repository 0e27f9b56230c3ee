/* SPDX-License-Identifier: MIT */
/* join.h - every object of a snapshot with the stack that allocated it. */
#ifndef HEAPSIGHT_CAPTURE_JOIN_H
#define HEAPSIGHT_CAPTURE_JOIN_H

#include "capture.h"

/* Where the tracer runs, look up the block of every object and give the snapshot both. To be called
 * in the same breath as the walk: GIL held, nothing allocated by Python in between. O(objects).
 * @param preheaders  by type id: bytes from the begin of a block to its object */
hsight_status hsight__join(hsight_snapshot *snapshot, const uint8_t *preheaders,
                           uint32_t preheader_count, hsight_error *err);

#endif
