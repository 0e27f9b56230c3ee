/* SPDX-License-Identifier: MIT */
/* check_text_kit.h - what the tests of the texts that people read share: a sink that keeps what it
 * gets, and snapshots of graphs that are written as text. */
#ifndef HEAPSIGHT_TESTS_CHECK_TEXT_KIT_H
#define HEAPSIGHT_TESTS_CHECK_TEXT_KIT_H

#include <heapsight/report.h>

#include <check.h>
#include <stddef.h>

enum { OUT_BYTES = 1 << 16 };

/* A sink that keeps what it gets and refuses the call after `calls_left` more. */
typedef struct {
    char text[OUT_BYTES];
    size_t used;
    size_t calls_left;
    size_t calls_after_refusal;
} collector;

extern hsight_error err; /* of the last call that failed */
extern collector collected;

/* Empties `collected`, which the sink borrows. */
hsight_sink sink_for(size_t calls);

hsight_string of(const char *text);
/* Owned by the caller. */
hsight_snapshot *snapshot_of(const char *text, const hsight_snapshot_info *info);

#endif
