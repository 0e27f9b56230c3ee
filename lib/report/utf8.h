/* SPDX-License-Identifier: MIT */
/* utf8.h - one character at a time out of bytes that may be anything. */
#ifndef HEAPSIGHT_LIB_REPORT_UTF8_H
#define HEAPSIGHT_LIB_REPORT_UTF8_H

#include <heapsight/base.h>

#include <stdbool.h>

/* What a report shows for bytes that are no character. */
#define HSIGHT__UTF8_REPLACEMENT 0xFFFDu

/* The character at `at` of `text`, at < length; *size gets its bytes, at least 1. Bytes that are no
 * UTF-8 (RFC 3629: shortest form, no surrogates, up to U+10FFFF) give the replacement character,
 * one for each byte. */
uint32_t hsight__utf8_next(hsight_string text, size_t at, size_t *size);
/* Write `code` as UTF-8. @return its bytes, 1 to 4 */
size_t hsight__utf8_put(uint32_t code, char out[4]);
/* Characters in `text`. O(length). */
size_t hsight__utf8_count(hsight_string text);
/* Would it move the cursor, change the direction of text or break a line? Then it is not shown as
 * it is: control characters, line and paragraph separators, invisible and bidirectional marks. */
bool hsight__utf8_is_unprintable(uint32_t code);

#endif
