/* SPDX-License-Identifier: MIT */
/* failing_allocator.c - malloc with a book.
 *
 *     [ size | block ... ]     the size asked for is in front of every block */
#include "failing_allocator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_BYTES = 64 }; /* keeps the alignment of columns */

static bool refuse(failing_allocator *memory)
{
    memory->requests++;
    bool now = memory->requests == memory->refuse_at;
    memory->refused = memory->refused || now;
    return now;
}

static void *take(failing_allocator *memory, size_t bytes)
{
    char *raw = malloc(bytes + HEAD_BYTES);
    if (raw == NULL) {
        return NULL;
    }
    memcpy(raw, &bytes, sizeof bytes);
    memset(raw + HEAD_BYTES, 0xA5, bytes);
    memory->live_blocks++;
    memory->live_bytes += bytes;
    if (memory->live_bytes > memory->peak_bytes) {
        memory->peak_bytes = memory->live_bytes;
    }
    return raw + HEAD_BYTES;
}

static void check_size(const void *block, size_t bytes, const char *call)
{
    size_t known;
    memcpy(&known, (const char *)block - HEAD_BYTES, sizeof known);
    if (known != bytes) {
        fprintf(stderr, "failing_allocator: %s with %zu bytes, the block has %zu\n", call, bytes,
                known);
        abort();
    }
}

static void give_back(failing_allocator *memory, void *block, size_t bytes)
{
    memory->live_blocks--;
    memory->live_bytes -= bytes;
    memset(block, 0x5A, bytes);
    free((char *)block - HEAD_BYTES);
}

static void *failing_allocate(void *state, size_t bytes)
{
    return refuse(state) ? NULL : take(state, bytes);
}

static void *failing_resize(void *state, void *block, size_t old_bytes, size_t new_bytes)
{
    check_size(block, old_bytes, "resize");
    if (refuse(state)) {
        return NULL;
    }
    void *other = take(state, new_bytes);
    if (other != NULL) {
        memcpy(other, block, old_bytes < new_bytes ? old_bytes : new_bytes);
        give_back(state, block, old_bytes);
    }
    return other;
}

static void failing_release(void *state, void *block, size_t bytes)
{
    check_size(block, bytes, "release");
    give_back(state, block, bytes);
}

void failing_allocator_init(failing_allocator *memory, size_t refuse_at)
{
    *memory = (failing_allocator){.refuse_at = refuse_at};
    memory->allocator =
        (hsight_allocator){failing_allocate, failing_resize, failing_release, memory, NULL};
}
