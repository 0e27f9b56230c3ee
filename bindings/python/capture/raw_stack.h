/* SPDX-License-Identifier: MIT */
/* raw_stack.h - the calling thread's stack as raw frames, and what code objects are called.
 *
 * For use inside an allocator: nothing is allocated, no refcount changes, no Python object made. */
#ifndef HEAPSIGHT_CAPTURE_RAW_STACK_H
#define HEAPSIGHT_CAPTURE_RAW_STACK_H

#include "compat.h"

#include <heapsight/tracer.h>

/* Innermost first, `limit` at most; returns how many. O(limit), however deep the stack is. */
uint32_t hsight__raw_stack(PyThreadState *thread, hsight_raw_frame *out, uint32_t limit);

/* hsight_tracer_options.describe_code and .find_line. */
void hsight__raw_describe(void *state, uint64_t code, hsight_code_info *out);
uint32_t hsight__raw_line(hsight_string lines, uint32_t first_line, uint32_t offset,
                          hsight_line_cursor *cursor);

#endif
