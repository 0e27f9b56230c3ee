/* SPDX-License-Identifier: MIT */
/* native.h - the search for native blocks: those that no object of a walk leads to. */
#ifndef HEAPSIGHT_CAPTURE_NATIVE_H
#define HEAPSIGHT_CAPTURE_NATIVE_H

#include "walk.h"

#include <heapsight/reach.h>

/* What blocks tell of an object. */
typedef struct {
    uint64_t own_bytes;    /* of the block it lies in; not 0 */
    uint64_t buffer_bytes; /* of those of its buffers that the tracer knows */
    uint64_t other_bytes;  /* of the blocks that it was the first to lead to besides */
    bool is_whole;         /* no buffer is unknown */
} hsight__block_bytes;

/* Called for each object whose own block the tracer knows. `reach` may be asked for other blocks. */
typedef void (*hsight__block_bytes_visitor)(void *state, hsight_reach *reach, hsight_node_id node,
                                            const hsight__type_info *info,
                                            const hsight__block_bytes *blocks);

/* Follow all objects of a walk that found its last one just now. The GIL must be held, and nothing
 * may have run since.
 * @return for hsight_tracer_take(), owned by the caller; NULL where native blocks stay unknown: in
 *         other modes than exact, where memory is refused or the system does not let a process read
 *         its own, and beside subinterpreters. The visitor may have been called all the same. */
hsight_reach *hsight__search_native(hsight__walk *walk, hsight_tracer *tracer,
                                    hsight__block_bytes_visitor visitor, void *state);

#endif
