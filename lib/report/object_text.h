/* SPDX-License-Identifier: MIT */
/* object_text.h - what an object is called: its type, its name or preview, how much it holds. */
#ifndef HEAPSIGHT_LIB_REPORT_OBJECT_TEXT_H
#define HEAPSIGHT_LIB_REPORT_OBJECT_TEXT_H

#include "report/label_name.h"
#include "report/text.h"

#include <heapsight/path.h>

enum { HSIGHT__SHOWN_NAME = 40, HSIGHT__SHOWN_TYPE = 60 };

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

static inline hsight_string hsight__node_type_name(const hsight_graph *graph, hsight_node_id node)
{
    return hsight_graph_type_name(graph, hsight_graph_type(graph, node));
}

#endif
