/* SPDX-License-Identifier: MIT */
/* counted_memory.c - an allocator before another one, which adds up what is held. */
#include "trace/counted_memory.h"

static void *counted_allocate(void *state, size_t bytes)
{
    hsight__counted_memory *memory = state;
    void *block = memory->allocator->allocate(memory->allocator->state, bytes);
    memory->bytes += block != NULL ? bytes : 0;
    return block;
}

static void *counted_resize(void *state, void *block, size_t old_bytes, size_t new_bytes)
{
    hsight__counted_memory *memory = state;
    void *moved = memory->allocator->resize(memory->allocator->state, block, old_bytes, new_bytes);
    memory->bytes += moved != NULL ? new_bytes - old_bytes : 0;
    return moved;
}

static void counted_release(void *state, void *block, size_t bytes)
{
    hsight__counted_memory *memory = state;
    memory->bytes -= bytes;
    memory->allocator->release(memory->allocator->state, block, bytes);
}

/* Tables that are filled at once only: the program waits for what grows in small steps. */
static size_t counted_prefault(void *state, void *block, size_t bytes, size_t begin, size_t need)
{
    const hsight_allocator *allocator = ((hsight__counted_memory *)state)->allocator;
    return need == bytes && allocator->prefault != NULL
               ? allocator->prefault(allocator->state, block, bytes, begin, need)
               : bytes;
}

hsight_allocator hsight__counted_allocator(hsight__counted_memory *memory)
{
    return (hsight_allocator){counted_allocate, counted_resize, counted_release, memory,
                              counted_prefault};
}
