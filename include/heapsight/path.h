/* SPDX-License-Identifier: MIT */
/* path.h - why is it alive: the shortest labelled paths from roots to objects.
 *
 * Search is breadth first over strong references, root kinds in the order of HSIGHT_ROOT_LIST: an
 * object that any module reaches is explained by a module, however short the way from "held by C".
 * Weak references are never followed. Paths of the same shape (same root, same labels but for index
 * and key, same types, chains like a.next.next shortened) are one path with a count.
 *
 * A path ends at the first of the objects asked for: an object that only hangs below another one is
 * counted with that one. So a list or tree of a million nodes that hold each other is one path. */
#ifndef HEAPSIGHT_PATH_H
#define HEAPSIGHT_PATH_H

#include "graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hsight_paths hsight_paths; /* opaque, immutable */

/** One object on a path and the reference that leads to it. The first step is the root's object:
 * its label has no meaning. */
typedef struct {
    hsight_node_id node;
    hsight_label label;
    uint32_t object_count; /* objects in this place on the ways that this path stands for: 1 = this
                            * very one, more = `node` and `label` are an example. In the last step:
                            * objects asked for that are held there directly. */
} hsight_path_step;

/** A path shape with one example. `steps` borrows until the paths are freed; the last step is one
 * of the objects asked for. */
typedef struct {
    const hsight_root *root;
    const hsight_path_step *steps;
    uint32_t step_count;
    uint64_t object_count; /* objects asked for that are held this way, directly or through others
                            * of them */
    uint64_t bytes;        /* their shallow sizes; UINT64_MAX where a foreign file has more */
} hsight_path;

/** Find how `targets` are held. For every target each distinct way in is considered: its shortest
 * path, each root of its own, and through every other referrer that one's shortest path. That the
 * profiler holds it, or an object that refers to it, is said only where nothing else reaches it.
 * Rows are sorted by object_count descending, then by root kind, then by length.
 * O(nodes + edges + roots + rows log rows) time, and the objects on the ways of each row kept.
 * Working memory, freed before return: 17 bytes per node, 8 per target, 12 per reference or root
 * that holds a target, and about 200 per shape of path.
 * @param graph    borrowed until the paths are freed
 * @param targets  borrowed for the call; duplicates are ignored
 * @param limit    rows kept, 0 = all (shapes beyond are counted, see _omitted_count)
 * @return HSIGHT_OK (also when nothing reaches the targets: zero paths), HSIGHT_ENOMEM,
 *         HSIGHT_EINVAL (an object the graph does not have), HSIGHT_ELIMIT (a graph of 2^32
 *         references and roots and more; rows with more than 2^26 steps together) */
HSIGHT_API hsight_status hsight_paths_find(const hsight_graph *graph, const hsight_node_id *targets,
                                           uint32_t target_count, uint32_t limit,
                                           hsight_paths **out, hsight_error *err);
HSIGHT_API void hsight_paths_free(hsight_paths *paths);
HSIGHT_API uint32_t hsight_paths_count(const hsight_paths *paths);
HSIGHT_API const hsight_path *hsight_paths_rows(const hsight_paths *paths);
HSIGHT_API uint32_t hsight_paths_omitted_count(const hsight_paths *paths);
/** Targets that no root reaches. */
HSIGHT_API uint64_t hsight_paths_unreached_count(const hsight_paths *paths);

/** Objects of a type, by exact name, ascending. O(nodes).
 * @param out  receives an array of *count ids from the default allocator, owned; release with
 *             hsight_nodes_free(). NULL when the count is 0.
 * @return HSIGHT_OK, HSIGHT_ENOTFOUND when no type has that name (message offers names that are
 *         near, such as the module-qualified one), HSIGHT_ENOMEM */
HSIGHT_API hsight_status hsight_nodes_of_type(const hsight_graph *graph, hsight_string type_name,
                                              hsight_node_id **out, uint32_t *count,
                                              hsight_error *err);
HSIGHT_API void hsight_nodes_free(hsight_node_id *nodes, uint32_t count);

#ifdef __cplusplus
}
#endif
#endif
