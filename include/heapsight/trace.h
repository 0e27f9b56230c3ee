/* SPDX-License-Identifier: MIT */
/* trace.h - what a tracer had seen at one moment: who allocated what, and what of it stayed.
 *
 * Immutable; any number of threads may read it. Stacks are a trie: each names its innermost frame
 * and the stack of the caller, 0 where there is none. Frames are (function, file, line), so two
 * stacks are equal exactly when they have the same number. The outermost frame of every stack is a
 * thread. */
#ifndef HEAPSIGHT_TRACE_H
#define HEAPSIGHT_TRACE_H

#include "base.h"
#include "error.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hsight_trace hsight_trace; /* opaque */

typedef struct { uint32_t index; } hsight_stack_id;
typedef struct { uint32_t index; } hsight_frame_id;

/** How blocks were watched. Numbers are part of the file format.
 * X(NAME, number, text) */
#define HSIGHT_TRACE_MODE_LIST(X)                                                                  \
    X(EXACT, 1, "exact")     /* every block */                                                     \
    X(SAMPLED, 2, "sampled") /* blocks drawn by bytes; every figure is an unbiased estimate */     \
    X(COUNTS, 3, "counts")   /* totals for each domain only, no stacks */

typedef enum {
#define HSIGHT_TRACE_MODE_ENUM(name, number, text) HSIGHT_TRACE_##name = number,
    HSIGHT_TRACE_MODE_LIST(HSIGHT_TRACE_MODE_ENUM)
#undef HSIGHT_TRACE_MODE_ENUM
} hsight_trace_mode;

/** Frames of a stack that can be kept. */
#define HSIGHT_FRAME_LIMIT_MAX 1024

/** Domains of the interpreter's allocators. */
enum { HSIGHT_DOMAIN_RAW = 0, HSIGHT_DOMAIN_MEM = 1, HSIGHT_DOMAIN_OBJECT = 2, HSIGHT_DOMAIN_COUNT = 3 };

/** A place in a program, or, where `thread` is not 0, the thread of that number: `function` is then
 * its name, empty where it is not known. Strings borrow from the trace. */
typedef struct {
    hsight_string function;
    hsight_string file;
    uint32_t line; /* 0: not known */
    uint32_t thread;
} hsight_trace_frame;

/** What the blocks allocated by exactly one stack came to. A resized block counts as a new one. */
typedef struct {
    uint64_t live_bytes; /* not freed yet */
    uint64_t live_blocks;
    uint64_t total_bytes; /* since the start, freed or not */
    uint64_t total_blocks;
    uint64_t peak_bytes; /* live when the sum of all live bytes was highest */
    uint64_t peak_blocks;
    uint64_t temporary_bytes; /* freed before the next allocation of their thread */
    uint64_t temporary_blocks;
} hsight_trace_figures;

typedef struct {
    hsight_stack_id stack;
    uint32_t reserved; /* 0 */
    hsight_trace_figures figures;
} hsight_trace_row;

/** Totals of one domain; counted in mode COUNTS only. */
typedef struct {
    uint64_t allocated_blocks;
    uint64_t allocated_bytes;
    uint64_t freed_blocks;
} hsight_trace_domain;

/** Live blocks of a stack that belong to no object: native ones. */
typedef struct {
    hsight_stack_id stack;
    uint32_t reserved; /* 0 */
    uint64_t bytes;
    uint64_t blocks;
} hsight_native_row;

typedef struct {
    hsight_trace_mode mode;
    uint32_t frame_limit;
    uint64_t sample_bytes; /* mean distance of two samples; 0 unless sampled */
    uint64_t live_bytes;
    uint64_t live_blocks;
    uint64_t peak_bytes;
    uint64_t total_bytes;
    uint64_t total_blocks;
    uint64_t dropped_count; /* blocks that could not be kept */
    uint64_t memory_bytes;  /* of the tracer's own tables */
    uint64_t duration_ns;   /* since the start */
    hsight_trace_domain domains[HSIGHT_DOMAIN_COUNT];
} hsight_trace_info;

HSIGHT_API void hsight_trace_free(hsight_trace *trace);
/** Borrowed until the trace is freed, like everything below. */
HSIGHT_API const hsight_trace_info *hsight_trace_get_info(const hsight_trace *trace);

/** Stacks are numbered 1..count, frames too; a stack's caller has a smaller number than it. */
HSIGHT_API uint32_t hsight_trace_stack_count(const hsight_trace *trace);
HSIGHT_API uint32_t hsight_trace_frame_count(const hsight_trace *trace);
/** Number 0 (and one out of range) has caller 0 and frame 0. O(1). */
HSIGHT_API hsight_stack_id hsight_trace_caller(const hsight_trace *trace, hsight_stack_id stack);
HSIGHT_API hsight_frame_id hsight_trace_innermost(const hsight_trace *trace, hsight_stack_id stack);
/** Frame 0 (and one out of range) is all empty. */
HSIGHT_API hsight_trace_frame hsight_trace_get_frame(const hsight_trace *trace,
                                                     hsight_frame_id frame);

/** Stacks that allocated something, ascending. */
HSIGHT_API uint32_t hsight_trace_row_count(const hsight_trace *trace);
HSIGHT_API const hsight_trace_row *hsight_trace_rows(const hsight_trace *trace);

/** Were native blocks looked for? Only where the trace is that of a snapshot and exact. */
HSIGHT_API bool hsight_trace_knows_native(const hsight_trace *trace);
/** Stacks with native blocks, ascending. */
HSIGHT_API uint32_t hsight_trace_native_count(const hsight_trace *trace);
HSIGHT_API const hsight_native_row *hsight_trace_native_rows(const hsight_trace *trace);

#ifdef __cplusplus
}
#endif
#endif
