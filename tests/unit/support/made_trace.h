/* SPDX-License-Identifier: MIT */
/* made_trace.h - allocations that never happened, told to a real tracer and joined to a snapshot.
 *
 *     const made_block blocks[] = {{.address = 0x10100, .bytes = 64, .stack = "pin:41 main:7"},
 *                                  {.address = 0x900000, .bytes = 8, .is_freed = true}};
 *     made_trace_join(snapshot, HSIGHT_TRACE_EXACT, blocks, 2);
 *
 * Objects of graph_text.h are at 0x10000 + 0x100 * number. A failure fails the test. */
#ifndef HEAPSIGHT_TESTS_MADE_TRACE_H
#define HEAPSIGHT_TESTS_MADE_TRACE_H

#include <heapsight/snapshot.h>

#include <stdbool.h>

/* Frames a stack that are kept, and the distance of two samples. */
enum { MADE_TRACE_FRAMES = 32, MADE_TRACE_SAMPLE_BYTES = 1 << 19 };

typedef struct {
    uint64_t address; /* never read; blocks must not overlap */
    size_t bytes;
    uint32_t thread;   /* 0..3; thread n is called "worker-n", and thread 0 has no name */
    const char *stack; /* "function:line ...", innermost first, of file "app.py"; NULL: no frames */
    bool is_freed;     /* at the end, in the order of the blocks */
} made_block;

/* Frames of stacks are function:line; line 0 is one that is not known. Times, and what the tracer
 * needs for itself, differ from run to run. */
void made_trace_join(hsight_snapshot *snapshot, hsight_trace_mode mode, const made_block *blocks,
                     size_t count);
/* In mode exact, and live blocks that no object of the graph lies in are native ones. */
void made_trace_join_native(hsight_snapshot *snapshot, const made_block *blocks, size_t count);
/* About three quarters of the objects, and some other blocks, which are native ones in half of all
 * snapshots; equal seeds, equal blocks. */
void made_trace_join_random(hsight_snapshot *snapshot, uint64_t seed);

#endif
