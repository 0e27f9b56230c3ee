/* SPDX-License-Identifier: MIT */
/* raw_threads.c - threads that take and give back raw blocks without the GIL, as fast as they can:
 * most of the time some of them is inside an allocator hook. */
#include <Python.h>

#include <pthread.h>
#include <stdatomic.h>

enum { COUNT = 3 };

static pthread_t threads[COUNT];
static atomic_bool stopping;

static void *work(void *unused)
{
    while (!atomic_load(&stopping)) {
        PyMem_RawFree(PyMem_RawMalloc(2000));
    }
    return unused;
}

int start(void)
{
    int failed = 0;
    for (int i = 0; i < COUNT; i++) {
        failed |= pthread_create(&threads[i], NULL, work, NULL);
    }
    return failed;
}

/* Without the GIL, like start(): for ctypes.CDLL. */
int stop(void)
{
    int failed = 0;
    atomic_store(&stopping, 1);
    for (int i = 0; i < COUNT; i++) {
        failed |= pthread_join(threads[i], NULL);
    }
    return failed;
}
