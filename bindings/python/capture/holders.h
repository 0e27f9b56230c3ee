/* SPDX-License-Identifier: MIT */
/* holders.h - what the places share in which holders are looked for; holders.c knows the order. */
#ifndef HEAPSIGHT_CAPTURE_HOLDERS_H
#define HEAPSIGHT_CAPTURE_HOLDERS_H

#include "walk.h"

#include <heapsight/reach.h>

/* An object that the heap does not explain. */
typedef struct {
    uintptr_t address;
    uint32_t root;     /* held by C code, the one to name */
    uint32_t evidence; /* for its name; 0: it has none */
} hsight__held_object;

enum { HSIGHT__HELD_FILTER_BITS = 1 << 16 };

/* Of one word. What has as much is found first or not at all. */
#define HSIGHT__EVIDENCE_STATIC UINT32_MAX
#define HSIGHT__EVIDENCE_WORD   1

typedef struct {
    hsight__walk *walk;
    hsight__held_object *objects; /* ascending */
    size_t count;
    uint64_t
        filter[HSIGHT__HELD_FILTER_BITS / 64]; /* bits of hashes: most words are none of them */
} hsight__holder_search;

/* The one that a word leads to, named or not; NULL: none. Low bits may be a tag. */
hsight__held_object *hsight__held_by_word(hsight__holder_search *search, uintptr_t word);
/* Interned, for one or more objects; {0}, and counted as dropped, without memory. */
hsight_string_id hsight__holder_name(hsight__holder_search *search, const char *text);
/* Name its root, if there was less evidence for the name that it has. */
void hsight__holder_found(hsight__holder_search *search, hsight__held_object *object,
                          hsight_string_id name, uint32_t evidence);

/* holder_statics.c: static variables of libraries. */
void hsight__find_static_holders(hsight__holder_search *search);
/* holder_blocks.c: blocks that belong to no object. */
void hsight__find_block_holders(hsight__holder_search *search, hsight_reach *reach);

#endif
