/* SPDX-License-Identifier: MIT */
/* names.c - texts of a visit: names interned in the builder, and the first failure.
 * Names met lately are remembered by the address of their text, which outlives the visit. */
#include "visit.h"

#include <stdio.h>
#include <string.h>

void hsight__visit_fail(hsight__visit *visit, hsight_status status, const char *message)
{
    if (visit->status != HSIGHT_OK) {
        return;
    }
    visit->status = status;
    if (visit->err != NULL) {
        visit->err->status = status;
        visit->err->os_errno = 0;
        snprintf(visit->err->message, sizeof(visit->err->message), "%s", message);
    }
}

hsight_status hsight__out_of_memory(hsight_error *err)
{
    if (err != NULL) {
        *err = (hsight_error){.status = HSIGHT_ENOMEM};
        snprintf(err->message, sizeof(err->message), "out of memory before the walk began");
    }
    return HSIGHT_ENOMEM;
}

void hsight__visit_keep_failure(hsight__visit *visit, hsight_status status)
{
    if (visit->status == HSIGHT_OK) {
        visit->status = status;
    }
}

/* ---- texts ---- */

/* Copies a str, truncated; a str that has no cached UTF-8 and is not ASCII is written escaped,
 * because PyUnicode_AsUTF8() would add a buffer to an object that belongs to the program. */
size_t hsight__copy_unicode(PyObject *unicode, char *out, size_t size)
{
    size_t length = 0;
    for (Py_ssize_t i = 0; i < PyUnicode_GET_LENGTH(unicode) && length + 11 < size; i++) {
        Py_UCS4 c = PyUnicode_READ_CHAR(unicode, i);
        if (c < 0x80) {
            out[length++] = (char)c;
        } else if (c < 0x800) {
            out[length++] = (char)(0xC0 | (c >> 6));
            out[length++] = (char)(0x80 | (c & 0x3F));
        } else if (c >= 0xD800 && c <= 0xDFFF) {
            length += (size_t)snprintf(out + length, size - length, "\\u%04x", (unsigned)c);
        } else if (c < 0x10000) {
            out[length++] = (char)(0xE0 | (c >> 12));
            out[length++] = (char)(0x80 | ((c >> 6) & 0x3F));
            out[length++] = (char)(0x80 | (c & 0x3F));
        } else {
            out[length++] = (char)(0xF0 | (c >> 18));
            out[length++] = (char)(0x80 | ((c >> 12) & 0x3F));
            out[length++] = (char)(0x80 | ((c >> 6) & 0x3F));
            out[length++] = (char)(0x80 | (c & 0x3F));
        }
    }
    out[length] = 0;
    return length;
}

size_t hsight__copy_text(const char *text, char *out, size_t size)
{
    size_t length = strnlen(text, size - 1);
    memcpy(out, text, length);
    out[length] = 0;
    return length;
}

static size_t recent_index(const void *key)
{
    return (size_t)(((uint64_t)(uintptr_t)key * 0x9E3779B97F4A7C15u) >> 40) % HSIGHT__RECENT_NAMES;
}

static hsight_string_id intern(hsight__visit *visit, const void *key, const char *text,
                               size_t length)
{
    hsight_string_id id = {0};
    if (hsight_builder_string(visit->builder, text, length, &id, NULL) != HSIGHT_OK) {
        visit->dropped_count++;
        return id;
    }
    size_t at = recent_index(key);
    visit->recent_names[at].key = key;
    visit->recent_names[at].id = id;
    return id;
}

hsight_string_id hsight__visit_unicode(hsight__visit *visit, PyObject *unicode)
{
    size_t at = recent_index(unicode);
    if (visit->recent_names[at].key == unicode) {
        return visit->recent_names[at].id;
    }
    if (!PyUnicode_Check(unicode)) {
        return (hsight_string_id){0};
    }
    char text[512];
    size_t length = hsight__copy_unicode(unicode, text, sizeof(text));
    return intern(visit, unicode, text, length);
}

hsight_string_id hsight__visit_name(hsight__visit *visit, const char *text)
{
    size_t at = recent_index(text);
    if (visit->recent_names[at].key == text) {
        return visit->recent_names[at].id;
    }
    return intern(visit, text, text, strlen(text));
}

PyObject *hsight__dict_value(PyObject *dict, const char *key)
{
    Py_ssize_t at = 0;
    PyObject *name, *value;
    while (dict != NULL && PyDict_Next(dict, &at, &name, &value)) {
        if (PyUnicode_CheckExact(name) && PyUnicode_CompareWithASCIIString(name, key) == 0) {
            return value;
        }
    }
    return NULL;
}

/* ---- parts ---- */

/* Names given here must be string literals: the visit remembers them by address. */
void hsight__emit_part(const char *name, PyObject *target, void *visit)
{
    hsight_string_id id = hsight__visit_name(visit, name);
    hsight__emit(visit, target, hsight_label_make(HSIGHT_LABEL_ATTRIBUTE, id.index));
}
