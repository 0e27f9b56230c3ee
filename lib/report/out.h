/* SPDX-License-Identifier: MIT */
/* out.h - writing a report into a sink: the first refusal stops it, later calls do nothing. */
#ifndef HEAPSIGHT_LIB_REPORT_OUT_H
#define HEAPSIGHT_LIB_REPORT_OUT_H

#include "base/error.h"
#include "report/text.h"

typedef struct {
    const hsight_sink *sink; /* borrowed */
    hsight_error *err;
    hsight_status status; /* HSIGHT_OK, or HSIGHT_EIO since the sink refused */
} hsight__out;

typedef enum { HSIGHT__ALIGN_LEFT, HSIGHT__ALIGN_RIGHT } hsight__align;

hsight__out hsight__out_begin(const hsight_sink *sink, hsight_error *err);
void hsight__out_bytes(hsight__out *out, const char *data, size_t length);
void hsight__out_c(hsight__out *out, const char *string);
/* `text` in a column of `width` characters; longer text widens its cell. */
void hsight__out_cell(hsight__out *out, hsight_string text, size_t width, hsight__align align);
/* Numbers at the right of a column: "1,234", "1.5 KiB"; changes "+1,234", "-1.5 KiB". */
void hsight__out_count(hsight__out *out, uint64_t count, size_t width);
void hsight__out_size(hsight__out *out, uint64_t bytes, size_t width);
void hsight__out_count_change(hsight__out *out, int64_t change, size_t width);
void hsight__out_size_change(hsight__out *out, int64_t change, size_t width);
void hsight__out_repeat(hsight__out *out, const char *string, size_t count);

#endif
