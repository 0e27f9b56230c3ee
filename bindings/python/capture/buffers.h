/* SPDX-License-Identifier: MIT */
/* buffers.h - the blocks that an object keeps beside its own and that hold references alone. */
#ifndef HEAPSIGHT_CAPTURE_BUFFERS_H
#define HEAPSIGHT_CAPTURE_BUFFERS_H

#include "visit.h"

enum { HSIGHT__BUFFERS_MAX = 4 };

typedef struct {
    const void *begins[HSIGHT__BUFFERS_MAX];
    int count;
} hsight__buffers;

/* Where they begin: tables of dicts and sets, items of lists, attribute values that lie apart, and
 * what a class keeps. Those of C types are not known. O(1) */
void hsight__buffers_of(PyObject *object, const hsight__type_info *info, hsight__buffers *out);

#endif
