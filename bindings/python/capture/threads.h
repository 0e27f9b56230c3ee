/* SPDX-License-Identifier: MIT */
/* threads.h - what the threads of the program are called.
 *
 * Read from the Thread objects as they lie; nothing is called and nothing allocated. GIL held. */
#ifndef HEAPSIGHT_CAPTURE_THREADS_H
#define HEAPSIGHT_CAPTURE_THREADS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* threading._active, a dict from thread ids to Thread objects; NULL when threading is not there, or
 * cannot be asked for: at exit and in a subinterpreter. */
PyObject *hsight__active_threads(void);
/* The name (a str) of the thread with that id in hsight__active_threads(); NULL when unknown. */
PyObject *hsight__thread_name(PyObject *active, unsigned long id);
/* What reports call it: its name, "MainThread" before threading is imported, or "id N". Cut. */
void hsight__thread_text(PyObject *active, unsigned long id, char *out, size_t size);

#endif
