/* SPDX-License-Identifier: MIT */
/* registered.h - what other packages call the references in their C structs; kept for the life of
 * the process. hsight_capture_register_fields() of capture.h puts it in. */
#ifndef HEAPSIGHT_CAPTURE_REGISTERED_H
#define HEAPSIGHT_CAPTURE_REGISTERED_H

#include "compat.h"

typedef struct {
    Py_ssize_t offset;
    bool is_attribute; /* the type has an attribute of this name: shown as one */
    char *name;
} hsight__registered_field;

typedef struct {
    traverseproc traverse;
    char *type_name; /* tp_name */
    char *rest;      /* or NULL */
    hsight__registered_field *fields;
    size_t count;
} hsight__registered;

/* What is said of exactly this type, or NULL. Until the next registration. */
const hsight__registered *hsight__registered_find(PyTypeObject *type);

#endif
