/* SPDX-License-Identifier: MIT */
/* diff.h - what grew between two snapshots, by type name. */
#ifndef HEAPSIGHT_DIFF_H
#define HEAPSIGHT_DIFF_H

#include "histogram.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hsight_diff hsight_diff; /* opaque, immutable */

/** `type` borrows from the graph that has it (after first, then before). Numbers that a foreign
 * file drives out of range stay at its end. */
typedef struct {
    hsight_string type;
    int64_t count_delta;
    int64_t bytes_delta;
    uint64_t count_after;
    uint64_t bytes_after;
} hsight_diff_row;

/** Compare by type name; rows without any change are left out. Sorted by bytes_delta (BYTES) or
 * count_delta (COUNT) descending, or by NAME; ties by name. O(nodes of both).
 * @param before, after  borrowed until the diff is freed */
HSIGHT_API hsight_status hsight_diff_new(const hsight_graph *before, const hsight_graph *after,
                                         hsight_sort sort, hsight_diff **out, hsight_error *err);
HSIGHT_API void hsight_diff_free(hsight_diff *diff);
HSIGHT_API uint32_t hsight_diff_count(const hsight_diff *diff);
HSIGHT_API const hsight_diff_row *hsight_diff_rows(const hsight_diff *diff);

#ifdef __cplusplus
}
#endif
#endif
