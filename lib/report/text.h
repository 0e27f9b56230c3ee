/* SPDX-License-Identifier: MIT */
/* text.h - short pieces of text in a buffer of fixed size: labels, names, cells of a table.
 *
 * Everything that comes from the profiled program goes in through hsight__text_add() and its
 * relatives, which show control characters as \n, \x1b, \u202e and bytes that are no UTF-8 as
 * U+FFFD. What does not fit is cut between characters. */
#ifndef HEAPSIGHT_LIB_REPORT_TEXT_H
#define HEAPSIGHT_LIB_REPORT_TEXT_H

#include <heapsight/base.h>

#include <stdbool.h>

/* MARKUP: & < > " \ are written as Graphviz's markup wants them. */
typedef enum { HSIGHT__ESCAPE_NONE = 0, HSIGHT__ESCAPE_MARKUP = 1 } hsight__escape;

typedef struct {
    char *out;        /* may be NULL when size is 0 */
    size_t size;      /* of the buffer, NUL included */
    size_t used;      /* bytes in it */
    size_t total;     /* bytes that were added, cut ones included */
    size_t gap_begin; /* bytes of the total left out: [gap_begin, gap_end); see text_init_gap */
    size_t gap_end;
    hsight__escape escape;
    bool is_full; /* a character did not fit: nothing is taken any more */
} hsight__text;

/* Which part of a text that is too long gives way to "…". */
typedef enum { HSIGHT__CUT_FRONT, HSIGHT__CUT_MIDDLE, HSIGHT__CUT_END } hsight__cut;

void hsight__text_init(hsight__text *text, char *out, size_t size);
/* For a text that will have `total` bytes: when that is too much, its middle is left out. */
void hsight__text_init_gap(hsight__text *text, char *out, size_t size, size_t total);
/* Ends the buffer with NUL. @return text->used */
size_t hsight__text_finish(hsight__text *text);

void hsight__text_add(hsight__text *text, hsight_string string);
/* Of a literal, or what the C library made: no escapes but markup. */
void hsight__text_add_c(hsight__text *text, const char *string);
void hsight__text_addf(hsight__text *text, const char *format, ...) HSIGHT_PRINTF(2, 3);
/* ", " behind something, nothing at the beginning. */
void hsight__text_separate(hsight__text *text);
/* As it is, markup included. */
void hsight__text_add_markup(hsight__text *text, const char *markup);
/* At most `limit` characters, the "…" included. */
void hsight__text_add_cut(hsight__text *text, hsight_string string, size_t limit, hsight__cut cut);
/* 'text' with its quotes and backslashes escaped; at most `limit` characters of it. */
void hsight__text_add_quoted(hsight__text *text, hsight_string string, size_t limit);
/* The same as a POSIX shell reads it: a quote is '\'', a backslash is itself. */
void hsight__text_add_shell_quoted(hsight__text *text, hsight_string string, size_t limit);

/* "1,234,567" */
void hsight__text_add_count(hsight__text *text, uint64_t count);
/* "1 object", "2 objects": `noun` takes an s. */
void hsight__text_add_counted(hsight__text *text, uint64_t count, const char *noun);
/* "1.5 KiB" */
void hsight__text_add_bytes(hsight__text *text, uint64_t bytes);

static inline hsight_string hsight__string_of(const hsight__text *text)
{
    return (hsight_string){text->out, text->used};
}

#endif
