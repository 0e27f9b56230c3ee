/* SPDX-License-Identifier: MIT */
/* text.c - text in a fixed buffer, one character after the other.
 *
 * I1  used < size, unless size is 0
 * I2  a character is in the buffer completely or not at all
 * I3  with a gap: what is added before byte gap_begin and from byte gap_end on is in the buffer,
 *     and one "…" between
 *
 * O(length). The buffer belongs to the caller; nothing is allocated. */
#include "report/text.h"

#include "report/utf8.h"

#include <heapsight/report.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char ELLIPSIS[] = "…";

void hsight__text_init(hsight__text *text, char *out, size_t size)
{
    *text = (hsight__text){.out = out, .size = size, .gap_begin = SIZE_MAX, .gap_end = SIZE_MAX};
}

void hsight__text_init_gap(hsight__text *text, char *out, size_t size, size_t total)
{
    hsight__text_init(text, out, size);
    size_t mark = sizeof ELLIPSIS - 1;
    if (total >= size && size > mark + 1) {
        size_t kept = size - 1 - mark;
        text->gap_begin = kept / 2;
        text->gap_end = total - (kept - kept / 2);
    }
}

size_t hsight__text_finish(hsight__text *text)
{
    if (text->size > 0) {
        text->out[text->used] = '\0';
    }
    return text->used;
}

static void store(hsight__text *text, const char *bytes, size_t count)
{
    if (text->is_full || count >= text->size - text->used) {
        text->is_full = true;
        return;
    }
    memcpy(text->out + text->used, bytes, count);
    text->used += count;
}

/* One character, as it will be seen. */
static void put(hsight__text *text, const char *bytes, size_t count)
{
    size_t begin = text->total;
    size_t end = begin + count;
    text->total = end;
    if (text->size == 0) {
        return;
    }
    if (end <= text->gap_begin || begin >= text->gap_end) {
        store(text, bytes, count);
    } else if (begin <= text->gap_begin) {
        store(text, ELLIPSIS, sizeof ELLIPSIS - 1);
        text->gap_begin = 0; /* written once: no later character begins at or before it */
    }
}

static const char *markup_of(uint32_t code)
{
    switch (code) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\\': /* Graphviz replaces \N and the like in markup too, after the entities */
        return "\\\\";
    default:
        return NULL;
    }
}

static void put_code(hsight__text *text, uint32_t code)
{
    const char *markup = text->escape == HSIGHT__ESCAPE_MARKUP ? markup_of(code) : NULL;
    if (markup != NULL) {
        put(text, markup, strlen(markup));
    } else {
        char bytes[4];
        put(text, bytes, hsight__utf8_put(code, bytes));
    }
}

void hsight__text_add_c(hsight__text *text, const char *string)
{
    hsight_string all = {string, strlen(string)};
    size_t size;
    for (size_t at = 0; at < all.length; at += size) {
        put_code(text, hsight__utf8_next(all, at, &size));
    }
}

void hsight__text_separate(hsight__text *text)
{
    hsight__text_add_c(text, text->used > 0 ? ", " : "");
}

void hsight__text_add_markup(hsight__text *text, const char *markup)
{
    put(text, markup, strlen(markup));
}

void hsight__text_addf(hsight__text *text, const char *format, ...)
{
    char buffer[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    hsight__text_add_c(text, buffer);
}

static void put_escaped(hsight__text *text, uint32_t code)
{
    switch (code) {
    case '\n':
        hsight__text_add_c(text, "\\n");
        break;
    case '\r':
        hsight__text_add_c(text, "\\r");
        break;
    case '\t':
        hsight__text_add_c(text, "\\t");
        break;
    default:
        hsight__text_addf(text, code < 0x100 ? "\\x%02" PRIx32 : "\\u%04" PRIx32, code);
    }
}

static void put_shown(hsight__text *text, uint32_t code)
{
    if (hsight__utf8_is_unprintable(code)) {
        put_escaped(text, code);
    } else {
        put_code(text, code);
    }
}

void hsight__text_add(hsight__text *text, hsight_string string)
{
    size_t size;
    for (size_t at = 0; at < string.length; at += size) {
        put_shown(text, hsight__utf8_next(string, at, &size));
    }
}

/* Characters [skip_begin, skip_end) give way to one "…"; equal: none does. */
typedef struct {
    size_t skip_begin;
    size_t skip_end;
} window;

static window window_of(hsight_string string, size_t limit, hsight__cut cut)
{
    size_t count = hsight__utf8_count(string);
    if (count <= limit || limit == 0) {
        return (window){0, 0};
    }
    size_t kept = limit - 1;
    size_t head = cut == HSIGHT__CUT_FRONT ? 0 : cut == HSIGHT__CUT_END ? kept : kept - kept / 3;
    return (window){head, count - (kept - head)};
}

typedef enum { QUOTING_NONE, QUOTING_PYTHON, QUOTING_SHELL } quoting;

/* What stands before a character between quotes. */
static const char *prefix_of(quoting style, uint32_t code)
{
    switch (style) {
    case QUOTING_PYTHON:
        return code == '\'' || code == '\\' ? "\\" : "";
    case QUOTING_SHELL: /* the quotes end, a quote is escaped, and the next one begins them again */
        return code == '\'' ? "'\\'" : "";
    default:
        return "";
    }
}

static void add_window(hsight__text *text, hsight_string string, window skip, quoting style)
{
    size_t size;
    size_t number = 0;
    for (size_t at = 0; at < string.length; at += size, number++) {
        uint32_t code = hsight__utf8_next(string, at, &size);
        if (number == skip.skip_begin && skip.skip_begin != skip.skip_end) {
            hsight__text_add_c(text, ELLIPSIS);
        }
        if (number >= skip.skip_begin && number < skip.skip_end) {
            continue;
        }
        hsight__text_add_c(text, prefix_of(style, code));
        put_shown(text, code);
    }
}

void hsight__text_add_cut(hsight__text *text, hsight_string string, size_t limit, hsight__cut cut)
{
    add_window(text, string, window_of(string, limit, cut), QUOTING_NONE);
}

static void add_quoted(hsight__text *text, hsight_string string, size_t limit, quoting style)
{
    hsight__text_add_c(text, "'");
    add_window(text, string, window_of(string, limit, HSIGHT__CUT_MIDDLE), style);
    hsight__text_add_c(text, "'");
}

void hsight__text_add_quoted(hsight__text *text, hsight_string string, size_t limit)
{
    add_quoted(text, string, limit, QUOTING_PYTHON);
}

void hsight__text_add_shell_quoted(hsight__text *text, hsight_string string, size_t limit)
{
    add_quoted(text, string, limit, QUOTING_SHELL);
}

void hsight__text_add_count(hsight__text *text, uint64_t count)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, count);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            put(text, ",", 1);
        }
        put(text, &digits[i], 1);
    }
}

void hsight__text_add_counted(hsight__text *text, uint64_t count, const char *noun)
{
    hsight__text_add_count(text, count);
    hsight__text_addf(text, " %s%s", noun, count == 1 ? "" : "s");
}

void hsight__text_add_bytes(hsight__text *text, uint64_t bytes)
{
    char size[16];
    hsight_report_size_text(bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes, size);
    hsight__text_add_c(text, size);
}
