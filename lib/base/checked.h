/* SPDX-License-Identifier: MIT */
/* checked.h - size arithmetic that says when it overflows, or stays at the end of its range. */
#ifndef HEAPSIGHT_LIB_BASE_CHECKED_H
#define HEAPSIGHT_LIB_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each returns true and sets *out, or returns false and leaves *out alone. */
static inline bool hsight__add_size(size_t a, size_t b, size_t *out)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum)) {
        return false;
    }
    *out = sum;
    return true;
}

static inline bool hsight__multiply_size(size_t a, size_t b, size_t *out)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) {
        return false;
    }
    *out = product;
    return true;
}

/* For what is reported: sizes from a foreign file may be any number, and so may their sums. */
static inline uint64_t hsight__add_saturated(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static inline int64_t hsight__add_change_saturated(int64_t a, int64_t b)
{
    int64_t sum;
    return !__builtin_add_overflow(a, b, &sum) ? sum : a < 0 ? INT64_MIN : INT64_MAX;
}

static inline int64_t hsight__change_saturated(uint64_t before, uint64_t after)
{
    int64_t change;
    return !__builtin_sub_overflow(after, before, &change) ? change
           : after < before                                ? INT64_MIN
                                                           : INT64_MAX;
}

#endif
