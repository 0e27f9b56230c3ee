/* SPDX-License-Identifier: MIT */
/* run_dot.h - Graphviz's `dot` program as a child process with a time limit. */
#ifndef HEAPSIGHT_LIB_REPORT_RUN_DOT_H
#define HEAPSIGHT_LIB_REPORT_RUN_DOT_H

#include <stdint.h>

typedef enum {
    HSIGHT__DOT_ENDED,   /* with code 0, or with a code that somebody else collected */
    HSIGHT__DOT_MISSING, /* no program of that name could be started */
    HSIGHT__DOT_FAILED,  /* exit code or signal in `code` */
    HSIGHT__DOT_KILLED,  /* after the time limit */
    HSIGHT__DOT_SYSTEM   /* no pipe, no process: errno in `code` */
} hsight__dot_outcome;

typedef struct {
    hsight__dot_outcome outcome;
    int code;       /* exit status; 128 + number of a signal; errno */
    char said[161]; /* the first line dot wrote to stderr, "" for none */
} hsight__dot_run;

/* Draw `source` into `picture`. Returns when dot has ended or was killed; its exit is collected.
 * @param format  "png", "svg", "pdf" */
hsight__dot_run hsight__dot_run_program(const char *format, const char *source, const char *picture,
                                        uint32_t timeout_ms);

#endif
