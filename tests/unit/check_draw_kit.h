/* SPDX-License-Identifier: MIT */
/* check_draw_kit.h - what the tests of drawing share: a directory of their own as the working
 * directory, a small graph, and fake `dot` programs.
 *
 * What a test changes in the process, tear_down puts back: under valgrind all run in one. */
#ifndef HEAPSIGHT_TESTS_CHECK_DRAW_KIT_H
#define HEAPSIGHT_TESTS_CHECK_DRAW_KIT_H

#include <heapsight/report.h>

#include <check.h>
#include <sys/types.h>

extern hsight_error err; /* of the last draw() */
extern hsight_graph *graph;
extern hsight_subgraph *subgraph; /* what draw() draws */

void set_up(void);
void tear_down(void);

hsight_status draw(const char *path, uint32_t timeout_ms);

/* The names in the directory but for bin, sorted: "leak.dot leak.png". Valid until the next call.
 */
const char *files(void);
void begins_with(const char *path, const char *magic, size_t length);
void put_file(const char *path, const char *text, mode_t mode);

/* From now on `dot` is this shell script, or not there at all. */
void fake_dot(const char *script);
void no_dot(void);

/* The message of the last draw() has these words in it. */
void must_say(const char *words);
/* No child is left, not even as a zombie. */
void no_children(void);

#endif
