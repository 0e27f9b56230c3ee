/* SPDX-License-Identifier: MIT */
/* subgraph.h - the small part of a heap graph that a picture shows. */
#ifndef HEAPSIGHT_SUBGRAPH_H
#define HEAPSIGHT_SUBGRAPH_H

#include "path.h"
#include "snapshot.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hsight_subgraph hsight_subgraph; /* opaque, immutable */

typedef enum { HSIGHT_REFERRERS = 0, HSIGHT_REFERENTS = 1 } hsight_direction;

/** An object in the picture. */
typedef struct {
    hsight_node_id node;
    uint32_t depth;         /* references between it and the nearest start object. One that is shown
                             * and not followed (weak; towards referents also the globals of a
                             * function) counts only where no followed one leads to it, however long
                             * the way that does */
    uint32_t is_start;      /* 1: an object that was asked for */
    uint32_t omitted_count; /* references (and roots) of this object beyond too_many, not shown */
    uint64_t standing_for;  /* objects in the same place that this one stands for, usually 1 */
    uint64_t hanging_count; /* of paths: objects asked for that only hang below those */
} hsight_subgraph_node;

/** A reference in the picture; from and to are positions in the node list. */
typedef struct {
    uint32_t from;
    uint32_t to;
    hsight_label label;
} hsight_subgraph_edge;

/** A root in the picture that holds nodes[to]. */
typedef struct {
    const hsight_root *root;
    uint32_t to;
} hsight_subgraph_root;

typedef struct {
    hsight_direction direction;
    uint32_t depth;    /* levels; 0 = the start objects alone */
    uint32_t too_many; /* new neighbours shown per object, as many references to objects that
                        * are shown already, and as many roots; 0 = all */
} hsight_subgraph_options;

/** Breadth-first neighbourhood of `starts`, with the roots of what is shown. Modules are shown but
 * not expanded, unless they are start objects; weak references are shown (drawn dashed), not
 * expanded. Parallel references between the same two objects are separate edges.
 *
 * Towards referrers, the __dict__ of a module leads to the module alone, and the profiler's own hold
 * is shown only where nothing else in the picture holds the object.
 *
 * Towards referents, references to the class of an object and to dict keys that hold nothing are
 * left out (the picture names both); classes and the globals of functions are not expanded; roots
 * are those of start objects and modules.
 *
 * O(nodes + edges) for referrers (one reverse index unless given), O(what is shown + roots) for
 * referents.
 * @param graph    borrowed until the subgraph is freed
 * @param reverse  borrowed for the call; NULL = built and freed inside
 * @return HSIGHT_OK, HSIGHT_ENOMEM, HSIGHT_EINVAL */
HSIGHT_API hsight_status hsight_subgraph_around(const hsight_graph *graph,
                                                const hsight_reverse *reverse,
                                                const hsight_node_id *starts, uint32_t start_count,
                                                const hsight_subgraph_options *options,
                                                hsight_subgraph **out, hsight_error *err);
/** The union of some paths, each with its root. @param paths borrowed for the call */
HSIGHT_API hsight_status hsight_subgraph_of_paths(const hsight_graph *graph,
                                                  const hsight_paths *paths, hsight_subgraph **out,
                                                  hsight_error *err);
HSIGHT_API void hsight_subgraph_free(hsight_subgraph *subgraph);

/** What omitted_count counts: referrers or references. Subgraphs of paths have none left out. */
HSIGHT_API hsight_direction hsight_subgraph_direction(const hsight_subgraph *subgraph);
HSIGHT_API uint32_t hsight_subgraph_node_count(const hsight_subgraph *subgraph);
HSIGHT_API uint32_t hsight_subgraph_edge_count(const hsight_subgraph *subgraph);
HSIGHT_API uint32_t hsight_subgraph_root_count(const hsight_subgraph *subgraph);
HSIGHT_API const hsight_subgraph_node *hsight_subgraph_nodes(const hsight_subgraph *subgraph);
HSIGHT_API const hsight_subgraph_edge *hsight_subgraph_edges(const hsight_subgraph *subgraph);
HSIGHT_API const hsight_subgraph_root *hsight_subgraph_roots(const hsight_subgraph *subgraph);
HSIGHT_API const hsight_graph *hsight_subgraph_graph(const hsight_subgraph *subgraph);

/** Say in reports of this subgraph where each object was allocated. To be called before anybody else
 * has the subgraph. @param snapshot  of the same graph; borrowed until the subgraph is freed */
HSIGHT_API void hsight_subgraph_show_sites(hsight_subgraph *subgraph,
                                           const hsight_snapshot *snapshot);
/** Where an object was allocated: frame 0 where it is not known or not to be shown. `*trace` is what
 * the frame belongs to. */
HSIGHT_API hsight_frame_id hsight_subgraph_site(const hsight_subgraph *subgraph,
                                                hsight_node_id node, const hsight_trace **trace);

#ifdef __cplusplus
}
#endif
#endif
