/* SPDX-License-Identifier: MIT */
/* site.h - objects by the place in the program that allocated them. */
#ifndef HEAPSIGHT_SITE_H
#define HEAPSIGHT_SITE_H

#include "histogram.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hsight_sites hsight_sites; /* opaque, immutable */

/** Objects of one type name made in one place. `type` borrows from the graph. */
typedef struct {
    hsight_string type;
    hsight_frame_id site; /* of the snapshot's trace: innermost frame; 0: not known */
    uint64_t count;
    uint64_t bytes; /* shallow; UINT64_MAX where a foreign file has more */
} hsight_site_row;

/** Count objects by type and allocation site. BYTES and COUNT sort descending, NAME by type; ties by
 * type, then site. O(nodes + rows log rows).
 * @param snapshot  borrowed until the sites are freed
 * @return HSIGHT_OK, HSIGHT_ENOMEM, HSIGHT_EINVAL (sort), HSIGHT_ENOTFOUND where no tracer was running */
HSIGHT_API hsight_status hsight_sites_new(const hsight_snapshot *snapshot, hsight_sort sort,
                                          hsight_sites **out, hsight_error *err);
/** The same for some objects; none may be given twice. @param nodes  borrowed for the call */
HSIGHT_API hsight_status hsight_sites_of(const hsight_snapshot *snapshot,
                                         const hsight_node_id *nodes, uint32_t node_count,
                                         hsight_sort sort, hsight_sites **out, hsight_error *err);
HSIGHT_API void hsight_sites_free(hsight_sites *sites);
HSIGHT_API uint32_t hsight_sites_count(const hsight_sites *sites);
HSIGHT_API const hsight_site_row *hsight_sites_rows(const hsight_sites *sites);

#ifdef __cplusplus
}
#endif
#endif
