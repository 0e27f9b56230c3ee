/* SPDX-License-Identifier: MIT */
/* hook.h - the interpreter's allocators, watched.
 *
 * One hook a process. The GIL must be held. What is installed stays in the chain of allocators as
 * long as another hook lies on top of it, and then only passes calls through. */
#ifndef HEAPSIGHT_CAPTURE_HOOK_H
#define HEAPSIGHT_CAPTURE_HOOK_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <heapsight/tracer.h>

#include <stdbool.h>

typedef struct {
    hsight_trace_mode mode;
    uint32_t frame_limit;
    uint64_t sample_bytes;
    uint64_t seed;        /* 0: from the system */
    bool follow_children; /* keep tracing in a child made by fork(); else its tables are released */
} hsight_hook_options;

/** @return HSIGHT_OK, HSIGHT_EINVAL (an option out of range, or running already), HSIGHT_ENOMEM */
hsight_status hsight_hook_start(const hsight_hook_options *options, hsight_error *err);
/** Also takes the hook out where nothing lies on top of it. No effect while stopped. */
void hsight_hook_stop(void);
/** The tracer of the process, or NULL before the first start. Running or not. */
hsight_tracer *hsight_hook_tracer(void);
bool hsight_hook_is_running(void);
/** Did another tool take the hook out while it was running? Allocates a block to see it. */
bool hsight_hook_is_removed(void);
/** Does, or did at an earlier call, another tool hear of births instead? Objects from free lists
 * then keep the stack that their block had before. Exact mode, Python 3.13 and later; else false.
 */
bool hsight_hook_births_are_lost(void);
/** hsight_tracer_take() with the names that threads have now. Without a map to be made the GIL is
 * released meanwhile. */
hsight_status hsight_hook_take(const hsight_reach *reach, hsight_trace **out,
                               hsight_stack_id **stack_map, uint32_t *map_count, hsight_error *err);
/** Stack of an object's block for the map of hsight_hook_take(); 0: not known, or not running. */
uint32_t hsight_hook_stack_of(PyObject *object);
/** Call `call` soon, by the main thread, after an allocator had no memory for somebody; NULL for no
 * call. Only while the hook is installed. */
void hsight_hook_on_refusal(int (*call)(void *));
/** Around a copy of this process, fork() or clone(): no thread is inside the tables meanwhile. Only
 * what lies between the two may run; hsight_hook_unlock() is for both copies. fork() calls them by
 * itself. */
void hsight_hook_lock(void);
void hsight_hook_unlock(void);

#endif
