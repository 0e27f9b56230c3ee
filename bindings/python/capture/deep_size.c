/* SPDX-License-Identifier: MIT */
/* deep_size.c - what single objects keep, without a snapshot of the heap.
 *
 * Depth first from each item, in order; an object counts for the first item that reaches it. Not
 * entered: classes, modules, functions, code, frames, immortal objects (they belong to the program,
 * not to the item), the other items, and from a function that is an item its __globals__ and
 * __builtins__. Memory: one map entry and at most one stack entry an
 * object, freed before return. Cost: O(objects and references reached). */
#include "capture.h"
#include "type_table.h"
#include "visit_session.h"
#include "walk.h"

#include <stdlib.h>

enum { SEEN = 1, ITEM = 2, DONE = 3 };

typedef struct {
    hsight__visit visit;
    hsight__pointer_map seen;
    hsight__pointers stack;
    PyObject *globals; /* of the item, when it is a function: its module's, not its own */
    PyObject *builtins;
} sizing;

static bool is_entered(PyObject *object, const hsight__type_info *info)
{
    return info->node_flags == 0 && !PyFunction_Check(object) && !PyCFunction_Check(object) &&
           !PyCode_Check(object) && !PyFrame_Check(object) && !info->is_heapsight &&
           !hsight__compat_is_immortal(object);
}

static void reach(sizing *s, PyObject *object)
{
    if (hsight__pointer_map_get(&s->seen, object) != 0) {
        return;
    }
    if (!hsight__pointer_map_set(&s->seen, object, SEEN) ||
        !hsight__pointers_add(&s->stack, object)) {
        hsight__visit_fail(&s->visit, HSIGHT_ENOMEM, "out of memory while sizes were added up");
    }
}

static void flush(hsight__visit *visit)
{
    sizing *s = visit->state;
    for (uint32_t i = 0; i < visit->pending_count; i++) {
        hsight_label label = visit->pending.labels[i];
        hsight_label_kind kind = hsight_label_kind_of(label);
        PyObject *target = visit->pending.targets[i];
        if (kind != HSIGHT_LABEL_WEAK && kind != HSIGHT_LABEL_CLASS && target != s->globals &&
            target != s->builtins) {
            reach(s, target);
        }
    }
    visit->pending_count = 0;
}

static void leave_out_namespaces(sizing *s, PyObject *item)
{
    bool is_function = PyFunction_Check(item);
    s->globals = is_function ? ((PyFunctionObject *)item)->func_globals : NULL;
    s->builtins = is_function ? ((PyFunctionObject *)item)->func_builtins : NULL;
}

static uint64_t size_of_item(sizing *s, PyObject *item)
{
    hsight__visit *visit = &s->visit;
    uint64_t bytes = 0;
    if (hsight__pointer_map_get(&s->seen, item) == DONE) {
        return 0; /* the same object again: charged to the earlier item */
    }
    if (!hsight__pointer_map_set(&s->seen, item, DONE) || !hsight__pointers_add(&s->stack, item)) {
        hsight__visit_fail(visit, HSIGHT_ENOMEM, "out of memory while sizes were added up");
    }
    leave_out_namespaces(s, item);
    while (s->stack.count > 0 && visit->status == HSIGHT_OK) {
        PyObject *object = s->stack.items[--s->stack.count];
        hsight__type_info *info = hsight__type_info_of(visit, Py_TYPE(object));
        if (object == item || is_entered(object, info)) {
            bytes += hsight__shallow_bytes(object, info);
            hsight__visit_object(visit, object, info);
            flush(visit);
        }
    }
    return bytes;
}

static void mark_items(sizing *s, PyObject *const *items, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!hsight__pointer_map_set(&s->seen, items[i], ITEM)) {
            hsight__visit_fail(&s->visit, HSIGHT_ENOMEM, "out of memory while sizes were added up");
            return;
        }
    }
}

static hsight_status add_sizes(PyObject *const *items, Py_ssize_t count, uint64_t *out,
                               hsight_error *err)
{
    hsight_builder *names = NULL; /* labels are made but not kept */
    hsight_status status = hsight_builder_new(NULL, &names, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    sizing *s = calloc(1, sizeof(*s));
    if (s == NULL || hsight__visit_begin(&s->visit, names, err) != HSIGHT_OK) {
        free(s);
        hsight_builder_free(names);
        return hsight__out_of_memory(err);
    }
    hsight__pointer_map_init(&s->seen, SIZE_MAX);
    s->visit.flush = flush;
    s->visit.state = s;
    mark_items(s, items, count);
    for (Py_ssize_t i = 0; i < count && s->visit.status == HSIGHT_OK; i++) {
        out[i] = size_of_item(s, items[i]);
    }
    status = s->visit.status;
    hsight__pointer_map_clear(&s->seen);
    hsight__pointers_free(&s->stack);
    hsight__visit_end(&s->visit);
    free(s);
    hsight_builder_free(names);
    return status;
}

hsight_status hsight_capture_deep_sizes(PyObject *const *items, Py_ssize_t count, uint64_t *out,
                                        hsight_error *err)
{
    int collects = PyGC_Disable(); /* sizes.c tells why */
    hsight_status status = add_sizes(items, count, out, err);
    if (collects) {
        PyGC_Enable();
    }
    return status;
}
