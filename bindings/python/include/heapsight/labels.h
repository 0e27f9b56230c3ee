/* SPDX-License-Identifier: MIT */
/* labels.h - an extension module tells heapsight what the references in its C structs are called.
 *
 * For extension modules, beside Python.h; heapsight.get_include() says where this file is. Nothing is
 * linked: the function comes out of a capsule when the program runs. docs/labels.md has an example.
 *
 * What is named is what the type's tp_traverse tells the collector of: a reference gets the name of a
 * field when tp_traverse told of it and the field holds it. A wrong offset costs a wrong name or none,
 * nothing else. */
#ifndef HEAPSIGHT_LABELS_H
#define HEAPSIGHT_LABELS_H

#include <Python.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Raised when an extension must be built again. What is only added shows in struct_bytes. */
#define HSIGHT_LABELS_VERSION 1
#define HSIGHT_LABELS_CAPSULE "heapsight._core.labels"

/** A field of a C struct that holds a reference. A list of fields ends with {NULL, 0}. */
typedef struct {
    const char *name;  /* UTF-8, 1 to 200 bytes */
    Py_ssize_t offset; /* bytes from the start of the object: offsetof(struct, field) */
} hsight_label_field;

typedef struct {
    int version;         /* HSIGHT_LABELS_VERSION of the heapsight that runs */
    size_t struct_bytes; /* its sizeof(hsight_labels) */

    /** Names the fields of a type. Since 0.1. The GIL is held.
     * Names and offsets are copied; no reference to the type is kept. The type is known again by its
     * tp_name and its tp_traverse: types derived from it in C or Python get the names as well, and so
     * does a type that the same code makes again. Calling again replaces what was said before; no
     * field and no `rest` takes it back.
     * @param type    ready (PyType_Ready), written in C, with a tp_traverse
     * @param fields  borrowed for the call; ends with {NULL, 0}; NULL for none
     * @param rest    borrowed for the call; what references are called that tp_traverse tells of and no
     *                field explains, as the items of an array; NULL: they have no name
     * @return 0, or -1 with an exception set: heapsight.HeapsightValueError (a ValueError) that names
     *         type, field and remedy, or MemoryError. What was said before then stays in force.
     * Cost: the fields, and the types named so far. */
    int (*register_fields)(PyTypeObject *type, const hsight_label_field *fields, const char *rest);
} hsight_labels;

/** The functions above, imported with heapsight if need be. Since 0.1. Static storage; NULL with an
 * exception set: ImportError when there is no heapsight here, or one of another version. */
static inline const hsight_labels *hsight_labels_import(void)
{
    const hsight_labels *labels =
        (const hsight_labels *)PyCapsule_Import(HSIGHT_LABELS_CAPSULE, 0);
    if (labels == NULL) {
        return NULL;
    }
    if (labels->version != HSIGHT_LABELS_VERSION) {
        PyErr_Format(PyExc_ImportError,
                     "this heapsight has version %d of heapsight/labels.h, the extension module was "
                     "built with version %d: build it again with heapsight.get_include()",
                     labels->version, HSIGHT_LABELS_VERSION);
        return NULL;
    }
    if (labels->struct_bytes < sizeof(*labels)) {
        PyErr_SetString(PyExc_ImportError,
                        "this heapsight is older than the heapsight/labels.h that the extension "
                        "module was built with: install a newer heapsight");
        return NULL;
    }
    return labels;
}

#ifdef __cplusplus
}
#endif
#endif
