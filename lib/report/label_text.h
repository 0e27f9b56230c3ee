/* SPDX-License-Identifier: MIT */
/* label_text.h - names of references, roots and objects, for all reports. */
#ifndef HEAPSIGHT_LIB_REPORT_LABEL_TEXT_H
#define HEAPSIGHT_LIB_REPORT_LABEL_TEXT_H

#include "report/text.h"

#include <heapsight/path.h>

enum { HSIGHT__SHOWN_NAME = 40, HSIGHT__SHOWN_TYPE = 60 };

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
/* "service.py:41", of a frame; "?" for a file that has no name. */
/* The last component of a file's name and the line. */
void hsight__place_add(hsight__text *text, hsight_string file, uint32_t line);
void hsight__root_add_place(hsight__text *text, const hsight_graph *graph, const hsight_root *root);

/* The type name, its front left out when it is long: the class is at the end. "?" for an unknown
 * type: markup that is empty is an error to Graphviz. */
void hsight__type_name_add(hsight__text *text, hsight_string name);
void hsight__type_add(hsight__text *text, const hsight_graph *graph, hsight_node_id node);
/* Name or preview; text of a str in quotes. @return false when there is none: nothing was added */
bool hsight__name_add(hsight__text *text, const hsight_graph *graph, hsight_node_id node);
/* The name of the type that this object is, "" when it is none. O(types). */
hsight_string hsight__class_name(const hsight_graph *graph, hsight_node_id node);
/* "1,204 items" for what holds indexed, keyed or member references. @return false for others */
bool hsight__items_add(hsight__text *text, const hsight_graph *graph, hsight_node_id node);
/* "one of 1,204", "900 more hang below it"; nothing for one object that nothing hangs below. */
void hsight__counts_add(hsight__text *text, uint64_t here, uint64_t hanging);

/* The name a label carries, "" where it carries none. */
hsight_string hsight__label_name(const hsight_graph *graph, hsight_label label);
bool hsight__string_is(hsight_string string, const char *literal);

static inline hsight_string hsight__node_type_name(const hsight_graph *graph, hsight_node_id node)
{
    return hsight_graph_type_name(graph, hsight_graph_type(graph, node));
}

#endif
