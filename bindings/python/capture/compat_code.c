/* SPDX-License-Identifier: MIT */
/* compat_code.c - the location table of code objects (3.11 to 3.15, InternalDocs/code_objects.md in
 * CPython's source).
 *
 * The table is a run of entries, each for one or more code units of two bytes:
 *
 *     1 kkkk nnn       first byte: kind, number of units less one
 *     0-9    short     one byte of columns, line as before
 *     10-12  one line  two bytes of columns, line + (kind - 10)
 *     13     no column signed varint: line delta
 *     14     long      signed varint: line delta, then three varints
 *     15     none      no location
 *
 * Only a first byte has bit 7, so what follows can be skipped unread. A varint has six bits a byte,
 * low ones first, bit 6 set but in the last; a signed one has its sign in bit 0. */
#include "compat.h"

#define UNIT_BYTES 2

enum { KIND_ONE_LINE = 10, KIND_NO_COLUMN = 13, KIND_LONG = 14, KIND_NONE = 15 };

void hsight__compat_code_places(PyObject *object, hsight__compat_code_place *out)
{
    PyCodeObject *code = (PyCodeObject *)object;
    *out = (hsight__compat_code_place){
        .name = code->co_qualname,
        .file = code->co_filename,
        .first_line = code->co_firstlineno,
    };
    if (code->co_linetable != NULL && PyBytes_Check(code->co_linetable)) {
        out->lines = PyBytes_AS_STRING(code->co_linetable);
        out->lines_bytes = (size_t)PyBytes_GET_SIZE(code->co_linetable);
    }
}

/* Reads no byte beyond the entry's own. */
static int signed_varint(const unsigned char *at, const unsigned char *end)
{
    unsigned value = 0;
    for (unsigned shift = 0; at < end && (*at & 0x80) == 0 && shift < 32; at++, shift += 6) {
        value |= (unsigned)(*at & 0x3F) << shift;
        if ((*at & 0x40) == 0) {
            break;
        }
    }
    int magnitude = (int)(value >> 1);
    return (value & 1) != 0 ? -magnitude : magnitude;
}

static int line_delta(int kind, const unsigned char *at, const unsigned char *end)
{
    if (kind == KIND_NO_COLUMN || kind == KIND_LONG) {
        return signed_varint(at, end);
    }
    return kind >= KIND_ONE_LINE && kind < KIND_NO_COLUMN ? kind - KIND_ONE_LINE : 0;
}

/* On to the next entry; the bytes that follow its first one are skipped. */
static void read_entry(const unsigned char *start, const unsigned char *end, int first_line,
                       hsight_line_cursor *cursor)
{
    const unsigned char *at = start + cursor->next;
    int kind = *at >> 3 & 15;
    cursor->end += ((*at & 7) + 1) * UNIT_BYTES;
    at++;
    cursor->lines += line_delta(kind, at, end);
    int64_t line = first_line + cursor->lines;
    cursor->found = kind == KIND_NONE || line < 1 ? 0 : (uint32_t)line;
    while (at < end && (*at & 0x80) == 0) {
        at++;
    }
    cursor->next = (uint64_t)(at - start);
}

unsigned hsight__compat_line_at(hsight_string lines, int first_line, int offset,
                                hsight_line_cursor *cursor)
{
    const unsigned char *start = (const unsigned char *)lines.data;
    if (offset < 0) {
        return first_line > 0 ? (unsigned)first_line : 0;
    }
    while (cursor->end <= offset && cursor->next < lines.length) {
        read_entry(start, start + lines.length, first_line, cursor);
    }
    return cursor->end > offset ? cursor->found : 0;
}
