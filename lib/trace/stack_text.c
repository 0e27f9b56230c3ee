/* SPDX-License-Identifier: MIT */
/* stack_text.c - where a stack stands, as text, without a trace being taken.
 *
 * The tables move when they grow, so the tracer is locked until the text is made: for the decoding
 * of one table of lines, some microseconds. Names of threads have a lock of their own, which is
 * taken after that. Owns nothing. */
#include "trace/tracer_parts.h"

#include <stdio.h>

enum { FILE_BYTES = 256, FUNCTION_BYTES = 160, NAME_BYTES = 128 }; /* in all less than the text */

/* Neither in the middle of a character of UTF-8. */
static size_t cut_end(hsight_string text, size_t most)
{
    size_t length = text.length < most ? text.length : most;
    while (length < text.length && length > 0 &&
           ((unsigned char)text.data[length] & 0xC0) == 0x80) {
        length--;
    }
    return length;
}

static hsight_string last_bytes(hsight_string text, size_t most)
{
    size_t from = text.length > most ? text.length - most : 0;
    while (from > 0 && from < text.length && ((unsigned char)text.data[from] & 0xC0) == 0x80) {
        from++;
    }
    return (hsight_string){text.data + from, text.length - from};
}

static size_t code_text(const hsight_tracer *tracer, const hsight__stack_node *node, char *out)
{
    const hsight__code *code = (const hsight__code *)tracer->stacks.codes.data + node->code;
    hsight_string lines = {(const char *)tracer->stacks.line_tables.data + code->lines_start,
                           code->lines_bytes};
    hsight_string all = hsight__strings_get(&tracer->stacks.strings, code->file);
    hsight_string function = hsight__strings_get(&tracer->stacks.strings, code->function);
    hsight_string file = last_bytes(all, FILE_BYTES);
    hsight_line_cursor cursor = {0};
    uint32_t line = tracer->options.find_line(lines, code->first_line, node->offset, &cursor);
    return (size_t)snprintf(out, HSIGHT_STACK_TEXT_BYTES, "at %s%.*s:%u in %.*s",
                            file.length < all.length ? "..." : "", (int)file.length, file.data,
                            line, (int)cut_end(function, FUNCTION_BYTES), function.data);
}

static size_t thread_text(const hsight_tracer *tracer, uint32_t number, char *out)
{
    char name[NAME_BYTES];
    size_t length =
        tracer->options.name_thread == NULL
            ? 0
            : tracer->options.name_thread(tracer->options.state, number, name, sizeof name);
    return length == 0 ? 0
                       : (size_t)snprintf(out, HSIGHT_STACK_TEXT_BYTES, "in thread %.*s",
                                          (int)length, name);
}

size_t hsight_tracer_stack_text(hsight_tracer *tracer, uint32_t stack, char *out)
{
    size_t length = 0;
    hsight__stack_node node = {0};
    out[0] = 0;
    hsight__lock_take(&tracer->lock);
    bool is_known = stack != 0 && stack < tracer->stacks.stacks.count;
    if (is_known) {
        const hsight__stack_node *nodes = tracer->stacks.nodes.data;
        node = nodes[hsight__stacks_get(&tracer->stacks, stack)->node];
        length = node.code != 0 ? code_text(tracer, &node, out) : 0;
    }
    hsight__lock_release(&tracer->lock);
    return is_known && node.code == 0 ? thread_text(tracer, node.offset, out) : length;
}
