/* SPDX-License-Identifier: MIT */
/* crc32.h - CRC-32/ISO-HDLC, the checksum of zip, gzip and PNG (check value 0xCBF43926 for
 * "123456789").
 *
 * The tables belong to the caller (16 KiB, on its stack or in its state) and are computed in some
 * 20 microseconds: lib/ has no mutable globals and no generated source. */
#ifndef HEAPSIGHT_LIB_BASE_CRC32_H
#define HEAPSIGHT_LIB_BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

enum { HSIGHT__CRC32_SLICES = 16 };

typedef struct {
    uint32_t table[HSIGHT__CRC32_SLICES][256];
} hsight__crc32_tables;

void hsight__crc32_prepare(hsight__crc32_tables *tables);

/* Checksum of what `crc` covers followed by `data`; start with crc 0. O(bytes). */
uint32_t hsight__crc32(const hsight__crc32_tables *tables, uint32_t crc, const void *data,
                       size_t bytes);

#endif
