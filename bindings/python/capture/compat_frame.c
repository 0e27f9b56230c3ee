/* SPDX-License-Identifier: MIT */
/* compat_frame.c - interpreter frames, generators, frame objects and thread states per version.
 *
 * A frame is a struct on the thread's data stack (or inside a generator or frame object) with fixed
 * fields, then the slots: locals, cells and free variables by co_localsplusnames, then the operand
 * stack. What is known of the operand stack:
 *   3.11 - 3.13   `stacktop`, or -1 while the frame runs C code: then co_stacksize slots of unknown
 * use 3.14, 3.15    `stackpointer`; slots are tagged words: low bits 0 owned, 1 borrowed, 3 a
 * number I1  No frame object is ever materialised; nothing is increfed. I2  Owned items are exactly
 * the references the frame releases when it is cleared. */
#define Py_BUILD_CORE_MODULE 1
#include "compat.h"
#include "compat_parts.h"

#include "internal/pycore_frame.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_pystate.h"
#include "internal/pycore_runtime.h"
#if PY_VERSION_HEX >= 0x030E0000
#include "internal/pycore_genobject.h"
#include "internal/pycore_interpframe.h"
#include "internal/pycore_interpframe_structs.h"
#include "internal/pycore_stackref.h"
#endif
#include <stddef.h>

/* Kinds of local slots: co_localspluskinds holds bits; 3.14 added more, so test bits, never ==. */
#define KIND_CELL 0x40
#define KIND_FREE 0x80

#if PY_VERSION_HEX >= 0x030E0000
typedef _PyStackRef slot;

static PyObject *slot_object(slot word, bool *owned)
{
    uintptr_t bits = word.bits;
    *owned = (bits & 3) == 0;
    if ((bits & 3) == 3 || (bits & ~(uintptr_t)3) == 0) {
        return NULL; /* a tagged number, or NULL */
    }
    return (PyObject *)(bits & ~(uintptr_t)1);
}
#else
typedef PyObject *slot;

static PyObject *slot_object(slot word, bool *owned)
{
    *owned = true;
    return word;
}
#endif

hsight__compat_frame *hsight__compat_current_frame(PyThreadState *thread)
{
#if PY_VERSION_HEX >= 0x030D0000
    return thread->current_frame;
#else
    return thread->cframe != NULL ? thread->cframe->current_frame : NULL;
#endif
}

hsight__compat_frame *hsight__compat_previous_frame(hsight__compat_frame *frame)
{
    return frame->previous;
}

static inline PyObject *executable_of(hsight__compat_frame *frame)
{
#if PY_VERSION_HEX >= 0x030E0000
    bool owned;
    return slot_object(frame->f_executable, &owned);
#elif PY_VERSION_HEX >= 0x030D0000
    return frame->f_executable;
#else
    return (PyObject *)frame->f_code;
#endif
}

PyObject *hsight__compat_frame_code(hsight__compat_frame *frame)
{
    PyObject *code = executable_of(frame);
    return code != NULL && PyCode_Check(code) ? code : NULL;
}

static bool is_sentinel(hsight__compat_frame *frame)
{
#if PY_VERSION_HEX >= 0x030C0000
    return frame->owner >= 3; /* C stack (3.12, 3.13) or interpreter (3.14+) */
#else
    (void)frame;
    return false;
#endif
}

/* A frame the interpreter puts under a specialised call of __init__ (3.13+): it holds the new
 * object on its operand stack, runs code of the interpreter, and its f_globals is not set. */
static bool is_shim(hsight__compat_frame *frame)
{
#if PY_VERSION_HEX >= 0x030D0000
#if PY_VERSION_HEX >= 0x030E0000
    bool owned;
    PyObject *function = slot_object(frame->f_funcobj, &owned);
#else
    PyObject *function = frame->f_funcobj;
#endif
    return function == NULL || function == Py_None;
#else
    (void)frame;
    return false;
#endif
}

bool hsight__compat_frame_has_code(hsight__compat_frame *frame)
{
    return !is_sentinel(frame) && !is_shim(frame) && hsight__compat_frame_code(frame) != NULL;
}

PyObject *hsight__compat_running_code(hsight__compat_frame *frame)
{
    return is_sentinel(frame) || is_shim(frame) ? NULL : executable_of(frame);
}

PyObject *hsight__compat_frame_globals(hsight__compat_frame *frame)
{
    return hsight__compat_frame_has_code(frame) ? frame->f_globals : NULL;
}

int hsight__compat_frame_offset(hsight__compat_frame *frame, PyObject *code)
{
#if PY_VERSION_HEX >= 0x030D0000
    const void *at = frame->instr_ptr;
#else
    const void *at = frame->prev_instr;
#endif
    return (int)((const char *)at - (const char *)((PyCodeObject *)code)->co_code_adaptive);
}

bool hsight__compat_frame_is_starting(hsight__compat_frame *frame, PyObject *code)
{
    int first = ((PyCodeObject *)code)->_co_firsttraceable * (int)sizeof(_Py_CODEUNIT);
    return frame->owner != FRAME_OWNED_BY_GENERATOR &&
           hsight__compat_frame_offset(frame, code) < first;
}

int hsight__compat_frame_line(hsight__compat_frame *frame)
{
    PyCodeObject *code = (PyCodeObject *)hsight__compat_frame_code(frame);
    if (code == NULL) {
        return 0;
    }
    int offset = hsight__compat_frame_offset(frame, (PyObject *)code);
    int line = offset < 0 ? code->co_firstlineno : PyCode_Addr2Line(code, offset);
    return line > 0 ? line : 0;
}

hsight__compat_frame *hsight__compat_generator_frame(PyObject *object)
{
    PyGenObject *generator = (PyGenObject *)object;
#if PY_VERSION_HEX >= 0x030F0000
    bool finished = generator->gi_frame_state == FRAME_CLEARED;
#else
    bool finished = generator->gi_frame_state >= FRAME_COMPLETED;
#endif
#if PY_VERSION_HEX >= 0x030E0000
    return finished ? NULL : &generator->gi_iframe;
#else
    return finished ? NULL : (hsight__compat_frame *)generator->gi_iframe;
#endif
}

size_t hsight__compat_code_slots_bytes(PyObject *object)
{
    PyCodeObject *code = (PyCodeObject *)object;
    return code == NULL ? 0 : (size_t)(code->co_nlocalsplus + code->co_stacksize) * sizeof(slot);
}

PyObject *hsight__compat_generator_code(PyObject *object)
{
    PyGenObject *generator = (PyGenObject *)object;
#if PY_VERSION_HEX >= 0x030E0000
    return hsight__compat_frame_code(&generator->gi_iframe);
#elif PY_VERSION_HEX >= 0x030C0000
    return hsight__compat_frame_code((hsight__compat_frame *)generator->gi_iframe);
#else
    return (PyObject *)generator->gi_code;
#endif
}

PyObject *hsight__compat_frame_object_code(PyObject *object)
{
    hsight__compat_frame *frame = ((PyFrameObject *)object)->f_frame;
    return frame != NULL ? hsight__compat_frame_code(frame) : NULL;
}

PyObject *hsight__compat_frame_generator(hsight__compat_frame *frame)
{
    if (frame->owner != FRAME_OWNED_BY_GENERATOR) {
        return NULL;
    }
    return (PyObject *)((char *)frame - offsetof(PyGenObject, gi_iframe));
}

/* ---- contents ---- */

typedef struct {
    hsight__compat_frame_visitor visitor;
    void *state;
} sink;

static void give(const sink *to, hsight__compat_frame_kind kind, void *object, bool owned)
{
    if (object != NULL) {
        hsight__compat_frame_item item = {kind, NULL, 0, (PyObject *)object, owned};
        to->visitor(&item, to->state);
    }
}

/* A refcount of 0 is an object whose tp_dealloc runs: it has given parts of itself away, and calls
 * a destructor of the program meanwhile. The slot of a call (3.14+) still names it. */
static void give_slot(const sink *to, hsight__compat_frame_kind kind, PyObject *name, int index,
                      slot word)
{
    bool owned;
    PyObject *object = slot_object(word, &owned);
    if (object != NULL && Py_REFCNT(object) != 0) {
        hsight__compat_frame_item item = {kind, name, index, object, owned};
        to->visitor(&item, to->state);
    }
}

static void give_variables(const sink *to, hsight__compat_frame *frame, PyCodeObject *code)
{
    const char *kinds = PyBytes_AS_STRING(code->co_localspluskinds);
    for (int i = 0; i < code->co_nlocalsplus; i++) {
        bool cell = (kinds[i] & (KIND_CELL | KIND_FREE)) != 0;
        give_slot(to, cell ? HSIGHT__FRAME_CELL : HSIGHT__FRAME_LOCAL,
                  PyTuple_GET_ITEM(code->co_localsplusnames, i), 0, frame->localsplus[i]);
    }
}

/* Operand stack depth, or -1 unknown. */
static int stack_depth(hsight__compat_frame *frame, int first)
{
#if PY_VERSION_HEX >= 0x030E0000
    if (frame->stackpointer == NULL) {
        return -1;
    }
    return (int)(frame->stackpointer - frame->localsplus) - first;
#else
    return frame->stacktop < 0 ? -1 : frame->stacktop - first;
#endif
}

static void give_stack(const sink *to, hsight__compat_frame *frame, int first)
{
    int depth = stack_depth(frame, first);
    for (int i = 0; i < depth; i++) {
        give_slot(to, HSIGHT__FRAME_STACK, NULL, i, frame->localsplus[first + i]);
    }
}

void hsight__compat_frame_items(hsight__compat_frame *frame, hsight__compat_frame_visitor visitor,
                                void *state)
{
    sink to = {visitor, state};
    PyCodeObject *code = (PyCodeObject *)hsight__compat_frame_code(frame);
    if (is_sentinel(frame) || code == NULL) {
        return;
    }
#if PY_VERSION_HEX >= 0x030E0000
    give_slot(&to, HSIGHT__FRAME_CODE, NULL, 0, frame->f_executable);
    give_slot(&to, HSIGHT__FRAME_FUNCTION, NULL, 0, frame->f_funcobj);
#elif PY_VERSION_HEX >= 0x030C0000
    give(&to, HSIGHT__FRAME_CODE, code, true);
    give(&to, HSIGHT__FRAME_FUNCTION, frame->f_funcobj, true);
#else
    give(&to, HSIGHT__FRAME_CODE, code, true);
    give(&to, HSIGHT__FRAME_FUNCTION, frame->f_func, true);
#endif
    give(&to, HSIGHT__FRAME_NAMESPACE, frame->f_locals, true);
    give(&to, HSIGHT__FRAME_OBJECT, frame->frame_obj, true);
    give_variables(&to, frame, code);
    give_stack(&to, frame, code->co_nlocalsplus);
}

int hsight__compat_frame_unknown_slots(hsight__compat_frame *frame, PyObject ***slots)
{
#if PY_VERSION_HEX >= 0x030E0000
    (void)frame;
    (void)slots;
    return 0;
#else
    PyCodeObject *code = (PyCodeObject *)hsight__compat_frame_code(frame);
    if (is_sentinel(frame) || code == NULL || frame->stacktop >= 0) {
        return 0;
    }
    *slots = frame->localsplus + code->co_nlocalsplus;
    return code->co_stacksize;
#endif
}

/* ---- generators and frame objects ---- */

void hsight__compat_generator_parts(PyObject *object, hsight__compat_part_visitor visitor,
                                    void *state)
{
    PyGenObject *generator = (PyGenObject *)object;
    PART("__name__", generator->gi_name);
    PART("__qualname__", generator->gi_qualname);
    PART("exception being handled", generator->gi_exc_state.exc_value);
    if (Py_IS_TYPE(object, &PyCoro_Type)) { /* plain generators leave the field as it was */
        PART("cr_origin", generator->gi_origin_or_finalizer);
    } else if (Py_IS_TYPE(object, &PyAsyncGen_Type)) {
        PART("finalizer", generator->gi_origin_or_finalizer);
    }
    /* Since 3.12 the code is the frame's, and the only part of it that outlives the frame. */
    if (PY_VERSION_HEX < 0x030C0000 || hsight__compat_generator_frame(object) == NULL) {
        PART("gi_code", hsight__compat_generator_code(object));
    }
}

void hsight__compat_frame_object_parts(PyObject *object, hsight__compat_part_visitor visitor,
                                       void *state)
{
    PyFrameObject *frame = (PyFrameObject *)object;
    PART("f_back", frame->f_back);
    PART("f_trace", frame->f_trace);
#if PY_VERSION_HEX >= 0x030D0000
    PART("f_extra_locals", frame->f_extra_locals);
    PART("f_locals_cache", frame->f_locals_cache);
#endif
#if PY_VERSION_HEX >= 0x030E0000
    PART("f_overwritten_fast_locals", frame->f_overwritten_fast_locals);
#endif
}

hsight__compat_frame *hsight__compat_frame_object_frame(PyObject *object)
{
    hsight__compat_frame *frame = ((PyFrameObject *)object)->f_frame;
    return frame != NULL && frame->owner == FRAME_OWNED_BY_FRAME_OBJECT ? frame : NULL;
}

/* ---- threads ---- */

PyThreadState *hsight__compat_thread(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    return PyThreadState_GetUnchecked();
#else
    return _PyThreadState_UncheckedGet();
#endif
}

PyThreadState *hsight__compat_own_thread(void)
{
    PyThreadState *thread = hsight__compat_thread();
#if PY_VERSION_HEX < 0x030C0000
    /* One for the process, whoever holds the GIL: is that us? */
    if (thread != PyGILState_GetThisThreadState()) {
        return NULL;
    }
#endif
    return thread;
}

bool hsight__compat_has_modules(void)
{
    /* PyImport_GetModuleDict() ends the process where there are none. The main interpreter has them
     * before any extension is loaded; a subinterpreter allocates before it has. */
    PyThreadState *thread = hsight__compat_own_thread();
#if PY_VERSION_HEX >= 0x030D0000
    bool is_ending = Py_IsFinalizing();
#else
    bool is_ending = _Py_IsFinalizing();
#endif
    return thread != NULL && !is_ending &&
           PyThreadState_GetInterpreter(thread) == PyInterpreterState_Main();
}

void hsight__compat_thread_parts(PyThreadState *thread, hsight__compat_part_visitor visitor,
                                 void *state)
{
    PART("thread state dict", thread->dict);
    PART("context", thread->context);
    PART("trace function", thread->c_traceobj);
    PART("profile function", thread->c_profileobj);
    PART("async exception", thread->async_exc);
    PART("async generator hook", thread->async_gen_firstiter);
    PART("async generator hook", thread->async_gen_finalizer);
#if PY_VERSION_HEX >= 0x030C0000
    PART("exception being raised", thread->current_exception);
#else
    PART("exception being raised", thread->curexc_type);
    PART("exception being raised", thread->curexc_value);
    PART("exception being raised", thread->curexc_traceback);
#endif
#if PY_VERSION_HEX >= 0x030D0000
    PART("mark of threading.local", thread->threading_local_sentinel);
    PART("key of threading.local", thread->threading_local_key);
#endif
    /* The chain of handled exceptions ends at the one in the thread state; those in between lie in
     * running generators, which own them. */
    PART("exception being handled", thread->exc_state.exc_value);
}

unsigned long hsight__compat_main_thread_id(void)
{
    return _PyRuntime.main_thread;
}

const void *hsight__compat_interpreter_memory(size_t *bytes)
{
    PyInterpreterState *interpreter = PyInterpreterState_Get();
#if PY_VERSION_HEX >= 0x030D0000
    /* The running interpreter's own word on its size: builds of one minor version differ. */
    *bytes = (size_t)_PyRuntime.debug_offsets.interpreter_state.size;
#else
    *bytes = sizeof(PyInterpreterState);
#endif
    return interpreter;
}
