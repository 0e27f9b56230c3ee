/* SPDX-License-Identifier: MIT */
/* roots.c - where references begin: modules, frames of all threads, the interpreter itself.
 *
 * Each root names an object; each reference a root owns is recorded in walk->held, so that
 * refcounts balance. Frames of heapsight's own functions are no roots: what only they hold is "held
 * by heapsight". Cost: O(modules + frames + their variables). */
#include "threads.h"
#include "walk.h"

#include <string.h>

static void add_root(hsight__walk *walk, hsight_root *root, PyObject *object)
{
    root->node.index = hsight__walk_node(walk, object);
    if (root->node.index == 0) {
        return;
    }
    hsight_status status = hsight_builder_add_root(walk->visit.builder, root, walk->visit.err);
    hsight__visit_keep_failure(&walk->visit, status);
}

static void hold(hsight__walk *walk, PyObject *object)
{
    if (!hsight__pointers_add(&walk->held, object)) {
        walk->visit.dropped_count++;
    }
}

static void add_modules(hsight__walk *walk)
{
    Py_ssize_t at = 0;
    PyObject *name, *module;
    PyObject *modules = PyImport_GetModuleDict();
    while (PyDict_Next(modules, &at, &name, &module)) {
        if (PyUnicode_Check(name) && module != Py_None) {
            hsight_root root = {.kind = HSIGHT_ROOT_MODULE,
                                .name = hsight__visit_unicode(&walk->visit, name)};
            add_root(walk, &root, module);
        }
    }
    hsight_root root = {.kind = HSIGHT_ROOT_INTERPRETER,
                        .name = hsight__visit_name(&walk->visit, "sys.modules")};
    add_root(walk, &root, modules);
    hold(walk, modules);
}

/* ---- thread names ---- */

static hsight_string_id thread_name(hsight__walk *walk, PyObject *active, unsigned long id)
{
    char text[512];
    hsight_string_id name = {0};
    hsight__thread_text(active, id, text, sizeof text);
    if (hsight_builder_string(walk->visit.builder, text, strlen(text), &name, NULL) != HSIGHT_OK) {
        walk->visit.dropped_count++;
    }
    return name;
}

/* ---- frames ---- */

typedef struct {
    hsight__walk *walk;
    hsight_root root; /* thread, function, file and line filled in */
    bool own;         /* a frame of heapsight itself */
} frame_walk;

static hsight_string_id item_name(hsight__visit *visit, const hsight__compat_frame_item *item)
{
    switch (item->kind) {
    case HSIGHT__FRAME_LOCAL:
    case HSIGHT__FRAME_CELL:
        return hsight__visit_unicode(visit, item->name);
    case HSIGHT__FRAME_FUNCTION:
        return hsight__visit_name(visit, "(running function)");
    case HSIGHT__FRAME_CODE:
        return hsight__visit_name(visit, "(running code)");
    case HSIGHT__FRAME_NAMESPACE:
        return hsight__visit_name(visit, "(namespace)");
    case HSIGHT__FRAME_OBJECT:
        return hsight__visit_name(visit, "(frame object)");
    default:
        return hsight__visit_name(visit, "(operand stack)");
    }
}

static void add_frame_item(const hsight__compat_frame_item *item, void *state)
{
    frame_walk *frame = state;
    hsight__walk *walk = frame->walk;
    if (item->owned) {
        hold(walk, item->object);
    }
    if (frame->own) {
        if (!hsight__pointers_add(&walk->kept, item->object)) {
            walk->visit.dropped_count++;
        }
        return;
    }
    hsight_root root = frame->root;
    root.name = item_name(&walk->visit, item);
    add_root(walk, &root, item->object);
}

/* What a frame of the interpreter itself owns. */
static void hold_frame_item(const hsight__compat_frame_item *item, void *walk)
{
    if (item->owned) {
        hold(walk, item->object);
    }
}

static void note_unknown_slots(hsight__walk *walk, hsight__compat_frame *frame)
{
    PyObject **slots;
    int count = hsight__compat_frame_unknown_slots(frame, &slots);
    for (int i = 0; i < count; i++) {
        if (slots[i] != NULL && !hsight__pointers_add(&walk->unknown, slots[i])) {
            walk->visit.dropped_count++;
        }
    }
}

/* Of our own frame only the variables that it passes on: the label that the program gave. Other
 * words of its operand stack are stale, and may be the only ones that still name a leaked object.
 */
static void note_passed_on(hsight__walk *walk, hsight__compat_frame *frame, size_t first_kept)
{
    PyObject **slots;
    int count = hsight__compat_frame_unknown_slots(frame, &slots);
    size_t last = walk->kept.count;
    for (int i = 0; i < count; i++) {
        for (size_t k = first_kept; k < last && slots[i] != NULL; k++) {
            if (walk->kept.items[k] == slots[i]) {
                walk->visit.dropped_count += !hsight__pointers_add(&walk->unknown, slots[i]);
                break;
            }
        }
    }
}

static void describe_frame(hsight__walk *walk, hsight__compat_frame *frame, hsight_root *root)
{
    PyCodeObject *code = (PyCodeObject *)hsight__compat_frame_code(frame);
    root->function = hsight__visit_unicode(&walk->visit, code->co_qualname);
    root->file = hsight__visit_unicode(&walk->visit, code->co_filename);
    root->line = (uint32_t)hsight__compat_frame_line(frame);
}

/* A running generator owns its frame's contents; the frame only leads to the generator. */
static void add_running_generator(hsight__walk *walk, hsight_root root, PyObject *generator)
{
    root.name = hsight__visit_name(&walk->visit, "(running generator)");
    add_root(walk, &root, generator);
}

static void add_frame(hsight__walk *walk, hsight__compat_frame *frame, hsight_string_id thread)
{
    if (!hsight__compat_frame_has_code(frame)) {
        hsight__compat_frame_items(frame, hold_frame_item, walk);
        return;
    }
    frame_walk state = {.walk = walk, .root = {.kind = HSIGHT_ROOT_FRAME, .thread = thread}};
    PyObject *globals = hsight__compat_frame_globals(frame);
    state.own = globals != NULL && hsight__is_hidden(walk, globals);
    describe_frame(walk, frame, &state.root);
    if (!state.own) {
        note_unknown_slots(walk, frame);
    }
    size_t first_kept = walk->kept.count;
    PyObject *generator = hsight__compat_frame_generator(frame);
    if (generator != NULL) {
        add_running_generator(walk, state.root, generator);
    } else {
        hsight__compat_frame_items(frame, add_frame_item, &state);
    }
    if (state.own) {
        note_passed_on(walk, frame, first_kept);
    }
}

typedef struct {
    hsight__walk *walk;
    hsight_string_id name;
} thread_walk;

static void add_thread_part(const char *name, PyObject *part, void *state)
{
    const thread_walk *thread = state;
    hsight__walk *walk = thread->walk;
    hsight_root root = {.kind = HSIGHT_ROOT_INTERPRETER,
                        .name = hsight__visit_name(&walk->visit, name),
                        .thread = thread->name};
    hold(walk, part);
    add_root(walk, &root, part);
    hsight__name_thread_locals(walk, part, thread->name);
}

static void add_threads(hsight__walk *walk)
{
    PyObject *active = hsight__active_threads();
    PyThreadState *thread = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    for (; thread != NULL; thread = PyThreadState_Next(thread)) {
        hsight_string_id name = thread_name(walk, active, thread->thread_id);
        thread_walk parts = {walk, name};
        hsight__compat_thread_parts(thread, add_thread_part, &parts);
        for (hsight__compat_frame *frame = hsight__compat_current_frame(thread); frame != NULL;
             frame = hsight__compat_previous_frame(frame)) {
            add_frame(walk, frame, name);
        }
    }
}

void hsight__roots_add(hsight__walk *walk)
{
    add_modules(walk);
    add_threads(walk);
}
