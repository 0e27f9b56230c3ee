/* SPDX-License-Identifier: MIT */
/* reach.h - which live blocks belong to objects, and which to none: native blocks.
 *
 * A block belongs to an object when the object lies in it, or when an address in memory that
 * belongs to an object leads into it. Every aligned word counts as an address that looks like one,
 * as in conservative collectors (H.-J. Boehm and M. Weiser, "Garbage Collection in an Uncooperative
 * Environment", Software: Practice and Experience 18 (9), 1988). So a number may pass for an
 * address and hide a native block; a buffer passes for a native block only where its object keeps
 * no plain address of it, or keeps it in memory that is older than the tracer.
 *
 *     new -> meet every object -> follow every object -> hsight_tracer_take() -> free */
#ifndef HEAPSIGHT_REACH_H
#define HEAPSIGHT_REACH_H

#include "error.h"
#include "tracer.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Begin with the blocks that are alive now; later ones are of no interest. The tracer must not be
 * stopped meanwhile. O(heap / 16) time, 1/64 of the traced heap in memory and 4 MiB.
 * @return HSIGHT_OK, HSIGHT_EINVAL unless the tracer runs in mode EXACT, HSIGHT_ENOTSUP where the
 *         system does not let the process read its own memory, HSIGHT_ENOMEM */
HSIGHT_API hsight_status hsight_reach_new(hsight_tracer *tracer, hsight_reach **out,
                                          hsight_error *err);
/** NULL is allowed. */
HSIGHT_API void hsight_reach_free(hsight_reach *reach);

/** How to tell an object by its memory. */
typedef struct {
    size_t bytes;       /* of the object */
    size_t mark_offset; /* where it holds `mark`; a multiple of the size of an address */
    uintptr_t mark;
} hsight_reach_object;

/** Objects of these kinds hold no addresses: the blocks that begin with one are not followed,
 * whether they are met or not. `kinds` are borrowed until the search is freed. */
HSIGHT_API void hsight_reach_ignore(hsight_reach *reach, const hsight_reach_object *kinds,
                                    size_t count);
/** The block that begins here is that of an object: follow() does not look into it by itself. Where
 * an object has not all of its block, the next follow() looks into the whole of it.
 * @return HSIGHT_OK or HSIGHT_ENOMEM. O(1) */
HSIGHT_API hsight_status hsight_reach_meet(hsight_reach *reach, const void *begin,
                                           hsight_error *err);
/** The block that this address leads into belongs to an object and holds no addresses. O(1) */
HSIGHT_API void hsight_reach_pass(hsight_reach *reach, const void *buffer);
/** Follow the addresses in an object, in the blocks they lead to, and so on. What lies behind
 * memory that cannot be read is passed over.
 * @param begin  of the object's block
 * @param bytes  how much to read where its block is not known
 * @return HSIGHT_OK or HSIGHT_ENOMEM; O(bytes it is the first to look at) */
HSIGHT_API hsight_status hsight_reach_follow(hsight_reach *reach, const void *begin, size_t bytes,
                                             hsight_error *err);
/** Bytes asked for of the live block that begins here; 0 where none is known. O(1) */
HSIGHT_API uint64_t hsight_reach_block_bytes(hsight_reach *reach, const void *begin);
/** Bytes of all blocks that addresses have led to so far, or that were passed: each counts for the
 * first that led to it, and those that begin with a met object for none. The difference between
 * before and after a follow() is what that object keeps beside its own block. O(1) */
HSIGHT_API uint64_t hsight_reach_led_bytes(const hsight_reach *reach);
/** Follow the addresses in variables that are in no block, such as statics, and in what they lead
 * to where nothing is known if it is an object of that kind.
 * @return as above */
HSIGHT_API hsight_status hsight_reach_follow_variables(hsight_reach *reach, const void *begin,
                                                       size_t bytes,
                                                       const hsight_reach_object *old_object,
                                                       hsight_error *err);

/** Call `visit` with every block that nothing led to and that is alive still, those of 4 GiB and more
 * and those at addresses that are no multiple of 16 last, else by ascending address. O(heap / 1024) and what the visitor reads. */
HSIGHT_API void hsight_reach_each_native(hsight_reach *reach, hsight_block_visitor visit,
                                         void *state);

#ifdef __cplusplus
}
#endif
#endif
