/* SPDX-License-Identifier: MIT */
/* raw_threads.c - threads that do one thing with the interpreter's allocators without the GIL, as
 * fast as they can: most of the time some of them is inside an allocator hook, or holds a lock. */
#include <Python.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { COUNT = 3 };

static pthread_t threads[COUNT];
static atomic_bool stopping;

static void *take_and_give_back(void *unused)
{
    while (!atomic_load(&stopping)) {
        PyMem_RawFree(PyMem_RawMalloc(2000));
    }
    return unused;
}

/* Not with PYTHONMALLOC=debug. */
static void *give_back(void *unused)
{
    while (!atomic_load(&stopping)) {
        PyMem_RawFree(malloc(64));
    }
    return unused;
}

static void *ask_for_the_allocator(void *unused)
{
    while (!atomic_load(&stopping)) {
        PyMemAllocatorEx found;
        PyMem_GetAllocator(PYMEM_DOMAIN_RAW, &found);
    }
    return unused;
}

/* Without the GIL, like the others: for ctypes.CDLL. */
static int start_all(void *(*work)(void *))
{
    int failed = 0;
    for (int i = 0; i < COUNT; i++) {
        failed |= pthread_create(&threads[i], NULL, work, NULL);
    }
    return failed;
}

int start(void)
{
    return start_all(take_and_give_back);
}

/* tracemalloc's lock is taken for it. */
int start_giving_back(void)
{
    return start_all(give_back);
}

/* The lock of the interpreter's allocators is taken for it (3.12+). */
int start_asking(void)
{
    return start_all(ask_for_the_allocator);
}

int stop(void)
{
    int failed = 0;
    atomic_store(&stopping, 1);
    for (int i = 0; i < COUNT; i++) {
        failed |= pthread_join(threads[i], NULL);
    }
    return failed;
}
