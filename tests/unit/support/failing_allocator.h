/* SPDX-License-Identifier: MIT */
/* failing_allocator.h - an allocator that refuses one request and knows what is still held.
 *
 *     for (size_t n = 1;; n++) {
 *         failing_allocator memory;
 *         failing_allocator_init(&memory, n);
 *         ... work with &memory.allocator; when it fails with HSIGHT_ENOMEM, check that the objects
 *             it worked on are as they were, free them, and go on
 *         ck_assert_uint_eq(memory.live_blocks, 0);
 *         if (!memory.refused) break;      n was beyond the last request: everything was walked
 *     }
 *
 * Every block moves when it is resized, and old bytes are overwritten, so that a pointer kept
 * across a resize shows. A size given to resize or release that is not the one asked for last ends
 * the test program with a message. */
#ifndef HEAPSIGHT_TESTS_FAILING_ALLOCATOR_H
#define HEAPSIGHT_TESTS_FAILING_ALLOCATOR_H

#include <heapsight/base.h>

#include <stdbool.h>

typedef struct {
    hsight_allocator allocator; /* give its address to the code under test */
    size_t refuse_at;           /* number of the request to refuse, counted from 1; 0: none */
    size_t requests;            /* so far, refused ones too */
    bool refused;               /* request refuse_at has come */
    size_t live_blocks;
    size_t live_bytes;
    size_t peak_bytes;
} failing_allocator;

/* `memory` must stay where it is as long as its allocator is used. */
void failing_allocator_init(failing_allocator *memory, size_t refuse_at);

#endif
