/* SPDX-License-Identifier: MIT */
/* join.h - every object of a snapshot with the stack that allocated it. */
#ifndef HEAPSIGHT_CAPTURE_JOIN_H
#define HEAPSIGHT_CAPTURE_JOIN_H

#include "block_sizes.h"
#include "capture.h"
#include "walk.h"

/* Where the tracer runs, look up the block of every object, correct sizes by them, and find the
 * blocks that no object leads to. The last thing a walk does. O(objects + heap / 16). */
void hsight__find_blocks(hsight__walk *walk, hsight__block_sizes *sizes,
                         hsight_capture_blocks *blocks);

/* Give the snapshot of that walk its stacks, and the tracer's figures. To be called in the same
 * breath: GIL held, nothing allocated by Python in between. No effect where no tracer ran. */
hsight_status hsight__join(hsight_snapshot *snapshot, hsight_capture_blocks *blocks,
                           hsight_error *err);

#endif
