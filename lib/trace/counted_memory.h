/* SPDX-License-Identifier: MIT */
/* counted_memory.h - how much memory do the tracer's tables hold? */
#ifndef HEAPSIGHT_LIB_TRACE_COUNTED_MEMORY_H
#define HEAPSIGHT_LIB_TRACE_COUNTED_MEMORY_H

#include <heapsight/base.h>

#include <stdint.h>

/* Changed with the tracer locked, or by a thread that starts it. */
typedef struct {
    const hsight_allocator *allocator; /* what it comes from */
    uint64_t bytes;                    /* held now */
} hsight__counted_memory;

/* Borrows `memory` until the last block is released. */
hsight_allocator hsight__counted_allocator(hsight__counted_memory *memory);

#endif
