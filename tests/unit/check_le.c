/* SPDX-License-Identifier: MIT */
/* check_le.c - little-endian numbers, byte by byte and at odd addresses. */
#include "base/le.h"

#include "suite.h"

#include <string.h>

START_TEST(bytes_are_in_order)
{
    uint8_t bytes[9] = {0};
    hsight__le_write_u64(bytes + 1, UINT64_C(0x0102030405060708));
    const uint8_t expected[9] = {0, 8, 7, 6, 5, 4, 3, 2, 1};
    ck_assert_mem_eq(bytes, expected, 9);
    hsight__le_write_u32(bytes, 0xAABBCCDDu);
    ck_assert_mem_eq(bytes, "\xDD\xCC\xBB\xAA\x05", 5);
    hsight__le_write_u16(bytes, 0x1122);
    ck_assert_mem_eq(bytes, "\x22\x11\xBB", 3);
}
END_TEST

START_TEST(what_is_written_is_read)
{
    static const uint64_t values[] = {0,          1,          0x80,
                                      0xFF,       0x8000,     0xFFFF,
                                      0x80000000, 0xFFFFFFFF, UINT64_C(0x8000000000000000),
                                      UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        uint8_t bytes[16];
        for (size_t shift = 0; shift < 8; shift++) {
            hsight__le_write_u64(bytes + shift, values[i]);
            ck_assert_uint_eq(hsight__le_read_u64(bytes + shift), values[i]);
            ck_assert_uint_eq(hsight__le_read_u32(bytes + shift), (uint32_t)values[i]);
        }
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("le");
    tcase_add_test(tests, bytes_are_in_order);
    tcase_add_test(tests, what_is_written_is_read);
    return run_tests("le", tests);
}
