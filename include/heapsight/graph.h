/* SPDX-License-Identifier: MIT */
/* graph.h - the frozen heap graph.
 *
 * Built once through hsight_builder (builder.h) or mapped from a file (store.h), never changed
 * afterwards: any number of threads may read it. Objects (nodes) are numbered 1..node_count,
 * references (edges) 0..edge_count-1 in the order of their source. Types, strings and roots have
 * tables of their own. Index 0 means "none" for nodes, types and strings. */
#ifndef HEAPSIGHT_GRAPH_H
#define HEAPSIGHT_GRAPH_H

#include "base.h"
#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hsight_graph hsight_graph; /* opaque */

typedef struct { uint32_t index; } hsight_node_id;
typedef struct { uint32_t index; } hsight_type_id;
typedef struct { uint32_t index; } hsight_string_id;

/** What a reference is called: kind in the top 4 bits, payload in the low 28.
 * X(name, number, text, payload). Numbers are part of the file format. */
#define HSIGHT_LABEL_LIST(X)                                                    \
    X(INTERNAL, 0, "internal field", STRING)   /* payload 0: no name known */   \
    X(ATTRIBUTE, 1, "attribute", STRING)                                        \
    X(DICT_KEY, 2, "dict key", NONE)                                            \
    X(DICT_VALUE, 3, "dict value", NODE)       /* payload: node of the key */   \
    X(INDEX, 4, "index", NUMBER)                                                \
    X(SET_MEMBER, 5, "set member", NONE)                                        \
    X(LOCAL, 6, "local variable", STRING)                                       \
    X(CELL, 7, "cell", STRING)                 /* payload: closure variable */  \
    X(TYPE_PART, 8, "type part", STRING)       /* __mro__, __bases__, ... */    \
    X(CLASS, 9, "class of the object", NONE)                                    \
    X(STACK, 10, "operand stack", NUMBER)                                       \
    X(WEAK, 11, "weak reference", NONE)        /* never followed */

typedef enum {
#define HSIGHT_LABEL_ENUM(name, number, text, payload) HSIGHT_LABEL_##name = number,
    HSIGHT_LABEL_LIST(HSIGHT_LABEL_ENUM)
#undef HSIGHT_LABEL_ENUM
} hsight_label_kind;

/** A payload that does not fit in 28 bits is stored as this value and means "not recorded". */
#define HSIGHT_LABEL_PAYLOAD_MAX 0x0FFFFFFFu

typedef struct { uint32_t bits; } hsight_label;

static inline hsight_label hsight_label_make(hsight_label_kind kind, uint64_t payload)
{
    hsight_label label;
    uint32_t low = payload < HSIGHT_LABEL_PAYLOAD_MAX ? (uint32_t)payload : HSIGHT_LABEL_PAYLOAD_MAX;
    label.bits = ((uint32_t)kind << 28) | low;
    return label;
}
static inline hsight_label_kind hsight_label_kind_of(hsight_label label)
{
    return (hsight_label_kind)(label.bits >> 28);
}
static inline uint32_t hsight_label_payload(hsight_label label)
{
    return label.bits & HSIGHT_LABEL_PAYLOAD_MAX;
}

/** Flags of an object; part of the file format. */
enum {
    HSIGHT_NODE_GC_TRACKED = 1,  /* known to the cyclic collector */
    HSIGHT_NODE_IMMORTAL = 2,    /* its refcount says nothing */
    HSIGHT_NODE_GARBAGE = 4,     /* for writers that know: no root reaches it, no C code holds it */
    HSIGHT_NODE_TYPE = 8,        /* the object is a class */
    HSIGHT_NODE_MODULE = 16,     /* the object is a module */
    HSIGHT_NODE_NAMESPACE = 32,  /* a dict that is some object's __dict__ (module, instance, class) */
    /* How good the shallow size is; with neither it is exact: what Python's allocators hold. */
    HSIGHT_NODE_SIZE_FORMULA = 64,     /* what its type's __sizeof__ says, or the blocks it led to */
    HSIGHT_NODE_SIZE_LOWER_BOUND = 128 /* its own block: what C code keeps beside it is not known */
};

/** Kinds of roots. Numbers are part of the file format, and also the order in which path search
 * starts from them: an object that a module holds is never explained by "held by C". */
#define HSIGHT_ROOT_LIST(X)                                                                \
    X(MODULE, 1, "module")             /* name: module name */                             \
    X(FRAME, 2, "thread frame")        /* name: variable; thread, function, file, line */  \
    X(INTERPRETER, 3, "interpreter")   /* name: what part of the interpreter */            \
    X(STATIC_TYPE, 4, "static type")   /* name: type name */                               \
    X(C_HELD, 5, "held by C code")     /* surplus: refcount no reference explains */       \
    X(PROFILER, 6, "held by heapsight") /* kept only by a running heapsight command */

typedef enum {
#define HSIGHT_ROOT_ENUM(name, number, text) HSIGHT_ROOT_##name = number,
    HSIGHT_ROOT_LIST(HSIGHT_ROOT_ENUM)
#undef HSIGHT_ROOT_ENUM
} hsight_root_kind;

/** One root. Fields that do not apply are 0. Fixed layout: part of the file format. */
typedef struct {
    hsight_node_id node;
    uint32_t kind;              /* hsight_root_kind */
    hsight_string_id name;
    hsight_string_id thread;    /* FRAME: thread name */
    hsight_string_id function;  /* FRAME: qualified function name */
    hsight_string_id file;      /* FRAME: source file */
    uint32_t line;              /* FRAME: line being executed, 0 unknown */
    uint32_t surplus;           /* C_HELD: references that nothing in the heap explains */
} hsight_root;

/** The references of one object. Borrowed until the graph is freed. `labels[i]` names the reference
 * to `targets[i]`; `first` is the edge index of item 0. */
typedef struct {
    const hsight_node_id *targets;
    const hsight_label *labels;
    uint32_t first;
    uint32_t count;
} hsight_references;

/** Drop the graph. NULL is accepted. */
HSIGHT_API void hsight_graph_free(hsight_graph *graph);

HSIGHT_API uint32_t hsight_graph_node_count(const hsight_graph *graph);
HSIGHT_API uint32_t hsight_graph_edge_count(const hsight_graph *graph);
HSIGHT_API uint32_t hsight_graph_type_count(const hsight_graph *graph);
HSIGHT_API uint32_t hsight_graph_string_count(const hsight_graph *graph);
HSIGHT_API uint32_t hsight_graph_root_count(const hsight_graph *graph);

/* Accessors below are O(1) unless said, and the id must be valid (asserted, not checked). */
HSIGHT_API uint64_t hsight_graph_address(const hsight_graph *graph, hsight_node_id node);
/** O(1), O(log of their objects) for types beyond the first 65,534. */
HSIGHT_API hsight_type_id hsight_graph_type(const hsight_graph *graph, hsight_node_id node);
HSIGHT_API uint32_t hsight_graph_flags(const hsight_graph *graph, hsight_node_id node);
/** Refcount as the interpreter kept it, saturated at 4,294,967,295; meaningless for immortals. O(1),
 * O(log of the objects with 255 and more) for those. */
HSIGHT_API uint32_t hsight_graph_refcount(const hsight_graph *graph, hsight_node_id node);
/** Shallow size in bytes. O(1), O(log of the objects of 65,535 bytes and more) for those. */
HSIGHT_API uint64_t hsight_graph_shallow_bytes(const hsight_graph *graph, hsight_node_id node);
/** The shallow sizes of all objects; foreign ones may sum to more than 64 bits hold, and then it is
 * the highest value. O(objects). Since 0.1. */
HSIGHT_API uint64_t hsight_graph_total_bytes(const hsight_graph *graph);
HSIGHT_API hsight_references hsight_graph_references(const hsight_graph *graph, hsight_node_id node);
/** The object that holds edge number `edge`. O(log nodes). */
HSIGHT_API hsight_node_id hsight_graph_edge_source(const hsight_graph *graph, uint32_t edge);
/** A short name or preview of the object (an identifier's text; with values, numbers and strings
 * too); length 0 when none was recorded. O(log previews). */
HSIGHT_API hsight_string hsight_graph_preview(const hsight_graph *graph, hsight_node_id node);
HSIGHT_API hsight_string hsight_graph_string(const hsight_graph *graph, hsight_string_id string);
HSIGHT_API hsight_string hsight_graph_type_name(const hsight_graph *graph, hsight_type_id type);
/** The object that is this type, or 0. */
HSIGHT_API hsight_node_id hsight_graph_type_node(const hsight_graph *graph, hsight_type_id type);
/** Root number `index` of 0..root_count-1; borrowed until the graph is freed. */
HSIGHT_API const hsight_root *hsight_graph_root(const hsight_graph *graph, uint32_t index);
/** The object at this address, or 0. O(nodes): a scan of one column. */
HSIGHT_API hsight_node_id hsight_graph_find_address(const hsight_graph *graph, uint64_t address);

/** Check every invariant of the graph. O(nodes + edges) time; at most 11 bytes per node of
 * working memory, freed before return.
 * @return HSIGHT_OK, HSIGHT_EINVAL with the first violation in err, or HSIGHT_ENOMEM */
HSIGHT_API hsight_status hsight_graph_check(const hsight_graph *graph, hsight_error *err);

/* ---- referrers: the same edges by target ---------------------------------------------------- */

typedef struct hsight_reverse hsight_reverse; /* opaque, immutable */

/** The references that lead to one object: edge numbers, ascending; sources[i] is the object that
 * holds edges[i]. Borrowed until the index is freed. */
typedef struct {
    const uint32_t *edges;
    const hsight_node_id *sources;
    uint32_t count;
} hsight_referrers;

/** Build the index of referrers. O(nodes + edges) time, 4 bytes per node + 8 per edge.
 * @param graph  borrowed until the index is freed
 * @param out    receives an index the caller owns; release with hsight_reverse_free()
 * @return HSIGHT_OK or HSIGHT_ENOMEM */
HSIGHT_API hsight_status hsight_reverse_new(const hsight_graph *graph, hsight_reverse **out,
                                            hsight_error *err);
HSIGHT_API void hsight_reverse_free(hsight_reverse *reverse);
HSIGHT_API hsight_referrers hsight_reverse_referrers(const hsight_reverse *reverse,
                                                     hsight_node_id node);

#ifdef __cplusplus
}
#endif
#endif
