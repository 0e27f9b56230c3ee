/* SPDX-License-Identifier: MIT */
/* check_crc32.c - the checksum against its published check values and a bit by bit oracle. */
#include "base/crc32.h"

#include "random_graph.h"
#include "suite.h"

#include <string.h>

static hsight__crc32_tables tables;

static void setup(void)
{
    hsight__crc32_prepare(&tables);
}

/* The definition: one bit a step, polynomial 0x04C11DB7 reflected, start and end inverted. */
static uint32_t oracle(const uint8_t *data, size_t bytes)
{
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < bytes * 8; i++) {
        uint32_t bit = (crc ^ data[i / 8] >> i % 8) & 1;
        crc = crc >> 1 ^ (bit ? 0xEDB88320u : 0);
    }
    return ~crc;
}

START_TEST(published_values)
{
    ck_assert_uint_eq(hsight__crc32(&tables, 0, "123456789", 9), 0xCBF43926u);
    ck_assert_uint_eq(hsight__crc32(&tables, 0, "", 0), 0);
    ck_assert_uint_eq(hsight__crc32(&tables, 0, NULL, 0), 0);
    ck_assert_uint_eq(hsight__crc32(&tables, 0, "a", 1), 0xE8B7BE43u);
}
END_TEST

START_TEST(agrees_with_the_oracle_at_every_length_and_alignment)
{
    uint8_t data[128];
    uint64_t state = 1;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)random_next(&state);
    }
    for (size_t shift = 0; shift < 16; shift++) {
        for (size_t length = 0; length <= 100; length++) {
            ck_assert_uint_eq(hsight__crc32(&tables, 0, data + shift, length),
                              oracle(data + shift, length));
        }
    }
}
END_TEST

START_TEST(pieces_give_the_sum_of_the_whole)
{
    static const char text[] = "a checksum may be taken in pieces of any length, also of none";
    uint32_t whole = hsight__crc32(&tables, 0, text, sizeof text);
    for (size_t cut = 0; cut <= sizeof text; cut++) {
        uint32_t crc = hsight__crc32(&tables, 0, text, cut);
        ck_assert_uint_eq(hsight__crc32(&tables, crc, text + cut, sizeof text - cut), whole);
    }
}
END_TEST

START_TEST(every_changed_bit_shows)
{
    uint8_t data[64] = {0};
    uint32_t whole = hsight__crc32(&tables, 0, data, sizeof data);
    for (size_t bit = 0; bit < sizeof data * 8; bit++) {
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert_uint_ne(hsight__crc32(&tables, 0, data, sizeof data), whole);
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("crc32");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, published_values);
    tcase_add_test(tests, agrees_with_the_oracle_at_every_length_and_alignment);
    tcase_add_test(tests, pieces_give_the_sum_of_the_whole);
    tcase_add_test(tests, every_changed_bit_shows);
    return run_tests("crc32", tests);
}
