/* SPDX-License-Identifier: MIT */
/* child_memory.h - memory for a child made by clone(), where malloc cannot be used. */
#ifndef HEAPSIGHT_CAPTURE_CHILD_MEMORY_H
#define HEAPSIGHT_CAPTURE_CHILD_MEMORY_H

/* From now on, in this process and for good: malloc() and its like in the extension, and the
 * interpreter's three allocators, take memory of their own, and blocks from before stay as they
 * are. For the only thread of a forked child; the GIL must be held. */
void hsight__child_memory_begin(void);

#endif
