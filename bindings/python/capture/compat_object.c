/* SPDX-License-Identifier: MIT */
/* compat_object.c - objects, instance attributes, dict tables, class and code parts per version.
 *
 * Where attributes of an instance with a managed dict lie (words before the object):
 *   3.11        obj[-4] values block or NULL, obj[-3] dict or NULL
 *   3.12        obj[-3] tagged word: low bit set = values block, else dict or NULL
 *   3.13        obj[-3] dict or NULL; values inside the object block after the fixed part
 *   3.14, 3.15  as 3.13, for every heap class with a managed dict and a fixed-size base
 * The values block starts with a prefix: in 3.11/3.12 its size is the byte before the first value,
 * from 3.13 a header {capacity, size, embedded, valid} and the order bytes follow the values.
 * Nothing is owned or kept here. Cost: O(1) a call but for the part lists. */
#define Py_BUILD_CORE_MODULE 1
#include "compat.h"
#include "compat_parts.h"

#include "internal/pycore_dict.h"
#include "internal/pycore_moduleobject.h"
#include "internal/pycore_object.h"
#include <stddef.h>
#if PY_VERSION_HEX >= 0x030C0000
#include "internal/pycore_long.h"
#define INT_DIGITS_OFFSET offsetof(PyLongObject, long_value.ob_digit)
#else
#define INT_DIGITS_OFFSET offsetof(PyLongObject, ob_digit)
#endif
#if PY_VERSION_HEX < 0x030B0000 || PY_VERSION_HEX >= 0x03100000
#error "heapsight supports CPython 3.11 to 3.15"
#endif

#if PY_VERSION_HEX < 0x030C0000
/* Deep-frozen objects of 3.11 carry refcounts near 1e9; nothing real gets there. */
#define DEEP_FROZEN_REFCOUNT 400000000
#endif

bool hsight__compat_is_immortal(PyObject *object)
{
#if PY_VERSION_HEX >= 0x030C0000
    if (_Py_IsImmortal(object)) {
        return true;
    }
#else
    /* Deep-frozen code holds the singletons without counting. */
    if (Py_REFCNT(object) > DEEP_FROZEN_REFCOUNT || object == Py_None || PyBool_Check(object) ||
        object == Py_Ellipsis || object == Py_NotImplemented) {
        return true;
    }
#endif
    return PyType_Check(object) && !PyType_HasFeature((PyTypeObject *)object, Py_TPFLAGS_HEAPTYPE);
}

size_t hsight__compat_preheader_bytes(PyTypeObject *type)
{
    return _PyType_PreHeaderSize(type);
}

size_t hsight__compat_int_bytes(PyObject *object)
{
#if PY_VERSION_HEX >= 0x030C0000
    size_t digits = (size_t)_PyLong_DigitCount((const PyLongObject *)object);
#else
    Py_ssize_t size = Py_SIZE(object);
    size_t digits = (size_t)(size < 0 ? -size : size);
#endif
    size_t most = (PY_SSIZE_T_MAX - INT_DIGITS_OFFSET) / sizeof(digit);
    digits = digits < most ? digits : most; /* a damaged object may say anything */
    return INT_DIGITS_OFFSET + (digits ? digits : 1) * sizeof(digit);
}

bool hsight__compat_is_frozendict(PyTypeObject *type)
{
#if PY_VERSION_HEX >= 0x030F0000
    return type == &PyFrozenDict_Type;
#else
    (void)type;
    return false;
#endif
}

void hsight__compat_text_addresses(PyObject *text, size_t *begin, size_t *end)
{
    bool is_ascii = PyUnicode_IS_COMPACT_ASCII(text);
#if PY_VERSION_HEX >= 0x030C0000
    *begin = is_ascii ? sizeof(PyASCIIObject) : offsetof(PyCompactUnicodeObject, utf8);
#else
    *begin = offsetof(PyASCIIObject, wstr); /* wide characters, for calls that asked for them */
#endif
    *end = is_ascii                     ? sizeof(PyASCIIObject)
           : PyUnicode_IS_COMPACT(text) ? sizeof(PyCompactUnicodeObject)
                                        : sizeof(PyUnicodeObject);
}

/* ---- instance attributes ---- */

bool hsight__compat_has_managed_dict(PyTypeObject *type)
{
    return PyType_HasFeature(type, Py_TPFLAGS_MANAGED_DICT);
}

Py_ssize_t hsight__compat_values_offset(PyTypeObject *type)
{
    if (!hsight__compat_has_managed_dict(type)) {
        return 0;
    }
#if PY_VERSION_HEX >= 0x030D0000
    return 0;
#elif PY_VERSION_HEX >= 0x030C0000
    return -3 * (Py_ssize_t)sizeof(PyObject *); /* _PyObject_DictOrValuesPointer */
#else
    return -4 * (Py_ssize_t)sizeof(PyObject *); /* _PyObject_ValuesPointer */
#endif
}

static PyDictKeysObject *shared_keys(PyTypeObject *type)
{
    if (!PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) {
        return NULL;
    }
    return ((PyHeapTypeObject *)type)->ht_cached_keys;
}

Py_ssize_t hsight__compat_shared_key_count(PyTypeObject *type)
{
    PyDictKeysObject *keys = shared_keys(type);
    return keys != NULL ? keys->dk_nentries : 0;
}

PyObject *hsight__compat_shared_key(PyTypeObject *type, Py_ssize_t index)
{
    return DK_UNICODE_ENTRIES(shared_keys(type))[index].me_key;
}

#if PY_VERSION_HEX < 0x030D0000
/* A block has room for the keys that were usable when it was made; with each instance there may be
 * one less. Its prefix has a byte for each and two more, rounded up to whole words: so the number
 * is known to within 7, and there is no telling more. */
static size_t separate_values_bytes(PyDictValues *values, PyDictKeysObject *keys)
{
    size_t prefix = ((uint8_t *)values)[-1], usable = (size_t)(keys->dk_usable + keys->dk_nentries);
    size_t least = prefix > sizeof(PyObject *) + 1 ? prefix - sizeof(PyObject *) - 1 : 1;
    size_t count = usable < least ? least : usable > prefix - 2 ? prefix - 2 : usable;
    return prefix + count * sizeof(PyObject *);
}

static void take_values(hsight__compat_attributes *out, PyDictValues *values, PyTypeObject *type)
{
    out->slots = values->values;
    out->count = hsight__compat_shared_key_count(type);
    out->bytes = separate_values_bytes(values, shared_keys(type));
}
#endif

void hsight__compat_read_attributes(PyObject *object, PyTypeObject *type,
                                    hsight__compat_attributes *out)
{
    *out = (hsight__compat_attributes){0};
#if PY_VERSION_HEX >= 0x030D0000
    out->dict = (PyObject *)_PyObject_ManagedDictPointer(object)->dict;
    if (PyType_HasFeature(type, Py_TPFLAGS_INLINE_VALUES)) {
        PyDictValues *values = _PyObject_InlineValues(object);
        size_t capacity = values->capacity;
        out->bytes =
            _Py_SIZE_ROUND_UP(capacity, sizeof(PyObject *)) + (capacity + 1) * sizeof(PyObject *);
        if (values->valid) {
            Py_ssize_t known = hsight__compat_shared_key_count(type);
            out->slots = values->values;
            out->count = known < (Py_ssize_t)capacity ? known : (Py_ssize_t)capacity;
        }
    }
#elif PY_VERSION_HEX >= 0x030C0000
    PyDictOrValues word = *_PyObject_DictOrValuesPointer(object);
    if (!_PyDictOrValues_IsValues(word)) {
        out->dict = _PyDictOrValues_GetDict(word);
    } else if (_PyDictOrValues_GetValues(word) != NULL) {
        take_values(out, _PyDictOrValues_GetValues(word), type);
    }
#else
    out->dict = *_PyObject_ManagedDictPointer(object);
    PyDictValues *values = *_PyObject_ValuesPointer(object);
    if (out->dict == NULL && values != NULL) {
        take_values(out, values, type);
    }
#endif
}

size_t hsight__compat_following_values_bytes(PyObject *object, PyTypeObject *type)
{
#if PY_VERSION_HEX >= 0x030D0000
    hsight__compat_attributes attributes;
    hsight__compat_read_attributes(object, type, &attributes);
    return attributes.bytes;
#else
    (void)object, (void)type;
    return 0;
#endif
}

/* ---- dict tables ---- */

hsight__compat_dict_kind hsight__compat_dict_kind_of(PyObject *dict)
{
    PyDictValues *values = ((PyDictObject *)dict)->ma_values;
    if (values == NULL) {
        return HSIGHT__DICT_COMBINED;
    }
#if PY_VERSION_HEX >= 0x030D0000
    if (values->embedded) {
        return HSIGHT__DICT_EMBEDDED;
    }
#endif
    return HSIGHT__DICT_SPLIT;
}

hsight__compat_dict_entries hsight__compat_dict_entries_of(PyObject *dict)
{
    PyDictKeysObject *keys = ((PyDictObject *)dict)->ma_keys;
    const char *entries = (const char *)keys->dk_indices + ((size_t)1 << keys->dk_log2_index_bytes);
    bool has_hashes = keys->dk_kind == DICT_KEYS_GENERAL;
    size_t key = has_hashes ? offsetof(PyDictKeyEntry, me_key) : 0;
    size_t bytes = has_hashes ? sizeof(PyDictKeyEntry) : sizeof(PyDictUnicodeEntry);
    return (hsight__compat_dict_entries){(PyObject *const *)(entries + key), keys->dk_nentries,
                                         bytes / sizeof(PyObject *)};
}

static size_t keys_bytes(PyDictKeysObject *keys)
{
    size_t size = (size_t)1 << keys->dk_log2_size;
    size_t usable = (size << 1) / 3; /* the table is at most two thirds full */
    size_t entry =
        keys->dk_kind == DICT_KEYS_GENERAL ? sizeof(PyDictKeyEntry) : sizeof(PyDictUnicodeEntry);
    return sizeof(PyDictKeysObject) + ((size_t)1 << keys->dk_log2_index_bytes) + usable * entry;
}

static size_t split_values_bytes(PyDictObject *dict)
{
#if PY_VERSION_HEX >= 0x030D0000
    size_t capacity = dict->ma_values->capacity;
    return _Py_SIZE_ROUND_UP(capacity, sizeof(PyObject *)) + (capacity + 1) * sizeof(PyObject *);
#else
    return separate_values_bytes(dict->ma_values, dict->ma_keys);
#endif
}

size_t hsight__compat_dict_table_bytes(PyObject *object)
{
    PyDictObject *dict = (PyDictObject *)object;
    switch (hsight__compat_dict_kind_of(object)) {
    case HSIGHT__DICT_SPLIT:
        return split_values_bytes(dict);
    case HSIGHT__DICT_EMBEDDED:
        return 0;
    default:
        /* Py_EMPTY_KEYS is static: one slot of size 1, never freed. */
        return dict->ma_keys->dk_log2_size == 0 ? 0 : keys_bytes(dict->ma_keys);
    }
}

bool hsight__compat_dict_can_be(const PyDictObject *copy, const hsight_block_reader *reader)
{
    PyDictKeysObject keys;
    if (copy->ma_values != NULL || copy->ma_used <= 0 ||
        (uintptr_t)copy->ma_keys % sizeof(void *) != 0 ||
        !hsight_block_read(reader, (uint64_t)(uintptr_t)copy->ma_keys, &keys, sizeof keys)) {
        return false;
    }
    Py_ssize_t room = (Py_ssize_t)((((size_t)1 << (keys.dk_log2_size & 63)) << 1) / 3);
    return keys.dk_refcnt == 1 && keys.dk_log2_size >= 3 && keys.dk_log2_size < 32 &&
           keys.dk_kind <= DICT_KEYS_UNICODE && keys.dk_usable >= 0 && keys.dk_nentries >= 0 &&
           keys.dk_usable + keys.dk_nentries == room && copy->ma_used <= keys.dk_nentries;
}

const void *hsight__compat_dict_table(PyObject *object)
{
    PyDictObject *dict = (PyDictObject *)object;
    bool is_own = hsight__compat_dict_kind_of(object) == HSIGHT__DICT_COMBINED;
    return is_own && dict->ma_keys->dk_log2_size != 0 ? dict->ma_keys : NULL;
}

size_t hsight__compat_shared_keys_bytes(PyTypeObject *type)
{
    PyDictKeysObject *keys = shared_keys(type);
    return keys != NULL ? keys_bytes(keys) : 0;
}

bool hsight__compat_is_interned_table(PyObject *object, PyObject *probe)
{
#if PY_VERSION_HEX >= 0x030E0000
    if (!PyDict_CheckExact(object) || ((PyDictObject *)object)->ma_values != NULL) {
        return false;
    }
    PyDictKeysObject *keys = ((PyDictObject *)object)->ma_keys;
    if (keys->dk_kind == DICT_KEYS_GENERAL || keys->dk_log2_size < 8) {
        return false; /* never compares with foreign keys; the real table has thousands */
    }
    return PyDict_GetItemWithError(object, probe) == probe;
#else
    (void)object;
    (void)probe;
    return false;
#endif
}

static PyDictValues *dict_values(PyObject *dict)
{
    bool is_own = hsight__compat_dict_kind_of(dict) == HSIGHT__DICT_SPLIT;
    return is_own ? ((PyDictObject *)dict)->ma_values : NULL;
}

#if PY_VERSION_HEX >= 0x030D0000
size_t hsight__compat_values_block(PyObject *object, PyTypeObject *type, const void **begin)
{
    (void)type;
    *begin = PyDict_Check(object) ? dict_values(object) : NULL;
    return *begin != NULL ? split_values_bytes((PyDictObject *)object) : 0;
}
#else
size_t hsight__compat_values_block(PyObject *object, PyTypeObject *type, const void **begin)
{
    PyDictValues *values = NULL;
    PyDictKeysObject *keys = NULL;
    if (PyDict_Check(object)) {
        values = dict_values(object);
        keys = ((PyDictObject *)object)->ma_keys;
    } else if (hsight__compat_has_managed_dict(type)) {
        hsight__compat_attributes attributes;
        hsight__compat_read_attributes(object, type, &attributes);
        values = (PyDictValues *)attributes.slots;
        keys = shared_keys(type);
    }
    *begin = values != NULL ? (const char *)values - ((uint8_t *)values)[-1] : NULL;
    return values != NULL ? separate_values_bytes(values, keys) : 0;
}
#endif

/* ---- parts of classes, code, functions, modules ---- */

PyObject *hsight__compat_type_dict(PyTypeObject *type)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyObject *dict = PyType_GetDict(type);
    Py_XDECREF(dict); /* the class keeps it */
    return dict;
#else
    return type->tp_dict;
#endif
}

void hsight__compat_type_parts(PyTypeObject *type, hsight__compat_part_visitor visitor, void *state)
{
    PART("__dict__", hsight__compat_type_dict(type));
    PART("__mro__", type->tp_mro);
    PART("__bases__", type->tp_bases);
    bool is_heap = PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE);
    if (is_heap || PY_VERSION_HEX < 0x030C0000) { /* then static classes have a number there */
        PART("__subclasses__", type->tp_subclasses);
    }
    if (!is_heap) {
        return;
    }
    PyHeapTypeObject *heap = (PyHeapTypeObject *)type;
    PART("__base__", type->tp_base);
    PART("tp_cache", type->tp_cache);
    PART("__name__", heap->ht_name);
    PART("__qualname__", heap->ht_qualname);
    PART("__slots__", heap->ht_slots);
    PART("__module__", heap->ht_module);
    for (Py_ssize_t i = 0; i < hsight__compat_shared_key_count(type); i++) {
        PART("shared key", hsight__compat_shared_key(type, i));
    }
}

void hsight__compat_code_parts(PyObject *object, hsight__compat_part_visitor visitor, void *state)
{
    PyCodeObject *code = (PyCodeObject *)object;
    PART("co_consts", code->co_consts);
    PART("co_names", code->co_names);
    PART("co_exceptiontable", code->co_exceptiontable);
    PART("co_localsplusnames", code->co_localsplusnames);
    PART("co_localspluskinds", code->co_localspluskinds);
    PART("co_filename", code->co_filename);
    PART("co_name", code->co_name);
    PART("co_qualname", code->co_qualname);
    PART("co_linetable", code->co_linetable);
#if PY_VERSION_HEX >= 0x030C0000
    if (code->_co_cached != NULL) {
        PART("co_code", code->_co_cached->_co_code);
        PART("co_varnames", code->_co_cached->_co_varnames);
        PART("co_cellvars", code->_co_cached->_co_cellvars);
        PART("co_freevars", code->_co_cached->_co_freevars);
    }
#else
    PART("co_code", code->_co_code);
#endif
}

void hsight__compat_function_parts(PyObject *object, hsight__compat_part_visitor visitor,
                                   void *state)
{
    PyFunctionObject *function = (PyFunctionObject *)object;
    PART("__globals__", function->func_globals);
    PART("__builtins__", function->func_builtins);
    PART("__name__", function->func_name);
    PART("__qualname__", function->func_qualname);
    PART("__code__", function->func_code);
    PART("__defaults__", function->func_defaults);
    PART("__kwdefaults__", function->func_kwdefaults);
    PART("__closure__", function->func_closure);
    PART("__doc__", function->func_doc);
    PART("__dict__", function->func_dict);
    PART("__module__", function->func_module);
    PART("__annotations__", function->func_annotations);
#if PY_VERSION_HEX >= 0x030C0000
    PART("__type_params__", function->func_typeparams);
#endif
#if PY_VERSION_HEX >= 0x030E0000
    PART("__annotate__", function->func_annotate);
#endif
}

PyObject *hsight__compat_module_name(PyObject *module)
{
    return ((PyModuleObject *)module)->md_name;
}

PyObject *hsight__compat_code_free_names(PyObject *object, Py_ssize_t index)
{
    PyCodeObject *code = (PyCodeObject *)object;
    Py_ssize_t first = code->co_nlocalsplus - code->co_nfreevars;
    if (index < 0 || index >= code->co_nfreevars) {
        return NULL;
    }
    return PyTuple_GET_ITEM(code->co_localsplusnames, first + index);
}
