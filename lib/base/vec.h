/* SPDX-License-Identifier: MIT */
/* vec.h - a growable column of equal items on an hsight_allocator.
 *
 * What is held doubles. On the default allocator, what is held beyond `capacity` costs address
 * space and no memory: memory comes behind it in pieces, as the column gets there. A failing call
 * leaves the vector as it was. The owner reads and writes `data` directly:
 *
 *     uint32_t *values = vec.data;      valid until the next call that grows or shrinks
 */
#ifndef HEAPSIGHT_LIB_BASE_VEC_H
#define HEAPSIGHT_LIB_BASE_VEC_H

#include "base/error.h"

typedef struct {
    const hsight_allocator *allocator; /* borrowed until the vector is freed */
    void *data;                        /* held * item_bytes bytes, NULL while held is 0 */
    size_t count;
    size_t capacity; /* backed by memory: may be written to */
    size_t held;     /* asked of the allocator */
    size_t item_bytes;
} hsight__vec;

/* Allocates nothing. */
void hsight__vec_init(hsight__vec *vec, const hsight_allocator *allocator, size_t item_bytes);
/* Also leaves a vector that can be used again. */
void hsight__vec_free(hsight__vec *vec);

/* Slow path of hsight__vec_reserve(). */
hsight_status hsight__vec_grow(hsight__vec *vec, size_t extra, hsight_error *err);

/* Make room for `extra` items after `count`. Amortised O(1) for each item added. */
static inline hsight_status hsight__vec_reserve(hsight__vec *vec, size_t extra, hsight_error *err)
{
    return vec->capacity - vec->count >= extra ? HSIGHT_OK : hsight__vec_grow(vec, extra, err);
}

/* Hold room for `extra` items after `count`, without memory behind it yet. */
hsight_status hsight__vec_hold(hsight__vec *vec, size_t extra, hsight_error *err);

/* Append copies of `count` items. */
hsight_status hsight__vec_append(hsight__vec *vec, const void *items, size_t count,
                                 hsight_error *err);
/* Append `count` items of zero bytes. */
hsight_status hsight__vec_append_zeros(hsight__vec *vec, size_t count, hsight_error *err);
static inline hsight_status hsight__vec_push(hsight__vec *vec, const void *item, hsight_error *err)
{
    return hsight__vec_append(vec, item, 1, err);
}

/* Give spare capacity back. Where the allocator refuses, the vector stays as it is. */
void hsight__vec_shrink(hsight__vec *vec);

#endif
