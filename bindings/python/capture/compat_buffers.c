/* SPDX-License-Identifier: MIT */
/* compat_buffers.c - memory that objects keep beside their own block, where their structs are
 * private: classes, modules, code, locks, text in memory, Struct, values of ctypes.
 *
 * Layouts that no header tells are compared with real objects: text and Struct once at import,
 * ctypes (which the program may never load) at each value, by its buffer. Where one differs, that
 * memory is not counted. Nothing is owned or kept here but what the check found. Cost: O(1) a call,
 * and the length of what a class says of itself. */
#define Py_BUILD_CORE_MODULE 1
#include "compat.h"

#include "internal/pycore_moduleobject.h"
#include <semaphore.h>
#include <string.h>

/* ---- classes, modules, code, locks ---- */

size_t hsight__compat_class_blocks_bytes(PyTypeObject *type)
{
    const char *texts[] = {((PyHeapTypeObject *)type)->_ht_tpname, type->tp_doc};
    size_t bytes = hsight__compat_shared_keys_bytes(type);
    for (int i = 0; i < 2; i++) {
        bytes += texts[i] != NULL ? strlen(texts[i]) + 1 : 0;
    }
    return bytes;
}

size_t hsight__compat_module_state_bytes(PyObject *object)
{
    PyModuleObject *module = (PyModuleObject *)object;
    if (module->md_state == NULL) {
        return 0;
    }
#if PY_VERSION_HEX >= 0x030F0000
    Py_ssize_t bytes = module->md_state_size;
#else
    Py_ssize_t bytes = module->md_def != NULL ? module->md_def->m_size : 0;
#endif
    return bytes > 0 ? (size_t)bytes : 0;
}

size_t hsight__compat_code_cache_bytes(PyObject *object)
{
#if PY_VERSION_HEX >= 0x030C0000
    return ((PyCodeObject *)object)->_co_cached != NULL ? sizeof(_PyCoCached) : 0;
#else
    (void)object;
    return 0;
#endif
}

size_t hsight__compat_lock_bytes(void)
{
#if PY_VERSION_HEX < 0x030E0000 && defined(__linux__)
    return sizeof(sem_t); /* PyThread_allocate_lock(): a semaphore where there are any */
#else
    return 0;
#endif
}

bool hsight__compat_bytes_io_shows_buffer(void)
{
    return PY_VERSION_HEX >= 0x030C0000;
}

/* ---- text in memory ---- */

typedef struct {
    PyObject_HEAD const Py_UCS4 *text;
    Py_ssize_t position;
    Py_ssize_t length;
    size_t room; /* characters */
    int state;
#if PY_VERSION_HEX >= 0x030E0000
    const _PyUnicodeWriter *writer;
#elif PY_VERSION_HEX >= 0x030C0000
    _PyUnicodeWriter writer;
#endif
} string_io;

enum { IS_WRITTEN = 2 }; /* a state: what was written lies elsewhere, before 3.12 in lists */

static bool knows_string_io;

static const _PyUnicodeWriter *writer_of(const string_io *io)
{
    if (io->state != IS_WRITTEN) {
        return NULL;
    }
#if PY_VERSION_HEX >= 0x030E0000
    return io->writer;
#elif PY_VERSION_HEX >= 0x030C0000
    return &io->writer;
#else
    return NULL;
#endif
}

size_t hsight__compat_string_io_bytes(PyObject *object, PyObject **written)
{
    const string_io *io = (const string_io *)object;
    *written = NULL;
    if (!knows_string_io) {
        return 0;
    }
    size_t bytes = io->text != NULL ? io->room * sizeof(Py_UCS4) : 0;
    const _PyUnicodeWriter *writer = writer_of(io);
    if (writer == NULL) {
        return bytes;
    }
    bool is_alone = writer->buffer != NULL && Py_REFCNT(writer->buffer) == 1;
    *written =
        is_alone ? writer->buffer : NULL; /* else somebody has the text, or it is a constant */
    return bytes + (PY_VERSION_HEX >= 0x030E0000 ? sizeof(_PyUnicodeWriter) : 0);
}

static bool text_is_found(PyObject *filled, PyObject *written)
{
    const string_io *io = (const string_io *)filled;
    if (io->state == IS_WRITTEN || io->length != 3 || io->room < 3 || io->text[2] != 'c') {
        return false;
    }
    io = (const string_io *)written;
    const _PyUnicodeWriter *writer = writer_of(io);
    if (writer == NULL) {
        return io->state == IS_WRITTEN && PY_VERSION_HEX < 0x030C0000;
    }
    return writer->buffer != NULL && PyUnicode_Check(writer->buffer) &&
           PyUnicode_GET_LENGTH(writer->buffer) >= 3 &&
           PyUnicode_READ_CHAR(writer->buffer, 2) == 'c';
}

bool hsight__compat_knows_string_io(void)
{
    return knows_string_io;
}

/* The type of the C module itself: a program may have put something else where others look for it,
 * which must not be called. Owned; NULL where it is not as expected. */
static PyTypeObject *c_type(const char *module_name, const char *name, const char *tp_name,
                            size_t least_bytes)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *type = module != NULL ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    bool is_it = type != NULL && PyType_Check(type) &&
                 strcmp(((PyTypeObject *)type)->tp_name, tp_name) == 0 &&
                 ((PyTypeObject *)type)->tp_basicsize >= (Py_ssize_t)least_bytes &&
                 !hsight__compat_is_python_class((PyTypeObject *)type);
    if (!is_it) {
        Py_CLEAR(type);
    }
    return (PyTypeObject *)type;
}

static void check_string_io(void)
{
    PyTypeObject *type = c_type("_io", "StringIO", "_io.StringIO", sizeof(string_io));
    PyObject *filled = type != NULL ? PyObject_CallFunction((PyObject *)type, "s", "abc") : NULL;
    PyObject *written = filled != NULL ? PyObject_CallNoArgs((PyObject *)type) : NULL;
    bool is_done = written != NULL && Py_IS_TYPE(filled, type) && Py_IS_TYPE(written, type);
    for (int i = 0; i < 2 && is_done; i++) {
        PyObject *count = PyObject_CallMethod(written, "write", "s", i == 0 ? "ab" : "c");
        is_done = count != NULL;
        Py_XDECREF(count);
    }
    knows_string_io = is_done && text_is_found(filled, written);
    Py_XDECREF(written);
    Py_XDECREF(filled);
    Py_XDECREF(type);
}

/* ---- Struct ---- */

typedef struct {
    PyObject_HEAD Py_ssize_t size;
    Py_ssize_t length;
    const void *codes;
} compiled_format;

static bool knows_struct;

bool hsight__compat_struct_has_codes(PyObject *object)
{
    return knows_struct && ((const compiled_format *)object)->codes != NULL;
}

static void check_struct(void)
{
    PyTypeObject *type = c_type("_struct", "Struct", "_struct.Struct", sizeof(compiled_format));
    PyObject *made = type != NULL ? PyObject_CallFunction((PyObject *)type, "s", "<5sh") : NULL;
    if (made != NULL && Py_IS_TYPE(made, type)) {
        const compiled_format *format = (const compiled_format *)made;
        knows_struct = format->size == 7 && format->length == 2 && format->codes != NULL;
    }
    Py_XDECREF(made);
    Py_XDECREF(type);
}

void hsight__compat_check_buffers(void)
{
    check_string_io();
    check_struct();
    PyErr_Clear();
}

/* ---- values of ctypes ---- */

typedef struct {
    PyObject_HEAD const char *value;
    int is_own;
    PyObject *owner;
    Py_ssize_t bytes;
} ctypes_value;

/* Is it what the value itself tells? The buffer of a type written in C: nothing of the program
 * runs. It is given back by hand, because a subclass may have a say in how that is done. */
static bool is_its_buffer(PyObject *object, PyTypeObject *c_type, const ctypes_value *expected)
{
    const PyBufferProcs *procs = c_type->tp_as_buffer;
    Py_buffer view = {0};
    if (procs == NULL || procs->bf_getbuffer == NULL || procs->bf_releasebuffer != NULL) {
        return false;
    }
    if (procs->bf_getbuffer(object, &view, PyBUF_SIMPLE) != 0) {
        PyErr_Clear();
        return false;
    }
    Py_XDECREF(view.obj);
    return view.buf == expected->value && view.len == expected->bytes;
}

size_t hsight__compat_ctypes_block_bytes(PyObject *object, PyTypeObject *c_type)
{
    const ctypes_value *value = (const ctypes_value *)object;
    const char *begin = (const char *)object;
    bool is_inside = value->value >= begin && value->value < begin + c_type->tp_basicsize;
    if (is_inside || value->value == NULL || value->is_own != 1) {
        return 0;
    }
    return is_its_buffer(object, c_type, value) ? (size_t)value->bytes : 0;
}
