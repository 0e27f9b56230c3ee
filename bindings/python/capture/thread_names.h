/* SPDX-License-Identifier: MIT */
/* thread_names.h - names of the tracer's threads, kept beyond their end.
 *
 * The tracer numbers threads. What a number is called is looked up by its own thread until it has a
 * name (which is some time after its first allocation), and for all living ones when a trace is
 * taken. */
#ifndef HEAPSIGHT_CAPTURE_THREAD_NAMES_H
#define HEAPSIGHT_CAPTURE_THREAD_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keep the name that the calling thread has now, for this number; false where it has none yet. GIL
 * held; allocates nothing from the interpreter. O(living threads + imported modules). */
bool hsight__thread_names_keep(uint32_t number);
/* The same for all threads whose number is known and that live. GIL held. */
void hsight__thread_names_refresh(void);
/* Forget all: numbers begin anew. */
void hsight__thread_names_clear(void);
/* hsight_tracer_options.name_thread */
size_t hsight__thread_names_get(void *state, uint32_t number, char *out, size_t size);
/* Around fork(); in the child also: no thread but the calling one is alive. */
void hsight__thread_names_lock(void);
void hsight__thread_names_unlock(void);
void hsight__thread_names_forked(void);

#endif
