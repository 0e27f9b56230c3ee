/* SPDX-License-Identifier: MIT */
/* crc32.c - CRC-32/ISO-HDLC, sixteen bytes a step.
 *
 * table[0][b] is the register after byte b; table[k][b] is that followed by k zero bytes. The crc
 * is linear over GF(2), so sixteen bytes are sixteen independent look-ups, xored ("slicing";
 * Kounavis and Berry, A Systematic Approach to Building High Performance Software-Based CRC
 * Generators, 2005). Owns nothing. */
#include "base/crc32.h"

#include "base/le.h"

static const uint32_t POLYNOMIAL = 0xEDB88320u; /* 0x04C11DB7, bits reversed */

void hsight__crc32_prepare(hsight__crc32_tables *tables)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
        }
        tables->table[0][byte] = crc;
    }
    for (int slice = 1; slice < HSIGHT__CRC32_SLICES; slice++) {
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t crc = tables->table[slice - 1][byte];
            tables->table[slice][byte] = crc >> 8 ^ tables->table[0][crc & 0xFF];
        }
    }
}

/* Four bytes of which the last is followed by `after` more in the same step. */
static inline uint32_t look_up(const hsight__crc32_tables *tables, uint32_t word, int after)
{
    return tables->table[after + 3][word & 0xFF] ^ tables->table[after + 2][word >> 8 & 0xFF] ^
           tables->table[after + 1][word >> 16 & 0xFF] ^ tables->table[after][word >> 24];
}

uint32_t hsight__crc32(const hsight__crc32_tables *tables, uint32_t crc, const void *data,
                       size_t bytes)
{
    const uint8_t *at = data;
    crc = ~crc;
    for (; bytes >= 16; at += 16, bytes -= 16) {
        crc = look_up(tables, hsight__le_read_u32(at) ^ crc, 12) ^
              look_up(tables, hsight__le_read_u32(at + 4), 8) ^
              look_up(tables, hsight__le_read_u32(at + 8), 4) ^
              look_up(tables, hsight__le_read_u32(at + 12), 0);
    }
    for (; bytes > 0; at++, bytes--) {
        crc = crc >> 8 ^ tables->table[0][(crc ^ *at) & 0xFF];
    }
    return ~crc;
}
