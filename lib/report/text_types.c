/* SPDX-License-Identifier: MIT */
/* text_types.c - the table of types of a snapshot:
 *
 *         objects        size   share  type
 *           1,204    73.7 KiB   82.6%  app.Session
 *               1       424 B    0.5%  _ssl.SSLContext  (at least)
 *
 * O(types shown) besides the histogram, which is freed before return. */
#include "base/checked.h"
#include "report/label_text.h"
#include "report/out.h"

#include <heapsight/report.h>

enum { COUNT_COLUMN = 15, SIZE_COLUMN = 12, SHARE_COLUMN = 8, TITLE_BYTES = 512 };

static void write_title(hsight__out *out, const hsight_snapshot *snapshot)
{
    char line[TITLE_BYTES];
    hsight__text text;
    hsight_string label = hsight_snapshot_get_info(snapshot)->label;
    hsight__text_init(&text, line, sizeof line);
    hsight__text_add_c(&text, "Objects by type, snapshot ");
    if (label.length > 0) {
        hsight__text_add_quoted(&text, label, HSIGHT__SHOWN_TYPE);
    }
    hsight__text_add_c(&text, label.length > 0 ? ": " : "of ");
    hsight__text_add_counted(&text, hsight_graph_node_count(hsight_snapshot_graph(snapshot)),
                             "object");
    hsight__text_add_c(&text, ", ");
    hsight__text_add_bytes(&text, hsight_snapshot_total_bytes(snapshot));
    hsight__text_add_c(&text, "\n\n");
    hsight__out_bytes(out, line, text.used);
}

static void write_heads(hsight__out *out)
{
    hsight__out_cell(out, (hsight_string){"objects", 7}, COUNT_COLUMN, HSIGHT__ALIGN_RIGHT);
    hsight__out_cell(out, (hsight_string){"size", 4}, SIZE_COLUMN, HSIGHT__ALIGN_RIGHT);
    hsight__out_cell(out, (hsight_string){"share", 5}, SHARE_COLUMN, HSIGHT__ALIGN_RIGHT);
    hsight__out_c(out, "  type\n");
}

static void write_share(hsight__out *out, uint64_t bytes, uint64_t total)
{
    char cell[16];
    hsight__text text;
    hsight__text_init(&text, cell, sizeof cell);
    double percent = total > 0 ? 100.0 * (double)bytes / (double)total : 0.0;
    hsight__text_addf(&text, "%.1f%%", percent);
    hsight__out_cell(out, hsight__string_of(&text), SHARE_COLUMN, HSIGHT__ALIGN_RIGHT);
}

static void write_row(hsight__out *out, uint64_t count, uint64_t bytes, uint64_t total,
                      hsight_string name, hsight_sizes sizes)
{
    char cell[512];
    hsight__text text;
    hsight__text_init(&text, cell, sizeof cell);
    hsight__text_add_c(&text, "  ");
    hsight__type_name_add(&text, name);
    hsight__text_add_c(&text, sizes == HSIGHT_SIZES_LOWER_BOUND ? "  (at least)\n" : "\n");
    hsight__out_count(out, count, COUNT_COLUMN);
    hsight__out_size(out, bytes, SIZE_COLUMN);
    write_share(out, bytes, total);
    hsight__out_bytes(out, cell, text.used);
}

/* The rows beyond the limit as one line. */
static void write_rest(hsight__out *out, const hsight_histogram_row *rows, uint32_t count,
                       uint64_t total)
{
    char cell[64];
    hsight__text text;
    hsight_histogram_row rest = {{"", 0}, 0, 0, HSIGHT_SIZES_EXACT};
    for (uint32_t i = 0; i < count; i++) {
        rest.count += rows[i].count;
        rest.bytes = hsight__add_saturated(rest.bytes, rows[i].bytes);
    }
    hsight__text_init(&text, cell, sizeof cell);
    hsight__text_add_c(&text, "... ");
    hsight__text_add_counted(&text, count, "more type");
    write_row(out, rest.count, rest.bytes, total, hsight__string_of(&text), HSIGHT_SIZES_EXACT);
}

static void write_table(hsight__out *out, const hsight_snapshot *snapshot,
                        const hsight_histogram *histogram, uint32_t limit)
{
    const hsight_histogram_row *rows = hsight_histogram_rows(histogram);
    uint32_t count = hsight_histogram_count(histogram);
    uint32_t shown = limit != 0 && limit < count ? limit : count;
    uint64_t total = hsight_snapshot_total_bytes(snapshot);
    write_title(out, snapshot);
    write_heads(out);
    for (uint32_t i = 0; i < shown; i++) {
        write_row(out, rows[i].count, rows[i].bytes, total, rows[i].type, rows[i].sizes);
    }
    if (shown < count) {
        write_rest(out, rows + shown, count - shown, total);
    }
    write_row(out, hsight_graph_node_count(hsight_snapshot_graph(snapshot)), total, total,
              (hsight_string){"total", 5}, HSIGHT_SIZES_EXACT);
}

hsight_status hsight_report_types(const hsight_snapshot *snapshot, hsight_sort sort, uint32_t limit,
                                  const hsight_sink *sink, hsight_error *err)
{
    hsight_histogram *histogram = NULL;
    hsight_status status =
        hsight_histogram_new(hsight_snapshot_graph(snapshot), sort, &histogram, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    hsight__out out = hsight__out_begin(sink, err);
    write_table(&out, snapshot, histogram, limit);
    hsight_histogram_free(histogram);
    return out.status;
}
