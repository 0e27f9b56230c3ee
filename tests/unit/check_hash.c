/* SPDX-License-Identifier: MIT */
/* check_hash.c - seeds differ, and every bit of seed, length and text matters. */
#include "base/hash.h"

#include "suite.h"

#include <string.h>

static int bits_changed(uint64_t a, uint64_t b)
{
    return __builtin_popcountll(a ^ b);
}

START_TEST(seeds_differ)
{
    uint64_t seed = hsight__hash_seed();
    for (int i = 0; i < 10; i++) {
        uint64_t next = hsight__hash_seed();
        ck_assert_uint_ne(next, seed);
        seed = next;
    }
}
END_TEST

START_TEST(the_same_gives_the_same)
{
    char text[40] = "at any alignment";
    uint64_t hash = hsight__hash_bytes(7, text, 16);
    for (size_t shift = 1; shift < 16; shift++) {
        char other[40];
        memcpy(other + shift, text, 16);
        ck_assert_uint_eq(hsight__hash_bytes(7, other + shift, 16), hash);
    }
}
END_TEST

START_TEST(length_matters)
{
    static const char zeros[32];
    for (size_t a = 0; a < 32; a++) {
        for (size_t b = 0; b < a; b++) {
            ck_assert_uint_ne(hsight__hash_bytes(7, zeros, a), hsight__hash_bytes(7, zeros, b));
        }
    }
}
END_TEST

/* One bit more or less changes 8 bits of the hash at least, where 32 are expected. */
START_TEST(every_bit_matters)
{
    for (size_t bytes = 1; bytes <= 20; bytes++) {
        uint8_t text[20] = {1, 2, 3};
        uint64_t hash = hsight__hash_bytes(7, text, bytes);
        for (size_t bit = 0; bit < bytes * 8; bit++) {
            text[bit / 8] ^= (uint8_t)(1 << bit % 8);
            ck_assert_int_ge(bits_changed(hash, hsight__hash_bytes(7, text, bytes)), 8);
            text[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (int bit = 0; bit < 64; bit++) {
            uint64_t seed = 7 ^ UINT64_C(1) << bit;
            ck_assert_int_ge(bits_changed(hash, hsight__hash_bytes(seed, text, bytes)), 8);
        }
    }
}
END_TEST

/* Addresses have a stride: they must fill the low bits evenly, which pick the slot. */
START_TEST(strides_spread)
{
    enum { SLOTS = 1024 };
    for (int shift = 0; shift < 54; shift++) {
        uint32_t taken[SLOTS] = {0};
        uint32_t most = 0;
        for (uint64_t i = 0; i < SLOTS; i++) {
            uint32_t *slot = &taken[hsight__hash_u64(7, i << shift) % SLOTS];
            most = ++*slot > most ? *slot : most;
        }
        ck_assert_uint_le(most, 12); /* random numbers give 5 to 8 */
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("hash");
    tcase_add_test(tests, seeds_differ);
    tcase_add_test(tests, the_same_gives_the_same);
    tcase_add_test(tests, length_matters);
    tcase_add_test(tests, every_bit_matters);
    tcase_add_test(tests, strides_spread);
    return run_tests("hash", tests);
}
