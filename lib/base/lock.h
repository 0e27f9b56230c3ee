/* SPDX-License-Identifier: MIT */
/* lock.h - a lock for sections of some tens of nanoseconds: one byte, no system call, usable from
 * any thread and before anything else is set up.
 *
 * A waiter spins briefly, then yields its processor, because the holder may have lost its own. Not
 * fair, not recursive. In a child of fork() the owner releases a lock that was taken before it. */
#ifndef HEAPSIGHT_LIB_BASE_LOCK_H
#define HEAPSIGHT_LIB_BASE_LOCK_H

#include <sched.h>
#include <stdatomic.h>

typedef struct {
    atomic_flag taken;
} hsight__lock;

enum { HSIGHT__LOCK_SPINS = 64 };

static inline void hsight__lock_init(hsight__lock *lock)
{
    atomic_flag_clear_explicit(&lock->taken, memory_order_relaxed);
}

static inline void hsight__lock_take(hsight__lock *lock)
{
    for (int spins = 1; atomic_flag_test_and_set_explicit(&lock->taken, memory_order_acquire);
         spins++) {
        if (spins % HSIGHT__LOCK_SPINS == 0) {
            sched_yield();
        }
    }
}

static inline void hsight__lock_release(hsight__lock *lock)
{
    atomic_flag_clear_explicit(&lock->taken, memory_order_release);
}

#endif
