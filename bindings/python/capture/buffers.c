/* SPDX-License-Identifier: MIT */
/* buffers.c - which fields of the core types lead to blocks of their own. Owns nothing. */
#include "buffers.h"

static void add(hsight__buffers *out, const void *begin)
{
    if (begin != NULL && out->count < HSIGHT__BUFFERS_MAX) {
        out->begins[out->count++] = begin;
    }
}

static void add_values(hsight__buffers *out, PyObject *object, const hsight__type_info *info)
{
    const void *begin;
    (void)hsight__compat_values_block(object, info->type, &begin);
    add(out, begin);
}

static void add_class(hsight__buffers *out, PyTypeObject *type)
{
    if (PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) {
        add(out, ((PyHeapTypeObject *)type)->ht_cached_keys);
        add(out, ((PyHeapTypeObject *)type)->_ht_tpname);
        add(out, type->tp_doc);
    }
}

void hsight__buffers_of(PyObject *object, const hsight__type_info *info, hsight__buffers *out)
{
    out->count = 0;
    if (PyDict_Check(object)) {
        add(out, hsight__compat_dict_table(object));
    } else if (PyList_Check(object)) {
        add(out, ((PyListObject *)object)->ob_item);
    } else if (PyAnySet_Check(object)) {
        const PySetObject *set = (PySetObject *)object;
        add(out, set->table != set->smalltable ? set->table : NULL);
    } else if (info->node_flags & HSIGHT_NODE_TYPE) {
        add_class(out, (PyTypeObject *)object);
    }
    add_values(out, object, info);
}
