/* SPDX-License-Identifier: MIT */
/* remarks.h - what a walk found to be odd, counted by type. */
#ifndef HEAPSIGHT_CAPTURE_REMARKS_H
#define HEAPSIGHT_CAPTURE_REMARKS_H

#include "capture.h"
#include "visit.h"

/* Adds up what the types of a visit have counted. O(types). */
void hsight__remarks_take(hsight__visit *visit, hsight_capture_remarks *out);

#endif
