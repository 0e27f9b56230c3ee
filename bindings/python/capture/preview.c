/* SPDX-License-Identifier: MIT */
/* preview.c - a short text for an object, from its own bytes.
 *
 * Always: interned identifiers, because they are names in the program's source, and paths need
 * them. Only with values: other str, bytes and numbers; a snapshot file may travel. Exact builtin
 * types only; nothing is called. */
#include "visit.h"

#include <stdio.h>
#include <string.h>

#define MOST_CHARACTERS 60

static bool is_identifier(PyObject *unicode)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(unicode);
    if (length == 0 || length > MOST_CHARACTERS || !PyUnicode_IS_COMPACT_ASCII(unicode)) {
        return false;
    }
    const Py_UCS1 *text = PyUnicode_1BYTE_DATA(unicode);
    for (Py_ssize_t i = 0; i < length; i++) {
        Py_UCS1 c = text[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i > 0 && ((c >= '0' && c <= '9') || c == '.'))) {
            return false;
        }
    }
    return true;
}

static hsight_string_id add(hsight__visit *visit, const char *text, size_t length)
{
    hsight_string_id id = {0};
    if (hsight_builder_string(visit->builder, text, length, &id, NULL) != HSIGHT_OK) {
        visit->dropped_count++;
    }
    return id;
}

/* Appends one character as a reader would type it; returns the new length. */
static size_t append_escaped(char *out, size_t length, Py_UCS4 c, char quote)
{
    if (c == (Py_UCS4)quote || c == '\\') {
        out[length++] = '\\';
        out[length++] = (char)c;
    } else if (c >= 0x20 && c < 0x7F) {
        out[length++] = (char)c;
    } else if (c < 0x100) {
        length += (size_t)sprintf(out + length, "\\x%02x", (unsigned)c);
    } else if (c < 0x10000) {
        length += (size_t)sprintf(out + length, "\\u%04x", (unsigned)c);
    } else {
        length += (size_t)sprintf(out + length, "\\U%08x", (unsigned)c);
    }
    return length;
}

static hsight_string_id preview_unicode(hsight__visit *visit, PyObject *object)
{
    char text[MOST_CHARACTERS * 10 + 16];
    Py_ssize_t length = PyUnicode_GET_LENGTH(object);
    Py_ssize_t shown = length < MOST_CHARACTERS ? length : MOST_CHARACTERS;
    size_t at = 0;
    text[at++] = '\'';
    for (Py_ssize_t i = 0; i < shown; i++) {
        at = append_escaped(text, at, PyUnicode_READ_CHAR(object, i), '\'');
    }
    text[at++] = '\'';
    if (shown < length) {
        memcpy(text + at, "...", 3);
        at += 3;
    }
    return add(visit, text, at);
}

static hsight_string_id preview_bytes(hsight__visit *visit, PyObject *object)
{
    char text[MOST_CHARACTERS * 4 + 16];
    if (hsight__items_doubted(object)) {
        return (hsight_string_id){0};
    }
    Py_ssize_t length = PyBytes_GET_SIZE(object);
    Py_ssize_t shown = length < MOST_CHARACTERS ? length : MOST_CHARACTERS;
    size_t at = 0;
    text[at++] = 'b';
    text[at++] = '\'';
    for (Py_ssize_t i = 0; i < shown; i++) {
        at = append_escaped(text, at, (unsigned char)PyBytes_AS_STRING(object)[i], '\'');
    }
    text[at++] = '\'';
    if (shown < length) {
        memcpy(text + at, "...", 3);
        at += 3;
    }
    return add(visit, text, at);
}

static hsight_string_id preview_int(hsight__visit *visit, PyObject *object)
{
    char text[48];
    int overflow;
    if (!hsight__bytes_can_be(hsight__compat_int_bytes(object))) {
        return (hsight_string_id){0};
    }
    long long value = PyLong_AsLongLongAndOverflow(object, &overflow);
    int length = overflow == 0 ? snprintf(text, sizeof(text), "%lld", value)
                               : snprintf(text, sizeof(text), "int of %zu bytes",
                                          hsight__compat_int_bytes(object));
    return add(visit, text, (size_t)length);
}

static hsight_string_id preview_float(hsight__visit *visit, PyObject *object)
{
    char *text = PyOS_double_to_string(PyFloat_AS_DOUBLE(object), 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
    if (text == NULL) {
        PyErr_Clear();
        visit->dropped_count++;
        return (hsight_string_id){0};
    }
    hsight_string_id id = add(visit, text, strlen(text));
    PyMem_Free(text);
    return id;
}

hsight_string_id hsight__preview(hsight__visit *visit, PyObject *object)
{
    if (PyUnicode_CheckExact(object)) {
        if (PyUnicode_CHECK_INTERNED(object) && is_identifier(object)) {
            return add(visit, (const char *)PyUnicode_1BYTE_DATA(object),
                       (size_t)PyUnicode_GET_LENGTH(object));
        }
        return visit->values ? preview_unicode(visit, object) : (hsight_string_id){0};
    }
    if (!visit->values) {
        return (hsight_string_id){0};
    }
    if (PyBytes_CheckExact(object)) {
        return preview_bytes(visit, object);
    }
    if (PyLong_CheckExact(object)) {
        return preview_int(visit, object);
    }
    return PyFloat_CheckExact(object) ? preview_float(visit, object) : (hsight_string_id){0};
}
