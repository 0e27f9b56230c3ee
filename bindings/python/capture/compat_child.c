/* SPDX-License-Identifier: MIT */
/* compat_child.c - what the interpreter does at each birth and each block is turned off or replaced
 * in the forked child, without a lock.
 *
 * The public functions for it take locks of the runtime, which a thread may have held at the fork
 * that is not there any more: that of the allocators (3.12+) and that of tracemalloc's tables,
 * which each birth asks for while tracemalloc is on (before 3.13). So the child, whose only thread
 * it is, writes the interpreter's own variables. Where these are not what the public functions say,
 * which hsight__compat_check_child() finds out, those functions are called after all. O(1). */
#define Py_BUILD_CORE_MODULE 1
#include "compat.h"

#include "internal/pycore_pymem.h"
#if PY_VERSION_HEX >= 0x030C0000
#include "internal/pycore_runtime.h"
#endif
#include <string.h>

static bool knows_allocators;
static bool knows_births;

static const PyMemAllocatorDomain domains[] = {PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM,
                                               PYMEM_DOMAIN_OBJ};
enum { DOMAIN_COUNT = sizeof domains / sizeof *domains };

/* ---- allocators ---- */

/* The interpreter's own variable; NULL before 3.12, where the public function takes no lock. */
static PyMemAllocatorEx *allocator_of(size_t domain)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyMemAllocatorEx *const own[DOMAIN_COUNT] = {&_PyRuntime.allocators.standard.raw,
                                                 &_PyRuntime.allocators.standard.mem,
                                                 &_PyRuntime.allocators.standard.obj};
    return own[domain];
#else
    (void)domain;
    return NULL;
#endif
}

static bool check_allocators(void)
{
    for (size_t i = 0; i < DOMAIN_COUNT; i++) {
        PyMemAllocatorEx said;
        PyMem_GetAllocator(domains[i], &said);
        if (allocator_of(i) == NULL || memcmp(allocator_of(i), &said, sizeof said) != 0) {
            return false;
        }
    }
    return true;
}

void hsight__compat_use_allocator(PyMemAllocatorEx *allocator)
{
    for (size_t i = 0; i < DOMAIN_COUNT; i++) {
        if (knows_allocators) {
            *allocator_of(i) = *allocator;
        } else {
            PyMem_SetAllocator(domains[i], allocator);
        }
    }
}

/* ---- births ---- */

#if PY_VERSION_HEX >= 0x030D0000

static int hear_nothing(PyObject *object, PyRefTracerEvent event, void *data)
{
    (void)object;
    (void)event;
    (void)data;
    return 0;
}

static bool is_tracer(PyRefTracer tracer, const void *data)
{
    return _PyRuntime.ref_tracer.tracer_func == tracer && _PyRuntime.ref_tracer.tracer_data == data;
}

/* With a tracer of our own for a moment, where there is none to look for. */
static bool check_births(void)
{
    void *data = NULL;
    PyRefTracer before = PyRefTracer_GetTracer(&data);
    if (before != NULL) {
        return is_tracer(before, data);
    }
    bool found = PyRefTracer_SetTracer(hear_nothing, &data) == 0 && is_tracer(hear_nothing, &data);
    (void)PyRefTracer_SetTracer(NULL, NULL);
    return found && is_tracer(NULL, NULL);
}

/* PyRefTracer_SetTracer() tells the tracer that was there (3.15+), which may take a lock. */
void hsight__compat_silence_births(void)
{
    if (knows_births) {
        _PyRuntime.ref_tracer.tracer_func = NULL;
    } else {
        (void)PyRefTracer_SetTracer(NULL, NULL);
    }
}

#else

#if PY_VERSION_HEX >= 0x030C0000
#define TRACEMALLOC _PyRuntime.tracemalloc.config
#else
#define TRACEMALLOC _Py_tracemalloc_config
#endif

/* Is tracemalloc on? Asks with the address of no block in a domain of our own. */
static bool is_tracing(void)
{
    enum { DOMAIN_OF_OURS = 0x68736967 };
    bool answer = PyTraceMalloc_Track(DOMAIN_OF_OURS, 1, 1) != -2;
    (void)PyTraceMalloc_Untrack(DOMAIN_OF_OURS, 1);
    return answer;
}

static bool check_births(void)
{
    return TRACEMALLOC.max_nframe > 0 && TRACEMALLOC.max_nframe <= UINT16_MAX &&
           TRACEMALLOC.tracing == is_tracing();
}

/* tracemalloc is all that hears of them. No public function turns it off without its lock. */
void hsight__compat_silence_births(void)
{
    if (knows_births) {
        TRACEMALLOC.tracing = 0;
    }
}

#endif

void hsight__compat_check_child(void)
{
    knows_allocators = check_allocators();
    knows_births = check_births();
}
