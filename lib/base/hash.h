/* SPDX-License-Identifier: MIT */
/* hash.h - seeded hashing for the tables of lib/. Not cryptographic.
 *
 * The core step is a 64 x 64 -> 128 bit multiplication whose halves are folded together: every
 * input bit reaches every output bit in about four cycles. The seed comes from the system, so that
 * names chosen by somebody else cannot be made to collide. */
#ifndef HEAPSIGHT_LIB_BASE_HASH_H
#define HEAPSIGHT_LIB_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* A seed that differs from call to call and from process to process. Never fails. */
uint64_t hsight__hash_seed(void);

uint64_t hsight__hash_bytes(uint64_t seed, const void *data, size_t bytes);

static inline uint64_t hsight__hash_mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    return a * b ^ (uint64_t)((wide)a * b >> 64); /* as one 128-bit value it would go by memory */
}

static inline uint64_t hsight__hash_u64(uint64_t seed, uint64_t value)
{
    /* Odd constants: fractional bits of the square roots of 2 and 3. */
    return hsight__hash_mix(value ^ seed ^ UINT64_C(0x6A09E667F3BCC909),
                            UINT64_C(0xBB67AE8584CAA73B));
}

#endif
