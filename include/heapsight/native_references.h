/* SPDX-License-Identifier: MIT */
/* native_references.h - what C code holds more of than before: the leak finder for extensions.
 *
 * An object that C code holds has more references in its refcount than the heap explains: its
 * surplus, a root of kind C_HELD. Immortal objects have none. */
#ifndef HEAPSIGHT_NATIVE_REFERENCES_H
#define HEAPSIGHT_NATIVE_REFERENCES_H

#include "snapshot.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hsight_native_references hsight_native_references; /* opaque, immutable */

/** A type of which C code holds more objects, or holds objects with more references. `type` borrows
 * from the later graph. Numbers that a foreign file drives out of range stay at its end. */
typedef struct {
    hsight_string type;
    int64_t count_delta;     /* objects */
    int64_t reference_delta; /* references of C code to them */
    uint64_t count_after;
    uint64_t reference_after;
} hsight_native_reference_row;

/** Compare by type name. Where one snapshot was taken beside an exact tracer and the other was not,
 * objects that the collector does not track are left out: only the tracer knows them all. A type is left out unless one of its two numbers grew. Most references
 * first, ties by objects, then by name. O(roots log roots).
 * @param before, after  borrowed until the result is freed
 * @return HSIGHT_OK or HSIGHT_ENOMEM */
HSIGHT_API hsight_status hsight_native_references_new(const hsight_snapshot *before,
                                                      const hsight_snapshot *after,
                                                      hsight_native_references **out,
                                                      hsight_error *err);
/** NULL is accepted. */
HSIGHT_API void hsight_native_references_free(hsight_native_references *references);
HSIGHT_API uint32_t hsight_native_references_count(const hsight_native_references *references);
HSIGHT_API const hsight_native_reference_row *
hsight_native_references_rows(const hsight_native_references *references);
/** Objects of a row that C code did not hold before, or with fewer references, by address and none
 * twice. An object is the one of before when it has the same address and type name; where the
 * snapshots are of two processes, all that C code holds are new. Borrowed until the result is
 * freed.
 * @param row  below the count */
HSIGHT_API const hsight_node_id *
hsight_native_references_nodes(const hsight_native_references *references, uint32_t row,
                               uint32_t *count);
/** For each of these nodes what seems to hold it, of the later graph's strings: the name of its
 * root; 0 where that is not known. As many items, borrowed likewise. */
HSIGHT_API const hsight_string_id *
hsight_native_references_holders(const hsight_native_references *references, uint32_t row);

#ifdef __cplusplus
}
#endif
#endif
