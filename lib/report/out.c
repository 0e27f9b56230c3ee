/* SPDX-License-Identifier: MIT */
/* out.c - the way of a report into an hsight_sink.
 *
 * I1  once status is not HSIGHT_OK the sink is not called again
 *
 * O(bytes); owns nothing. */
#include "report/out.h"

#include "report/utf8.h"

#include <string.h>

hsight__out hsight__out_begin(const hsight_sink *sink, hsight_error *err)
{
    return (hsight__out){.sink = sink, .err = err, .status = HSIGHT_OK};
}

void hsight__out_bytes(hsight__out *out, const char *data, size_t length)
{
    if (out->status != HSIGHT_OK || length == 0) {
        return;
    }
    if (out->sink->write(out->sink->state, data, length) != 0) {
        out->status =
            hsight__fail(out->err, HSIGHT_EIO,
                         "the report could not be written: its receiver refused %zu bytes", length);
    }
}

void hsight__out_c(hsight__out *out, const char *string)
{
    hsight__out_bytes(out, string, strlen(string));
}

void hsight__out_repeat(hsight__out *out, const char *string, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hsight__out_c(out, string);
    }
}

void hsight__out_cell(hsight__out *out, hsight_string text, size_t width, hsight__align align)
{
    size_t used = hsight__utf8_count(text);
    size_t padding = used < width ? width - used : 0;
    if (align == HSIGHT__ALIGN_RIGHT) {
        hsight__out_repeat(out, " ", padding);
    }
    hsight__out_bytes(out, text.data, text.length);
    if (align == HSIGHT__ALIGN_LEFT) {
        hsight__out_repeat(out, " ", padding);
    }
}

void hsight__out_count(hsight__out *out, uint64_t count, size_t width)
{
    char cell[32];
    hsight__text text;
    hsight__text_init(&text, cell, sizeof cell);
    hsight__text_add_count(&text, count);
    hsight__out_cell(out, hsight__string_of(&text), width, HSIGHT__ALIGN_RIGHT);
}

void hsight__out_size(hsight__out *out, uint64_t bytes, size_t width)
{
    char cell[32];
    hsight__text text;
    hsight__text_init(&text, cell, sizeof cell);
    hsight__text_add_bytes(&text, bytes);
    hsight__out_cell(out, hsight__string_of(&text), width, HSIGHT__ALIGN_RIGHT);
}

static const char *sign_of(int64_t change)
{
    return change > 0 ? "+" : change < 0 ? "-" : "";
}

static uint64_t magnitude_of(int64_t change)
{
    return change < 0 ? 0 - (uint64_t)change : (uint64_t)change;
}

void hsight__out_count_change(hsight__out *out, int64_t change, size_t width)
{
    char cell[32];
    hsight__text text;
    hsight__text_init(&text, cell, sizeof cell);
    hsight__text_add_c(&text, sign_of(change));
    hsight__text_add_count(&text, magnitude_of(change));
    hsight__out_cell(out, hsight__string_of(&text), width, HSIGHT__ALIGN_RIGHT);
}

void hsight__out_size_change(hsight__out *out, int64_t change, size_t width)
{
    char cell[32];
    hsight__text text;
    hsight__text_init(&text, cell, sizeof cell);
    hsight__text_add_c(&text, sign_of(change));
    hsight__text_add_bytes(&text, magnitude_of(change));
    hsight__out_cell(out, hsight__string_of(&text), width, HSIGHT__ALIGN_RIGHT);
}
