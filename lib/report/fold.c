/* SPDX-License-Identifier: MIT */
/* fold.c - the machinery that a path goes through and nobody writes:
 *
 *     object  .__dict__     namespace dict  ['name']   value      object.name
 *     object  .__closure__  tuple  [0]  cell  <name>   value      object.<closure name>
 *
 * Used by the expression of a path and by its list of steps, so that both show the same objects.
 *
 * O(1) a step, but for the lookup of a preview. */
#include "report/fold.h"

static bool is_type(const hsight_graph *graph, hsight_node_id node, const char *name)
{
    return hsight__string_is(hsight__node_type_name(graph, node), name);
}

static bool is_named(const hsight_graph *graph, hsight_label label, const char *name)
{
    return hsight__string_is(hsight__label_name(graph, label), name);
}

bool hsight__fold_is_namespace(const hsight_graph *graph, hsight_label dict_label,
                               hsight_node_id dict)
{
    return is_named(graph, dict_label, "__dict__") &&
           (hsight_graph_flags(graph, dict) & HSIGHT_NODE_NAMESPACE) != 0;
}

static bool hides_namespace(const hsight_graph *graph, const hsight_path_step *step)
{
    return hsight__fold_is_namespace(graph, step->label, step->node) &&
           hsight_label_kind_of(step[1].label) == HSIGHT_LABEL_DICT_VALUE;
}

static bool hides_closure(const hsight_graph *graph, const hsight_path_step *step)
{
    return is_named(graph, step->label, "__closure__") && is_type(graph, step[1].node, "cell");
}

/* A cell is named by the reference into it or by the one out of it. */
static bool hides_cell(const hsight_graph *graph, const hsight_path_step *step)
{
    return is_type(graph, step->node, "cell") &&
           (hsight_label_kind_of(step->label) == HSIGHT_LABEL_CELL ||
            hsight_label_kind_of(step[1].label) == HSIGHT_LABEL_CELL);
}

bool hsight__fold_hides(const hsight_graph *graph, const hsight_path *path, uint32_t index)
{
    const hsight_path_step *step = &path->steps[index];
    return index > 0 && index + 1 < path->step_count &&
           (hides_namespace(graph, step) || hides_closure(graph, step) || hides_cell(graph, step));
}

void hsight__fold_add_behind(hsight__text *text, const hsight_graph *graph, hsight_label into,
                             hsight_node_id hidden, hsight_label label)
{
    hsight_label_kind kind = hsight_label_kind_of(label);
    if (hsight__fold_is_namespace(graph, into, hidden) && kind == HSIGHT_LABEL_DICT_VALUE) {
        hsight__label_add_attribute(text, graph, label);
    } else if (hsight_label_kind_of(into) == HSIGHT_LABEL_CELL && kind != HSIGHT_LABEL_CELL) {
        hsight__label_add(text, graph, into, false);
    } else {
        hsight__label_add(text, graph, label, false);
    }
}

void hsight__fold_add_label(hsight__text *text, const hsight_graph *graph, const hsight_path *path,
                            uint32_t index)
{
    const hsight_path_step *step = &path->steps[index];
    if (hsight__fold_hides(graph, path, index - 1)) {
        hsight__fold_add_behind(text, graph, step[-1].label, step[-1].node, step->label);
    } else {
        hsight__label_add(text, graph, step->label, step->object_count > 1);
    }
}
