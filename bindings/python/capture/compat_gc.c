/* SPDX-License-Identifier: MIT */
/* compat_gc.c - visiting what the collector tracks, and the check of private layouts at import.
 *
 * Before 3.14 the collector's own rings are walked: PyUnstable_GC_VisitObjects, from 3.12 on, goes
 * one way only, and leaves out what gc.freeze() set aside before 3.12.10 and 3.13.4. The rings
 * of 3.14 lie elsewhere from one of its patch releases to the next, so there it is used. The check
 * makes one of each thing whose layout is used and compares; where an interpreter differs, import
 * is refused with one sentence, because a wrong layout would give wrong answers or crash. */
#define Py_BUILD_CORE_MODULE 1
#include "compat.h"

#include "internal/pycore_gc.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_pystate.h"
#if PY_VERSION_HEX >= 0x030D0000
#include "internal/pycore_runtime.h"
#endif
#if PY_VERSION_HEX >= 0x030E0000
#include "internal/pycore_interpframe_structs.h"
#else
#include "internal/pycore_frame.h"
#endif
#include <stddef.h>
#include <string.h>

/* ---- rings ---- */

enum {
    AHEAD_BYTES = 3328
}; /* nearly a page: what lies on the next one waits for its translation, too */

#if PY_VERSION_HEX < 0x030E0000
static PyObject *object_of(PyGC_Head *head)
{
    return (PyObject *)(head + 1);
}

/* The low bits of the links are the collector's flags. */
static PyGC_Head *next_of(PyGC_Head *head)
{
    return (PyGC_Head *)(head->_gc_next & ~(uintptr_t)3);
}

static PyGC_Head *previous_of(PyGC_Head *head)
{
    return (PyGC_Head *)(head->_gc_prev & ~(uintptr_t)3);
}

/* From both ends at once: each step waits for memory to know the next, and so two wait together.
 * Objects lie in rings much as they were allocated, so what comes next is asked for early. */
static int visit_ring(PyGC_Head *ring, const hsight__compat_tracked_visitor *visitor)
{
    PyGC_Head *front = next_of(ring), *back = previous_of(ring);
    while (front != ring) {
        __builtin_prefetch((const char *)front + AHEAD_BYTES);
        int stop = visitor->forwards(object_of(front), visitor->state);
        if (stop != 0 || front == back) {
            return stop;
        }
        __builtin_prefetch((const char *)back - AHEAD_BYTES);
        stop = visitor->backwards(object_of(back), visitor->state);
        front = next_of(front);
        if (stop != 0 || front == back) {
            return stop;
        }
        back = previous_of(back);
    }
    return 0;
}

int hsight__compat_visit_tracked(const hsight__compat_tracked_visitor *visitor)
{
    struct _gc_runtime_state *gc = &PyInterpreterState_Get()->gc;
    int stop = 0;
    for (int i = 0; i < NUM_GENERATIONS && stop == 0; i++) {
        stop = visit_ring(&gc->generations[i].head, visitor);
    }
    return stop != 0 ? stop : visit_ring(&gc->permanent_generation.head, visitor);
}
#else
typedef struct {
    const hsight__compat_tracked_visitor *visitor;
    int stop;
} visit_call;

static int visit_one(PyObject *object, void *state)
{
    visit_call *call = state;
    __builtin_prefetch((const char *)object + AHEAD_BYTES);
    call->stop = call->visitor->forwards(object, call->visitor->state);
    return call->stop == 0; /* CPython's visitor goes on while it answers 1 */
}

int hsight__compat_visit_tracked(const hsight__compat_tracked_visitor *visitor)
{
    visit_call call = {.visitor = visitor};
    PyUnstable_GC_VisitObjects(visit_one, &call);
    return call.stop;
}
#endif

/* ---- the check at import ---- */

const char *hsight__compat_description(void)
{
    return "direct walk";
}

static int is_wanted(PyObject *object, void *wanted)
{
    return object == wanted;
}

#if PY_VERSION_HEX < 0x030E0000
#define RING_CHECKED 100000 /* objects; gc.freeze() may have put millions there */

static bool is_ring(PyGC_Head *ring)
{
    PyGC_Head *head = ring;
    for (int i = 0; i < RING_CHECKED; i++) {
        PyGC_Head *next = next_of(head);
        if (next == NULL || (next->_gc_prev & ~(uintptr_t)3) != (uintptr_t)head) {
            return false;
        }
        if (next == ring) {
            return true;
        }
        head = next;
    }
    return true;
}
#endif

/* The rings must be where the interpreter says, and linked both ways. That of what gc.freeze() set
 * aside is empty in most programs, so no object of ours is found there. */
static bool rings_are_known(void)
{
#if PY_VERSION_HEX >= 0x030E0000
    return true; /* not used */
#else
#if PY_VERSION_HEX >= 0x030D0000
    if (_PyRuntime.debug_offsets.interpreter_state.gc != offsetof(PyInterpreterState, gc)) {
        return false;
    }
#endif
    struct _gc_runtime_state *gc = &PyInterpreterState_Get()->gc;
    for (int i = 0; i < NUM_GENERATIONS; i++) {
        if (!is_ring(&gc->generations[i].head)) {
            return false;
        }
    }
    return is_ring(&gc->permanent_generation.head);
#endif
}

static const char *check_collector(void)
{
    PyObject *probe = PyList_New(0);
    if (probe == NULL) {
        PyErr_Clear();
        return "out of memory while heapsight checked the interpreter's layout";
    }
    hsight__compat_tracked_visitor visitor = {is_wanted, is_wanted, probe};
    bool found = rings_are_known() && hsight__compat_visit_tracked(&visitor) != 0;
    Py_DECREF(probe);
    return found ? NULL
                 : "heapsight cannot find objects through this interpreter's garbage collector; it "
                   "is not the CPython this extension was built for: reinstall heapsight for it";
}

/* A class with three attributes set on one instance: every name must lead to its value. */
static bool attributes_match(PyObject *instance, PyObject *value)
{
    PyTypeObject *type = Py_TYPE(instance);
    if (!hsight__compat_has_managed_dict(type)) {
        return false;
    }
    hsight__compat_attributes attributes;
    hsight__compat_read_attributes(instance, type, &attributes);
    if (attributes.dict != NULL || attributes.count != 3) {
        return false;
    }
    for (Py_ssize_t i = 0; i < 3; i++) {
        PyObject *key = hsight__compat_shared_key(type, i);
        char expected[] = {(char)('a' + i), 0};
        if (attributes.slots[i] != value || !PyUnicode_Check(key) ||
            PyUnicode_CompareWithASCIIString(key, expected) != 0) {
            return false;
        }
    }
    return true;
}

static traverseproc python_traverse; /* written once, by the check at import */

bool hsight__compat_is_python_class(const PyTypeObject *type)
{
    return type->tp_traverse == python_traverse &&
           PyType_HasFeature((PyTypeObject *)type, Py_TPFLAGS_HEAPTYPE);
}

static const char *check_attributes(void)
{
    const char *answer = "heapsight cannot read instance attributes of this interpreter; it is not "
                         "the CPython this extension was built for: reinstall heapsight for it";
    PyObject *type = PyObject_CallFunction((PyObject *)&PyType_Type, "s(){}", "probe");
    PyObject *instance = type != NULL ? PyObject_CallNoArgs(type) : NULL;
    PyObject *value = PyFloat_FromDouble(0.5);
    if (instance != NULL && value != NULL && PyObject_SetAttrString(instance, "a", value) == 0 &&
        PyObject_SetAttrString(instance, "b", value) == 0 &&
        PyObject_SetAttrString(instance, "c", value) == 0 && attributes_match(instance, value)) {
        answer = NULL;
    }
    if (type != NULL) {
        python_traverse = ((PyTypeObject *)type)->tp_traverse;
    }
    PyErr_Clear();
    Py_XDECREF(value);
    Py_XDECREF(instance);
    Py_XDECREF(type);
    return answer;
}

static const char *check_frames(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    const struct _Py_DebugOffsets *offsets =
        (const struct _Py_DebugOffsets *)&_PyRuntime.debug_offsets;
    bool same =
        offsets->thread_state.current_frame == offsetof(PyThreadState, current_frame) &&
        offsets->interpreter_frame.previous == offsetof(struct _PyInterpreterFrame, previous) &&
        offsets->interpreter_frame.localsplus == offsetof(struct _PyInterpreterFrame, localsplus) &&
        offsets->interpreter_frame.owner == offsetof(struct _PyInterpreterFrame, owner) &&
        offsets->code_object.localsplusnames == offsetof(PyCodeObject, co_localsplusnames) &&
        offsets->code_object.co_code_adaptive == offsetof(PyCodeObject, co_code_adaptive);
    if (!same) {
        return "heapsight cannot read the frames of this interpreter; it is not the CPython this "
               "extension was built for: reinstall heapsight for it";
    }
#endif
    return NULL;
}

static const char *check_version(void)
{
    if ((Py_Version >> 16) != (PY_VERSION_HEX >> 16)) {
        return "this heapsight was built for another minor version of CPython: reinstall it with "
               "the interpreter that runs it";
    }
    return NULL;
}

bool hsight__compat_is_alone(void)
{
    return PyInterpreterState_Next(PyInterpreterState_Head()) == NULL;
}

static const char *check_interpreter(void)
{
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        return "heapsight does not support subinterpreters: import it in the main interpreter";
    }
    return NULL;
}

const char *hsight__compat_check(void)
{
#ifdef Py_GIL_DISABLED
    return "heapsight does not support free-threaded CPython yet: use a build with the GIL";
#else
    const char *(*const checks[])(void) = {check_version, check_interpreter, check_frames,
                                           check_collector, check_attributes};
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        const char *problem = checks[i]();
        if (problem != NULL) {
            return problem;
        }
    }
    hsight__compat_check_buffers();
    hsight__compat_check_child();
    return NULL;
#endif
}
