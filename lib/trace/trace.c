/* SPDX-License-Identifier: MIT */
/* trace.c - a trace: a set of columns, and who gives them back.
 *
 * Nothing changes after hsight__trace_wrap(), so any number of threads may read. */
#include "trace/trace_columns.h"

#include "base/error.h"

#include <stdbool.h>

struct hsight_trace {
    hsight__trace_columns columns;
    hsight_trace_info info;
    const hsight_allocator *allocator;
    hsight__trace_release release;
    void *owner;
};

hsight_status hsight__trace_wrap(const hsight_allocator *allocator,
                                 const hsight__trace_columns *columns,
                                 const hsight_trace_info *info, hsight__trace_release release,
                                 void *owner, hsight_trace **out, hsight_error *err)
{
    hsight_trace *trace = allocator->allocate(allocator->state, sizeof *trace);
    if (trace == NULL) {
        return hsight__fail_memory(err, sizeof *trace);
    }
    *trace = (hsight_trace){*columns, *info, allocator, release, owner};
    *out = trace;
    return HSIGHT_OK;
}

void hsight_trace_free(hsight_trace *trace)
{
    if (trace == NULL) {
        return;
    }
    const hsight_allocator *allocator = trace->allocator;
    if (trace->release != NULL) {
        trace->release(trace->owner);
    }
    allocator->release(allocator->state, trace, sizeof *trace);
}

const hsight__trace_columns *hsight__trace_get_columns(const hsight_trace *trace)
{
    return &trace->columns;
}

const hsight_allocator *hsight__trace_allocator(const hsight_trace *trace)
{
    return trace->allocator;
}

const hsight_trace_info *hsight_trace_get_info(const hsight_trace *trace)
{
    return &trace->info;
}

uint32_t hsight_trace_stack_count(const hsight_trace *trace)
{
    return trace->columns.stack_count;
}

uint32_t hsight_trace_frame_count(const hsight_trace *trace)
{
    return trace->columns.frame_count;
}

hsight_stack_id hsight_trace_caller(const hsight_trace *trace, hsight_stack_id stack)
{
    bool known = stack.index <= trace->columns.stack_count;
    return (hsight_stack_id){known ? trace->columns.callers[stack.index] : 0};
}

hsight_frame_id hsight_trace_innermost(const hsight_trace *trace, hsight_stack_id stack)
{
    bool known = stack.index <= trace->columns.stack_count;
    return (hsight_frame_id){known ? trace->columns.innermost[stack.index] : 0};
}

static hsight_string string_at(const hsight__trace_columns *columns, uint32_t id)
{
    uint64_t start = columns->string_offsets[id];
    size_t length = (size_t)(columns->string_offsets[(uint64_t)id + 1] - start);
    return length > 0 ? (hsight_string){columns->string_bytes + start, length}
                      : (hsight_string){"", 0}; /* there may be no bytes at all */
}

hsight_trace_frame hsight_trace_get_frame(const hsight_trace *trace, hsight_frame_id frame)
{
    const hsight__trace_columns *columns = &trace->columns;
    if (frame.index == 0 || frame.index > columns->frame_count) {
        return (hsight_trace_frame){.function = {"", 0}, .file = {"", 0}};
    }
    const hsight__frame_item *item = &columns->frames[frame.index];
    return (hsight_trace_frame){string_at(columns, item->function), string_at(columns, item->file),
                                item->line, item->thread};
}

uint32_t hsight_trace_row_count(const hsight_trace *trace)
{
    return trace->columns.row_count;
}

const hsight_trace_row *hsight_trace_rows(const hsight_trace *trace)
{
    return trace->columns.rows;
}

bool hsight_trace_knows_native(const hsight_trace *trace)
{
    return trace->columns.knows_native;
}

uint32_t hsight_trace_native_count(const hsight_trace *trace)
{
    return trace->columns.native_count;
}

const hsight_native_row *hsight_trace_native_rows(const hsight_trace *trace)
{
    return trace->columns.native_rows;
}

/* ---- check ---- */

static hsight_status check_strings(const hsight__trace_columns *columns, hsight_error *err)
{
    const uint64_t *offsets = columns->string_offsets;
    if (offsets[0] != 0 || offsets[1] != 0) {
        return hsight__fail(err, HSIGHT_EINVAL, "trace string 0 is not empty");
    }
    for (uint32_t s = 1; s <= columns->string_count; s++) {
        if (offsets[s + 1] < offsets[s]) {
            return hsight__fail(err, HSIGHT_EINVAL, "trace string %u ends before it begins", s);
        }
    }
    if (offsets[(uint64_t)columns->string_count + 1] != columns->string_bytes_count) {
        return hsight__fail(err, HSIGHT_EINVAL, "trace strings do not end where their bytes do");
    }
    return HSIGHT_OK;
}

static hsight_status check_frames(const hsight__trace_columns *columns, hsight_error *err)
{
    const hsight__frame_item *none = &columns->frames[0];
    if (none->function != 0 || none->file != 0 || none->line != 0 || none->thread != 0) {
        return hsight__fail(err, HSIGHT_EINVAL, "trace frame 0 is not empty");
    }
    for (uint32_t f = 1; f <= columns->frame_count; f++) {
        const hsight__frame_item *item = &columns->frames[f];
        if (item->function > columns->string_count || item->file > columns->string_count) {
            return hsight__fail(err, HSIGHT_EINVAL,
                                "trace frame %u: function %u or file %u, only %u strings are known",
                                f, item->function, item->file, columns->string_count);
        }
    }
    return HSIGHT_OK;
}

static hsight_status check_stacks(const hsight__trace_columns *columns, hsight_error *err)
{
    if (columns->callers[0] != 0 || columns->innermost[0] != 0) {
        return hsight__fail(err, HSIGHT_EINVAL, "trace stack 0 is not empty");
    }
    for (uint32_t s = 1; s <= columns->stack_count; s++) {
        if (columns->callers[s] >= s) {
            return hsight__fail(err, HSIGHT_EINVAL, "trace stack %u: caller %u is not before it", s,
                                columns->callers[s]);
        }
        if (columns->innermost[s] == 0 || columns->innermost[s] > columns->frame_count) {
            return hsight__fail(err, HSIGHT_EINVAL,
                                "trace stack %u: frame %u, only %u frames are known", s,
                                columns->innermost[s], columns->frame_count);
        }
        bool is_thread = columns->frames[columns->innermost[s]].thread != 0;
        if (is_thread != (columns->callers[s] == 0)) {
            return hsight__fail(err, HSIGHT_EINVAL,
                                "trace stack %u: frame %u is %s thread, but its caller is %u", s,
                                columns->innermost[s], is_thread ? "a" : "no", columns->callers[s]);
        }
    }
    return HSIGHT_OK;
}

/* Every frame of a stack costs a reader time for each row: a file may not make it up. */
static hsight_status check_depths(const hsight__trace_columns *columns, hsight_error *err)
{
    const hsight_allocator *allocator = hsight_allocator_default();
    size_t bytes = ((size_t)columns->stack_count + 1) * sizeof(uint16_t);
    uint16_t *depths = allocator->allocate(allocator->state, bytes);
    if (depths == NULL) {
        return hsight__fail_memory(err, bytes);
    }
    hsight_status status = HSIGHT_OK;
    depths[0] = 0;
    for (uint32_t s = 1; s <= columns->stack_count && status == HSIGHT_OK; s++) {
        depths[s] = (uint16_t)(depths[columns->callers[s]] + 1);
        if (depths[s] > HSIGHT_FRAME_LIMIT_MAX + 1) { /* and the thread */
            status = hsight__fail(err, HSIGHT_EINVAL,
                                  "trace stack %u: more than %d frames above its thread", s,
                                  HSIGHT_FRAME_LIMIT_MAX);
        }
    }
    allocator->release(allocator->state, depths, bytes);
    return status;
}

/* Row `r` of `stack` comes after one of `previous`. */
static hsight_status check_row(const hsight__trace_columns *columns, const char *what, uint32_t r,
                               uint32_t stack, uint32_t previous, hsight_error *err)
{
    if (stack > previous && stack <= columns->stack_count) {
        return HSIGHT_OK;
    }
    return hsight__fail(err, HSIGHT_EINVAL, "%s row %u: stack %u after stack %u, of %u stacks",
                        what, r, stack, previous, columns->stack_count);
}

static hsight_status check_rows(const hsight__trace_columns *columns, hsight_error *err)
{
    hsight_status status = HSIGHT_OK;
    uint32_t previous = 0;
    for (uint32_t r = 0; r < columns->row_count && status == HSIGHT_OK; r++) {
        uint32_t stack = columns->rows[r].stack.index;
        status = check_row(columns, "trace", r, stack, previous, err);
        previous = stack;
    }
    previous = 0;
    for (uint32_t r = 0; r < columns->native_count && status == HSIGHT_OK; r++) {
        uint32_t stack = columns->native_rows[r].stack.index;
        status = check_row(columns, "native", r, stack, previous, err);
        previous = stack;
    }
    return status;
}

hsight_status hsight__trace_columns_check(const hsight__trace_columns *columns, hsight_error *err)
{
    hsight_status (*const checks[])(const hsight__trace_columns *, hsight_error *) = {
        check_strings, check_frames, check_stacks, check_depths, check_rows};
    hsight_status status = HSIGHT_OK;
    for (size_t i = 0; i < sizeof checks / sizeof *checks && status == HSIGHT_OK; i++) {
        status = checks[i](columns, err);
    }
    return status;
}
