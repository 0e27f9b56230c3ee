/* SPDX-License-Identifier: MIT */
/* size_text.c - byte counts for people: "1 B", "1023 B", "1.5 KiB", "-12.0 MiB".
 *
 * One decimal, rounded to nearest; what would round to 1024.0 of a unit is 1.0 of the next, so the
 * number part never has more than six characters. O(1). */
#include <heapsight/report.h>

#include <inttypes.h>
#include <stdio.h>

/* Tenths of units of 2^shift bytes, rounded half up. bytes * 10 may not fit: split first. */
static uint64_t tenths_of(uint64_t bytes, unsigned shift)
{
    uint64_t unit = UINT64_C(1) << shift;
    uint64_t whole = bytes >> shift;
    uint64_t part = bytes & (unit - 1);
    if (shift > 59) {
        part >>= 10; /* keeps part * 10 in range; far below a tenth of a unit */
        unit >>= 10;
    }
    return whole * 10 + (part * 10 + unit / 2) / unit;
}

void hsight_report_size_text(int64_t bytes, char out[16])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    const char *sign = bytes < 0 ? "-" : "";
    uint64_t magnitude = bytes < 0 ? 0 - (uint64_t)bytes : (uint64_t)bytes;
    if (magnitude < 1024) {
        snprintf(out, 16, "%s%" PRIu64 " B", sign, magnitude);
        return;
    }
    unsigned unit = 0;
    while (unit < 5 && tenths_of(magnitude, 10 * (unit + 1)) >= 10240) {
        unit++;
    }
    uint64_t tenths = tenths_of(magnitude, 10 * (unit + 1));
    snprintf(out, 16, "%s%u.%u %s", sign, (unsigned)(tenths / 10), (unsigned)(tenths % 10),
             units[unit]);
}
