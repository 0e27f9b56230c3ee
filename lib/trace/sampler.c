/* SPDX-License-Identifier: MIT */
/* sampler.c - distances and weights of samples. No state of its own. */
#include "trace/sampler.h"

#include <math.h>

/* SplitMix64: a counter (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
 * OOPSLA 2014) behind variant 13 of Stafford's mixers. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t mixed = *state += UINT64_C(0x9E3779B97F4A7C15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ mixed >> 31;
}

int64_t hsight__sample_distance(uint64_t *random, uint64_t mean_bytes)
{
    /* In (0, 1]: 53 bits, the middle of each step. */
    double uniform = ((double)(next_random(random) >> 11) + 0.5) * 0x1p-53;
    double distance = -log(uniform) * (double)mean_bytes;
    if (distance >= 0x1p62) {
        return INT64_MAX / 2;
    }
    /* Up: a block of b bytes then has a sample in it exactly when the distance is b at most. */
    return (int64_t)ceil(distance);
}

/* A block of one byte under a mean of 2^62 stands for 2^62 blocks: more than a sum can hold. */
static uint64_t whole(double weight)
{
    return (uint64_t)llround(weight < 0x1p62 ? weight : 0x1p62);
}

hsight__weight hsight__sample_weight(uint64_t block_bytes, uint64_t mean_bytes)
{
    /* A block of no bytes passes the sampler as one byte. */
    double chance = -expm1(-(double)(block_bytes > 0 ? block_bytes : 1) / (double)mean_bytes);
    return (hsight__weight){
        .bytes = whole((double)block_bytes / chance),
        .blocks = whole(HSIGHT__BLOCK_UNITS / chance),
    };
}
