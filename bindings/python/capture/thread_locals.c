/* SPDX-License-Identifier: MIT */
/* thread_locals.c - whose values a threading.local keeps.
 *
 *   before 3.13   thread state {dict {...: mark}}    threading.local {weak reference: values}
 *   3.13+         thread state {mark}                threading.local {mark: values}
 *
 * The values of all threads lie in one dict, and the key tells whose they are: an object that the
 * state of the thread keeps, so that it ends with the thread. The mark, and the weak reference to
 * it, are called by the thread: loc[worker-1]['connection'].
 * Owns nothing; O(items of the dicts of threads). */
#include "walk.h"

#include <string.h>

static void call(hsight__walk *walk, PyObject *key, hsight_string_id thread)
{
    hsight_node_id node = {hsight__walk_node(walk, key)};
    if (node.index != 0 &&
        hsight_builder_preview(walk->visit.builder, node, thread, NULL) != HSIGHT_OK) {
        walk->visit.dropped_count++;
    }
}

static void call_mark(hsight__walk *walk, PyObject *mark, hsight_string_id thread)
{
    const PyTypeObject *type = Py_TYPE(mark);
    if (strcmp(type->tp_name, "_thread._localdummy") != 0 || type->tp_weaklistoffset <= 0 ||
        hsight__compat_is_python_class(type)) {
        return; /* not, or one that only calls itself so */
    }
    call(walk, mark, thread);
    PyObject **weak = (PyObject **)PyObject_GET_WEAKREFS_LISTPTR(mark);
    if (weak != NULL && *weak != NULL) { /* one is enough: the key, where there are any */
        call(walk, *weak, thread);
    }
}

void hsight__name_thread_locals(hsight__walk *walk, PyObject *part, hsight_string_id thread)
{
    Py_ssize_t at = 0;
    PyObject *key, *value;
    call_mark(walk, part, thread);
    while (PyDict_CheckExact(part) && PyDict_Next(part, &at, &key, &value)) {
        call_mark(walk, value, thread);
    }
}
