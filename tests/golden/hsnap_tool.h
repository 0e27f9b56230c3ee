/* SPDX-License-Identifier: MIT */
/* hsnap_tool.h - what the two files of hsnap_tool share. A failure ends the program. */
#ifndef HEAPSIGHT_TESTS_HSNAP_TOOL_H
#define HEAPSIGHT_TESTS_HSNAP_TOOL_H

#include <heapsight/snapshot.h>

#include <stdbool.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum { RANDOM_TEXT_BYTES = 25 };

/* hsnap_tool.c */
void must(hsight_status status, const hsight_error *err);
hsight_string text_of(const char *text);
/* Bytes as printable ASCII, reversibly. */
void print_quoted(hsight_string text);
uint64_t next_random(uint64_t *state);
uint32_t below(uint64_t *state, uint32_t limit);
/* Bytes but NUL, usually no UTF-8; ended by a NUL that the length does not count. */
size_t random_text(uint64_t *state, char out[RANDOM_TEXT_BYTES]);

/* hsnap_trace.c */
/* Nothing where there is no trace. */
void dump_trace(const hsight_snapshot *snapshot);
/* The trace of tests/golden/v1/traced.hsnap, or that of v1/native.hsnap. */
void join_tiny_trace(hsight_snapshot *snapshot, bool knows_native);
/* In mode exact, half of them know native blocks. */
void join_random_trace(hsight_snapshot *snapshot, hsight_trace_mode mode, uint64_t *state);

#endif
