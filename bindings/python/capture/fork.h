/* SPDX-License-Identifier: MIT */
/* fork.h - a snapshot that a forked child takes and writes, while the program goes on.
 *
 * The child is no child to the program: it brings no SIGCHLD, and only waits with __WALL see it. No
 * handler of the program runs in it or before it, neither those of pthread_atfork() nor those of
 * os.register_at_fork(). Linux only. */
#ifndef HEAPSIGHT_CAPTURE_FORK_H
#define HEAPSIGHT_CAPTURE_FORK_H

#include "capture.h"

typedef struct {
    hsight_string label; /* UTF-8 */
    /* Writes the file in the child; hsight_store_save_through(), which capture does not know. */
    hsight_status (*save)(const hsight_snapshot *snapshot, const char *path, const char *temporary,
                          hsight_error *err);
    bool values;
    const char *path;            /* of the file, absolute; NUL-terminated */
    const char *temporary;       /* name beside it that nobody uses */
    uint64_t memory_limit_bytes; /* of address space that the child may take on top; 0: any */
    uint64_t time_limit_ns;      /* after which the child ends itself */
} hsight_fork_options;

typedef struct hsight_fork hsight_fork; /* opaque */

/* Begin. The GIL must be held; the caller waits for the system's copy of its page tables.
 * @return HSIGHT_OK, HSIGHT_EIO (os_errno set: no pipe, no process), HSIGHT_ENOMEM,
 *         HSIGHT_ENOTSUP: not Linux */
hsight_status hsight_fork_begin(const hsight_fork_options *options, PyObject *interned_probe,
                                hsight_fork **out, hsight_error *err);

/* A descriptor that can be read once the child has something to say or is gone; for poll(). */
int hsight_fork_descriptor(const hsight_fork *fork);
/* Look, without waiting. Calls must not overlap. *ended: the child is gone, and is no zombie.
 * @return what the child says: HSIGHT_OK (file written, or not ended), or why there is no file:
 *         HSIGHT_EIO, HSIGHT_ENOMEM, HSIGHT_ELIMIT, HSIGHT_ETIMEOUT, HSIGHT_EKILLED; HSIGHT_EINVAL
 *         in another process than the one that began it */
hsight_status hsight_fork_look(hsight_fork *fork, bool *ended, hsight_error *err);
/* End the child; hsight_fork_look() goes on to tell when it is gone. No effect when it is, or in
 * another process. */
void hsight_fork_kill(hsight_fork *fork);
/* End the child if it is not gone, wait for that, and forget it. Removes no file. */
void hsight_fork_free(hsight_fork *fork);

#endif
