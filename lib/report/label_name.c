/* SPDX-License-Identifier: MIT */
/* label_name.c - names of references. O(1); owns nothing. */
#include "report/label_name.h"

#include <string.h>

bool hsight__string_is(hsight_string string, const char *literal)
{
    return string.length == strlen(literal) && memcmp(string.data, literal, string.length) == 0;
}

static bool carries_name(hsight_label_kind kind)
{
    return kind == HSIGHT_LABEL_INTERNAL || kind == HSIGHT_LABEL_ATTRIBUTE ||
           kind == HSIGHT_LABEL_LOCAL || kind == HSIGHT_LABEL_CELL ||
           kind == HSIGHT_LABEL_TYPE_PART;
}

hsight_string hsight__label_name(const hsight_graph *graph, hsight_label label)
{
    uint32_t payload = hsight_label_payload(label);
    if (!carries_name(hsight_label_kind_of(label)) || payload == HSIGHT_LABEL_PAYLOAD_MAX) {
        return (hsight_string){"", 0};
    }
    return hsight_graph_string(graph, (hsight_string_id){payload});
}
