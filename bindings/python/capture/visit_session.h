/* SPDX-License-Identifier: MIT */
/* visit_session.h - begin and end of a visit, with the rules and sizes of all types at hand. */
#ifndef HEAPSIGHT_CAPTURE_VISIT_SESSION_H
#define HEAPSIGHT_CAPTURE_VISIT_SESSION_H

#include "visit.h"

/* On failure nothing is held. */
hsight_status hsight__visit_begin(hsight__visit *visit, hsight_builder *builder, hsight_error *err);
void hsight__visit_end(hsight__visit *visit);

#endif
