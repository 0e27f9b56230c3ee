/* SPDX-License-Identifier: MIT */
/* lock.h - a lock for sections of some tens of nanoseconds: one byte, usable from any thread and
 * before anything else is set up.
 *
 * A waiter reads until the lock looks free, then yields its processor, because the holder may have
 * lost its own, and at last sleeps: a yield does not help a holder of a lower real-time priority.
 * Not fair, not recursive. In a child of fork() the owner releases a lock that was taken before it.
 */
#ifndef HEAPSIGHT_LIB_BASE_LOCK_H
#define HEAPSIGHT_LIB_BASE_LOCK_H

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

typedef struct {
    atomic_bool taken;
} hsight__lock;

enum { HSIGHT__LOCK_SPINS = 64, HSIGHT__LOCK_YIELDS = 16, HSIGHT__LOCK_SLEEP_NS = 50000 };

static inline void hsight__lock_init(hsight__lock *lock)
{
    atomic_init(&lock->taken, false);
}

static inline void hsight__lock_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Somebody has it. Returns when it looked free for a moment, or after a while. errno stays: the
 * program may have called free() between what failed and its look at errno. */
static __attribute__((noinline, unused)) void hsight__lock_wait(hsight__lock *lock, int rounds)
{
    for (int spins = 0; spins < HSIGHT__LOCK_SPINS; spins++) {
        if (!atomic_load_explicit(&lock->taken, memory_order_relaxed)) {
            return;
        }
        hsight__lock_pause();
    }
    if (rounds < HSIGHT__LOCK_YIELDS) {
        sched_yield();
    } else {
        int kept = errno;
        nanosleep(&(struct timespec){.tv_nsec = HSIGHT__LOCK_SLEEP_NS}, NULL);
        errno = kept;
    }
}

static inline void hsight__lock_take(hsight__lock *lock)
{
    for (int rounds = 0; atomic_exchange_explicit(&lock->taken, true, memory_order_acquire);
         rounds += rounds < HSIGHT__LOCK_YIELDS) {
        hsight__lock_wait(lock, rounds);
    }
}

static inline void hsight__lock_release(hsight__lock *lock)
{
    atomic_store_explicit(&lock->taken, false, memory_order_release);
}

#endif
