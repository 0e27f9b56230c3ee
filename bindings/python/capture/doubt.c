/* SPDX-License-Identifier: MIT */
/* doubt.c - numbers of items and bytes that cannot be.
 *
 * An extension may keep what it likes where others have their number of items, and a damaged
 * object any number at all. What is believed is what there is memory for: a number that is wrong
 * and still leads to memory cannot be told from a right one. Called only for large numbers; owns
 * nothing. */
#include "process_memory.h"
#include "visit.h"

/* The items of a list lie in a table, which is as long as `allocated` says; -1 inside sort(). */
static bool list_items_can_be(const PyListObject *list, size_t count)
{
    return list->allocated >= 0 && count <= (size_t)list->allocated &&
           (size_t)list->allocated <= PY_SSIZE_T_MAX / sizeof(PyObject *) &&
           hsight__memory_is_readable(list->ob_item, (size_t)list->allocated * sizeof(PyObject *));
}

bool hsight__items_can_be(PyObject *object)
{
    size_t count = (size_t)((PyVarObject *)object)->ob_size, bytes;
    if (PyList_Check(object)) {
        return list_items_can_be((PyListObject *)object, count);
    }
    if (count > PY_SSIZE_T_MAX ||
        __builtin_mul_overflow(count, (size_t)Py_TYPE(object)->tp_itemsize, &bytes) ||
        __builtin_add_overflow(bytes, (size_t)Py_TYPE(object)->tp_basicsize, &bytes)) {
        return false;
    }
    return hsight__memory_is_readable(object, bytes);
}

bool hsight__bytes_can_be(size_t bytes)
{
    if (bytes < HSIGHT__BYTES_BELIEVED) {
        return true;
    }
    uint64_t mapped_bytes = hsight__process_memory_now().mapped_bytes;
    return bytes <= (mapped_bytes != 0 ? mapped_bytes : PY_SSIZE_T_MAX);
}
