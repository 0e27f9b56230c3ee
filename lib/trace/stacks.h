/* SPDX-License-Identifier: MIT */
/* stacks.h - interned stacks, and what the blocks of each came to.
 *
 * Called with the tracer locked. Code objects are told apart by address while they live; what
 * is needed to name their lines later is copied when one is first met. */
#ifndef HEAPSIGHT_LIB_TRACE_STACKS_H
#define HEAPSIGHT_LIB_TRACE_STACKS_H

#include <heapsight/tracer.h>

#include "base/map.h"
#include "base/strings.h"

/* A code object; code 0 stands for a thread. */
typedef struct {
    uint64_t address;
    uint32_t function; /* in strings */
    uint32_t file;
    uint32_t first_line;
    uint32_t lines_bytes;
    uint64_t lines_start; /* in line_tables */
    uint64_t look;        /* hash of what it looks like */
    uint32_t next_dead;   /* that looks the same; see stacks.c */
    bool is_alive;
} hsight__code;

/* A stack of frames by its innermost: `caller` is a smaller number, or 0. */
typedef struct {
    uint32_t caller;
    uint32_t code;
    uint32_t offset; /* code 0: number of the thread */
    uint32_t stack;  /* the one that ends here, 0 where none allocated */
} hsight__stack_node;

/* What the blocks of a stack came to, or all; *_blocks in the parts that sampler.h counts in. Alive
 * is what was allocated and not freed: an event then changes two words, not four. */
typedef struct {
    uint64_t allocated_bytes;
    uint64_t allocated_blocks;
    uint64_t freed_bytes;
    uint64_t freed_blocks;
    uint64_t peak_bytes;
    uint64_t peak_blocks;
    uint64_t temporary_bytes;
    uint64_t temporary_blocks;
} hsight__figures;

static inline uint64_t hsight__live_bytes(const hsight__figures *figures)
{
    return figures->allocated_bytes - figures->freed_bytes;
}

static inline uint64_t hsight__live_blocks(const hsight__figures *figures)
{
    return figures->allocated_blocks - figures->freed_blocks;
}

/* A stack that allocated. */
typedef struct {
    uint64_t hash;
    uint64_t epoch; /* of peak_*; see tracer.c */
    uint32_t node;
    uint32_t verified; /* value of retired_count when its code was last known to be alive */
    uint32_t thread;   /* number of its outermost frame */
    hsight__figures figures;
} hsight__stack;

typedef struct {
    hsight__vec codes;       /* hsight__code, item 0 unused */
    hsight__map code_ids;    /* address -> code that lies or lay there last */
    hsight__map alike_codes; /* hash of what a code looks like -> list of dead ones */
    hsight__vec met_codes;   /* uint64_t: addresses where code was met, for the caller to empty */
    hsight__strings strings;
    hsight__vec line_tables; /* char */
    hsight__vec nodes;       /* hsight__stack_node, item 0 unused */
    hsight__vec node_slots;  /* uint32_t, open addressing */
    hsight__vec stacks;      /* hsight__stack, item 0 unused */
    hsight__vec stack_slots; /* hsight__stack_slot, open addressing */
    size_t taken_slots;      /* of stack_slots */
    uint64_t seed;
    uint32_t retired_count; /* code objects that died */
} hsight__stacks;

hsight_status hsight__stacks_init(hsight__stacks *stacks, const hsight_allocator *allocator,
                                  hsight_error *err);
void hsight__stacks_free(hsight__stacks *stacks);

static inline hsight__stack *hsight__stacks_get(hsight__stacks *stacks, uint32_t id)
{
    return (hsight__stack *)stacks->stacks.data + id;
}

/* The number of a stack whose code is known to be alive; 0 where hsight__stacks_intern() is to be
 * asked. */
uint32_t hsight__stacks_find(const hsight__stacks *stacks, uint32_t thread,
                             const hsight_raw_frame *frames, uint32_t frame_count);
/* The number of a stack; 0 when memory is refused or there are too many. Addresses where code was
 * met first, or anew, are appended to `met_codes`: they are to be watched (hsight__stacks_retire).
 */
uint32_t hsight__stacks_intern(hsight__stacks *stacks, const hsight_tracer_options *options,
                               uint32_t thread, const hsight_raw_frame *frames,
                               uint32_t frame_count);
/* The code object at an address is gone; another may come to lie there. */
void hsight__stacks_retire(hsight__stacks *stacks, uint64_t address);

#endif
