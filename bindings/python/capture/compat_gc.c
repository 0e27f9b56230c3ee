/* SPDX-License-Identifier: MIT */
/* compat_gc.c - visiting what the collector tracks, and the check of private layouts at import.
 *
 * 3.12+ has PyUnstable_GC_VisitObjects. It leaves out what gc.freeze() set aside before 3.12.10 and
 * 3.13.4; there, and for everything in 3.11, the collector's own rings are walked.
 * The check makes one of each thing whose layout is used and compares; where an interpreter
 * differs, import is refused with one sentence, because a wrong layout would give wrong answers or
 * crash. */
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

/* Objects lie in rings much as they were allocated: where the next ones are asked for early, the
 * visit waits less for memory. */
static void fetch_ahead(const void *object)
{
    enum { AHEAD_BYTES = 640 };
    __builtin_prefetch((const char *)object + AHEAD_BYTES);
}

#if PY_VERSION_HEX < 0x030E0000
static PyObject *object_of(PyGC_Head *head)
{
    return (PyObject *)(head + 1);
}

static PyGC_Head *next_of(PyGC_Head *head)
{
    return (PyGC_Head *)(head->_gc_next & ~(uintptr_t)3); /* low bits are the collector's flags */
}

static int visit_ring(PyGC_Head *ring, hsight__compat_object_visitor visitor, void *state)
{
    for (PyGC_Head *head = next_of(ring); head != ring; head = next_of(head)) {
        fetch_ahead(head);
        int stop = visitor(object_of(head), state);
        if (stop != 0) {
            return stop;
        }
    }
    return 0;
}
#endif

#if PY_VERSION_HEX >= 0x030C0000
typedef struct {
    hsight__compat_object_visitor visitor;
    void *state;
    int answer;
} visit_call;

static int visit_one(PyObject *object, void *call_state)
{
    visit_call *call = call_state;
    fetch_ahead(object);
    call->answer = call->visitor(object, call->state);
    return call->answer == 0; /* CPython's visitor goes on while it answers 1 */
}

int hsight__compat_visit_tracked(hsight__compat_object_visitor visitor, void *state)
{
    visit_call call = {visitor, state, 0};
    PyUnstable_GC_VisitObjects(visit_one, &call);
#if PY_VERSION_HEX < 0x030E0000
    if (call.answer == 0) {
        PyInterpreterState *interpreter = PyInterpreterState_Get();
        return visit_ring(&interpreter->gc.permanent_generation.head, visitor, state);
    }
#endif
    return call.answer;
}
#else
int hsight__compat_visit_tracked(hsight__compat_object_visitor visitor, void *state)
{
    struct _gc_runtime_state *gc = &PyInterpreterState_Get()->gc;
    for (int i = 0; i < NUM_GENERATIONS; i++) {
        int stop = visit_ring(&gc->generations[i].head, visitor, state);
        if (stop != 0) {
            return stop;
        }
    }
    return visit_ring(&gc->permanent_generation.head, visitor, state);
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

/* The ring of what gc.freeze() set aside is empty in most programs, so no object of ours is found
 * there: it must be where the interpreter says, and be a ring. */
static bool permanent_ring_is_known(void)
{
#if PY_VERSION_HEX >= 0x030E0000
    return true; /* not used */
#else
#if PY_VERSION_HEX >= 0x030D0000
    if (_PyRuntime.debug_offsets.interpreter_state.gc != offsetof(PyInterpreterState, gc)) {
        return false;
    }
#endif
    return is_ring(&PyInterpreterState_Get()->gc.permanent_generation.head);
#endif
}

static const char *check_collector(void)
{
    PyObject *probe = PyList_New(0);
    if (probe == NULL) {
        PyErr_Clear();
        return "out of memory while heapsight checked the interpreter's layout";
    }
    bool found = permanent_ring_is_known() && hsight__compat_visit_tracked(is_wanted, probe);
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
