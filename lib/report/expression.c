/* SPDX-License-Identifier: MIT */
/* expression.c - a path as one line of Python: service.CACHE['user-1'].session
 *
 * The root gives the first word; a frame gives a sentence, after which the expression begins with
 * the variable. Every step that is not folded away (fold.c) adds its label. A text that does not
 * fit loses its middle: the root and the object asked for are at the ends.
 *
 * O(steps), twice: the first time only the length is counted. Owns nothing. */
#include "report/fold.h"

#include <heapsight/report.h>

static void add_expression(hsight__text *text, const hsight_graph *graph, const hsight_path *path)
{
    hsight__root_add_expression(text, graph, path->root);
    if (path->root->kind == HSIGHT_ROOT_FRAME && path->step_count > 1) {
        hsight__text_add_c(text, ": ");
        hsight__root_add_variable(text, graph, path->root);
    }
    for (uint32_t i = 1; i < path->step_count; i++) {
        if (!hsight__fold_hides(graph, path, i)) {
            hsight__fold_add_label(text, graph, path, i);
        }
    }
}

size_t hsight_report_path_expression(const hsight_graph *graph, const hsight_path *path, char *out,
                                     size_t size)
{
    hsight__text text;
    hsight__text_init(&text, NULL, 0);
    add_expression(&text, graph, path);
    hsight__text_init_gap(&text, out, size, text.total);
    add_expression(&text, graph, path);
    return hsight__text_finish(&text);
}
