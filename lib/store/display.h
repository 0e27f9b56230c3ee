/* SPDX-License-Identifier: MIT */
/* display.h - paths and byte counts as messages show them. */
#ifndef HEAPSIGHT_LIB_STORE_DISPLAY_H
#define HEAPSIGHT_LIB_STORE_DISPLAY_H

#include <stdint.h>

/* A path that leaves room for the reason in an hsight_error: at most 240 bytes, the end of a longer
 * one after "..."; control characters are shown as '?'. */
typedef struct {
    char text[241];
} hsight__shown_path;

/* "1,048,576" */
typedef struct {
    char text[27];
} hsight__shown_number;

hsight__shown_path hsight__show_path(const char *path);
hsight__shown_number hsight__show_number(uint64_t number);

#endif
