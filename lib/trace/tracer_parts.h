/* SPDX-License-Identifier: MIT */
/* tracer_parts.h - what the live tracer is made of, for the files that work on it. */
#ifndef HEAPSIGHT_LIB_TRACE_TRACER_PARTS_H
#define HEAPSIGHT_LIB_TRACE_TRACER_PARTS_H

#include <heapsight/tracer.h>

#include "base/lock.h"
#include "trace/counted_memory.h"
#include "trace/live_table.h"
#include "trace/sampler.h"
#include "trace/stacks.h"

typedef struct {
    _Atomic uint64_t allocated_blocks;
    _Atomic uint64_t allocated_bytes;
    _Atomic uint64_t freed_blocks;
} hsight__domain_counters;

struct hsight_tracer {
    hsight__counted_memory memory;
    hsight_allocator counted; /* counts into memory; what the tables use */
    hsight__lock lock;
    _Atomic uint32_t mode;       /* hsight_trace_mode, 0 while stopped */
    _Atomic uint32_t generation; /* starts so far */
    _Atomic uint32_t thread_count;
    _Atomic uint32_t frame_limit; /* options.frame_limit, to be read without the lock */
    _Atomic uint64_t dropped_count;
    hsight_tracer_options options;
    uint64_t started_ns;

    hsight__live_table blocks;
    hsight__stacks stacks;

    hsight__figures totals; /* peak_*: the highest mark so far */
    uint64_t epoch;         /* of the highest mark */
    bool is_rising;         /* the sum is at its highest mark now */

    hsight__domain_counters domains[HSIGHT_DOMAIN_COUNT];
};

/* Threads beyond this many share a number. */
#define HSIGHT__THREAD_MAX 4096

uint64_t hsight__tracer_clock_ns(void);

#endif
