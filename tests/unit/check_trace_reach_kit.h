/* SPDX-License-Identifier: MIT */
/* check_trace_reach_kit.h - blocks at chosen places that lead to each other, and what a search for
 * native blocks made of them. One search at a time: set_up() and tear_down() are its fixture. */
#ifndef HEAPSIGHT_TESTS_CHECK_TRACE_REACH_KIT_H
#define HEAPSIGHT_TESTS_CHECK_TRACE_REACH_KIT_H

#include <heapsight/reach.h>
#include <heapsight/tracer.h>

#include "trace/block_map.h"

#define ARENA_BYTES ((size_t)24 << 20) /* more than two regions of the block map */
#define REGION      ((uintptr_t)1 << HSIGHT__LEAF_SHIFT)

extern char *arena; /* begins where a region does */
extern hsight_tracer *tracer;
extern hsight_trace_thread thread;

void set_up(void);
void tear_down(void);

/* A block of the function with this number, at an offset in the arena. */
void *block(uint64_t function, size_t offset, size_t bytes);
/* Write an address into memory, so many bytes behind its begin. */
void point(void *from, size_t at, const void *to);

hsight_reach *begin(void);
void follow(hsight_reach *reach, const void *object, size_t bytes);
void meet(hsight_reach *reach, const void *object);
/* Ends the search. */
hsight_trace *finish(hsight_reach *reach);
/* Bytes of native blocks of the function with this number. */
uint64_t native_bytes(const hsight_trace *trace, uint64_t function);
/* Ends the search. */
void expect_native(hsight_reach *reach, uint64_t function, uint64_t bytes);

#endif
