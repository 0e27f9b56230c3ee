/* SPDX-License-Identifier: MIT */
/* block_sizes.h - sizes of objects by the blocks that the tracer saw. */
#ifndef HEAPSIGHT_CAPTURE_BLOCK_SIZES_H
#define HEAPSIGHT_CAPTURE_BLOCK_SIZES_H

#include "capture.h"
#include "native.h"

typedef struct {
    hsight__visit *visit;
    hsight_capture_size_row *rows; /* by type id; NULL where nobody asks */
} hsight__block_sizes;

/* A visitor of hsight__search_native(). Where the object's type knows no more than its own block, the
 * blocks become its size; where they are as large as its formula says, that is exact. O(1) */
void hsight__block_sizes_note(void *block_sizes, hsight_reach *reach, hsight_node_id node,
                              const hsight__type_info *info, const hsight__block_bytes *blocks);

#endif
