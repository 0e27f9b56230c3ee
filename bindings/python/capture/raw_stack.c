/* SPDX-License-Identifier: MIT */
/* raw_stack.c - frames as (code object, offset), straight from the interpreter's structs. */
#include "raw_stack.h"

#include "visit.h"

/* The caller makes the cells of a frame that is being set up, as tracebacks see it. */
static hsight__compat_frame *innermost(PyThreadState *thread)
{
    hsight__compat_frame *frame = hsight__compat_current_frame(thread);
    for (; frame != NULL; frame = hsight__compat_previous_frame(frame)) {
        PyObject *code = hsight__compat_running_code(frame);
        if (code != NULL && !hsight__compat_frame_is_starting(frame, code)) {
            break;
        }
    }
    return frame;
}

uint32_t hsight__raw_stack(PyThreadState *thread, hsight_raw_frame *out, uint32_t limit)
{
    hsight_raw_frame *next = out, *end = out + limit;
    hsight__compat_frame *frame = innermost(thread);
    for (; frame != NULL && next < end; frame = hsight__compat_previous_frame(frame)) {
        PyObject *code = hsight__compat_running_code(frame);
        if (code != NULL) {
            next->code = (uint64_t)(uintptr_t)code;
            next++->offset = (uint32_t)hsight__compat_frame_offset(frame, code);
        }
    }
    return (uint32_t)(next - out);
}

/* Texts live until the next call; the tracer calls this with its lock held, so one buffer does. */
#define TEXT_BYTES 1024

void hsight__raw_describe(void *state, uint64_t code, hsight_code_info *out)
{
    static char name[TEXT_BYTES], file[TEXT_BYTES];
    (void)state;
    hsight__compat_code_place place;
    hsight__compat_code_places((PyObject *)(uintptr_t)code, &place);
    *out = (hsight_code_info){
        .function = {name, hsight__copy_unicode(place.name, name, sizeof(name))},
        .file = {file, hsight__copy_unicode(place.file, file, sizeof(file))},
        .lines = {place.lines, place.lines_bytes},
        .first_line = place.first_line > 0 ? (uint32_t)place.first_line : 0,
    };
}

uint32_t hsight__raw_line(hsight_string lines, uint32_t first_line, uint32_t offset,
                          hsight_line_cursor *cursor)
{
    return hsight__compat_line_at(lines, (int)first_line, (int32_t)offset, cursor);
}
