/* SPDX-License-Identifier: MIT */
/* check_lock.c - one at a time, and who waits lets others work. */
#include "base/lock.h"

#include "suite.h"

#include <pthread.h>
#include <sys/resource.h>

enum { THREADS = 4, STEPS = 20000 };

static hsight__lock lock;
static uint64_t count; /* changed with the lock held */

static void *add(void *unused)
{
    for (int i = 0; i < STEPS; i++) {
        hsight__lock_take(&lock);
        count++;
        hsight__lock_release(&lock);
    }
    return unused;
}

START_TEST(one_at_a_time)
{
    pthread_t threads[THREADS];
    hsight__lock_init(&lock);
    count = 0;
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, add, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    ck_assert_uint_eq(count, (uint64_t)THREADS * STEPS);
}
END_TEST

/* How often the waiter gave its processor up by sleeping; a yield does not count as that. */
static void *wait_for_it(void *sleeps)
{
    struct rusage before, after;
    getrusage(RUSAGE_THREAD, &before);
    hsight__lock_take(&lock);
    getrusage(RUSAGE_THREAD, &after);
    hsight__lock_release(&lock);
    *(long *)sleeps = after.ru_nvcsw - before.ru_nvcsw;
    return NULL;
}

/* Else a waiter of a higher real-time priority would keep the holder from ever going on. */
START_TEST(who_waits_for_long_sleeps)
{
    pthread_t waiter;
    long sleeps = 0;
    hsight__lock_init(&lock);
    hsight__lock_take(&lock);
    ck_assert_int_eq(pthread_create(&waiter, NULL, wait_for_it, &sleeps), 0);
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    hsight__lock_release(&lock);
    ck_assert_int_eq(pthread_join(waiter, NULL), 0);
    ck_assert_int_gt(sleeps, 3);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("lock");
    tcase_add_test(tests, one_at_a_time);
    tcase_add_test(tests, who_waits_for_long_sleeps);
    return run_tests("lock", tests);
}
