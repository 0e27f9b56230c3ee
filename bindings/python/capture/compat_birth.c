/* SPDX-License-Identifier: MIT */
/* compat_birth.c - objects that come to life, whether in a new block or in one from a free list.
 *
 * Since 3.13 the interpreter has a slot for one reference tracer. It is shared: tracemalloc, among
 * others, takes it without asking, and since 3.15 tells who was there before by an event without an
 * object. Only births are used, because deaths are incomplete before 3.13.3. */
#include "compat.h"

#if PY_VERSION_HEX >= 0x030D0000

static hsight__compat_birth_visitor visitor;

static int tell(PyObject *object, PyRefTracerEvent event, void *data)
{
    (void)data;
    if (event == PyRefTracer_CREATE) {
        visitor(object);
    }
    return 0;
}

bool hsight__compat_watch_births(hsight__compat_birth_visitor wanted)
{
    void *data;
    if (PyRefTracer_GetTracer(&data) != NULL) {
        return false;
    }
    visitor = wanted;
    return PyRefTracer_SetTracer(tell, NULL) == 0;
}

void hsight__compat_unwatch_births(void)
{
    void *data;
    if (PyRefTracer_GetTracer(&data) == tell) {
        (void)PyRefTracer_SetTracer(NULL, NULL);
    }
}

bool hsight__compat_births_go_elsewhere(void)
{
    void *data;
    return PyRefTracer_GetTracer(&data) != tell;
}

#else

bool hsight__compat_watch_births(hsight__compat_birth_visitor wanted)
{
    (void)wanted;
    return false;
}

void hsight__compat_unwatch_births(void)
{
}

bool hsight__compat_births_go_elsewhere(void)
{
    return false;
}

#endif
