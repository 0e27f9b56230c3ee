/* SPDX-License-Identifier: MIT */
/* holder_stacks.c - C stacks of threads that seem to hold objects.
 *
 *     stack pointer -> [ frames ] <- pthread_t, or, of the first thread, where the system began it
 *
 * Only the part in use is looked at where the system tells the stack pointer, as it does of a
 * thread that waits (proc(5), /proc/pid/syscall). Of one that runs C code it does not: then all
 * that was ever written to counts. Of the calling thread the frames of heapsight are left out. What
 * a function keeps in a register alone is not seen.
 *
 * The other threads run on meanwhile where they do not need the GIL, and may end: memory is copied
 * by the system, and their ids are only numbers here. In a forked child nothing is looked for: the
 * loader's lock may be held for ever, and the other threads are not there.
 * Cost: O(threads + stacks in use), a system call a page. Owns nothing. */
#include "holders.h"

#if defined(__linux__)
#include "child_memory.h"
#include "process_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGES_AT_ONCE = 64 };
/* A stack pointer farther from the end of the thread's stack is not in it: coroutines have theirs.
 */
static const uintptr_t STACK_BYTES_MAX = (uintptr_t)64 << 20;

/* ---- what the system knows ---- */

/* The last but one of "number arguments stack-pointer program-counter"; 0: it runs, or is gone. */
static uintptr_t stack_pointer_of(unsigned long native_id)
{
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/self/task/%lu/syscall", native_id);
    char *last = hsight__read_system_file(path, text, sizeof text) > 0 ? strrchr(text, ' ') : NULL;
    if (last == NULL) {
        return 0;
    }
    *last = 0;
    char *pointer = strrchr(text, ' ');
    return pointer != NULL ? (uintptr_t)strtoull(pointer, NULL, 16) : 0;
}

/* Where the stack of the first thread begins: startstack of /proc/pid/stat, the 26th after the name
 * in parentheses; 0: not known. */
static uintptr_t first_stack_end(void)
{
    char text[1024];
    char *field = hsight__read_system_file("/proc/self/stat", text, sizeof text) > 0
                      ? strrchr(text, ')')
                      : NULL;
    for (int i = 0; i < 26 && field != NULL; i++) {
        field = strchr(field + 1, ' ');
    }
    return field != NULL ? (uintptr_t)strtoull(field, NULL, 10) : 0;
}

/* ---- where to look ---- */

typedef struct {
    uintptr_t begin;
    uintptr_t end;
} span;

/* Stacks grow down from their end, and what was never written to ends them. */
static uintptr_t first_written(uintptr_t end)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = (end + page - 1) / page * page, lowest = end - STACK_BYTES_MAX;
    uint64_t is_written[PAGES_AT_ONCE];
    while (begin > lowest && begin > PAGES_AT_ONCE * page) {
        uintptr_t group = begin - PAGES_AT_ONCE * page;
        if (!hsight__memory_written((const void *)group, PAGES_AT_ONCE, is_written)) {
            return end;
        }
        size_t left = PAGES_AT_ONCE;
        while (left > 0 && is_written[left - 1] != 0) {
            left--;
        }
        begin = group + left * page;
        if (left > 0) {
            break;
        }
    }
    return begin < end ? begin : end;
}

/* On Linux a pthread_t is the address of what lies behind the thread's stack. */
static span stack_of(const PyThreadState *thread, uintptr_t pointer, uintptr_t first_end)
{
    uintptr_t end = (uintptr_t)thread->thread_id;
    bool is_first =
        pointer != 0 ? end < pointer : thread->native_thread_id == (unsigned long)getpid();
    end = is_first ? first_end : end;
    uintptr_t begin = pointer != 0 ? pointer : first_written(end);
    bool is_one = begin < end && end - begin <= STACK_BYTES_MAX;
    return is_one ? (span){begin & ~(uintptr_t)7, end} : (span){0, 0};
}

/* ---- looking ---- */

static void look_at_thread(hsight__holder_search *s, hsight__loaded_code *code,
                           const PyThreadState *thread, uintptr_t first_end)
{
    bool is_own = thread->thread_id == PyThread_get_thread_ident();
    if (!is_own && thread->native_thread_id == 0) {
        return; /* it has not begun */
    }
    uintptr_t pointer = is_own ? s->walk->own_stack : stack_pointer_of(thread->native_thread_id);
    span stack = stack_of(thread, pointer, first_end);
    hsight__look_at_frames(s, code, stack.begin, stack.end, thread->thread_id);
}

static bool is_all_named(const hsight__holder_search *s)
{
    size_t named = 0;
    while (named < s->count && s->objects[named].evidence > 0) {
        named++;
    }
    return named == s->count;
}

void hsight__find_stack_holders(hsight__holder_search *s)
{
    hsight__loaded_code code;
    if (is_all_named(s) || hsight__is_forked_child()) {
        return;
    }
    if (!hsight__loaded_code_get(&code)) {
        s->walk->visit.dropped_count++;
        return;
    }
    uintptr_t first_end = first_stack_end();
    PyThreadState *thread = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    for (; thread != NULL; thread = PyThreadState_Next(thread)) {
        look_at_thread(s, &code, thread, first_end);
    }
    hsight__loaded_code_free(&code);
}
#else
void hsight__find_stack_holders(hsight__holder_search *s)
{
    (void)s;
}
#endif
