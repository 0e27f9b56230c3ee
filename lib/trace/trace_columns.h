/* SPDX-License-Identifier: MIT */
/* trace_columns.h - the columns of a trace, as take.c leaves them and the file maps them.
 *
 * Internal to lib/: trace, snapshot and store see it; analyses use trace.h. Stack columns have
 * stack_count + 1 items, frames frame_count + 1, string_offsets string_count + 2; item 0 is unused
 * and zero. callers[s] < s, and 0 exactly where the frame is a thread. rows and native_rows are
 * strictly ascending by stack. */
#ifndef HEAPSIGHT_LIB_TRACE_TRACE_COLUMNS_H
#define HEAPSIGHT_LIB_TRACE_TRACE_COLUMNS_H

#include <heapsight/trace.h>

/* Strings by number; a thread has its name in `function` and nothing in the fields between. */
typedef struct {
    uint32_t function;
    uint32_t file;
    uint32_t line;
    uint32_t thread;
} hsight__frame_item;

typedef struct {
    uint32_t stack_count;
    uint32_t frame_count;
    uint32_t row_count;
    uint32_t string_count;
    uint32_t native_count;
    bool knows_native;
    const uint32_t *callers;
    const uint32_t *innermost;
    const hsight__frame_item *frames;
    const hsight_trace_row *rows;
    const hsight_native_row *native_rows;
    const uint64_t *string_offsets;
    const char *string_bytes;
    uint64_t string_bytes_count;
} hsight__trace_columns;

/* Called once when the trace is freed; gives back the memory behind the columns. */
typedef void (*hsight__trace_release)(void *owner);

/* Everything that reading the columns relies on. Sizes of the arrays are the caller's to know.
 * O(stacks + frames + strings), and 2 bytes a stack for the while.
 * @return HSIGHT_OK, HSIGHT_EINVAL with the first violation, HSIGHT_ENOMEM */
hsight_status hsight__trace_columns_check(const hsight__trace_columns *columns, hsight_error *err);

/* Wrap columns as a trace; foreign ones are checked first. `owner` is consumed on success. */
hsight_status hsight__trace_wrap(const hsight_allocator *allocator,
                                 const hsight__trace_columns *columns,
                                 const hsight_trace_info *info, hsight__trace_release release,
                                 void *owner, hsight_trace **out, hsight_error *err);
/* Borrowed until the trace is freed. */
const hsight__trace_columns *hsight__trace_get_columns(const hsight_trace *trace);
const hsight_allocator *hsight__trace_allocator(const hsight_trace *trace);

#endif
