/* SPDX-License-Identifier: MIT */
/* labelled.c - an extension module whose C structs hold references.
 *
 *   Pair        left, right, hidden; `left` is also an attribute
 *   Heir        of Pair: one more field and a tp_traverse of its own
 *   Crowd       an owner and an array of new objects: Crowd(count, owner)
 *   CrowdOfMembers  the same with a hundred tp_members
 *   Listed      of a base that is given, whose tp_traverse it goes by
 *   Meta        a metaclass, with a tp_traverse of its own
 *   Still       as Pair, but the collector is told of nothing
 * and a module state that holds an array of new objects: fill_state(count). Types are made by
 * make_type(), anew each time. register() passes its arguments on to heapsight/labels.h. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <heapsight/labels.h>

#define WORD         ((Py_ssize_t)sizeof(PyObject *))
#define MEMBER_COUNT 100

/* ---- arrays ---- */

typedef struct {
    PyObject **items;
    Py_ssize_t count;
} array;

static int array_fill(array *to, Py_ssize_t count)
{
    to->items = PyMem_Calloc((size_t)count + 1, sizeof(*to->items));
    for (; to->items != NULL && to->count < count; to->count++) {
        to->items[to->count] = PyFloat_FromDouble(0.5 + (double)to->count);
        if (to->items[to->count] == NULL) {
            return -1;
        }
    }
    return to->items != NULL ? 0 : -1;
}

static int array_traverse(array *of, visitproc visit, void *arg)
{
    for (Py_ssize_t i = 0; i < of->count; i++) {
        Py_VISIT(of->items[i]);
    }
    return 0;
}

static void array_clear(array *of)
{
    while (of->count > 0) {
        Py_DECREF(of->items[--of->count]);
    }
    PyMem_Free(of->items);
    of->items = NULL;
}

/* ---- Pair and what derives from it ---- */

typedef struct {
    PyObject_HEAD PyObject *left;
    PyObject *right;
    PyObject *hidden;
} pair;

typedef struct {
    pair base;
    PyObject *more;
} heir;

static int pair_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((pair *)self)->left);
    Py_VISIT(((pair *)self)->right);
    Py_VISIT(((pair *)self)->hidden);
    return 0;
}

static int heir_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(((heir *)self)->more);
    return pair_traverse(self, visit, arg);
}

static int pair_clear(PyObject *self)
{
    Py_CLEAR(((pair *)self)->left);
    Py_CLEAR(((pair *)self)->right);
    Py_CLEAR(((pair *)self)->hidden);
    return 0;
}

static int heir_clear(PyObject *self)
{
    Py_CLEAR(((heir *)self)->more);
    return pair_clear(self);
}

static void free_object(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    inquiry clear = (inquiry)PyType_GetSlot(type, Py_tp_clear);
    if (PyObject_IS_GC(self)) {
        PyObject_GC_UnTrack(self);
    }
    if (clear != NULL) {
        clear(self);
    }
    type->tp_free(self);
    Py_DECREF(type);
}

static int pair_init(PyObject *self, PyObject *args, PyObject *keywords)
{
    pair *p = (pair *)self;
    PyObject *more = NULL;
    (void)keywords;
    if (!PyArg_ParseTuple(args, "OOO|O", &p->left, &p->right, &p->hidden, &more)) {
        p->left = p->right = p->hidden = NULL;
        return -1;
    }
    Py_INCREF(p->left);
    Py_INCREF(p->right);
    Py_INCREF(p->hidden);
    if (more != NULL) {
        ((heir *)self)->more = Py_NewRef(more);
    }
    return 0;
}

static PyObject *get_left(PyObject *self, void *unused)
{
    (void)unused;
    return Py_NewRef(((pair *)self)->left);
}

static PyGetSetDef pair_attributes[] = {{"left", get_left, NULL, NULL, NULL}, {0}};

static PyType_Slot pair_slots[] = {
    {Py_tp_init, pair_init},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_dealloc, free_object},
    {Py_tp_traverse, pair_traverse},
    {Py_tp_clear, pair_clear},
    {Py_tp_getset, pair_attributes},
    {0, NULL},
};
static PyType_Spec pair_spec = {
    .name = "labelled.Pair",
    .basicsize = sizeof(pair),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = pair_slots,
};

static PyType_Slot heir_slots[] = {
    {Py_tp_dealloc, free_object},
    {Py_tp_traverse, heir_traverse},
    {Py_tp_clear, heir_clear},
    {0, NULL},
};
static PyType_Spec heir_spec = {
    .name = "labelled.Heir",
    .basicsize = sizeof(heir),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = heir_slots,
};

static PyType_Slot still_slots[] = {
    {Py_tp_init, pair_init},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_dealloc, free_object},
    {0, NULL},
};
static PyType_Spec still_spec = {
    .name = "labelled.Still",
    .basicsize = sizeof(pair),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = still_slots,
};

static PyType_Slot listed_slots[] = {{0, NULL}};
static PyType_Spec listed_spec = {
    .name = "labelled.Listed",
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = listed_slots,
};

static int meta_traverse(PyObject *self, visitproc visit, void *arg)
{
    return PyType_Type.tp_traverse(self, visit, arg);
}

static PyType_Slot meta_slots[] = {{Py_tp_traverse, meta_traverse}, {0, NULL}};
static PyType_Spec meta_spec = {
    .name = "labelled.Meta",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = meta_slots,
};

/* ---- Crowd ---- */

typedef struct {
    PyObject_HEAD array items;
    PyObject *owner;
    PyObject *others[MEMBER_COUNT];
} crowd;

static int crowd_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((crowd *)self)->owner);
    return array_traverse(&((crowd *)self)->items, visit, arg);
}

static int crowd_clear(PyObject *self)
{
    array_clear(&((crowd *)self)->items);
    Py_CLEAR(((crowd *)self)->owner);
    return 0;
}

static int crowd_init(PyObject *self, PyObject *args, PyObject *keywords)
{
    Py_ssize_t count;
    PyObject *owner;
    (void)keywords;
    if (!PyArg_ParseTuple(args, "nO", &count, &owner)) {
        return -1;
    }
    ((crowd *)self)->owner = Py_NewRef(owner);
    return array_fill(&((crowd *)self)->items, count);
}

static PyType_Slot crowd_slots[] = {
    {Py_tp_init, crowd_init},         {Py_tp_new, PyType_GenericNew}, {Py_tp_dealloc, free_object},
    {Py_tp_traverse, crowd_traverse}, {Py_tp_clear, crowd_clear},     {0, NULL},
};
static PyType_Spec crowd_spec = {
    .name = "labelled.Crowd",
    .basicsize = sizeof(crowd),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = crowd_slots,
};

/* As Crowd, with a member for each of the others, which are all empty. */
static PyObject *make_crowd_of_members(void)
{
    static char names[MEMBER_COUNT][8];
    static PyMemberDef members[MEMBER_COUNT + 1];
    for (int i = 0; i < MEMBER_COUNT; i++) {
        PyOS_snprintf(names[i], sizeof(names[i]), "other%d", i);
        members[i].name = names[i];
        members[i].type = T_OBJECT;
        members[i].flags = READONLY;
        members[i].offset = (Py_ssize_t)offsetof(crowd, others) + i * WORD;
    }
    PyType_Slot slots[] = {
        {Py_tp_init, crowd_init},
        {Py_tp_new, PyType_GenericNew},
        {Py_tp_dealloc, free_object},
        {Py_tp_traverse, crowd_traverse},
        {Py_tp_clear, crowd_clear},
        {Py_tp_members, members},
        {0, NULL},
    };
    PyType_Spec spec = crowd_spec;
    spec.name = "labelled.CrowdOfMembers";
    spec.slots = slots;
    return PyType_FromSpec(&spec);
}

/* ---- functions ---- */

static PyObject *make_type(PyObject *module, PyObject *args)
{
    const char *name;
    PyObject *base = NULL;
    (void)module;
    if (!PyArg_ParseTuple(args, "s|O", &name, &base)) {
        return NULL;
    }
    PyType_Spec *specs[] = {&pair_spec,  &heir_spec,   &still_spec,
                            &crowd_spec, &listed_spec, &meta_spec};
    for (int i = 0; i < 6; i++) {
        if (strcmp(name, specs[i]->name + strlen("labelled.")) == 0) {
            return PyType_FromSpecWithBases(specs[i], base);
        }
    }
    return make_crowd_of_members();
}

/* All of Pair, as an extension module does it for its own types. */
static PyObject *register_pair(PyObject *module, PyObject *type)
{
    static const hsight_label_field fields[] = {
        {"left", offsetof(pair, left)},
        {"right", offsetof(pair, right)},
        {"the hidden one", offsetof(pair, hidden)},
        {NULL, 0},
    };
    const hsight_labels *labels = hsight_labels_import();
    (void)module;
    if (labels == NULL || labels->register_fields((PyTypeObject *)type, fields, NULL) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* register(type or None, name or None, offset, rest): whatever it is; the rest is bytes, b"" for
 * none. */
static PyObject *register_any(PyObject *module, PyObject *args)
{
    hsight_label_field fields[2] = {{NULL, 0}, {NULL, 0}};
    PyObject *type;
    const char *rest;
    const hsight_labels *labels = hsight_labels_import();
    (void)module;
    if (labels == NULL ||
        !PyArg_ParseTuple(args, "Ozny", &type, &fields[0].name, &fields[0].offset, &rest)) {
        return NULL;
    }
    type = type != Py_None ? type : NULL;
    if (labels->register_fields((PyTypeObject *)type, fields, rest[0] != '\0' ? rest : NULL) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *fill_state(PyObject *module, PyObject *count)
{
    if (array_fill(PyModule_GetState(module), PyLong_AsSsize_t(count)) < 0) {
        return PyErr_NoMemory();
    }
    Py_RETURN_NONE;
}

/* ---- the module ---- */

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    return array_traverse(PyModule_GetState(module), visit, arg);
}

static int module_clear(PyObject *module)
{
    array_clear(PyModule_GetState(module));
    return 0;
}

static void module_free(void *module)
{
    module_clear(module);
}

static int module_exec(PyObject *module)
{
    return PyModule_AddIntConstant(module, "LEFT", offsetof(pair, left)) < 0 ||
                   PyModule_AddIntConstant(module, "RIGHT", offsetof(pair, right)) < 0 ||
                   PyModule_AddIntConstant(module, "HIDDEN", offsetof(pair, hidden)) < 0 ||
                   PyModule_AddIntConstant(module, "MORE", offsetof(heir, more)) < 0 ||
                   PyModule_AddIntConstant(module, "OWNER", offsetof(crowd, owner)) < 0
               ? -1
               : 0;
}

static PyMethodDef functions[] = {
    {"make_type", make_type, METH_VARARGS, NULL},
    {"register_pair", register_pair, METH_O, NULL},
    {"register", register_any, METH_VARARGS, NULL},
    {"fill_state", fill_state, METH_O, NULL},
    {0},
};
static PyModuleDef_Slot slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,   .m_name = "labelled",  .m_size = sizeof(array),
    .m_methods = functions,  .m_slots = slots,      .m_traverse = module_traverse,
    .m_clear = module_clear, .m_free = module_free,
};

PyMODINIT_FUNC PyInit_labelled(void)
{
    return PyModuleDef_Init(&definition);
}
