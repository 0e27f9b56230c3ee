/* SPDX-License-Identifier: MIT */
/* histogram.h - objects and bytes by type. */
#ifndef HEAPSIGHT_HISTOGRAM_H
#define HEAPSIGHT_HISTOGRAM_H

#include "snapshot.h"
#include "sort.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hsight_histogram hsight_histogram; /* opaque, immutable */

/** How good the shallow sizes of a type's objects are: as good as that of the worst of them. */
typedef enum {
    HSIGHT_SIZES_EXACT,      /* what Python's allocators hold for them */
    HSIGHT_SIZES_FORMULA,    /* what the __sizeof__ of the type says, or the blocks it led to */
    HSIGHT_SIZES_LOWER_BOUND /* their own blocks: what C code keeps beside them is not known */
} hsight_sizes;

/** One type name; types that share a name share a row. `type` borrows from the graph. */
typedef struct {
    hsight_string type;
    uint64_t count;
    uint64_t bytes; /* shallow; UINT64_MAX where a foreign file has more */
    hsight_sizes sizes;
} hsight_histogram_row;

/** Count objects by type. BYTES and COUNT sort descending, NAME ascending; ties by name.
 * O(nodes + types log types). @param graph borrowed until the histogram is freed */
HSIGHT_API hsight_status hsight_histogram_new(const hsight_graph *graph, hsight_sort sort,
                                              hsight_histogram **out, hsight_error *err);
HSIGHT_API void hsight_histogram_free(hsight_histogram *histogram);
HSIGHT_API uint32_t hsight_histogram_count(const hsight_histogram *histogram);
HSIGHT_API const hsight_histogram_row *hsight_histogram_rows(const hsight_histogram *histogram);

#ifdef __cplusplus
}
#endif
#endif
