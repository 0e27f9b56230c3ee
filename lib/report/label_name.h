/* SPDX-License-Identifier: MIT */
/* label_name.h - the name that a reference carries, as it is. */
#ifndef HEAPSIGHT_LIB_REPORT_LABEL_NAME_H
#define HEAPSIGHT_LIB_REPORT_LABEL_NAME_H

#include <heapsight/graph.h>

#include <stdbool.h>

/* "" where it carries none. */
hsight_string hsight__label_name(const hsight_graph *graph, hsight_label label);
bool hsight__string_is(hsight_string string, const char *literal);

#endif
