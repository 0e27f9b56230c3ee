/* SPDX-License-Identifier: MIT */
/* text_diff.c - the table of what changed between two snapshots, by type:
 *
 *         objects        size     objects now    size now  type
 *          +1,204   +73.7 KiB           1,204    73.7 KiB  app.Session
 *
 * O(rows). */
#include "base/checked.h"
#include "report/label_text.h"
#include "report/out.h"

#include <heapsight/report.h>

enum { COUNT_COLUMN = 15, SIZE_COLUMN = 13 };

static void write_heads(hsight__out *out)
{
    hsight__out_c(out, "What changed, by type\n\n");
    hsight__out_cell(out, (hsight_string){"objects +/-", 11}, COUNT_COLUMN, HSIGHT__ALIGN_RIGHT);
    hsight__out_cell(out, (hsight_string){"size +/-", 8}, SIZE_COLUMN, HSIGHT__ALIGN_RIGHT);
    hsight__out_cell(out, (hsight_string){"objects now", 11}, COUNT_COLUMN, HSIGHT__ALIGN_RIGHT);
    hsight__out_cell(out, (hsight_string){"size now", 8}, SIZE_COLUMN, HSIGHT__ALIGN_RIGHT);
    hsight__out_c(out, "  type\n");
}

static void write_name(hsight__out *out, hsight_string name)
{
    char cell[512];
    hsight__text text;
    hsight__text_init(&text, cell, sizeof cell);
    hsight__text_add_c(&text, "  ");
    hsight__type_name_add(&text, name);
    hsight__text_add_c(&text, "\n");
    hsight__out_bytes(out, cell, text.used);
}

static void write_row(hsight__out *out, const hsight_diff_row *row)
{
    hsight__out_count_change(out, row->count_delta, COUNT_COLUMN);
    hsight__out_size_change(out, row->bytes_delta, SIZE_COLUMN);
    hsight__out_count(out, row->count_after, COUNT_COLUMN);
    hsight__out_size(out, row->bytes_after, SIZE_COLUMN);
    write_name(out, row->type);
}

static hsight_diff_row sum_rows(const hsight_diff_row *rows, uint32_t count, const char *name,
                                size_t length)
{
    hsight_diff_row sum = {.type = {name, length}};
    for (uint32_t i = 0; i < count; i++) {
        sum.count_delta += rows[i].count_delta;
        sum.bytes_delta = hsight__add_change_saturated(sum.bytes_delta, rows[i].bytes_delta);
        sum.count_after += rows[i].count_after;
        sum.bytes_after = hsight__add_saturated(sum.bytes_after, rows[i].bytes_after);
    }
    return sum;
}

static void write_rest(hsight__out *out, const hsight_diff_row *rows, uint32_t count)
{
    char cell[64];
    hsight__text text;
    hsight__text_init(&text, cell, sizeof cell);
    hsight__text_add_c(&text, "... ");
    hsight__text_add_counted(&text, count, "more type");
    hsight_diff_row rest = sum_rows(rows, count, cell, text.used);
    write_row(out, &rest);
}

static void write_table(hsight__out *out, const hsight_diff *diff, uint32_t limit)
{
    static const char total[] = "total of the types that changed";
    const hsight_diff_row *rows = hsight_diff_rows(diff);
    uint32_t count = hsight_diff_count(diff);
    uint32_t shown = limit != 0 && limit < count ? limit : count;
    write_heads(out);
    for (uint32_t i = 0; i < shown; i++) {
        write_row(out, &rows[i]);
    }
    if (shown < count) {
        write_rest(out, rows + shown, count - shown);
    }
    hsight_diff_row sum = sum_rows(rows, count, total, sizeof total - 1);
    write_row(out, &sum);
}

hsight_status hsight_report_diff(const hsight_diff *diff, uint32_t limit, const hsight_sink *sink,
                                 hsight_error *err)
{
    hsight__out out = hsight__out_begin(sink, err);
    if (hsight_diff_count(diff) == 0) {
        hsight__out_c(&out,
                      "Nothing changed: each type has as many objects and bytes as before.\n");
    } else {
        write_table(&out, diff, limit);
    }
    return out.status;
}
