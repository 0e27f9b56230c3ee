/* SPDX-License-Identifier: MIT */
/* sizes.c - shallow size: what the allocator holds for one object, headers, attribute values and
 * native buffers included.
 *
 * A formula per core type; for the C types of the standard library and numpy whose buffers are
 * private, the type's own __sizeof__ when it is written in C, called directly (no lookup, nothing
 * of the program runs). For a class written in Python: what its C base holds, plus what the class
 * adds. Cost: O(1), and the length of what a class says of itself, and of a Struct's format. */
#include "libraries.h"
#include "type_table.h"
#include "visit.h"

#include <datetime.h>
#include <stddef.h>
#include <string.h>

static size_t size_fixed(PyObject *object, const hsight__type_info *info)
{
    (void)object;
    return info->fixed_bytes;
}

static size_t size_variable(PyObject *object, const hsight__type_info *info)
{
    size_t items = hsight__items_doubted(object) ? 0 : (size_t)((PyVarObject *)object)->ob_size;
    return info->fixed_bytes + items * (size_t)info->type->tp_itemsize;
}

/* A struct sequence is a tuple that shows fewer items than it has. */
static size_t size_struct_sequence(PyObject *object, const hsight__type_info *info)
{
    (void)object;
    return info->fixed_bytes + info->field_count * (size_t)info->type->tp_itemsize;
}

static size_t size_int(PyObject *object, const hsight__type_info *info)
{
    (void)info;
    return hsight__compat_int_bytes(object);
}

/* While list.sort() compares, `allocated` is -1. */
static size_t size_list(PyObject *object, const hsight__type_info *info)
{
    Py_ssize_t allocated = ((PyListObject *)object)->allocated;
    if (allocated < 0 || hsight__items_doubted(object)) {
        return info->fixed_bytes;
    }
    return info->fixed_bytes + (size_t)allocated * sizeof(PyObject *);
}

static size_t size_dict(PyObject *object, const hsight__type_info *info)
{
    return info->fixed_bytes + hsight__compat_dict_table_bytes(object);
}

static size_t size_set(PyObject *object, const hsight__type_info *info)
{
    const PySetObject *set = (PySetObject *)object;
    if (set->table == set->smalltable) {
        return info->fixed_bytes;
    }
    return info->fixed_bytes + (size_t)(set->mask + 1) * sizeof(setentry);
}

static size_t text_bytes(PyObject *object)
{
    const PyCompactUnicodeObject *compact = (PyCompactUnicodeObject *)object;
    size_t own = hsight__text_block_bytes(object);
    if (PyUnicode_IS_COMPACT_ASCII(object)) {
        return own;
    }
    bool own_utf8 = compact->utf8 != NULL && (void *)compact->utf8 != PyUnicode_DATA(object);
    size_t bytes = own + (own_utf8 ? (size_t)compact->utf8_length + 1 : 0);
    if (PyUnicode_IS_COMPACT(object) || PyUnicode_DATA(object) == NULL) {
        return bytes;
    }
    return bytes + ((size_t)PyUnicode_GET_LENGTH(object) + 1) * PyUnicode_KIND(object);
}

static size_t size_unicode(PyObject *object, const hsight__type_info *info)
{
    (void)info;
    return text_bytes(object);
}

static size_t size_type(PyObject *object, const hsight__type_info *info)
{
    PyTypeObject *type = (PyTypeObject *)object;
    if (!PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) {
        return sizeof(PyTypeObject);
    }
    size_t spare_item = (size_t)info->type->tp_itemsize; /* PyType_GenericAlloc adds one */
    return size_variable(object, info) + spare_item + hsight__compat_class_blocks_bytes(type);
}

static size_t size_module(PyObject *object, const hsight__type_info *info)
{
    return info->fixed_bytes + hsight__compat_module_state_bytes(object);
}

static size_t size_code(PyObject *object, const hsight__type_info *info)
{
    return size_variable(object, info) + hsight__compat_code_cache_bytes(object);
}

/* Without a time zone they have no room for one; those of a subclass have. */
static size_t size_datetime(PyObject *object, const hsight__type_info *info)
{
    bool is_short = Py_IS_TYPE(object, info->type) && !((PyDateTime_Time *)object)->hastzinfo;
    return info->fixed_bytes - (is_short ? sizeof(PyObject *) : 0);
}

static size_t size_lock(PyObject *object, const hsight__type_info *info)
{
    (void)object;
    return info->fixed_bytes + hsight__compat_lock_bytes();
}

/* tp_itemsize of these counts frame slots, but they are not variable-sized objects. The slots stay
 * part of the block when the frame has ended. */
static size_t size_generator(PyObject *object, const hsight__type_info *info)
{
    return info->fixed_bytes +
           hsight__compat_code_slots_bytes(hsight__compat_generator_code(object));
}

static size_t size_frame(PyObject *object, const hsight__type_info *info)
{
    return info->fixed_bytes +
           hsight__compat_code_slots_bytes(hsight__compat_frame_object_code(object));
}

/* ---- C types that know their buffers ---- */

/* tp_name begins with one of these: their __sizeof__ was read on 3.11 to 3.15. It runs nothing of
 * the program and leaves no object behind, also before __init__ ran; but that of _io.BytesIO, which
 * is asked before 3.12, asks for the size of its buffer by a method object, which the collector
 * tracks for a moment. So the collector must be off: an allocation may start it, and it would free
 * objects under the walk. Struct's is asked only behind size_struct(). */
static const char *const trusted_sizeof[] = {
    "collections.deque",
    "collections.OrderedDict",
    "array.array",
    "bytearray",
    "_io.",
    "_pickle.",
    "itertools.",
    "decimal.",
    "numpy.ndarray",
    "xml.etree.ElementTree.",
    "_struct.Struct",
};

static PyCFunction c_sizeof(PyTypeObject *type)
{
    PyObject *value = hsight__type_own_attribute(type, "__sizeof__");
    if (value == NULL || !Py_IS_TYPE(value, &PyMethodDescr_Type)) {
        return NULL;
    }
    const PyMethodDef *method = ((PyMethodDescrObject *)value)->d_method;
    return (method->ml_flags & ~METH_COEXIST) == METH_NOARGS ? method->ml_meth : NULL;
}

static PyCFunction trusted(PyTypeObject *type)
{
    for (size_t i = 0; i < sizeof(trusted_sizeof) / sizeof(trusted_sizeof[0]); i++) {
        if (strncmp(type->tp_name, trusted_sizeof[i], strlen(trusted_sizeof[i])) == 0) {
            return c_sizeof(type);
        }
    }
    return NULL;
}

/* Of a fixed-size object of whatever class, without anything beside it. */
static size_t own_block_bytes(PyObject *object)
{
    return hsight__compat_preheader_bytes(Py_TYPE(object)) + (size_t)Py_TYPE(object)->tp_basicsize;
}

/* They begin with the tp_basicsize of the object's own class, a subclass written in Python too. */
static size_t size_by_type(PyObject *object, const hsight__type_info *info)
{
    PyObject *answer = info->c_sizeof(object, NULL);
    Py_ssize_t bytes = answer != NULL ? PyLong_AsSsize_t(answer) : -1;
    Py_XDECREF(answer);
    if (bytes < 0) {
        PyErr_Clear();
        return own_block_bytes(object);
    }
    return (size_t)bytes + hsight__compat_preheader_bytes(Py_TYPE(object));
}

/* Its __sizeof__ follows its compiled format, which __init__ sets. */
static size_t size_struct(PyObject *object, const hsight__type_info *info)
{
    return hsight__compat_struct_has_codes(object) ? size_by_type(object, info)
                                                   : own_block_bytes(object);
}

static size_t size_string_io(PyObject *object, const hsight__type_info *info)
{
    PyObject *written;
    size_t bytes = info->fixed_bytes + hsight__compat_string_io_bytes(object, &written);
    return bytes + (written != NULL ? text_bytes(written) : 0);
}

static size_t size_ctypes(PyObject *object, const hsight__type_info *info)
{
    return info->fixed_bytes + hsight__compat_ctypes_block_bytes(object, info->type);
}

PyObject *hsight__sizes_hidden_part(PyObject *object, const hsight__type_info *info)
{
    PyObject *written = NULL;
    if (info->size == size_string_io ||
        (info->base != NULL && info->base->size == size_string_io)) {
        (void)hsight__compat_string_io_bytes(object, &written);
    }
    return written;
}

/* ---- classes written in Python ---- */

static size_t values_bytes(PyObject *object, const hsight__type_info *info)
{
    if (!info->managed_dict) {
        return 0;
    }
    hsight__compat_attributes attributes;
    hsight__compat_read_attributes(object, info->type, &attributes);
    return attributes.bytes;
}

static size_t size_plain_instance(PyObject *object, const hsight__type_info *info)
{
    return info->fixed_bytes + values_bytes(object, info);
}

/* PyType_GenericAlloc adds one item to variable-sized classes. */
static size_t size_instance(PyObject *object, const hsight__type_info *info)
{
    const hsight__type_info *base = info->base;
    size_t added = info->fixed_bytes - base->fixed_bytes + (size_t)info->type->tp_itemsize;
    return base->size(object, base) + added + values_bytes(object, info);
}

/* The base's __sizeof__ has counted what the class adds, but the values. */
static size_t size_sized_instance(PyObject *object, const hsight__type_info *info)
{
    return info->base->size(object, info->base) + values_bytes(object, info);
}

/* ---- assignment ---- */

typedef struct {
    PyTypeObject *type;
    hsight__size_rule size;
} size_row;

static const size_row size_rows[] = {
    {&PyLong_Type, size_int},        {&PyBool_Type, size_int},
    {&PyList_Type, size_list},       {&PyDict_Type, size_dict},
    {&PySet_Type, size_set},         {&PyFrozenSet_Type, size_set},
    {&PyUnicode_Type, size_unicode}, {&PyGen_Type, size_generator},
    {&PyCoro_Type, size_generator},  {&PyAsyncGen_Type, size_generator},
    {&PyFrame_Type, size_frame},     {&PyModule_Type, size_module},
    {&PyCode_Type, size_code},
};

typedef struct {
    const char *name; /* tp_name */
    hsight__size_rule size;
} name_row;

static const name_row name_rows[] = {
    {"collections.defaultdict", size_dict}, {"_thread.lock", size_lock},
    {"_thread.RLock", size_lock},           {"_io.StringIO", size_string_io},
    {"_ctypes.Array", size_ctypes},         {"_ctypes.Structure", size_ctypes},
    {"_ctypes.Union", size_ctypes},         {"_ctypes._SimpleCData", size_ctypes},
    {"_ctypes._Pointer", size_ctypes},      {"_ctypes.CFuncPtr", size_ctypes},
    {"datetime.datetime", size_datetime},   {"datetime.time", size_datetime},
};

static hsight__size_rule size_by_row(PyTypeObject *type)
{
    for (size_t i = 0; i < sizeof(size_rows) / sizeof(size_rows[0]); i++) {
        if (size_rows[i].type == type) {
            return size_rows[i].size;
        }
    }
    for (size_t i = 0; i < sizeof(name_rows) / sizeof(name_rows[0]); i++) {
        if (strcmp(type->tp_name, name_rows[i].name) == 0) {
            return name_rows[i].size;
        }
    }
    if (hsight__compat_bytes_io_shows_buffer() && strcmp(type->tp_name, "_io.BytesIO") == 0) {
        return size_fixed; /* the buffer is an object, and counts as that */
    }
    return hsight__compat_is_frozendict(type) ? size_dict : NULL;
}

static hsight__size_rule size_by_base(const hsight__type_info *base)
{
    if (base->type == &PyBaseObject_Type) {
        return size_plain_instance;
    }
    bool is_sized = base->c_sizeof != NULL || base->size == size_sized_instance;
    return is_sized ? size_sized_instance : size_instance;
}

bool hsight__sizes_has_row(PyTypeObject *type)
{
    return size_by_row(type) != NULL || trusted(type) != NULL;
}

/* n_fields of a struct sequence type, written in C: the items each of its objects has. 0: it is
 * none.
 */
static size_t struct_sequence_fields(PyTypeObject *type)
{
    PyObject *count = hsight__type_own_attribute(type, "n_fields");
    if (type->tp_base != &PyTuple_Type || count == NULL || !PyLong_CheckExact(count) ||
        hsight__type_own_attribute(type, "n_sequence_fields") == NULL) {
        return 0;
    }
    Py_ssize_t fields = PyLong_AsSsize_t(count);
    PyErr_Clear();
    return fields > 0 ? (size_t)fields : 0;
}

/* ---- how good they are ---- */

/* Types written in C without a row that keep nothing beside their block: those of the interpreter
 * itself, and of these modules. Seen on 3.11 to 3.15 with the standard library loaded and used; of
 * other types nobody knows what C code allocates for them. */
static bool is_one_block(const PyTypeObject *type)
{
    static const char *const modules[] = {
        "_abc.",     "_asyncio.",    "_collections.", "_contextvars.", "_io.",       "_json.",
        "_random.",  "_socket.",     "_sre.",         "_struct.",      "_thread.",   "ast.",
        "builtins.", "collections.", "datetime.",     "decimal.",      "functools.", "itertools.",
        "operator.", "re.",          "socket.",       "string.",       "time.",      "types.",
        "typing.",   "unicodedata.", "weakref.",
    };
    static const char *const others[] = {"PyCapsule", "_thread._ThreadHandle", "_sre.SRE_Scanner"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strcmp(type->tp_name, others[i]) == 0) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
        if (strncmp(type->tp_name, modules[i], strlen(modules[i])) == 0) {
            return true;
        }
    }
    return strchr(type->tp_name, '.') == NULL && hsight__in_interpreter(type);
}

static uint32_t flags_of(const hsight__type_info *info)
{
    bool is_exact = is_one_block(info->type);
    if ((info->node_flags & HSIGHT_NODE_TYPE) !=
        0) { /* a metaclass written in C may add anything */
        return is_exact || hsight__compat_is_python_class(info->type)
                   ? 0
                   : HSIGHT_NODE_SIZE_LOWER_BOUND;
    }
    if (info->base != NULL) {
        return is_exact || hsight__compat_is_python_class(info->type) || info->base->size_flags != 0
                   ? info->base->size_flags
                   : HSIGHT_NODE_SIZE_LOWER_BOUND;
    }
    bool is_generic = info->size == size_fixed || info->size == size_variable ||
                      info->size == size_plain_instance;
    bool is_unknown = info->size == size_string_io && !hsight__compat_knows_string_io();
    return info->c_sizeof != NULL ? HSIGHT_NODE_SIZE_FORMULA
           : is_unknown || (is_generic && !is_exact && size_by_row(info->type) == NULL)
               ? HSIGHT_NODE_SIZE_LOWER_BOUND
               : 0;
}

static bool counts_items(const hsight__type_info *info)
{
    return info->size == size_variable || info->size == size_list || info->size == size_code ||
           info->size == size_type || (info->base != NULL && info->base->counts_items);
}

static void assign_rule(hsight__type_info *info)
{
    hsight__size_rule own = size_by_row(info->type);
    if (info->node_flags & HSIGHT_NODE_TYPE) {
        info->size = size_type;
    } else if (info->base != NULL) {
        info->size = size_by_base(info->base);
    } else if (own != NULL) {
        info->size = own;
    } else if ((info->c_sizeof = trusted(info->type)) != NULL) {
        bool is_struct = strcmp(info->type->tp_name, "_struct.Struct") == 0;
        info->size = is_struct ? size_struct : size_by_type;
    } else if ((info->field_count = struct_sequence_fields(info->type)) != 0) {
        info->size = size_struct_sequence;
    } else {
        info->size = info->type->tp_itemsize != 0 ? size_variable
                     : info->managed_dict         ? size_plain_instance
                                                  : size_fixed;
    }
}

void hsight__sizes_assign(hsight__type_info *info)
{
    assign_rule(info);
    info->size_flags = flags_of(info);
    info->counts_items = counts_items(info);
}
