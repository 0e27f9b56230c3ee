/* SPDX-License-Identifier: MIT */
/* text_info.c - where and when a snapshot was taken, and how large it is: one fact a line.
 *
 * Unknown facts (empty text, number 0) have no line. O(1) but for the lengths of the texts. */
#include "base/checked.h"
#include "report/label_text.h"
#include "report/out.h"

#include <heapsight/report.h>

#include <time.h>

/* A character is shown in 7 bytes at most: \ue0001. */
enum { LINE_MAX_BYTES = 2048, SHOWN_FACT = 200 };

/* A line in the making: the name of the fact is written, the rest is collected. */
typedef struct {
    hsight__text text;
    char buffer[LINE_MAX_BYTES];
} fact;

static hsight__text *begin_fact(fact *line, const char *name)
{
    hsight__text_init(&line->text, line->buffer, sizeof line->buffer);
    hsight__text_addf(&line->text, "  %-12s", name);
    return &line->text;
}

static void end_fact(hsight__out *out, fact *line)
{
    hsight__text_add_c(&line->text, "\n");
    hsight__out_bytes(out, line->buffer, line->text.used);
}

static void write_text(hsight__out *out, const char *name, hsight_string value)
{
    if (value.length > 0) {
        fact line;
        hsight__text_add_cut(begin_fact(&line, name), value, SHOWN_FACT, HSIGHT__CUT_END);
        end_fact(out, &line);
    }
}

static void write_title(hsight__out *out, const hsight_snapshot_info *info)
{
    fact line;
    hsight__text_init(&line.text, line.buffer, sizeof line.buffer);
    hsight__text_add_c(&line.text, "Snapshot");
    if (info->label.length > 0) {
        hsight__text_add_c(&line.text, " ");
        hsight__text_add_quoted(&line.text, info->label, SHOWN_FACT);
    }
    end_fact(out, &line);
}

/* "2026-11-22 17:41:05 UTC, in 152 ms" */
static void write_time(hsight__out *out, const hsight_snapshot_info *info)
{
    time_t seconds = (time_t)(info->taken_at_ns / 1000000000);
    struct tm utc;
    char when[32];
    if (info->taken_at_ns == 0 || gmtime_r(&seconds, &utc) == NULL ||
        strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &utc) == 0) {
        return;
    }
    fact line;
    hsight__text *text = begin_fact(&line, "taken");
    hsight__text_add_c(text, when);
    if (info->duration_ns > 0) {
        hsight__text_add_c(text, ", in ");
        hsight__text_add_count(text, (info->duration_ns + 999999) / 1000000);
        hsight__text_add_c(text, " ms");
    }
    end_fact(out, &line);
}

static void write_process(hsight__out *out, const hsight_snapshot_info *info)
{
    if (info->process_id == 0 && info->rss_bytes == 0) {
        return;
    }
    fact line;
    hsight__text *text = begin_fact(&line, "process");
    if (info->process_id != 0) {
        hsight__text_addf(text, "%llu", (unsigned long long)info->process_id);
    }
    if (info->rss_bytes != 0) {
        hsight__text_add_c(text, info->process_id != 0 ? ", " : "");
        hsight__text_add_bytes(text, info->rss_bytes);
        hsight__text_add_c(text, " resident");
    }
    end_fact(out, &line);
}

static void write_counts(hsight__out *out, const hsight_snapshot *snapshot)
{
    const hsight_graph *graph = hsight_snapshot_graph(snapshot);
    fact line;
    hsight__text *text = begin_fact(&line, "objects");
    hsight__text_add_count(text, hsight_graph_node_count(graph));
    hsight__text_add_c(text, " of ");
    hsight__text_add_counted(text, hsight_graph_type_count(graph), "type");
    hsight__text_add_c(text, ", ");
    hsight__text_add_bytes(text, hsight_snapshot_total_bytes(snapshot));
    end_fact(out, &line);
    text = begin_fact(&line, "references");
    hsight__text_add_count(text, hsight_graph_edge_count(graph));
    hsight__text_add_c(text, ", and ");
    hsight__text_add_counted(text, hsight_graph_root_count(graph), "root");
    end_fact(out, &line);
}

/* Of all domains; foreign files may have any number. */
static hsight_trace_domain sum_domains(const hsight_trace_info *info)
{
    hsight_trace_domain sum = {0};
    for (int i = 0; i < HSIGHT_DOMAIN_COUNT; i++) {
        const hsight_trace_domain *domain = &info->domains[i];
        sum.allocated_blocks =
            hsight__add_saturated(sum.allocated_blocks, domain->allocated_blocks);
        sum.allocated_bytes = hsight__add_saturated(sum.allocated_bytes, domain->allocated_bytes);
        sum.freed_blocks = hsight__add_saturated(sum.freed_blocks, domain->freed_blocks);
    }
    return sum;
}

/* "counts only: 1.5 MiB in 45,678 blocks allocated, 45,000 freed" */
static void write_counted_trace(hsight__text *text, const hsight_trace_info *info)
{
    hsight_trace_domain sum = sum_domains(info);
    hsight__text_add_c(text, "counts only: ");
    hsight__text_add_bytes(text, sum.allocated_bytes);
    hsight__text_add_c(text, " in ");
    hsight__text_add_counted(text, sum.allocated_blocks, "block");
    hsight__text_add_c(text, " allocated, ");
    hsight__text_add_count(text, sum.freed_blocks);
    hsight__text_add_c(text, " freed");
}

/* "exact, 32 frames: 1.5 MiB in 45,678 blocks alive, 0 dropped" */
static void write_stacked_trace(hsight__text *text, const hsight_trace_info *info)
{
    hsight__text_add_c(text, info->mode == HSIGHT_TRACE_SAMPLED ? "sampled every " : "exact");
    if (info->mode == HSIGHT_TRACE_SAMPLED) {
        hsight__text_add_bytes(text, info->sample_bytes);
    }
    hsight__text_add_c(text, ", ");
    hsight__text_add_counted(text, info->frame_limit, "frame");
    hsight__text_add_c(text, ": ");
    hsight__text_add_bytes(text, info->live_bytes);
    hsight__text_add_c(text, " in ");
    hsight__text_add_counted(text, info->live_blocks, "block");
    hsight__text_add_c(text, " alive, ");
    hsight__text_add_count(text, info->dropped_count);
    hsight__text_add_c(text, " dropped");
}

static void write_trace(hsight__out *out, const hsight_snapshot *snapshot)
{
    if (hsight_snapshot_trace(snapshot) == NULL) {
        return;
    }
    const hsight_trace_info *info = hsight_trace_get_info(hsight_snapshot_trace(snapshot));
    fact line;
    hsight__text *text = begin_fact(&line, "traced");
    (info->mode == HSIGHT_TRACE_COUNTS ? write_counted_trace : write_stacked_trace)(text, info);
    end_fact(out, &line);
}

/* "remark      sizes doubted: 2 objects (app.Row 1, list 1)" */
static void write_odd(hsight__out *out, const char *what, uint64_t count, const char *noun,
                      const char *more, hsight_string types)
{
    if (count == 0) {
        return;
    }
    fact line;
    hsight__text *text = begin_fact(&line, "remark");
    hsight__text_add_c(text, what);
    hsight__text_add_counted(text, count, noun);
    hsight__text_add_c(text, more);
    if (types.length > 0) {
        hsight__text_add_c(text, " (");
        hsight__text_add_cut(text, types, SHOWN_FACT, HSIGHT__CUT_END);
        hsight__text_add_c(text, ")");
    }
    end_fact(out, &line);
}

static void write_remarks(hsight__out *out, const hsight_snapshot_info *info)
{
    fact line;
    if (info->has_values != 0) {
        hsight__text_add_c(begin_fact(&line, "contains"), "previews of strings and numbers");
        end_fact(out, &line);
    }
    if (info->dropped_count > 0) {
        hsight__text *text = begin_fact(&line, "incomplete");
        hsight__text_add_counted(text, info->dropped_count, "record");
        hsight__text_add_c(text, " could not be kept");
        end_fact(out, &line);
    }
    write_odd(out, "accounting incomplete: ", info->overcounted_count, "object",
              " with more references than counted", info->overcounted_types);
    write_odd(out, "sizes doubted: ", info->doubted_count, "object", "", info->doubted_types);
    write_odd(out, "left out: ", info->invalid_count, "reference",
              " to no object, told by tp_traverse", info->invalid_types);
}

hsight_status hsight_report_info(const hsight_snapshot *snapshot, const hsight_sink *sink,
                                 hsight_error *err)
{
    const hsight_snapshot_info *info = hsight_snapshot_get_info(snapshot);
    hsight__out out = hsight__out_begin(sink, err);
    write_title(&out, info);
    write_time(&out, info);
    write_text(&out, "program", info->arguments);
    write_process(&out, info);
    write_text(&out, "interpreter", info->interpreter);
    write_text(&out, "platform", info->platform);
    write_text(&out, "walk", info->capture);
    write_counts(&out, snapshot);
    write_trace(&out, snapshot);
    write_remarks(&out, info);
    return out.status;
}
