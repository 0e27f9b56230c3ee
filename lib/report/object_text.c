/* SPDX-License-Identifier: MIT */
/* object_text.c - what an object is called: its type, its name or preview, how much it holds.
 *
 * A name comes from, in this order:
 *   - the preview that was captured; text of a str is put into quotes unless the capture did
 *   - for a class, the name of the type that it is
 *   - what __qualname__ or __name__ refers to, if that has a preview
 *   - for a bound method or a partial, the name of its function
 *
 * O(references of the object), for a class O(types). Owns nothing. */
#include "report/object_text.h"

#include <string.h>

void hsight__type_name_add(hsight__text *text, hsight_string name)
{
    if (name.length > 0) {
        hsight__text_add_cut(text, name, HSIGHT__SHOWN_TYPE, HSIGHT__CUT_FRONT);
    } else {
        hsight__text_add_c(text, "?");
    }
}

void hsight__type_add(hsight__text *text, const hsight_graph *graph, hsight_node_id node)
{
    hsight__type_name_add(text, hsight__node_type_name(graph, node));
}

hsight_string hsight__class_name(const hsight_graph *graph, hsight_node_id node)
{
    uint32_t type_count = hsight_graph_type_count(graph);
    bool is_class = (hsight_graph_flags(graph, node) & HSIGHT_NODE_TYPE) != 0;
    for (uint32_t type = 1; is_class && type <= type_count; type++) {
        if (hsight_graph_type_node(graph, (hsight_type_id){type}).index == node.index) {
            return hsight_graph_type_name(graph, (hsight_type_id){type});
        }
    }
    return (hsight_string){"", 0};
}

/* What `node` refers to under the label `name`, or 0. */
static hsight_node_id find_attribute(const hsight_graph *graph, hsight_node_id node,
                                     const char *name)
{
    hsight_references references = hsight_graph_references(graph, node);
    for (uint32_t i = 0; i < references.count; i++) {
        if (hsight__string_is(hsight__label_name(graph, references.labels[i]), name)) {
            return references.targets[i];
        }
    }
    return (hsight_node_id){0};
}

/* The text of a captured str without the quotes that it may have. */
static hsight_string unquote(hsight_string text)
{
    bool is_quoted = text.length >= 2 && text.data[0] == '\'' && text.data[text.length - 1] == '\'';
    return is_quoted ? (hsight_string){text.data + 1, text.length - 2} : text;
}

static hsight_string own_name(const hsight_graph *graph, hsight_node_id node)
{
    static const char *const labels[] = {"__qualname__", "__name__"};
    hsight_string name = hsight__class_name(graph, node);
    for (size_t i = 0; name.length == 0 && i < sizeof labels / sizeof labels[0]; i++) {
        hsight_node_id text = find_attribute(graph, node, labels[i]);
        if (text.index != 0) {
            name = unquote(hsight_graph_preview(graph, text));
        }
    }
    return name;
}

static hsight_string derived_name(const hsight_graph *graph, hsight_node_id node)
{
    static const char *const labels[] = {"__func__", "func"};
    hsight_string name = own_name(graph, node);
    for (size_t i = 0; name.length == 0 && i < sizeof labels / sizeof labels[0]; i++) {
        hsight_node_id function = find_attribute(graph, node, labels[i]);
        if (function.index != 0) {
            name = own_name(graph, function);
        }
    }
    return name;
}

bool hsight__name_add(hsight__text *text, const hsight_graph *graph, hsight_node_id node)
{
    hsight_string preview = hsight_graph_preview(graph, node);
    bool is_text = hsight__string_is(hsight__node_type_name(graph, node), "str");
    if (preview.length > 0 && is_text && preview.data[0] != '\'') {
        hsight__text_add_quoted(text, preview, HSIGHT__SHOWN_NAME);
        return true;
    }
    hsight_string name = preview.length > 0 ? preview : derived_name(graph, node);
    hsight__text_add_cut(text, name, HSIGHT__SHOWN_NAME, HSIGHT__CUT_MIDDLE);
    return name.length > 0;
}

bool hsight__items_add(hsight__text *text, const hsight_graph *graph, hsight_node_id node)
{
    hsight_references references = hsight_graph_references(graph, node);
    uint64_t count = 0;
    for (uint32_t i = 0; i < references.count; i++) {
        hsight_label_kind kind = hsight_label_kind_of(references.labels[i]);
        count += kind == HSIGHT_LABEL_INDEX || kind == HSIGHT_LABEL_DICT_VALUE ||
                 kind == HSIGHT_LABEL_SET_MEMBER;
    }
    if (count > 0) {
        hsight__text_add_counted(text, count, "item");
    }
    return count > 0;
}

void hsight__counts_add(hsight__text *text, uint64_t here, uint64_t hanging)
{
    if (here > 1) {
        hsight__text_separate(text);
        hsight__text_add_c(text, "one of ");
        hsight__text_add_count(text, here);
    }
    if (hanging > 0) {
        hsight__text_separate(text);
        hsight__text_add_count(text, hanging);
        hsight__text_add_c(text, here > 1 ? " more hang below these" : " more hang below it");
    }
}
