/* SPDX-License-Identifier: MIT */
/* sampler.c - distances and weights of samples. No state of its own. */
#include "trace/sampler.h"

#include "base/hash.h"

#include <math.h>

/* A 64-bit counter run through a mixing function (Steele, Lea and Flood, "Fast splittable
 * pseudorandom number generators", OOPSLA 2014). */
static uint64_t next_random(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    return hsight__hash_u64(0, *state);
}

int64_t hsight__sample_distance(uint64_t *random, uint64_t mean_bytes)
{
    /* In (0, 1]: 53 bits, the middle of each step. */
    double uniform = ((double)(next_random(random) >> 11) + 0.5) * 0x1p-53;
    double distance = -log(uniform) * (double)mean_bytes;
    if (distance >= 0x1p62) {
        return INT64_MAX / 2;
    }
    return distance < 1 ? 1 : (int64_t)distance;
}

hsight__weight hsight__sample_weight(uint64_t block_bytes, uint64_t mean_bytes)
{
    /* A block of no bytes passes the sampler as one byte. */
    double chance = -expm1(-(double)(block_bytes > 0 ? block_bytes : 1) / (double)mean_bytes);
    return (hsight__weight){
        .bytes = (uint64_t)llround((double)block_bytes / chance),
        .blocks = (uint64_t)llround(1 / chance),
    };
}
