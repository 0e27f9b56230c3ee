/* SPDX-License-Identifier: MIT */
/* dot_label.h - what the boxes and arrows of a picture say and look like. */
#ifndef HEAPSIGHT_LIB_REPORT_DOT_LABEL_H
#define HEAPSIGHT_LIB_REPORT_DOT_LABEL_H

#include "report/dot_fold.h"

/* Large enough for every label: their parts are cut to a number of characters. */
#define HSIGHT__DOT_LABEL_BYTES 4096

typedef struct {
    const char *shape;
    const char *fill;
    const char *line;
    const char *width;
} hsight__dot_style;

/* Formatted labels in Graphviz's HTML-like markup. */
void hsight__dot_label_node(const hsight_subgraph *subgraph, uint32_t position,
                            const hsight_root *module, char out[HSIGHT__DOT_LABEL_BYTES]);
void hsight__dot_label_root(const hsight_graph *graph, const hsight_root *root,
                            char out[HSIGHT__DOT_LABEL_BYTES]);
void hsight__dot_label_stub(const hsight_subgraph *subgraph, uint32_t position,
                            char out[HSIGHT__DOT_LABEL_BYTES]);
void hsight__dot_label_edge(const hsight__dot_fold *fold, uint32_t edge,
                            char out[HSIGHT__DOT_LABEL_BYTES]);
/* @return false when the arrow has no label */
bool hsight__dot_label_root_edge(const hsight_subgraph *subgraph, uint32_t root,
                                 char out[HSIGHT__DOT_LABEL_BYTES]);

const hsight__dot_style *hsight__dot_style_of_node(const hsight_subgraph *subgraph,
                                                   uint32_t position, const hsight_root *module);
const hsight__dot_style *hsight__dot_style_of_root(const hsight_root *root);

#endif
