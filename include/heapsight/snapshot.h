/* SPDX-License-Identifier: MIT */
/* snapshot.h - one immutable value: the heap graph and where it came from. */
#ifndef HEAPSIGHT_SNAPSHOT_H
#define HEAPSIGHT_SNAPSHOT_H

#include "graph.h"
#include "trace.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hsight_snapshot hsight_snapshot; /* opaque, immutable */

/** Where a snapshot was taken. Strings are UTF-8; an unknown one is "" and an unknown number 0.
 * Given to hsight_snapshot_new(): copied. Handed out by hsight_snapshot_info(): borrowed until the
 * snapshot is freed. */
typedef struct {
    hsight_string label;        /* the name the user gave */
    hsight_string interpreter;  /* "CPython 3.13.0" */
    hsight_string platform;     /* "Linux-6.1 x86_64" */
    hsight_string arguments;    /* command line, joined by spaces, quoted as a shell would */
    hsight_string capture;      /* how it was walked: "direct walk", or which parts fell back */
    uint64_t process_id;
    uint64_t taken_at_ns;       /* since 1970-01-01 UTC */
    uint64_t duration_ns;       /* the walk */
    uint64_t rss_bytes;         /* resident set of the process before the walk */
    uint64_t dropped_count;     /* records that could not be kept */
    uint64_t overcounted_count; /* objects with more references found than their refcount */
    uint64_t has_values;        /* 1: previews of strings and numbers are inside */
    uint64_t doubted_count;     /* objects whose size cannot be: counted with their fixed part */
    uint64_t invalid_count;     /* references a type told of that lead to no object: left out */
    /* Types of these objects, and types that told of such references: "app.Row 12, list 1", the
     * most frequent first. */
    hsight_string overcounted_types;
    hsight_string doubted_types;
    hsight_string invalid_types;
} hsight_snapshot_info;

/** @param graph  consumed on success
 * @param info   borrowed for the call, copied */
HSIGHT_API hsight_status hsight_snapshot_new(hsight_graph *graph, const hsight_snapshot_info *info,
                                             hsight_snapshot **out, hsight_error *err);
HSIGHT_API void hsight_snapshot_free(hsight_snapshot *snapshot);
/** Borrowed until the snapshot is freed. */
HSIGHT_API const hsight_graph *hsight_snapshot_graph(const hsight_snapshot *snapshot);
HSIGHT_API const hsight_snapshot_info *hsight_snapshot_get_info(const hsight_snapshot *snapshot);
/** Sum of the shallow sizes of all objects. O(1): computed once at creation. */
HSIGHT_API uint64_t hsight_snapshot_total_bytes(const hsight_snapshot *snapshot);

/** Give a new snapshot the allocations up to its moment, before anybody else has it.
 * @param trace   consumed on success
 * @param stacks  stack that allocated each object, 0 where it is not known: node_count + 1 items,
 *                item 0 unused, on hsight_allocator_default(); consumed on success
 * @return HSIGHT_OK, or HSIGHT_EINVAL when a stack is not in the trace, or there is one already */
HSIGHT_API hsight_status hsight_snapshot_join(hsight_snapshot *snapshot, hsight_trace *trace,
                                              hsight_stack_id *stacks, hsight_error *err);
/** NULL where no tracer was running. */
HSIGHT_API const hsight_trace *hsight_snapshot_trace(const hsight_snapshot *snapshot);
/** The stack that allocated an object; 0 where it is not known. O(1). */
HSIGHT_API hsight_stack_id hsight_snapshot_stack(const hsight_snapshot *snapshot,
                                                 hsight_node_id node);

#ifdef __cplusplus
}
#endif
#endif
