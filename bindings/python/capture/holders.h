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

/* Evidence is the number of words; a static variable counts for more than any block. */
#define HSIGHT__EVIDENCE_STATIC UINT32_MAX
#define HSIGHT__EVIDENCE_WORD   1

typedef struct {
    hsight__walk *walk;
    hsight__held_object *objects; /* ascending */
    size_t count;
    uint64_t *filter; /* bits of the hashes of their addresses: most words are none of them */
    unsigned filter_log2;
} hsight__holder_search;

/* The one that a word leads to, named or not; NULL: none. Low bits may be a tag. */
hsight__held_object *hsight__held_by_word(hsight__holder_search *search, uintptr_t word);
/* Interned, for one or more objects; {0}, and counted as dropped, without memory. */
hsight_string_id hsight__holder_name(hsight__holder_search *search, const char *text);
/* Name its root, if there was less evidence for the name that it has. */
void hsight__holder_found(hsight__holder_search *search, hsight__held_object *object,
                          hsight_string_id name, uint32_t evidence);

/* A library, copied while the loader is locked: later it may be gone, and to ask again takes a lock
 * that a thread may hold which waits for the GIL. */
typedef struct {
    uint64_t bias;
    char path[512];
} hsight__library_name;

/* Append the one that dl_iterate_phdr() tells of; false: out of memory, and nothing changed. */
bool hsight__library_name_add(hsight__library_name **names, uint32_t *count, uint64_t bias,
                              const char *path);
/* The program itself has no path in the loader's list; `buffer` is for its. */
const char *hsight__library_path(const hsight__library_name *library, char *buffer, size_t size);
const char *hsight__base_name(const char *path);

/* holder_statics.c: static variables of libraries. */
void hsight__find_static_holders(hsight__holder_search *search);
/* holder_blocks.c: blocks that belong to no object. */
void hsight__find_block_holders(hsight__holder_search *search, hsight_reach *reach);
/* holder_stacks.c: C stacks of threads, for what has no name yet. */
void hsight__find_stack_holders(hsight__holder_search *search);

/* ---- holder_frames.c ---- */

/* A part of a loaded library that has machine code. */
typedef struct {
    uintptr_t begin;
    uintptr_t end;
    uint32_t library; /* place in `libraries`; UINT32_MAX: the interpreter's, ours, or libc's */
} hsight__code_part;

typedef struct {
    hsight__code_part *parts; /* ascending */
    size_t count;
    hsight__library_name *libraries;
    uint32_t library_count;
    uintptr_t asked[256]; /* words that were asked for a call before them; the lowest bit: yes */
} hsight__loaded_code;

/* False, with nothing held: without memory, or none. Takes a lock of the loader. */
bool hsight__loaded_code_get(hsight__loaded_code *out);
void hsight__loaded_code_free(hsight__loaded_code *code);
/* Look at the frames of extension modules in a part of a stack. */
void hsight__look_at_frames(hsight__holder_search *search, hsight__loaded_code *code,
                            uintptr_t begin, uintptr_t end, unsigned long thread_id);

#endif
