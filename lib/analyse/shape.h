/* SPDX-License-Identifier: MIT */
/* shape.h - what a path looks like once the particular object, index and key are forgotten.
 *
 * A shape is its parent's shape and one step: the label of the reference and the type of the object
 * it leads to. Equal shapes have equal ids, so that "the same kind of path" is one comparison. */
#ifndef HEAPSIGHT_LIB_ANALYSE_SHAPE_H
#define HEAPSIGHT_LIB_ANALYSE_SHAPE_H

#include "base/map.h"

#include <heapsight/graph.h>

typedef enum {
    HSIGHT__SHAPE_STEP = 0,   /* an object on the way */
    HSIGHT__SHAPE_TARGET = 1, /* the object asked for: paths end here */
    HSIGHT__SHAPE_ROOT = 2    /* half of a root's identity; see shape.c */
} hsight__shape_kind;

typedef struct {
    uint32_t parent; /* shape, 0 = none */
    uint32_t label;  /* label bits, index and key forgotten */
    uint32_t type;
    uint32_t kind;       /* hsight__shape_kind */
    uint32_t next;       /* next shape of the same hash, 0 = none */
    uint32_t length;     /* steps, loops taken out */
    uint32_t root;       /* number of the first root that has this identity */
    uint32_t node_count; /* for the owner: objects of this shape that were counted */
    uint32_t row;        /* for the owner: its row, 0 = none yet */
} hsight__shape;

typedef struct {
    hsight__vec items; /* hsight__shape; item 0 unused */
    hsight__map index; /* hash of a step -> first shape with it */
    const hsight_graph *graph;
} hsight__shapes;

/* Allocates nothing. `graph` is borrowed until the shapes are freed. */
void hsight__shapes_init(hsight__shapes *shapes, const hsight_graph *graph);
void hsight__shapes_free(hsight__shapes *shapes);

/* Borrowed until the next call that adds. */
static inline hsight__shape *hsight__shape_at(const hsight__shapes *shapes, uint32_t shape)
{
    return (hsight__shape *)shapes->items.data + shape;
}

/* The shape of `node` as the object of root number `root`. Amortised O(1). */
hsight_status hsight__shapes_root(hsight__shapes *shapes, uint32_t root, hsight_node_id node,
                                  hsight__shape_kind kind, uint32_t *out, hsight_error *err);
/* The shape of `target`, reached from `source`, which has shape `parent`. At and behind a TARGET it
 * is that target's. Amortised O(1). */
hsight_status hsight__shapes_step(hsight__shapes *shapes, uint32_t parent, hsight_node_id source,
                                  hsight_label label, hsight_node_id target,
                                  hsight__shape_kind kind, uint32_t *out, hsight_error *err);

#endif
