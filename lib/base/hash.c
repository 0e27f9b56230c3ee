/* SPDX-License-Identifier: MIT */
/* hash.c - seeds and the hash of a byte string.
 *
 * O(length), 8 bytes a step. The length goes into the start value, so that a string and the same
 * string with trailing NULs differ. Owns nothing. */
#include "base/hash.h"

#include <string.h>
#include <time.h>

#if defined(__linux__)
#include <sys/random.h>
#endif

uint64_t hsight__hash_seed(void)
{
    uint64_t seed = 0;
#if defined(__linux__)
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == (ssize_t)sizeof seed) {
        return seed;
    }
#endif
    /* Early in boot the system has no randomness yet: clock and stack address must do. */
    struct timespec now = {0};
    (void)timespec_get(&now, TIME_UTC);
    return hsight__hash_u64((uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 30,
                            (uint64_t)(uintptr_t)&seed);
}

uint64_t hsight__hash_bytes(uint64_t seed, const void *data, size_t bytes)
{
    const unsigned char *at = data;
    uint64_t hash = hsight__hash_u64(seed, bytes);
    uint64_t word;
    for (; bytes >= sizeof word; at += sizeof word, bytes -= sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = hsight__hash_u64(hash, word);
    }
    if (bytes > 0) {
        word = 0;
        memcpy(&word, at, bytes);
        hash = hsight__hash_u64(hash, word);
    }
    return hash;
}
