/* SPDX-License-Identifier: MIT */
/* report.h - answers for people: text, DOT and pictures. Everything is written into an hsight_sink.
 *
 * Text is UTF-8, lines end with one newline, columns are aligned for a fixed-width font, and no
 * line depends on a terminal. Every function returns HSIGHT_EIO when the sink refuses. */
#ifndef HEAPSIGHT_REPORT_H
#define HEAPSIGHT_REPORT_H

#include "diff.h"
#include "path.h"
#include "subgraph.h"

#ifdef __cplusplus
extern "C" {
#endif

/** "1 B", "1.5 KiB", "12.0 MiB" ...; negative numbers keep their sign. Ends with NUL. */
HSIGHT_API void hsight_report_size_text(int64_t bytes, char out[16]);

/** What a root is called: "module service", "thread 'worker-1' in pin (service.py:41), local
 * variable 'job'", "held by C code (2 references)". Truncated to the buffer, NUL-terminated.
 * @return the length written */
HSIGHT_API size_t hsight_report_root_text(const hsight_graph *graph, const hsight_root *root,
                                          char *out, size_t size);
/** What a reference adds to a path: ".name", "['key']", "[3]", ".__class__", "{member}", "{key}";
 * in angle brackets what Python has no words for: ".<closure name>", ".<local name>", ".<field>". A
 * key without a preview is shown by its type, "[<str>]"; what was not recorded is "?". */
HSIGHT_API size_t hsight_report_label_text(const hsight_graph *graph, hsight_label label, char *out,
                                           size_t size);

/** Where and when it was taken, objects, references, bytes, remarks. */
HSIGHT_API hsight_status hsight_report_info(const hsight_snapshot *snapshot,
                                            const hsight_sink *sink, hsight_error *err);
/** @param limit rows shown, 0 = all; the rest is one line "... N more types" */
HSIGHT_API hsight_status hsight_report_types(const hsight_snapshot *snapshot, hsight_sort sort,
                                             uint32_t limit, const hsight_sink *sink,
                                             hsight_error *err);
HSIGHT_API hsight_status hsight_report_diff(const hsight_diff *diff, uint32_t limit,
                                            const hsight_sink *sink, hsight_error *err);
/** One block a path: how many objects it holds, an expression, then a line a step. */
HSIGHT_API hsight_status hsight_report_paths(const hsight_graph *graph, const hsight_paths *paths,
                                             const hsight_sink *sink, hsight_error *err);
/** The path as one expression: "service.CACHE['user-1'].session"; from a frame "thread 'w' in pin
 * (service.py:41), local variable 'job': job.session". Where a step stands for several objects, its
 * index or key is written "[…]". The __dict__ of an object and the cells of a closure are not
 * spelled out. Truncated to the buffer in the middle. @return the length written */
HSIGHT_API size_t hsight_report_path_expression(const hsight_graph *graph, const hsight_path *path,
                                                char *out, size_t size);

/** DOT source, built and written with libcgraph. Not safe from two threads at once (libcgraph keeps
 * global state). @return also HSIGHT_ENOTSUP in a build without Graphviz */
HSIGHT_API hsight_status hsight_report_dot(const hsight_subgraph *subgraph, const hsight_sink *sink,
                                           hsight_error *err);

/** Draw a subgraph to a file; the format is the ending: .png .svg .pdf .dot. The picture is made by
 * the `dot` program in a child process that is ended after timeout_ms (0 = 60,000), into a
 * temporary file that is renamed when complete. Where `dot` is missing, fails or hangs, the .dot
 * source is written beside (same stem) and the message says where it is and how to draw it. A file
 * that is there under one of these names is replaced; anything else (a directory, a device, a
 * symbolic link) is refused and stays: as the picture's name at once, as the source's name by saying
 * that the source could not be kept. Like hsight_report_dot(), not safe from two threads at once.
 * @return HSIGHT_OK, HSIGHT_EINVAL (ending), HSIGHT_ENODOT, HSIGHT_ETIMEOUT, HSIGHT_EIO,
 *         HSIGHT_ENOMEM, HSIGHT_ENOTSUP */
HSIGHT_API hsight_status hsight_report_draw(const hsight_subgraph *subgraph, const char *path,
                                            uint32_t timeout_ms, hsight_error *err);

#ifdef __cplusplus
}
#endif
#endif
