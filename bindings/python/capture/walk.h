/* SPDX-License-Identifier: MIT */
/* walk.h - one walk over the heap, and what its phases share.
 *
 *   collect tracked objects -> hide our own -> number them -> roots -> visit all
 *   -> balance -> blocks (join.h) -> holders
 *
 * The GIL is held from the first phase to the last, the collector is off, and no refcount changes,
 * so no object can die meanwhile. */
#ifndef HEAPSIGHT_CAPTURE_WALK_H
#define HEAPSIGHT_CAPTURE_WALK_H

#include "pointer_map.h"
#include "pointers.h"
#include "tally.h"
#include "visit.h"

#include <heapsight/reach.h>

/* In the map: this object is heapsight's own; it is a module of heapsight's or its dict, and will
 * be hidden. No node gets these numbers. */
#define HSIGHT__HIDDEN HSIGHT__NUMBER_MAX
#define HSIGHT__MARKED (HSIGHT__HIDDEN - 1)
/* The walk ends with an error before a node has a higher number. */
#define HSIGHT__NODE_MAX (HSIGHT__MARKED - 1)

typedef struct {
    hsight__visit visit;
    bool is_large; /* there may be many objects: address space is held and huge pages are used */
    hsight__pointer_map map;
    /* What the collector tracks; freed once it is numbered. */
    hsight__pointers tracked;
    hsight__pointers tracked_last; /* from the end of its lists: the last one comes first */
    hsight__pointers own;          /* heapsight's own objects, as found */
    hsight__pointers hidden;       /* and all that only those own, once each */
    hsight__pointers held; /* one item per reference owned by frames, threads or our own objects */
    hsight__pointers kept; /* objects our own objects refer to, for roots of last resort */
    hsight__pointers unknown;    /* words of operand stacks whose use is unknown */
    hsight__pointers namespaces; /* dicts that are a __dict__, not yet visited when that was seen */
    hsight__pointers static_types; /* as they were described */
    /* References to an object that it must count: by node, modulo 256; and how often those were
     * full. See balance.c. */
    uint8_t *found;
    hsight__room found_room;
    hsight__tally found_full;
    hsight_label dict_label; /* of an edge to a __dict__ */
    hsight_node_id previous; /* target of the edge resolved last: the key of a dict value */
    uintptr_t
        own_stack; /* of the calling thread, what lies behind heapsight's own frames begins here */
} hsight__walk;

/* ---- numbering.c ---- */

/* Room for `count` more objects. False: there can be none, and the visit failed. Whoever numbers an
 * object sets its walk->found. */
bool hsight__walk_make_room(hsight__walk *walk, uint32_t count);
/* Look whether there may be many objects, and hold room for those that the collector tracks. */
void hsight__walk_expect_many(hsight__walk *walk);
/* Room for so many objects and references in all, if there is some: a hint. */
void hsight__walk_reserve(hsight__walk *walk, uint32_t node_count, uint32_t edge_count);
void hsight__walk_free_found(hsight__walk *walk);
void hsight__walk_note_full(hsight__walk *walk, const PyObject *object);
/* One more reference to an object, whose node this is. */
static inline void hsight__walk_count_reference(hsight__walk *walk, uint32_t node,
                                                const PyObject *object)
{
    if (++walk->found[node] == 0) {
        hsight__walk_note_full(walk, object);
    }
}
/* Of an object whose slot of the map was asked for: the one that is its own. NULL: out of memory,
 * and the visit failed. */
uint32_t *hsight__walk_own_slot(hsight__walk *walk, uint32_t *slot, const void *object);

/* The node of an object, numbered now if it is new; 0 when hidden or out of memory. */
uint32_t hsight__walk_node(hsight__walk *walk, PyObject *object);
/* The node of an address if it is one, else 0. */
uint32_t hsight__walk_find(hsight__walk *walk, const void *address);
bool hsight__is_hidden(hsight__walk *walk, const void *address);

/* ---- the phases, each a file; walk.c runs them ---- */

/* hide.c: heapsight's own objects. First the modules, then each tracked object is asked, then what
 * was found (walk->own) is hidden together with what only it owns. */
void hsight__hide_modules(hsight__walk *walk);
bool hsight__is_own(hsight__walk *walk, PyObject *object);
void hsight__hide_own(hsight__walk *walk);

/* roots.c: modules, thread frames, parts of the interpreter. */
void hsight__roots_add(hsight__walk *walk);

/* thread_locals.c: if this part of a thread state is what threading.local knows the thread by, the
 * keys under which it keeps the thread's values are called by the thread. */
void hsight__name_thread_locals(hsight__walk *walk, PyObject *part, hsight_string_id thread);

/* unreferenced.c: with an exact tracer, objects that nothing refers to and no collector knows. */
void hsight__find_unreferenced(hsight__walk *walk);

/* balance.c: refcounts against references found; adds C_HELD and INTERPRETER roots. */
void hsight__balance(hsight__walk *walk);

/* holders.c: names the C_HELD roots of which something is found that seems to hold the object.
 * @param reach  from hsight__search_native(), or NULL */
void hsight__find_holders(hsight__walk *walk, hsight_reach *reach);

#endif
