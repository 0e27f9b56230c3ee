/* SPDX-License-Identifier: MIT */
/* utf8.c - decoding by the table of RFC 3629, section 4.
 *
 * I1  a decoded character takes exactly the bytes that hsight__utf8_put() writes for it
 * I2  never looks past text.length
 *
 * O(1) a character; owns nothing. */
#include "report/utf8.h"

/* Bytes of the sequence that `lead` begins, 0 when none begins with it. */
static size_t sequence_bytes(unsigned char lead)
{
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xC2 && lead <= 0xDF) {
        return 2;
    }
    if (lead >= 0xE0 && lead <= 0xEF) {
        return 3;
    }
    return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

/* Too long a form, half of a surrogate pair, or beyond Unicode. */
static bool is_malformed(uint32_t code, size_t bytes)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    return code < smallest[bytes] || (code >= 0xD800 && code <= 0xDFFF) || code > 0x10FFFF;
}

uint32_t hsight__utf8_next(hsight_string text, size_t at, size_t *size)
{
    static const unsigned char lead_mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    const unsigned char *bytes = (const unsigned char *)text.data + at;
    size_t count = sequence_bytes(bytes[0]);
    *size = 1;
    if (count == 0 || count > text.length - at) {
        return HSIGHT__UTF8_REPLACEMENT;
    }
    uint32_t code = bytes[0] & lead_mask[count];
    for (size_t i = 1; i < count; i++) {
        if ((bytes[i] & 0xC0) != 0x80) {
            return HSIGHT__UTF8_REPLACEMENT;
        }
        code = code << 6 | (bytes[i] & 0x3F);
    }
    if (is_malformed(code, count)) {
        return HSIGHT__UTF8_REPLACEMENT;
    }
    *size = count;
    return code;
}

size_t hsight__utf8_put(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t count = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = count - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    out[0] = (char)(lead[count] | code);
    return count;
}

size_t hsight__utf8_count(hsight_string text)
{
    size_t count = 0;
    size_t size;
    for (size_t at = 0; at < text.length; at += size) {
        hsight__utf8_next(text, at, &size);
        count++;
    }
    return count;
}

bool hsight__utf8_is_unprintable(uint32_t code)
{
    static const uint32_t ranges[][2] = {
        {0x00, 0x1F},     {0x7F, 0x9F},     {0xAD, 0xAD},       {0x61C, 0x61C},
        {0x200B, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F},   {0xFEFF, 0xFEFF},
        {0xFFF9, 0xFFFB}, {0xFFFE, 0xFFFF}, {0xE0000, 0xE007F},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (code >= ranges[i][0] && code <= ranges[i][1]) {
            return true;
        }
    }
    return false;
}
