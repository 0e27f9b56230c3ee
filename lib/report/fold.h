/* SPDX-License-Identifier: MIT */
/* fold.h - steps of a path that Python code never spells out. */
#ifndef HEAPSIGHT_LIB_REPORT_FOLD_H
#define HEAPSIGHT_LIB_REPORT_FOLD_H

#include "report/label_text.h"

/* Is `dict_label` leading to the namespace dict `dict`? Then values in it are attributes of the
 * object that has it. */
bool hsight__fold_is_namespace(const hsight_graph *graph, hsight_label dict_label,
                               hsight_node_id dict);
/* Is the object of step `index` only machinery between its neighbours? Never the first or last. */
bool hsight__fold_hides(const hsight_graph *graph, const hsight_path *path, uint32_t index);
/* The label of a step that is not hidden; hidden steps before it are made part of it. */
void hsight__fold_add_label(hsight__text *text, const hsight_graph *graph, const hsight_path *path,
                            uint32_t index);

/* The label of a reference out of `hidden`, which is folded away and which `into` leads to. */
void hsight__fold_add_behind(hsight__text *text, const hsight_graph *graph, hsight_label into,
                             hsight_node_id hidden, hsight_label label);

#endif
