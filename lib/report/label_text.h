/* SPDX-License-Identifier: MIT */
/* label_text.h - names of references and roots, for all reports. */
#ifndef HEAPSIGHT_LIB_REPORT_LABEL_TEXT_H
#define HEAPSIGHT_LIB_REPORT_LABEL_TEXT_H

#include "report/object_text.h"

/* What one reference adds to an expression. `is_example`: other references of other objects are
 * meant too, so indexes and keys are written [...]. */
void hsight__label_add(hsight__text *text, const hsight_graph *graph, hsight_label label,
                       bool is_example);
/* ".name" for a dict value whose dict is a namespace: the key is an attribute name. */
void hsight__label_add_attribute(hsight__text *text, const hsight_graph *graph, hsight_label label);

/* "module service", "thread 'w' in pin (service.py:41), local variable 'job'", ... */
void hsight__root_add(hsight__text *text, const hsight_graph *graph, const hsight_root *root);
/* How an expression begins at this root. */
void hsight__root_add_expression(hsight__text *text, const hsight_graph *graph,
                                 const hsight_root *root);

/* "job", or "<operand stack>" for a part of a frame that is no variable. Nothing without a name. */
void hsight__root_add_variable(hsight__text *text, const hsight_graph *graph,
                               const hsight_root *root);
/* "service.py:41": the last component of a file's name and the line; "?" for a file without a name.
 */
void hsight__place_add(hsight__text *text, hsight_string file, uint32_t line);
/* The same of a frame. */
void hsight__root_add_place(hsight__text *text, const hsight_graph *graph, const hsight_root *root);

#endif
