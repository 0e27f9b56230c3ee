/* SPDX-License-Identifier: MIT */
/* hide.c - heapsight's own objects never appear.
 *
 * Own are: modules named heapsight or heapsight.*, classes defined there, their instances,
 * functions whose globals are such a module's. What only own objects refer to (refcount equal to
 * the references they hold) is own too, as long as its type is a builtin one: an object of the
 * program that a heapsight object keeps is never hidden, it gets a root "held by heapsight". Every
 * reference from an own object to a visible one is recorded in walk->held, so that refcounts
 * balance. Cost: a look at the type of every tracked object, O(own references) for the rest. */
#include "tally.h"
#include "type_table.h"
#include "walk.h"

#include <string.h>

typedef struct {
    hsight__walk *walk;
    hsight__tally counts; /* of references that own objects have */
    hsight__pointers stack;
    hsight__pointers emitted;
} hiding;

static void hide(hiding *h, PyObject *object)
{
    if (hsight__is_hidden(h->walk, object)) {
        return;
    }
    if (!hsight__pointer_map_set(&h->walk->map, object, HSIGHT__HIDDEN) ||
        !hsight__pointers_add(&h->stack, object) ||
        !hsight__pointers_add(&h->walk->hidden, object)) {
        hsight__visit_fail(&h->walk->visit, HSIGHT_ENOMEM, "out of memory before the walk began");
    }
}

static bool is_own_name(PyObject *name)
{
    static const char package[] = "heapsight";
    if (!PyUnicode_CheckExact(name)) {
        return false;
    }
    Py_ssize_t length = PyUnicode_GET_LENGTH(name);
    Py_ssize_t prefix = (Py_ssize_t)sizeof(package) - 1;
    for (Py_ssize_t i = 0; i < prefix; i++) {
        if (i >= length || PyUnicode_READ_CHAR(name, i) != (Py_UCS4)package[i]) {
            return false;
        }
    }
    return length == prefix || PyUnicode_READ_CHAR(name, prefix) == '.';
}

static void mark_own(hsight__walk *walk, PyObject *object)
{
    if (!hsight__pointer_map_set(&walk->map, object, HSIGHT__MARKED) ||
        !hsight__pointers_add(&walk->own, object)) {
        hsight__visit_fail(&walk->visit, HSIGHT_ENOMEM, "out of memory before the walk began");
    }
}

void hsight__hide_modules(hsight__walk *walk)
{
    Py_ssize_t at = 0;
    PyObject *name, *module;
    while (PyDict_Next(PyImport_GetModuleDict(), &at, &name, &module)) {
        if (is_own_name(name) && PyModule_Check(module)) {
            mark_own(walk, module);
            mark_own(walk, PyModule_GetDict(module));
        }
    }
}

bool hsight__is_own(hsight__walk *walk, PyObject *object)
{
    const hsight__type_info *info = hsight__type_info_of(&walk->visit, Py_TYPE(object));
    if (info->is_heapsight) {
        return true;
    }
    if (info->node_flags & HSIGHT_NODE_TYPE) {
        return hsight__type_is_own((PyTypeObject *)object);
    }
    return info->type == &PyFunction_Type &&
           hsight__pointer_map_get(&walk->map, PyFunction_GET_GLOBALS(object)) == HSIGHT__MARKED;
}

/* May an object that only own objects refer to be hidden? */
static bool is_hideable(PyObject *object, const hsight__type_info *info)
{
    static const char *const library[] = {"_frozen_importlib", "collections.", "functools.",
                                          "operator.", "types."};
    if (info->node_flags != 0 || hsight__compat_is_immortal(object) || PyFrame_Check(object)) {
        return false;
    }
    if (!info->owns_class) {
        return true;
    }
    char name[64];
    hsight__type_name(info->type, name, sizeof(name));
    for (size_t i = 0; i < sizeof(library) / sizeof(library[0]); i++) {
        if (strncmp(name, library[i], strlen(library[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void count_reference(hiding *h, PyObject *target)
{
    hsight__visit *visit = &h->walk->visit;
    Py_ssize_t count = hsight__tally_add(&h->counts, target);
    if (count == 0 || !hsight__pointers_add(&h->emitted, target)) {
        hsight__visit_fail(visit, HSIGHT_ENOMEM, "out of memory before the walk began");
        return;
    }
    if (count == Py_REFCNT(target) && !hsight__is_hidden(h->walk, target) &&
        is_hideable(target, hsight__type_info_of(visit, Py_TYPE(target)))) {
        hide(h, target);
    }
}

static void flush(hsight__visit *visit)
{
    for (uint32_t i = 0; i < visit->pending_count; i++) {
        if (hsight_label_kind_of(visit->pending.labels[i]) != HSIGHT_LABEL_WEAK) {
            count_reference(visit->state, visit->pending.targets[i]);
        }
    }
    visit->pending_count = 0;
}

static void spread(hiding *h)
{
    hsight__visit *visit = &h->walk->visit;
    while (h->stack.count > 0 && visit->status == HSIGHT_OK) {
        PyObject *object = h->stack.items[--h->stack.count];
        hsight__visit_object(visit, object, hsight__type_info_of(visit, Py_TYPE(object)));
        flush(visit);
    }
}

/* References to visible objects, for the balance; those to hidden ones are of no interest. */
static void keep_outgoing(hiding *h)
{
    for (size_t i = 0; i < h->emitted.count; i++) {
        PyObject *target = h->emitted.items[i];
        if (!hsight__is_hidden(h->walk, target) &&
            !(hsight__pointers_add(&h->walk->held, target) &&
              hsight__pointers_add(&h->walk->kept, target))) {
            h->walk->visit.dropped_count++;
        }
    }
}

void hsight__hide_own(hsight__walk *walk)
{
    hiding h = {.walk = walk};
    walk->visit.flush = flush;
    walk->visit.state = &h;
    for (size_t i = 0; i < walk->own.count; i++) {
        hide(&h, walk->own.items[i]); /* once, however often it was found */
    }
    spread(&h);
    keep_outgoing(&h);
    hsight__tally_free(&h.counts);
    hsight__pointers_free(&h.stack);
    hsight__pointers_free(&h.emitted);
}
