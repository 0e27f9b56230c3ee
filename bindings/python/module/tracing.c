/* SPDX-License-Identifier: MIT */
/* tracing.c - functions of heapsight._core that work on the process's allocator hook. */
#include "../capture/hook.h"
#include "module.h"

#include <string.h>

static int parse_mode(const char *name, hsight_trace_mode *out)
{
#define MATCH(identifier, number, text)                                                            \
    if (strcmp(name, text) == 0) {                                                                 \
        *out = HSIGHT_TRACE_##identifier;                                                          \
        return 0;                                                                                  \
    }
    HSIGHT_TRACE_MODE_LIST(MATCH)
#undef MATCH
    PyErr_Format(PyExc_ValueError, "mode must be \"exact\", \"sampled\" or \"counts\", not \"%s\"",
                 name);
    return -1;
}

/* A trace that trace_site() took; good for stacks below `count`, whose numbers mean the same until
 * the tracer stops. */
typedef struct {
    hsight_trace *trace;
    hsight_stack_id *map;
    uint32_t count;
} known_sites;

/* The last one, for the process, like the hook. */
static known_sites last_sites;
static unsigned tracer_changes; /* starts and stops */

static void free_sites(known_sites *sites)
{
    hsight_stack_map_free(sites->map, sites->count);
    hsight_trace_free(sites->trace);
    memset(sites, 0, sizeof *sites);
}

static void forget_sites(void)
{
    tracer_changes++;
    free_sites(&last_sites);
}

static PyObject *trace_start(PyObject *module, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"mode", "frames", "sample_bytes", "seed", "follow_children", NULL};
    const char *mode;
    unsigned int frames = 32;
    unsigned long long sample_bytes = 524288, seed = 0;
    int follow = 0;
    hsight_hook_options options = {0};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|IKKp", names, &mode, &frames, &sample_bytes,
                                     &seed, &follow) ||
        parse_mode(mode, &options.mode) < 0) {
        return NULL;
    }
    options.frame_limit = frames;
    options.sample_bytes = sample_bytes;
    options.seed = seed;
    options.follow_children = follow != 0;
    hsight_error err;
    if (!hsight_hook_is_running()) {
        forget_sites(); /* of the parent, in a child that was not followed */
    }
    if (hsight_hook_start(&options, &err) != HSIGHT_OK) {
        return core_raise(core_get_state(module), &err);
    }
    Py_RETURN_NONE;
}

static PyObject *trace_stop(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    hsight_hook_stop();
    forget_sites();
    Py_RETURN_NONE;
}

static PyObject *trace_is_running(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyBool_FromLong(hsight_hook_is_running());
}

static PyObject *trace_is_removed(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyBool_FromLong(hsight_hook_is_removed());
}

static PyObject *trace_births_are_lost(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyBool_FromLong(hsight_hook_births_are_lost());
}

static PyObject *trace_take(PyObject *module, PyObject *unused)
{
    (void)unused;
    (void)hsight_hook_births_are_lost(); /* now is when it matters: it is remembered */
    hsight_error err;
    hsight_trace *trace = NULL;
    core_state *state = core_get_state(module);
    hsight_status status = hsight_hook_take(NULL, &trace, NULL, NULL, &err);
    return status == HSIGHT_OK ? core_trace_new(state, trace) : core_raise(state, &err);
}

static PyObject *site_frames(const hsight_trace *trace, hsight_stack_id stack)
{
    PyObject *list = PyList_New(0);
    for (; list != NULL && stack.index != 0; stack = hsight_trace_caller(trace, stack)) {
        PyObject *item = core_frame(trace, hsight_trace_innermost(trace, stack));
        if (item == NULL || PyList_Append(list, item) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(item);
    }
    return list;
}

static PyObject *trace_site(PyObject *module, PyObject *object)
{
    uint32_t known = hsight_hook_stack_of(object);
    if (known == 0) {
        Py_RETURN_NONE;
    }
    known_sites sites = last_sites; /* ours alone: a finaliser may ask, or stop the tracer */
    unsigned changes = tracer_changes;
    memset(&last_sites, 0, sizeof last_sites);
    if (known >= sites.count) {
        hsight_error err;
        free_sites(&sites);
        if (hsight_hook_take(NULL, &sites.trace, &sites.map, &sites.count, &err) != HSIGHT_OK) {
            return core_raise(core_get_state(module), &err);
        }
    }
    PyObject *frames =
        site_frames(sites.trace, known < sites.count ? sites.map[known] : (hsight_stack_id){0});
    if (changes == tracer_changes && last_sites.trace == NULL) {
        last_sites = sites;
    } else {
        free_sites(&sites);
    }
    return frames;
}

/* One for the process, like the hook. */
static PyObject *memory_error_call;

static int call_on_memory_error(void *unused)
{
    (void)unused;
    PyObject *call = Py_XNewRef(memory_error_call);
    PyObject *answer = call != NULL ? PyObject_CallNoArgs(call) : NULL;
    int failed = call != NULL && answer == NULL;
    Py_XDECREF(call);
    Py_XDECREF(answer);
    return failed ? -1 : 0;
}

static PyObject *trace_on_memory_error(PyObject *module, PyObject *call)
{
    (void)module;
    PyObject *before = memory_error_call;
    memory_error_call = call != Py_None ? Py_NewRef(call) : NULL;
    hsight_hook_on_refusal(call != Py_None ? call_on_memory_error : NULL);
    Py_XDECREF(before);
    Py_RETURN_NONE;
}

PyMethodDef core_tracing_functions[] = {
    {"trace_start", (PyCFunction)(void (*)(void))trace_start, METH_VARARGS | METH_KEYWORDS,
     "trace_start(mode, frames=32, sample_bytes=524288, seed=0, follow_children=False)\n--\n\n"
     "Watch the interpreter's allocators."},
    {"trace_stop", trace_stop, METH_NOARGS, "trace_stop()\n--\n\nStop; no effect while stopped."},
    {"trace_is_running", trace_is_running, METH_NOARGS,
     "trace_is_running()\n--\n\nIs the hook recording?"},
    {"trace_is_removed", trace_is_removed, METH_NOARGS,
     "trace_is_removed()\n--\n\nDid another tool take the hook out?"},
    {"trace_births_are_lost", trace_births_are_lost, METH_NOARGS,
     "trace_births_are_lost()\n--\n\nDoes another tool hear of objects from free lists instead?"},
    {"trace_on_memory_error", trace_on_memory_error, METH_O,
     "trace_on_memory_error(call)\n--\n\nCall something soon after memory was refused; None: no "
     "more."},
    {"trace_site", trace_site, METH_O,
     "trace_site(obj)\n--\n\nFrames that allocated a live object, or None."},
    {"trace_take", trace_take, METH_NOARGS, "trace_take()\n--\n\nWhat is known now."},
    {NULL, NULL, 0, NULL},
};
