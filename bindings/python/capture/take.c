/* SPDX-License-Identifier: MIT */
/* take.c - a snapshot: the walk, and where and when it happened. */
#include "capture.h"
#include "compat.h"
#include "join.h"
#include "process_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

const char *hsight_capture_check(void)
{
    return hsight__compat_check();
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0) {
        return 0;
    }
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static hsight_string as_string(const char *text)
{
    return (hsight_string){text, strlen(text)};
}

/* "CPython 3.13.0" from "3.13.0 (main, ...) [GCC ...]". */
static void interpreter_text(char *out, size_t size)
{
    const char *version = Py_GetVersion();
    snprintf(out, size, "CPython %.*s", (int)strcspn(version, " "), version);
}

static void platform_text(char *out, size_t size)
{
    struct utsname name;
    if (uname(&name) != 0) {
        out[0] = 0;
        return;
    }
    snprintf(out, size, "%s-%s %s", name.sysname, name.release, name.machine);
}

/* One argument as a shell would read it back; returns the length, at most size - 1. */
static size_t quote_argument(const char *argument, char *out, size_t size)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./=:,+@%";
    if (argument[0] != 0 && argument[strspn(argument, plain)] == 0) {
        int length = snprintf(out, size, "%s", argument);
        return (size_t)length < size ? (size_t)length : size - 1;
    }
    size_t at = 0;
    const char *quoted_quote = "'\\''";
    if (size > 1) {
        out[at++] = '\'';
    }
    for (; *argument != 0 && at + 6 < size; argument++) {
        if (*argument == '\'') {
            memcpy(out + at, quoted_quote, 4);
            at += 4;
        } else {
            out[at++] = *argument;
        }
    }
    if (at + 1 < size) {
        out[at++] = '\'';
    }
    out[at] = 0;
    return at;
}

/* /proc/self/cmdline: arguments, each ended by a NUL. */
static void arguments_text(char *out, size_t size)
{
    char raw[4096];
    out[0] = 0;
    size_t length = hsight__read_system_file("/proc/self/cmdline", raw, sizeof raw);
    size_t at = 0;
    for (size_t i = 0; i < length && at + 8 < size; i += strlen(raw + i) + 1) {
        if (at > 0) {
            out[at++] = ' ';
        }
        at += quote_argument(raw + i, out + at, size - at);
    }
}

void hsight_capture_begin(hsight_capture_moment *moment, hsight_string label, bool values)
{
    interpreter_text(moment->interpreter, sizeof(moment->interpreter));
    platform_text(moment->platform, sizeof(moment->platform));
    arguments_text(moment->arguments, sizeof(moment->arguments));
    moment->info = (hsight_snapshot_info){
        .label = label,
        .interpreter = as_string(moment->interpreter),
        .platform = as_string(moment->platform),
        .arguments = as_string(moment->arguments),
        .capture = as_string(hsight__compat_description()),
        .process_id = (uint64_t)getpid(),
        .taken_at_ns = clock_ns(CLOCK_REALTIME),
        .rss_bytes = hsight_capture_resident_bytes(),
        .has_values = values,
    };
}

/* Walk and freeze. */
static hsight_status take_graph(bool values, PyObject *interned_probe,
                                hsight_capture_counts *counts, hsight_graph **out,
                                hsight_error *err)
{
    hsight_builder *builder = NULL;
    hsight_status status = hsight_builder_new(NULL, &builder, err);
    if (status == HSIGHT_OK) {
        status = hsight_capture_walk(builder, values, interned_probe, counts, err);
    }
    if (status == HSIGHT_OK) {
        status = hsight_builder_finish(builder, out, err);
    }
    if (status != HSIGHT_OK) {
        hsight_builder_free(builder);
    }
    return status;
}

hsight_status hsight_capture_take(const hsight_capture_moment *moment, PyObject *interned_probe,
                                  hsight_snapshot **out, hsight_error *err)
{
    hsight_capture_counts counts = {0};
    hsight_graph *graph = NULL;
    hsight_snapshot_info info = moment->info;
    uint64_t start_ns = clock_ns(CLOCK_MONOTONIC);
    hsight_status status = take_graph(info.has_values, interned_probe, &counts, &graph, err);
    if (status != HSIGHT_OK) {
        hsight_capture_blocks_free(&counts.blocks);
        return status;
    }
    info.duration_ns = clock_ns(CLOCK_MONOTONIC) - start_ns;
    info.dropped_count = counts.dropped_count;
    info.overcounted_count = counts.remarks.overcounted.count;
    info.overcounted_types = as_string(counts.remarks.overcounted.types);
    info.doubted_count = counts.remarks.doubted.count;
    info.doubted_types = as_string(counts.remarks.doubted.types);
    info.invalid_count = counts.remarks.invalid.count;
    info.invalid_types = as_string(counts.remarks.invalid.types);
    status = hsight_snapshot_new(graph, &info, out, err);
    if (status != HSIGHT_OK) {
        hsight_graph_free(graph);
    } else {
        status = hsight__join(*out, &counts.blocks, err);
        if (status != HSIGHT_OK) {
            hsight_snapshot_free(*out);
        }
    }
    hsight_capture_blocks_free(&counts.blocks);
    return status;
}

hsight_status hsight_capture_compare_sizes(PyObject *interned_probe, hsight_graph **graph,
                                           hsight_capture_size_row **rows, hsight_error *err)
{
    hsight_capture_counts counts = {.wants_size_rows = true};
    hsight_status status = take_graph(false, interned_probe, &counts, graph, err);
    hsight_capture_blocks_free(&counts.blocks);
    if (status == HSIGHT_OK) {
        *rows = counts.size_rows;
    } else {
        free(counts.size_rows);
    }
    return status;
}
