/* SPDX-License-Identifier: MIT */
/* format.c - the table of chunk kinds, and whether this machine can use the format at all.
 *
 * Owns nothing. */
#include "store/format.h"

#include "base/error.h"

const hsight__chunk_kind hsight__chunk_kinds[HSIGHT__CHUNK_COUNT] = {
#define CHUNK_KIND(id, item_bytes, part) {#id, item_bytes, HSIGHT__PART_##part},
    HSIGHT__CHUNK_LIST(CHUNK_KIND)
#undef CHUNK_KIND
};

hsight_status hsight__format_check_host(hsight_error *err)
{
    const union {
        uint16_t number;
        uint8_t bytes[2];
    } probe = {.number = 1};
    if (probe.bytes[0] == 1) {
        return HSIGHT_OK;
    }
    return hsight__fail(err, HSIGHT_ENOTSUP,
                        "snapshot files are little-endian and used in place, and this machine is "
                        "big-endian; use heapsight on x86-64 or aarch64");
}
