/* SPDX-License-Identifier: MIT */
/* check_trace_kit.h - a tracer without an interpreter.
 *
 * Code objects are addresses; the function of one is called "f" and its address in hex, unless a
 * test names it, its file is "file.py". The line of an offset is the offset. */
#ifndef HEAPSIGHT_TESTS_TRACE_KIT_H
#define HEAPSIGHT_TESTS_TRACE_KIT_H

#include <heapsight/tracer.h>

/* One frame limit of 32; seed 1; `sample_bytes` for SAMPLED, else 0. */
hsight_tracer_options trace_kit_options(hsight_trace_mode mode, uint64_t sample_bytes);
/* A running tracer on the default allocator; owned by the caller. */
hsight_tracer *trace_kit_start(hsight_trace_mode mode, uint64_t sample_bytes);
void trace_kit_restart(hsight_tracer *tracer, hsight_trace_mode mode, uint64_t sample_bytes);
/* What a code object is called from now on; NULL: as before. One at a time. */
void trace_kit_name(uint64_t code, const char *name);
/* A trace, its columns checked; owned by the caller. */
hsight_trace *trace_kit_take(hsight_tracer *tracer);
/* Live blocks of all stacks whose innermost function has this name. */
uint64_t trace_kit_live_blocks(const hsight_trace *trace, const char *function);

#endif
