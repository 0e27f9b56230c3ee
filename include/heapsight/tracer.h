/* SPDX-License-Identifier: MIT */
/* tracer.h - the live half of allocation tracing: told of every block, it keeps who allocated what.
 *
 * An allocator hook calls it; the tracer itself never allocates from the allocators it watches. The
 * order that keeps it right in any number of threads:
 *     allocate   allocate, then record
 *     free       forget, then free
 *     resize     forget, then resize, then record the new block or restore the old one
 * No lock is held between two calls. Calls may come from any thread, before start and after stop:
 * they then do nothing. Tables live as long as the tracer; stop gives their memory back. */
#ifndef HEAPSIGHT_TRACER_H
#define HEAPSIGHT_TRACER_H

#include "trace.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hsight_tracer hsight_tracer; /* opaque */
typedef struct hsight_reach hsight_reach;   /* reach.h */

/** What a thread brings along: zero bytes at first, then left to the tracer. Thread-local. */
typedef struct {
    int64_t countdown;      /* sampled: bytes until the next sample */
    uint64_t random;        /* state of the generator behind the distances */
    const void *last_block; /* allocated by this thread last, not freed yet; NULL else */
    int64_t last_countdown; /* sampled: countdown just after last_block */
    uint32_t number;        /* 1.. in the order of first use; 0: not met since the start */
    uint32_t generation;    /* of the start that the rest belongs to */
    uint32_t has_lock;      /* between hsight_tracer_lock() and hsight_tracer_unlock() */
    uint32_t recorded;      /* calls of hsight_tracer_record() since that start */
} hsight_trace_thread;

/** A frame as the hook finds it: a code object and where it stands in it. */
typedef struct {
    uint64_t code; /* identity: the address of the code object's block */
    uint32_t offset;
} hsight_raw_frame;

/** What is kept of a code object when it is first met. Borrowed for the call. */
typedef struct {
    hsight_string function; /* qualified name */
    hsight_string file;
    hsight_string lines; /* the table from offsets to lines, as `find_line` reads it */
    uint32_t first_line;
} hsight_code_info;

/** Where find_line() stands in a table: zero bytes before the first call for it, then its own. */
typedef struct {
    uint64_t next;  /* byte of the table to read next */
    int64_t end;    /* offset where what was read ends */
    int64_t lines;  /* from the first line to that of the entry read last */
    uint32_t found; /* its line, 0 where it has none */
} hsight_line_cursor;

typedef struct {
    hsight_trace_mode mode;
    uint32_t frame_limit;  /* 1..HSIGHT_FRAME_LIMIT_MAX */
    uint64_t sample_bytes; /* sampled: mean distance of two samples, 1.. */
    uint64_t seed;         /* sampled: 0 for a seed from the system */
    /* Called with the tracer locked, when a code object is met first; must not allocate. */
    void (*describe_code)(void *state, uint64_t code, hsight_code_info *out);
    /* Line of an offset, 0 where there is none; called while a trace is taken, for all offsets of a
     * table one after the other, ascending. */
    uint32_t (*find_line)(hsight_string lines, uint32_t first_line, uint32_t offset,
                          hsight_line_cursor *cursor);
    /* Name of a thread by its number into `out`, returns its length; called while a trace is taken.
     * May be NULL. */
    size_t (*name_thread)(void *state, uint32_t number, char *out, size_t size);
    void *state;
} hsight_tracer_options;

/** A block that was taken out of the tables. */
typedef struct {
    uint64_t bytes;      /* as requested */
    uint32_t stack;      /* 0: none was recorded */
    uint32_t generation; /* of the start that it was recorded in */
} hsight_traced_block;

/** @param allocator  for the tables, borrowed until the tracer is freed; NULL = default */
HSIGHT_API hsight_status hsight_tracer_new(const hsight_allocator *allocator, hsight_tracer **out,
                                           hsight_error *err);
/** No call may be under way. */
HSIGHT_API void hsight_tracer_free(hsight_tracer *tracer);

/** Begin with empty tables.
 * @return HSIGHT_OK, HSIGHT_EINVAL (an option out of range, or started already), HSIGHT_ENOMEM */
HSIGHT_API hsight_status hsight_tracer_start(hsight_tracer *tracer,
                                             const hsight_tracer_options *options,
                                             hsight_error *err);
HSIGHT_API void hsight_tracer_stop(hsight_tracer *tracer);
/** 0 while stopped. */
HSIGHT_API hsight_trace_mode hsight_tracer_mode(const hsight_tracer *tracer);
HSIGHT_API uint32_t hsight_tracer_frame_limit(const hsight_tracer *tracer);

/** Sampled mode: does this allocation fall on a sample? O(1), no lock. */
HSIGHT_API bool hsight_tracer_wants(hsight_tracer *tracer, hsight_trace_thread *thread,
                                    size_t bytes);
/** May this block, which is being freed, be one that was kept? If not, there is nothing to forget.
 * In other modes than sampled always true. O(1), no lock. */
HSIGHT_API bool hsight_tracer_may_have_sample(const hsight_tracer *tracer, const void *block);
/** Keep a block. Frames innermost first; what exceeds the limit is left out by the caller. Where
 * the tables are full the block is dropped and counted. Amortised O(frames). */
HSIGHT_API void hsight_tracer_record(hsight_tracer *tracer, hsight_trace_thread *thread,
                                     const void *block, size_t bytes,
                                     const hsight_raw_frame *frames, uint32_t frame_count);
/** Take a block out. @return false when it is not known; O(1), without a lock in that case */
HSIGHT_API bool hsight_tracer_forget(hsight_tracer *tracer, hsight_trace_thread *thread,
                                     const void *block, hsight_traced_block *out);
/** Put back what was taken out for a resize that failed; no effect after another start. */
HSIGHT_API void hsight_tracer_restore(hsight_tracer *tracer, const hsight_trace_thread *thread,
                                      const void *block, const hsight_traced_block *taken);
/** Is an object that is made now, without an allocation, in a block that may be known? It comes
 * from a free list then: forget and record give it a new stack, as if freed and allocated. O(1), no
 * lock.
 */
HSIGHT_API bool hsight_tracer_is_reused(hsight_tracer *tracer, const void *block);

/** Mode COUNTS. */
HSIGHT_API void hsight_tracer_count_allocation(hsight_tracer *tracer, unsigned domain,
                                               size_t bytes);
HSIGHT_API void hsight_tracer_count_free(hsight_tracer *tracer, unsigned domain);

/** Stack of a live block, as hsight_tracer_take() numbers it in `stack_map`; 0: not known. O(1). */
HSIGHT_API uint32_t hsight_tracer_stack_of(hsight_tracer *tracer, const void *block);

/** The innermost frame of a stack, by the number that hsight_tracer_stack_of() gave, as text:
 * "at file:line in function", or, where no code ran, "in thread NAME". Of a long file the end is
 * kept.
 * @param out  HSIGHT_STACK_TEXT_BYTES of room
 * @return the length; 0: not known. O(table of lines of one code object) */
HSIGHT_API size_t hsight_tracer_stack_text(hsight_tracer *tracer, uint32_t stack, char *out);
#define HSIGHT_STACK_TEXT_BYTES 512

typedef struct hsight_block_reader hsight_block_reader; /* opaque */
/** One live block; the reader is good for this call only. The tracer is not locked. */
typedef void (*hsight_block_visitor)(const hsight_block_reader *reader, uint64_t address,
                                     uint64_t bytes, void *state);
/** Call `visit` with every live block, by ascending address; blocks of 4 GiB and more are left out.
 * The tracer must not be stopped meanwhile. O(heap / 16)
 * @return HSIGHT_OK, HSIGHT_EINVAL unless the tracer runs in mode EXACT, HSIGHT_ENOTSUP where the
 *         system does not let the process read its own memory, HSIGHT_ENOMEM (4 MiB) */
HSIGHT_API hsight_status hsight_tracer_each_block(hsight_tracer *tracer, hsight_block_visitor visit,
                                                  void *state, hsight_error *err);
/** Copy memory of this process, which another thread may unmap at any moment; false where it cannot
 * be read. O(bytes), a system call for a page that was not read lately. */
HSIGHT_API bool hsight_block_read(const hsight_block_reader *reader, uint64_t address, void *out,
                                  size_t bytes);

/** What is known now, as a value. O(stacks + the code they run through), never O(blocks).
 * @param reach      may be NULL; what belongs to no object is then not known
 * @param stack_map  may be NULL; receives an array from the numbers of hsight_tracer_stack_of() to
 *                   stacks of the trace, `*map_count` items; release with hsight_stack_map_free()
 * @return HSIGHT_OK, HSIGHT_ENOMEM, HSIGHT_EINVAL while stopped */
HSIGHT_API hsight_status hsight_tracer_take(hsight_tracer *tracer, const hsight_reach *reach,
                                            hsight_trace **out, hsight_stack_id **stack_map,
                                            uint32_t *map_count, hsight_error *err);
HSIGHT_API void hsight_stack_map_free(hsight_stack_id *stack_map, uint32_t map_count);

/** Around fork(): no call of another thread is under way in the child. The thread itself may go on
 * to record and forget blocks, as handlers of others do that run meanwhile; nothing else. */
HSIGHT_API void hsight_tracer_lock(hsight_tracer *tracer, hsight_trace_thread *thread);
HSIGHT_API void hsight_tracer_unlock(hsight_tracer *tracer, hsight_trace_thread *thread);

#ifdef __cplusplus
}
#endif
#endif
