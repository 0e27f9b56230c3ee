/* SPDX-License-Identifier: MIT */
/* builder.h - write a heap graph once, then freeze it.
 *
 * Two ways to feed it, which may not be mixed for one object:
 *   add_node + add_edge     any order; edges are sorted by source when the graph is frozen
 *   add_addresses + describe_next + add_edges
 *                           the walker's way, a batch at a time: an object gets its number when it
 *                           is first seen, its columns when its turn comes; edges come with their
 *                           sources ascending, and nothing needs sorting
 * Every failing call leaves the builder as it was. Not thread-safe; one thread at a time. */
#ifndef HEAPSIGHT_BUILDER_H
#define HEAPSIGHT_BUILDER_H

#include "graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hsight_builder hsight_builder; /* opaque */

typedef struct {
    uint64_t address; /* unique in one graph (checked by hsight_graph_check only) */
    uint64_t shallow_bytes;
    hsight_type_id type;
    uint32_t refcount;
    uint32_t flags; /* HSIGHT_NODE_* */
} hsight_node_info;

/** @param allocator  borrowed until the builder and every graph it made are freed; NULL = default
 */
HSIGHT_API hsight_status hsight_builder_new(const hsight_allocator *allocator, hsight_builder **out,
                                            hsight_error *err);
HSIGHT_API void hsight_builder_free(hsight_builder *builder);

/** Intern a UTF-8 string; equal bytes give the same id. "" is id 0. Copies. O(length).
 * @return HSIGHT_OK, HSIGHT_ENOMEM, or HSIGHT_ELIMIT beyond 2^28-2 strings */
HSIGHT_API hsight_status hsight_builder_string(hsight_builder *builder, const char *data,
                                               size_t length, hsight_string_id *out,
                                               hsight_error *err);
/** Add a type. Two types may share a name. `node` may be given later (set_type_node). */
HSIGHT_API hsight_status hsight_builder_add_type(hsight_builder *builder, hsight_string_id name,
                                                 hsight_type_id *out, hsight_error *err);
HSIGHT_API void hsight_builder_set_type_node(hsight_builder *builder, hsight_type_id type,
                                             hsight_node_id node);

HSIGHT_API hsight_status hsight_builder_add_node(hsight_builder *builder,
                                                 const hsight_node_info *info, hsight_node_id *out,
                                                 hsight_error *err);
HSIGHT_API hsight_status hsight_builder_add_edge(hsight_builder *builder, hsight_node_id source,
                                                 hsight_node_id target, hsight_label label,
                                                 hsight_error *err);

/** Reserve the next node number for an object that was just seen; amortised O(1). */
HSIGHT_API hsight_status hsight_builder_add_address(hsight_builder *builder, uint64_t address,
                                                    hsight_node_id *out, hsight_error *err);
/** Fill the columns of a node made by add_address. `info->address` is ignored. */
HSIGHT_API hsight_status hsight_builder_describe(hsight_builder *builder, hsight_node_id node,
                                                 const hsight_node_info *info, hsight_error *err);
/** Reserve the next `count` node numbers, in this order. Amortised O(1) each. */
HSIGHT_API hsight_status hsight_builder_add_addresses(hsight_builder *builder,
                                                      const uint64_t *addresses, uint32_t count,
                                                      hsight_error *err);
/** Make room for so many nodes and so many edges of add_edges in all. Never needed: columns grow, but
 * growing copies the small ones and moves the others. What is not filled takes address space and
 * hardly any memory, and is given back when frozen.
 * @return HSIGHT_OK or HSIGHT_ENOMEM, which may be ignored */
HSIGHT_API hsight_status hsight_builder_reserve(hsight_builder *builder, uint32_t node_count,
                                                uint32_t edge_count, hsight_error *err);
/** Describe the `count` nodes that follow the last one described; on failure none of them. O(1) each.
 * @return HSIGHT_OK, HSIGHT_ENOMEM, HSIGHT_EINVAL (no such nodes, an unknown type or flag) */
HSIGHT_API hsight_status hsight_builder_describe_next(hsight_builder *builder,
                                                      const hsight_node_info *infos, uint32_t count,
                                                      hsight_error *err);
/** Append `count` edges; sources must ascend (equal allowed), also from call to call.
 * @return HSIGHT_OK, HSIGHT_ENOMEM, HSIGHT_EINVAL (order), HSIGHT_ELIMIT beyond 2^32-2 edges */
HSIGHT_API hsight_status hsight_builder_add_edges(hsight_builder *builder,
                                                  const hsight_node_id *sources,
                                                  const hsight_node_id *targets,
                                                  const hsight_label *labels, uint32_t count,
                                                  hsight_error *err);
/** Columns of what was added so far, by node number, for the walker's queue and its late
 * corrections. Borrowed until the next call that adds. All but the first reach as far as nodes are
 * described. */
HSIGHT_API const uint64_t *hsight_builder_addresses(const hsight_builder *builder);
/** UINT8_MAX: that or more, see hsight_builder_refcount(). */
HSIGHT_API const uint8_t *hsight_builder_refcounts(const hsight_builder *builder);
HSIGHT_API const uint8_t *hsight_builder_flags_column(const hsight_builder *builder);
/** Of a described node. O(1) for nearly all of them; for a type beyond the first 65,534, for 65,535
 * bytes and more and for a refcount of 255 and more O(log of their number), or O(their number) where
 * nodes were not described in order. */
HSIGHT_API hsight_type_id hsight_builder_type(const hsight_builder *builder, hsight_node_id node);
HSIGHT_API uint64_t hsight_builder_shallow_bytes(const hsight_builder *builder,
                                                 hsight_node_id node);
HSIGHT_API uint32_t hsight_builder_refcount(const hsight_builder *builder, hsight_node_id node);
HSIGHT_API uint32_t hsight_builder_node_count(const hsight_builder *builder);
HSIGHT_API uint32_t hsight_builder_edge_count(const hsight_builder *builder);
/** The edges of `node` so far (walker's way only). */
HSIGHT_API hsight_references hsight_builder_references(const hsight_builder *builder,
                                                       hsight_node_id node);
HSIGHT_API void hsight_builder_set_label(hsight_builder *builder, uint32_t edge,
                                         hsight_label label);
/** 0 until the node is described; flags of a described node may be set again. */
HSIGHT_API uint32_t hsight_builder_flags(const hsight_builder *builder, hsight_node_id node);
HSIGHT_API void hsight_builder_set_flags(hsight_builder *builder, hsight_node_id node,
                                         uint32_t flags);

/** Correct the bytes of a described node. O(1), or as hsight_builder_shallow_bytes(); where that makes
 * one more node of 65,535 bytes and more, O(their number).
 * @return HSIGHT_OK or HSIGHT_ENOMEM */
HSIGHT_API hsight_status hsight_builder_set_shallow_bytes(hsight_builder *builder,
                                                          hsight_node_id node, uint64_t bytes,
                                                          hsight_error *err);

/** Name or preview of an object. The last one given for a node wins. */
HSIGHT_API hsight_status hsight_builder_preview(hsight_builder *builder, hsight_node_id node,
                                                hsight_string_id text, hsight_error *err);
/** @return HSIGHT_OK, HSIGHT_ENOMEM, HSIGHT_EINVAL (a string the builder does not have),
 *         HSIGHT_ELIMIT beyond 2^32-2 roots */
HSIGHT_API hsight_status hsight_builder_add_root(hsight_builder *builder, const hsight_root *root,
                                                 hsight_error *err);

/** Roots so far; `index` < hsight_builder_root_count(). */
HSIGHT_API uint32_t hsight_builder_root_count(const hsight_builder *builder);
HSIGHT_API hsight_root hsight_builder_root(const hsight_builder *builder, uint32_t index);
/** Name a root that was added without one, or anew.
 * @return HSIGHT_OK or HSIGHT_EINVAL (no such root, a string the builder does not have) */
HSIGHT_API hsight_status hsight_builder_set_root_name(hsight_builder *builder, uint32_t index,
                                                      hsight_string_id name, hsight_error *err);

/** Freeze a builder into a graph. O(nodes + edges) time, no recursion; memory that growth left over
 * is given back. Since 0.1.
 * @param builder  consumed on success; untouched on failure
 * @param out      receives a graph the caller owns; release with hsight_graph_free()
 * @return HSIGHT_OK, HSIGHT_ENOMEM, or HSIGHT_EINVAL when an edge, root or type names an unknown
 * node */
HSIGHT_API hsight_status hsight_builder_finish(hsight_builder *builder, hsight_graph **out,
                                               hsight_error *err);

#ifdef __cplusplus
}
#endif
#endif
