/* SPDX-License-Identifier: MIT */
/* le.h - little-endian numbers in byte buffers, on any host and at any alignment. */
#ifndef HEAPSIGHT_LIB_BASE_LE_H
#define HEAPSIGHT_LIB_BASE_LE_H

#include <stdint.h>

static inline uint32_t hsight__le_read_u32(const void *from)
{
    const uint8_t *bytes = from;
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static inline uint64_t hsight__le_read_u64(const void *from)
{
    const uint8_t *bytes = from;
    return (uint64_t)hsight__le_read_u32(bytes) | (uint64_t)hsight__le_read_u32(bytes + 4) << 32;
}

static inline void hsight__le_write_u16(void *to, uint16_t value)
{
    uint8_t *bytes = to;
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

static inline void hsight__le_write_u32(void *to, uint32_t value)
{
    uint8_t *bytes = to;
    hsight__le_write_u16(bytes, (uint16_t)value);
    hsight__le_write_u16(bytes + 2, (uint16_t)(value >> 16));
}

static inline void hsight__le_write_u64(void *to, uint64_t value)
{
    uint8_t *bytes = to;
    hsight__le_write_u32(bytes, (uint32_t)value);
    hsight__le_write_u32(bytes + 4, (uint32_t)(value >> 32));
}

#endif
