/* SPDX-License-Identifier: MIT */
/* dot_fold.h - which objects of a subgraph get a box of their own. */
#ifndef HEAPSIGHT_LIB_REPORT_DOT_FOLD_H
#define HEAPSIGHT_LIB_REPORT_DOT_FOLD_H

#include "base/vec.h"

#include <heapsight/subgraph.h>

#include <stdbool.h>

/* No edge. */
#define HSIGHT__FOLD_NONE UINT32_MAX

typedef struct {
    const hsight_subgraph *subgraph;
    hsight__vec boxes; /* one a node; see dot_fold.c */
} hsight__dot_fold;

hsight_status hsight__dot_fold_new(hsight__dot_fold *fold, const hsight_subgraph *subgraph,
                                   hsight_error *err);
void hsight__dot_fold_free(hsight__dot_fold *fold);

bool hsight__dot_fold_hides(const hsight__dot_fold *fold, uint32_t position);
/* The one edge into a hidden node. */
uint32_t hsight__dot_fold_edge_into(const hsight__dot_fold *fold, uint32_t position);
/* The box that stands for the node: its own, or that of the object it is part of. */
uint32_t hsight__dot_fold_owner(const hsight__dot_fold *fold, uint32_t position);

#endif
