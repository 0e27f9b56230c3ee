/* SPDX-License-Identifier: MIT */
/* registered.c - fields that other packages named: checked, kept, found again.
 *
 * An entry owns copies of its words and refers to no object: no type lives longer for it, none has
 * a weak reference for it. A type is known again by tp_name and tp_traverse together: that function
 * is the C code that knows the struct, and the name tells apart types that share one. A heap type
 * that the same code makes anew finds its entry.
 * I1  no two entries agree in name and tp_traverse.
 * I2  an entry has a field or a rest.
 * Memory: malloc, until the process ends or the entry is replaced. The GIL is held throughout.
 * Cost: hsight__registered_find() compares one pointer an entry; the walk asks once a type. */
#include "registered.h"
#include "capture.h"
#include "rules.h"
#include "type_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_NAME 200

static struct {
    hsight__registered *items;
    size_t count;
} entries;

static hsight_status refuse(hsight_error *err, hsight_status status, const char *text, ...)
{
    va_list arguments;
    va_start(arguments, text);
    *err = (hsight_error){.status = status};
    vsnprintf(err->message, sizeof(err->message), text, arguments);
    va_end(arguments);
    return status;
}

/* ---- checks ---- */

static hsight_status check_name(PyTypeObject *type, const char *name, const char *what,
                                hsight_error *err)
{
    size_t length = strnlen(name, LONGEST_NAME + 1);
    if (length == 0 || length > LONGEST_NAME) {
        return refuse(err, HSIGHT_EINVAL, "%.200s: the name of %s has %s; it may have 1 to %d",
                      type->tp_name, what, length == 0 ? "no bytes" : "too many bytes",
                      LONGEST_NAME);
    }
    return HSIGHT_OK;
}

static hsight_status check_offset(PyTypeObject *type, const hsight_label_field *field,
                                  hsight_error *err)
{
    const Py_ssize_t word = (Py_ssize_t)sizeof(PyObject *), head = (Py_ssize_t)sizeof(PyObject);
    const char *remedy = "give offsetof(struct, field), in bytes";
    if (field->offset < head) {
        return refuse(err, HSIGHT_EINVAL,
                      "%.200s: field %s at offset %zd lies before the end of the object's header, "
                      "which takes %zd bytes: %s",
                      type->tp_name, field->name, field->offset, head, remedy);
    }
    if (field->offset > type->tp_basicsize - word) {
        return refuse(
            err, HSIGHT_EINVAL,
            "%.200s: field %s at offset %zd ends behind the struct, which takes %zd bytes "
            "(tp_basicsize): %s",
            type->tp_name, field->name, field->offset, type->tp_basicsize, remedy);
    }
    if (field->offset % word != 0) {
        return refuse(err, HSIGHT_EINVAL,
                      "%.200s: field %s at offset %zd can hold no reference, as %zd is no multiple "
                      "of %zd: %s",
                      type->tp_name, field->name, field->offset, field->offset, word, remedy);
    }
    return HSIGHT_OK;
}

static hsight_status check_fields(PyTypeObject *type, const hsight_label_field *fields,
                                  size_t count, hsight_error *err)
{
    for (size_t i = 0; i < count; i++) {
        hsight_status status = check_name(type, fields[i].name, "a field", err);
        if (status == HSIGHT_OK) {
            status = check_offset(type, &fields[i], err);
        }
        if (status != HSIGHT_OK) {
            return status;
        }
        for (size_t before = 0; before < i; before++) {
            if (fields[before].offset == fields[i].offset) {
                return refuse(err, HSIGHT_EINVAL,
                              "%.200s: fields %s and %s are both at offset %zd: leave one out",
                              type->tp_name, fields[before].name, fields[i].name, fields[i].offset);
            }
        }
    }
    return HSIGHT_OK;
}

static hsight_status check(PyTypeObject *type, const hsight_label_field *fields, size_t count,
                           const char *rest, hsight_error *err)
{
    const char *reason = hsight__rules_refusal(type);
    if (reason != NULL) {
        return refuse(err, HSIGHT_EINVAL, "%.200s %s", type->tp_name, reason);
    }
    hsight_status status = check_fields(type, fields, count, err);
    return status == HSIGHT_OK && rest != NULL ? check_name(type, rest, "the rest", err) : status;
}

/* ---- entries ---- */

static void release(hsight__registered *entry)
{
    for (size_t i = 0; i < entry->count; i++) {
        free(entry->fields[i].name);
    }
    free(entry->fields);
    free(entry->type_name);
    free(entry->rest);
}

static bool has_attribute(PyTypeObject *type, const char *name)
{
    while (type != NULL && hsight__type_own_attribute(type, name) == NULL) {
        type = type->tp_base;
    }
    return type != NULL;
}

/* False when memory runs out; the entry can then be released. */
static bool copy(hsight__registered *entry, PyTypeObject *type, const hsight_label_field *fields,
                 size_t count, const char *rest)
{
    *entry = (hsight__registered){.traverse = type->tp_traverse};
    entry->type_name = strdup(type->tp_name);
    entry->rest = rest != NULL ? strdup(rest) : NULL;
    entry->fields = calloc(count + 1, sizeof(*entry->fields));
    if (entry->type_name == NULL || entry->fields == NULL ||
        (rest != NULL && entry->rest == NULL)) {
        return false;
    }
    for (; entry->count < count; entry->count++) {
        hsight__registered_field *field = &entry->fields[entry->count];
        field->offset = fields[entry->count].offset;
        field->is_attribute = has_attribute(type, fields[entry->count].name);
        field->name = strdup(fields[entry->count].name);
        if (field->name == NULL) {
            return false;
        }
    }
    return true;
}

const hsight__registered *hsight__registered_find(PyTypeObject *type)
{
    for (size_t i = 0; i < entries.count; i++) {
        if (entries.items[i].traverse == type->tp_traverse &&
            strcmp(entries.items[i].type_name, type->tp_name) == 0) {
            return &entries.items[i];
        }
    }
    return NULL;
}

static void take_back(PyTypeObject *type)
{
    const hsight__registered *found = hsight__registered_find(type);
    if (found != NULL) {
        size_t at = (size_t)(found - entries.items);
        release(&entries.items[at]);
        entries.items[at] = entries.items[--entries.count];
    }
}

hsight_status hsight_capture_register_fields(PyTypeObject *type, const hsight_label_field *fields,
                                             size_t count, const char *rest, hsight_error *err)
{
    hsight_status status = check(type, fields, count, rest, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    if (count == 0 && rest == NULL) {
        take_back(type);
        return HSIGHT_OK;
    }
    hsight__registered made;
    hsight__registered *items = realloc(entries.items, (entries.count + 1) * sizeof(*items));
    entries.items = items != NULL ? items : entries.items;
    if (!copy(&made, type, fields, count, rest) || items == NULL) {
        release(&made);
        return refuse(err, HSIGHT_ENOMEM, "out of memory: the fields of %.200s have no names",
                      type->tp_name);
    }
    take_back(type);
    entries.items[entries.count++] = made;
    return HSIGHT_OK;
}
