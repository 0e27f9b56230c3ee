/* SPDX-License-Identifier: MIT */
/* thread_names.c - a table from thread numbers to names.
 *
 * I1  an entry's name is the last one seen while the thread with its id was alive and its number
 *     was known; `id` is then that thread's, 0 once it ended, before another one can have it
 * Memory: malloc, kept; some 80 bytes a thread, 4,096 threads at most (the tracer's own limit). */
#include "thread_names.h"

#include "compat.h"
#include "threads.h"
#include "visit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 72

typedef struct {
    unsigned long id; /* as in threading._active; 0: ended or not known */
    char name[NAME_BYTES];
} entry;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static entry *entries; /* by number */
static size_t capacity;
static pthread_key_t ends; /* a thread's number, so that its end is seen */
static bool sees_ends;

void hsight__thread_names_lock(void)
{
    pthread_mutex_lock(&mutex);
}

void hsight__thread_names_unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

/* The calling thread ends. */
static void forget_id(void *value)
{
    size_t number = (size_t)(uintptr_t)value;
    hsight__thread_names_lock();
    if (number < capacity && entries[number].id == PyThread_get_thread_ident()) {
        entries[number].id = 0;
    }
    hsight__thread_names_unlock();
}

__attribute__((constructor)) static void watch_ends(void)
{
    sees_ends = pthread_key_create(&ends, forget_id) == 0;
}

void hsight__thread_names_forked(void)
{
    unsigned long own = PyThread_get_thread_ident();
    for (size_t i = 0; i < capacity; i++) {
        entries[i].id = entries[i].id == own ? own : 0;
    }
}

static bool reserve(uint32_t number)
{
    if (number < capacity) {
        return true;
    }
    size_t wanted = (size_t)number * 2 + 16;
    entry *grown = realloc(entries, wanted * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    memset(grown + capacity, 0, (wanted - capacity) * sizeof(*grown));
    entries = grown;
    capacity = wanted;
    return true;
}

static bool look_up(entry *known, PyObject *active, unsigned long id)
{
    PyObject *name = hsight__thread_name(active, id);
    if (name != NULL) {
        hsight__copy_unicode(name, known->name, sizeof(known->name));
    } else if (id == hsight__compat_main_thread_id() && known->name[0] == '\0') {
        snprintf(known->name, sizeof(known->name), "MainThread"); /* threading is not imported */
    }
    return name != NULL;
}

bool hsight__thread_names_keep(uint32_t number)
{
    unsigned long id = PyThread_get_thread_ident();
    bool found = false;
    hsight__thread_names_lock();
    if (reserve(number)) {
        bool seen = sees_ends && pthread_setspecific(ends, (void *)(uintptr_t)number) == 0;
        entries[number].id = seen ? id : 0;
        found = look_up(&entries[number], hsight__active_threads(), id);
    }
    hsight__thread_names_unlock();
    return found;
}

void hsight__thread_names_refresh(void)
{
    PyObject *active = hsight__active_threads();
    hsight__thread_names_lock();
    for (size_t i = 0; i < capacity; i++) {
        if (entries[i].id != 0 && !look_up(&entries[i], active, entries[i].id) && active != NULL &&
            entries[i].id != hsight__compat_main_thread_id()) {
            entries[i].id = 0;
        }
    }
    hsight__thread_names_unlock();
}

void hsight__thread_names_clear(void)
{
    hsight__thread_names_lock();
    if (entries != NULL) {
        memset(entries, 0, capacity * sizeof(*entries));
    }
    hsight__thread_names_unlock();
}

size_t hsight__thread_names_get(void *state, uint32_t number, char *out, size_t size)
{
    (void)state;
    size_t length = 0;
    hsight__thread_names_lock();
    if (number < capacity && size > 0) {
        length = strnlen(entries[number].name, size - 1);
        memcpy(out, entries[number].name, length);
    }
    hsight__thread_names_unlock();
    return length;
}
