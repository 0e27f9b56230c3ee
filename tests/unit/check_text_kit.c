/* SPDX-License-Identifier: MIT */
/* check_text_kit.c - a sink that keeps what it gets, and snapshots to write reports of. */
#include "check_text_kit.h"

#include "graph_text.h"

#include <string.h>

hsight_error err;
collector collected;

static int collect(void *state, const char *data, size_t length)
{
    collector *to = state;
    if (to->calls_left == 0) {
        to->calls_after_refusal++;
        return -1;
    }
    to->calls_left--;
    ck_assert_uint_lt(to->used + length, sizeof to->text);
    memcpy(to->text + to->used, data, length);
    to->used += length;
    to->text[to->used] = '\0';
    return 0;
}

hsight_sink sink_for(size_t calls)
{
    collected = (collector){.calls_left = calls};
    return (hsight_sink){collect, &collected};
}

hsight_string of(const char *text)
{
    return (hsight_string){text, strlen(text)};
}

hsight_snapshot *snapshot_of(const char *text, const hsight_snapshot_info *info)
{
    hsight_snapshot *snapshot;
    ck_assert_int_eq(hsight_snapshot_new(graph_text_build(text), info, &snapshot, &err), HSIGHT_OK);
    return snapshot;
}
