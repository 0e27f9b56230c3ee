/* SPDX-License-Identifier: MIT */
/* label_text.c - what references are called.
 *
 * A reference reads like the Python that would follow it where there is such Python, and stands in
 * angle brackets where there is none:
 *
 *     .name  ['key']  [3]  {member}  {key}  .__class__  .<closure name>  .<local name>  .<field>
 *
 * Keys are written by the preview of the key object, else by its type: [<tuple>]. Where a label is
 * an example for many, the part that differs is written [...] with an ellipsis character.
 *
 * O(length) and the lookups of graph.h; a payload that was not recorded is shown as "?". */
#include "report/label_text.h"

#include <heapsight/report.h>

/* ---- references ------------------------------------------------------------------------------ */

/* The key of a dict value, or 0 when it was not recorded. */
static hsight_node_id key_of(hsight_label label)
{
    uint32_t payload = hsight_label_payload(label);
    return (hsight_node_id){payload != HSIGHT_LABEL_PAYLOAD_MAX ? payload : 0};
}

static void add_key(hsight__text *text, const hsight_graph *graph, hsight_label label)
{
    hsight_node_id key = key_of(label);
    if (key.index == 0) {
        hsight__text_add_c(text, "?");
        return;
    }
    if (!hsight__name_add(text, graph, key)) {
        hsight__text_add_c(text, "<");
        hsight__type_add(text, graph, key);
        hsight__text_add_c(text, ">");
    }
}

static void add_name(hsight__text *text, hsight_string name)
{
    hsight__text_add_c(text, ".");
    if (name.length > 0) {
        hsight__text_add_cut(text, name, HSIGHT__SHOWN_NAME, HSIGHT__CUT_MIDDLE);
    } else {
        hsight__text_add_c(text, "?");
    }
}

void hsight__label_add_attribute(hsight__text *text, const hsight_graph *graph, hsight_label label)
{
    hsight_node_id key = key_of(label);
    hsight_string name = {"", 0};
    if (key.index != 0) {
        name = hsight_graph_preview(graph, key);
    }
    if (name.length > 0 && name.data[0] != '\'') {
        add_name(text, name);
    } else {
        hsight__label_add(text, graph, label, false);
    }
}

/* "<before name>", or "<otherwise>" when there is no name. */
static void add_bracketed(hsight__text *text, const char *before, hsight_string name,
                          const char *otherwise)
{
    hsight__text_add_c(text, ".<");
    if (name.length > 0) {
        hsight__text_add_c(text, before);
        hsight__text_add_cut(text, name, HSIGHT__SHOWN_NAME, HSIGHT__CUT_MIDDLE);
    } else {
        hsight__text_add_c(text, otherwise);
    }
    hsight__text_add_c(text, ">");
}

static void add_number(hsight__text *text, const char *before, uint32_t payload, const char *after)
{
    hsight__text_add_c(text, before);
    if (payload == HSIGHT_LABEL_PAYLOAD_MAX) {
        hsight__text_add_c(text, "?");
    } else {
        hsight__text_addf(text, "%u", payload);
    }
    hsight__text_add_c(text, after);
}

static bool is_item(hsight_label_kind kind)
{
    return kind == HSIGHT_LABEL_DICT_VALUE || kind == HSIGHT_LABEL_INDEX;
}

void hsight__label_add(hsight__text *text, const hsight_graph *graph, hsight_label label,
                       bool is_example)
{
    hsight_label_kind kind = hsight_label_kind_of(label);
    hsight_string name = hsight__label_name(graph, label);
    uint32_t payload = hsight_label_payload(label);
    if (is_example && is_item(kind)) {
        hsight__text_add_c(text, "[…]");
        return;
    }
    switch (kind) {
    case HSIGHT_LABEL_INTERNAL:
        add_bracketed(text, "", name, "internal field");
        break;
    case HSIGHT_LABEL_ATTRIBUTE:
    case HSIGHT_LABEL_TYPE_PART:
        add_name(text, name);
        break;
    case HSIGHT_LABEL_DICT_KEY:
        hsight__text_add_c(text, "{key}");
        break;
    case HSIGHT_LABEL_DICT_VALUE:
        hsight__text_add_c(text, "[");
        add_key(text, graph, label);
        hsight__text_add_c(text, "]");
        break;
    case HSIGHT_LABEL_INDEX:
        add_number(text, "[", payload, "]");
        break;
    case HSIGHT_LABEL_SET_MEMBER:
        hsight__text_add_c(text, "{member}");
        break;
    case HSIGHT_LABEL_LOCAL:
        add_bracketed(text, "local ", name, "local variable");
        break;
    case HSIGHT_LABEL_CELL:
        add_bracketed(text, "closure ", name, "closure variable");
        break;
    case HSIGHT_LABEL_CLASS:
        hsight__text_add_c(text, ".__class__");
        break;
    case HSIGHT_LABEL_STACK:
        add_number(text, ".<operand ", payload, ">");
        break;
    case HSIGHT_LABEL_WEAK:
        hsight__text_add_c(text, ".<weak reference>");
        break;
    }
}

size_t hsight_report_label_text(const hsight_graph *graph, hsight_label label, char *out,
                                size_t size)
{
    hsight__text text;
    hsight__text_init(&text, out, size);
    hsight__label_add(&text, graph, label, false);
    return hsight__text_finish(&text);
}
