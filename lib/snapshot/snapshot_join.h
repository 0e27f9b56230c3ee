/* SPDX-License-Identifier: MIT */
/* snapshot_join.h - the column that joins objects with the stacks that allocated them, for the
 * file.
 */
#ifndef HEAPSIGHT_LIB_SNAPSHOT_SNAPSHOT_JOIN_H
#define HEAPSIGHT_LIB_SNAPSHOT_SNAPSHOT_JOIN_H

#include <heapsight/snapshot.h>

/* hsight_snapshot_join() for a column that lives as long as the graph: it is borrowed. */
hsight_status hsight__snapshot_join_column(hsight_snapshot *snapshot, hsight_trace *trace,
                                           const hsight_stack_id *stacks, hsight_error *err);
/* node_count + 1 items, or NULL. Borrowed until the snapshot is freed. */
const hsight_stack_id *hsight__snapshot_stacks(const hsight_snapshot *snapshot);

#endif
