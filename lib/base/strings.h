/* SPDX-License-Identifier: MIT */
/* strings.h - an interning string table: equal bytes, equal id.
 *
 * Ids count up from 1; id 0 is the empty string. The two columns below are what the frozen graph
 * and the file use, so freezing copies nothing. */
#ifndef HEAPSIGHT_LIB_BASE_STRINGS_H
#define HEAPSIGHT_LIB_BASE_STRINGS_H

#include "base/vec.h"

/* Label payloads have 28 bits, and the highest value means "not recorded". */
#define HSIGHT__STRING_COUNT_MAX 0x0FFFFFFEu

typedef struct {
    hsight__vec bytes;   /* char: all strings, one after the other, no NUL between */
    hsight__vec offsets; /* uint64_t: string s is bytes [offsets[s], offsets[s + 1]) */
    hsight__vec slots;   /* open addressing, a power of two of them; see strings.c */
    uint64_t seed;
} hsight__strings;

/* On failure nothing is held. */
hsight_status hsight__strings_init(hsight__strings *strings, const hsight_allocator *allocator,
                                   hsight_error *err);
void hsight__strings_free(hsight__strings *strings);

/* Strings besides "". */
static inline uint32_t hsight__strings_count(const hsight__strings *strings)
{
    return (uint32_t)(strings->offsets.count - 2);
}

/* Copies. Amortised O(length). @return HSIGHT_OK, HSIGHT_ENOMEM, HSIGHT_ELIMIT */
hsight_status hsight__strings_intern(hsight__strings *strings, const char *data, size_t length,
                                     uint32_t *out, hsight_error *err);
/* Borrowed until the next call that interns. */
hsight_string hsight__strings_get(const hsight__strings *strings, uint32_t id);

/* Give back spare capacity. */
void hsight__strings_shrink(hsight__strings *strings);
/* Give back what only interning needs; afterwards the table is read only. */
void hsight__strings_freeze(hsight__strings *strings);

#endif
