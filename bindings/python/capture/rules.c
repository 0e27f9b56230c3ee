/* SPDX-License-Identifier: MIT */
/* rules.c - which type is walked by which rule, and where C structs keep references.
 *
 * A row in one of the tables below is all it takes to teach the walk a type:
 *   rule_rows    a type with a rule of its own
 *   field_rows   a reference at a fixed offset that tp_members does not tell
 *   private_rows the same where the layout is not public: a name for what tp_traverse tells
 * Other packages add such names while the program runs (registered.c).
 * Types without a row are walked by tp_traverse and labelled by their tp_members. Two kinds of
 * types are walked as what they add to a base: classes written in Python, to their first C base;
 * types written in C that go by the tp_traverse of a base with a row, to that base. */
#include "rules.h"
#include "registered.h"
#include "type_table.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <structmember.h>

/* ---- rows ---- */

typedef struct {
    PyTypeObject *type; /* or NULL: */
    const char *name;   /* tp_name, for types that are not exported */
    hsight__rule rule;
} rule_row;

static const rule_row rule_rows[] = {
    {&PyDict_Type, NULL, hsight__rule_dict},
    {&PyList_Type, NULL, hsight__rule_list},
    {&PyTuple_Type, NULL, hsight__rule_tuple},
    {&PySet_Type, NULL, hsight__rule_set},
    {&PyFrozenSet_Type, NULL, hsight__rule_set},
    {&PyFunction_Type, NULL, hsight__rule_function},
    {&PyMethod_Type, NULL, hsight__rule_method},
    {&PyCell_Type, NULL, hsight__rule_cell},
    {&PyCode_Type, NULL, hsight__rule_code},
    {&PyFrame_Type, NULL, hsight__rule_frame},
    {&PyGen_Type, NULL, hsight__rule_generator},
    {&PyCoro_Type, NULL, hsight__rule_generator},
    {&PyAsyncGen_Type, NULL, hsight__rule_generator},
    {&PyType_Type, NULL, hsight__rule_type},
    {&PyModule_Type, NULL, hsight__rule_module},
    {&_PyWeakref_RefType, NULL, hsight__rule_weakref},
    {&_PyWeakref_ProxyType, NULL, hsight__rule_weakref},
    {&_PyWeakref_CallableProxyType, NULL, hsight__rule_weakref},
    {&PyMethodDescr_Type, NULL, hsight__rule_members},
    {&PyMemberDescr_Type, NULL, hsight__rule_members},
    {&PyGetSetDescr_Type, NULL, hsight__rule_members},
    {&PyWrapperDescr_Type, NULL, hsight__rule_members},
    {&PyClassMethodDescr_Type, NULL, hsight__rule_members},
    {NULL, "collections.OrderedDict", hsight__rule_ordered_dict},
    {NULL, "collections.defaultdict", hsight__rule_default_dict},
    {NULL, "collections.deque", hsight__rule_deque},
    {NULL, "functools._lru_cache_wrapper", hsight__rule_lru_cache},
    {NULL, "numpy.ndarray", hsight__rule_ndarray},
    {NULL, "_asyncio.Future", hsight__rule_future},
    {NULL, "_asyncio.Task", hsight__rule_task},
    {NULL, "_contextvars.Context", hsight__rule_context},
    {NULL, "hamt", hsight__rule_context_node},
    {NULL, "hamt_bitmap_node", hsight__rule_context_node},
    {NULL, "hamt_array_node", hsight__rule_context_node},
    {NULL, "hamt_collision_node", hsight__rule_context_node},
};

typedef struct {
    PyTypeObject *type;
    Py_ssize_t offset;
    hsight__name name;
} field_row;

#define EXCEPTION_FIELD(field) offsetof(PyBaseExceptionObject, field)
#define DESCR_FIELDS(type)                                                                         \
    {&type, offsetof(PyDescrObject, d_type), HSIGHT__NAME_objclass},                               \
        {&type, offsetof(PyDescrObject, d_name), HSIGHT__NAME_name},                               \
    {                                                                                              \
        &type, offsetof(PyDescrObject, d_qualname), HSIGHT__NAME_qualname                          \
    }

/* range keeps its length as a fourth object after start, stop and step. */
#define RANGE_FIELD(index) (Py_ssize_t)(sizeof(PyObject) + (index) * sizeof(PyObject *))

static const field_row *field_rows(size_t *count)
{
    static field_row rows[] = {
        DESCR_FIELDS(PyMethodDescr_Type),
        DESCR_FIELDS(PyMemberDescr_Type),
        DESCR_FIELDS(PyGetSetDescr_Type),
        DESCR_FIELDS(PyWrapperDescr_Type),
        DESCR_FIELDS(PyClassMethodDescr_Type),
        {&PyCFunction_Type, offsetof(PyCFunctionObject, m_self), HSIGHT__NAME_self},
        {&PyCFunction_Type, offsetof(PyCFunctionObject, m_module), HSIGHT__NAME_module},
        {&PyTraceBack_Type, offsetof(PyTracebackObject, tb_next), HSIGHT__NAME_next},
        {&PyTraceBack_Type, offsetof(PyTracebackObject, tb_frame), HSIGHT__NAME_frame},
        {&PyDictProxy_Type, sizeof(PyObject), HSIGHT__NAME_mapping},
        {&PyRange_Type, RANGE_FIELD(3), HSIGHT__NAME_length},
        {NULL, EXCEPTION_FIELD(args), HSIGHT__NAME_args},
        {NULL, EXCEPTION_FIELD(notes), HSIGHT__NAME_notes},
        {NULL, EXCEPTION_FIELD(traceback), HSIGHT__NAME_traceback},
        {NULL, EXCEPTION_FIELD(context), HSIGHT__NAME_context},
        {NULL, EXCEPTION_FIELD(cause), HSIGHT__NAME_cause},
    };
    *count = sizeof(rows) / sizeof(rows[0]);
    return rows;
}

/* Fields of types that tell their references to the collector: a label goes to a reference that was
 * told and is what the field holds, so another layout costs no more than the name. */
typedef struct {
    const char *type; /* tp_name */
    unsigned word;    /* of the object, from 0: two are the header */
    const char *name;
    hsight_label_kind kind;
} private_row;

static const private_row private_rows[] = {
    {"property", 6, "__name__", HSIGHT_LABEL_ATTRIBUTE}, /* after the four that are members */
    {"builtin_method", 7, "defining class", HSIGHT_LABEL_INTERNAL},
    {"method-wrapper", 2, "descriptor", HSIGHT_LABEL_INTERNAL},
    {"_abc._abc_data", 2, "registry", HSIGHT_LABEL_INTERNAL},
    {"_abc._abc_data", 3, "cache", HSIGHT_LABEL_INTERNAL},
    {"_abc._abc_data", 4, "negative cache", HSIGHT_LABEL_INTERNAL},
    {"re.Pattern", 4, "groupindex", HSIGHT_LABEL_ATTRIBUTE},
    {"re.Pattern", 5, "names of groups", HSIGHT_LABEL_INTERNAL},
    {"itertools.count", 3, "count", HSIGHT_LABEL_INTERNAL},
    {"itertools.count", 4, "step", HSIGHT_LABEL_INTERNAL},
    {"typing.Union", 3, "hashable arguments", HSIGHT_LABEL_INTERNAL}, /* 3.14+, with the next two */
    {"typing.Union", 4, "unhashable arguments", HSIGHT_LABEL_INTERNAL},
    {"typing.Union", 5, "__parameters__", HSIGHT_LABEL_ATTRIBUTE},
    {"types.UnionType", 3, "__parameters__", HSIGHT_LABEL_ATTRIBUTE}, /* its name before 3.14 */
    {"types.GenericAlias", 4, "__parameters__", HSIGHT_LABEL_ATTRIBUTE},
    {"operator.attrgetter", 3, "names", HSIGHT_LABEL_INTERNAL},
    {"_struct.Struct", 5, "format", HSIGHT_LABEL_ATTRIBUTE},
    {"lazy_import", 2, "builtins", HSIGHT_LABEL_INTERNAL}, /* 3.15+, with the next three */
    {"lazy_import", 3, "module to import", HSIGHT_LABEL_INTERNAL},
    {"lazy_import", 4, "name to import", HSIGHT_LABEL_INTERNAL},
    {"lazy_import", 5, "importing code", HSIGHT_LABEL_INTERNAL},
};

/* ---- members ---- */

static void add_member(hsight__visit *visit, hsight__type_info *info, Py_ssize_t offset,
                       Py_ssize_t item_bytes, hsight_label label)
{
    for (uint32_t i = 0; i < info->member_count; i++) {
        if (info->members[i].offset == offset && info->members[i].item_bytes == item_bytes) {
            return;
        }
    }
    hsight__member *members = realloc(info->members, (info->member_count + 1) * sizeof(*members));
    if (members == NULL) {
        visit->dropped_count++;
        return;
    }
    info->members = members;
    members[info->member_count].offset = offset;
    members[info->member_count].item_bytes = item_bytes;
    members[info->member_count++].label = label;
}

/* Flags of a member: Py_RELATIVE_OFFSET exists since 3.12; _Py_AFTER_ITEMS since 3.15, for
 * __slots__ of a subclass of tuple, which follow the items. */
enum {
    MEMBER_OBJECT = T_OBJECT,
    MEMBER_OBJECT_EX = T_OBJECT_EX,
    MEMBER_RELATIVE = 8,
    MEMBER_AFTER_ITEMS = 16
};

static void add_own_members(hsight__visit *visit, hsight__type_info *info, PyTypeObject *type)
{
    for (const struct PyMemberDef *m = type->tp_members; m != NULL && m->name != NULL; m++) {
        bool is_object = m->type == MEMBER_OBJECT || m->type == MEMBER_OBJECT_EX;
        if (is_object && m->offset > 0 && !(m->flags & MEMBER_RELATIVE)) {
            char name[256];
            size_t length = strnlen(m->name, sizeof(name) - 1);
            memcpy(name, m->name, length);
            hsight_string_id id = {0};
            if (hsight_builder_string(visit->builder, name, length, &id, NULL) != HSIGHT_OK) {
                visit->dropped_count++;
            }
            Py_ssize_t item_bytes = m->flags & MEMBER_AFTER_ITEMS ? info->type->tp_itemsize : 0;
            add_member(visit, info, m->offset, item_bytes,
                       hsight_label_make(HSIGHT_LABEL_ATTRIBUTE, id.index));
        }
    }
}

static void add_fields(hsight__visit *visit, hsight__type_info *info)
{
    size_t count;
    const field_row *rows = field_rows(&count);
    bool exception = PyType_FastSubclass(info->type, Py_TPFLAGS_BASE_EXC_SUBCLASS);
    for (size_t i = 0; i < count; i++) {
        bool applies =
            rows[i].type != NULL ? PyType_IsSubtype(info->type, rows[i].type) : exception;
        if (applies) {
            hsight_string_id name = visit->names[rows[i].name];
            add_member(visit, info, rows[i].offset, 0,
                       hsight_label_make(HSIGHT_LABEL_ATTRIBUTE, name.index));
        }
    }
}

static void add_private_fields(hsight__visit *visit, hsight__type_info *info)
{
    for (size_t i = 0; i < sizeof(private_rows) / sizeof(private_rows[0]); i++) {
        const private_row *row = &private_rows[i];
        Py_ssize_t offset = (Py_ssize_t)(row->word * sizeof(PyObject *));
        if (strcmp(row->type, info->type->tp_name) == 0 &&
            offset + (Py_ssize_t)sizeof(PyObject *) <= info->type->tp_basicsize) {
            hsight_string_id name = hsight__visit_name(visit, row->name);
            add_member(visit, info, offset, 0, hsight_label_make(row->kind, name.index));
        }
    }
}

/* What other packages said of the type and its bases. The rest of a base is also that of a type
 * that goes by its tp_traverse; another one tells of more. */
static void add_registered_fields(hsight__visit *visit, hsight__type_info *info)
{
    for (PyTypeObject *type = info->type; type != NULL; type = type->tp_base) {
        const hsight__registered *said = hsight__registered_find(type);
        for (size_t i = 0; said != NULL && i < said->count; i++) {
            const hsight__registered_field *field = &said->fields[i];
            if (field->offset + (Py_ssize_t)sizeof(PyObject *) <= type->tp_basicsize) {
                hsight_string_id name = hsight__visit_name(visit, field->name);
                add_member(visit, info, field->offset, 0,
                           hsight_label_make(field->is_attribute ? HSIGHT_LABEL_ATTRIBUTE
                                                                 : HSIGHT_LABEL_INTERNAL,
                                             name.index));
            }
        }
        if (said != NULL && said->rest != NULL && info->rest_label.bits == 0 &&
            said->traverse == info->type->tp_traverse) {
            hsight_string_id name = hsight__visit_name(visit, said->rest);
            info->rest_label = hsight_label_make(HSIGHT_LABEL_INTERNAL, name.index);
        }
    }
}

/* ---- assignment ---- */

static hsight__rule rule_by_row(PyTypeObject *type)
{
    for (size_t i = 0; i < sizeof(rule_rows) / sizeof(rule_rows[0]); i++) {
        const rule_row *row = &rule_rows[i];
        if (row->type != NULL ? row->type == type : strcmp(row->name, type->tp_name) == 0) {
            return row->rule;
        }
    }
    return hsight__compat_is_frozendict(type) ? hsight__rule_dict : hsight__datetime_rule(type);
}

/* The base whose rows a type written in C goes by, or NULL. The same tp_traverse says that the type
 * owns what the base owns, as far as the collector asks; NULL twice, that it asks neither. What the
 * type adds to the struct is then told by its members alone. */
static PyTypeObject *base_with_row(PyTypeObject *type)
{
    PyTypeObject *base = type;
    while (base != NULL && base->tp_traverse == type->tp_traverse) {
        if (rule_by_row(base) != NULL || hsight__sizes_has_row(base)) {
            return base != type ? base : NULL;
        }
        base = base->tp_base;
    }
    return NULL;
}

static PyTypeObject *first_c_base(PyTypeObject *type)
{
    while (type->tp_base != NULL && hsight__compat_is_python_class(type)) {
        type = type->tp_base;
    }
    return type;
}

/* NULL: the type is walked whole. */
static PyTypeObject *base_to_add_to(PyTypeObject *type)
{
    if (hsight__compat_is_python_class(type) && type->tp_base != NULL) {
        return first_c_base(type);
    }
    return PyType_FastSubclass(type, Py_TPFLAGS_TYPE_SUBCLASS) ? NULL : base_with_row(type);
}

static void assign_base(hsight__visit *visit, hsight__type_info *info, PyTypeObject *base)
{
    for (PyTypeObject *type = info->type; type != base; type = type->tp_base) {
        add_own_members(visit, info, type);
    }
    info->base = hsight__type_info_of(visit, base);
    info->rule = hsight__rule_instance;
}

void hsight__rules_assign(hsight__visit *visit, hsight__type_info *info)
{
    PyTypeObject *type = info->type;
    PyTypeObject *base = base_to_add_to(type);
    if (base != NULL) {
        assign_base(visit, info, base);
        return;
    }
    if (type == &PyBaseObject_Type) {
        info->rule = hsight__rule_nothing;
        return;
    }
    for (base = type; base != NULL; base = base->tp_base) {
        add_own_members(visit, info, base);
    }
    add_fields(visit, info);
    hsight__rule own = rule_by_row(type);
    if (own != NULL) {
        info->rule = own;
    } else if (PyType_FastSubclass(type, Py_TPFLAGS_TYPE_SUBCLASS)) {
        info->rule = hsight__rule_c_metaclass;
    } else if (info->gc || type->tp_traverse != NULL) {
        add_registered_fields(visit, info);
        add_private_fields(visit, info);
        info->rule =
            info->rest_label.bits != 0 ? hsight__rule_traverse_rest : hsight__rule_traverse;
    } else {
        info->rule = info->member_count != 0 ? hsight__rule_members : hsight__rule_nothing;
    }
}

const char *hsight__rules_refusal(PyTypeObject *type)
{
    if (!PyType_HasFeature(type, Py_TPFLAGS_READY)) {
        return "is not ready: call PyType_Ready() before its fields are named";
    }
    if (hsight__compat_is_python_class(type)) {
        return "is a class written in Python, whose attributes and __slots__ have names: name the "
               "fields of its base that is written in C";
    }
    if (PyType_FastSubclass(type, Py_TPFLAGS_TYPE_SUBCLASS) || rule_by_row(type) != NULL ||
        base_with_row(type) != NULL) {
        return "is walked by a rule of heapsight's own, which names its references: leave it out";
    }
    if (!PyType_HasFeature(type, Py_TPFLAGS_HAVE_GC) || type->tp_traverse == NULL) {
        return "tells the collector of no references, so there is nothing to name: give the type "
               "Py_TPFLAGS_HAVE_GC and a tp_traverse that visits them";
    }
    return NULL;
}
