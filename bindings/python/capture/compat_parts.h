/* SPDX-License-Identifier: MIT */
/* compat_parts.h - how compat_*.c hand out the parts of an object; private to them. */
#ifndef HEAPSIGHT_CAPTURE_COMPAT_PARTS_H
#define HEAPSIGHT_CAPTURE_COMPAT_PARTS_H

/* In a function with the parameters `visitor` and `state`. Names are string literals. */
#define PART(name, part)                                                                           \
    do {                                                                                           \
        PyObject *part_ = (PyObject *)(part);                                                      \
        if (part_ != NULL) {                                                                       \
            visitor(name, part_, state);                                                           \
        }                                                                                          \
    } while (0)

#endif
