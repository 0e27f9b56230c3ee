/* SPDX-License-Identifier: MIT */
/* sampler.h - Poisson sampling of allocated bytes.
 *
 * Samples fall on the stream of allocated bytes as events of a Poisson process, one in `mean`
 * bytes; a block is kept when a sample falls into it, which happens with probability p = 1 -
 * exp(-bytes / mean). Counting each kept block 1 / p times gives sums without bias, for any mix of
 * sizes (Horvitz and Thompson, JASA 47, 1952); what is left of one is the rounding of a weight,
 * half a byte and 2^-17 blocks at most. Distances are exponential and have no memory, so the next
 * one starts at the end of the block that was kept. */
#ifndef HEAPSIGHT_LIB_TRACE_SAMPLER_H
#define HEAPSIGHT_LIB_TRACE_SAMPLER_H

#include <stdint.h>

/* Bytes until the next sample, 1 at least. */
int64_t hsight__sample_distance(uint64_t *random, uint64_t mean_bytes);

/* Blocks are summed in parts of one: 1 / p is no whole number, and near the mean it is 1 to 2. */
#define HSIGHT__BLOCK_UNITS 65536

/* What a kept block stands for. The same answer whenever it is asked. */
typedef struct {
    uint64_t bytes;
    uint64_t blocks; /* in HSIGHT__BLOCK_UNITS of a block */
} hsight__weight;
hsight__weight hsight__sample_weight(uint64_t block_bytes, uint64_t mean_bytes);

#endif
