/* SPDX-License-Identifier: MIT */
/* child_memory.h - memory for a child made by clone(), where malloc cannot be used. */
#ifndef HEAPSIGHT_CAPTURE_CHILD_MEMORY_H
#define HEAPSIGHT_CAPTURE_CHILD_MEMORY_H

#include <stdbool.h>

/* From now on, in this process and for good: malloc() and its like in the extension, and the
 * interpreter's three allocators, take memory of their own, and blocks from before stay as they
 * are. For the only thread of a forked child; the GIL must be held. */
void hsight__child_memory_begin(void);
/* Is this process such a child? What takes a lock of the C library or the loader cannot be called
 * then: a thread may have held it that is not there any more. */
bool hsight__is_forked_child(void);

#endif
