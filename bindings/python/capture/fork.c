/* SPDX-License-Identifier: MIT */
/* fork.c - clone, walk in the child, tell the parent by a pipe.
 *
 *     parent:  pipe, all signals blocked, hook locked -> clone -> hook unlocked, signals back
 *     child:   descriptors closed, limits, own memory, hook unlocked -> walk -> file -> report
 *
 * clone() without an exit signal, instead of fork(): the program does not get SIGCHLD, and its own
 * waits, for any child too, do not see this one. What fork() does besides is not wanted (handlers
 * of libraries, some of which end threads) or replaced: malloc is not used in the child.
 *
 * I1  the child is the calling thread alone, and it keeps the GIL: objects stay as they are
 * I2  all signals are blocked in the child but its own SIGALRM, so no handler of the program runs
 * I3  the child has no descriptor of the program: nobody waits for the end of a pipe because of it
 * I4  the child leaves by _exit(), and removes its temporary file unless it is killed
 * I5  only the process that began it waits for the child, and kills it only after a look that finds
 * it: until then its number cannot mean another process, unless the program itself waits for any
 * child with __WALL in that moment
 *
 * Cost to the caller: some system calls, and the copy of the page tables: it grows with the memory
 * that is resident. Owns a descriptor and a process until hsight_fork_free(). */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* pipe2, O_PATH, __WALL */
#endif
#include "fork.h"

#include "child_descriptors.h"
#include "child_memory.h"
#include "compat.h"
#include "hook.h"
#include "libraries.h"
#include "process_memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hsight_status fail(hsight_error *err, hsight_status status, int cause, const char *format,
                          ...)
{
    va_list arguments;
    va_start(arguments, format);
    *err = (hsight_error){.status = status, .os_errno = cause};
    vsnprintf(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    return status;
}

#if defined(__linux__)

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct hsight_fork {
    pid_t child; /* 0: waited for */
    pid_t parent;
    int report; /* descriptor */
    int wait_status;
    bool has_report;
    bool was_killed;  /* by hsight_fork_kill() */
    hsight_error err; /* what the child said */
};

static uint64_t now_ns(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- in the child ---- */

enum { LOOK_MICROSECONDS = 100000 };

/* What the signal handler needs. */
static struct {
    pid_t parent;
    int report;
    uint64_t deadline_ns;
    int directory; /* of the file, -1 while unknown */
    char temporary[64];
    hsight_error late; /* what is to be said when time is up */
} child;

static _Noreturn void leave(const hsight_error *err)
{
    ssize_t written = write(child.report, err, sizeof *err); /* less than PIPE_BUF: at once */
    _exit(written == (ssize_t)sizeof *err ? 0 : 1);
}

static void remove_temporary(void)
{
    if (child.directory >= 0) {
        unlinkat(child.directory, child.temporary, 0);
    }
}

/* SIGALRM, some times a second: does anybody still want the file? */
static void look_around(int number)
{
    (void)number;
    pid_t parent = getppid(); /* 0: in another name space, where it cannot be seen */
    struct pollfd reader = {.fd = child.report};
    bool is_alone =
        poll(&reader, 1, 0) == 1 && (reader.revents & POLLERR) != 0; /* after execve() */
    if ((parent != child.parent && parent != 0) || is_alone) {
        remove_temporary();
        _exit(1);
    }
    if (now_ns() > child.deadline_ns) {
        remove_temporary();
        leave(&child.late);
    }
}

static void look_around_regularly(uint64_t first_us)
{
    struct sigaction action = {.sa_handler = look_around, .sa_flags = SA_RESTART};
    sigset_t alarms;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = {.it_interval = {.tv_usec = LOOK_MICROSECONDS}};
    often.it_value.tv_usec =
        first_us < LOOK_MICROSECONDS ? (suseconds_t)first_us : LOOK_MICROSECONDS;
    setitimer(ITIMER_REAL, &often, NULL);
    pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
    look_around(SIGALRM);
}

static void lower_limit(int resource, rlim_t wanted)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) == 0 && wanted < limit.rlim_cur) {
        limit.rlim_cur = wanted;
        setrlimit(resource, &limit);
    }
}

/* A limit of 0 stops a file, but not a program that the system hands the dump to; 1 stops both. */
static void refuse_core_dump(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max >= 1) {
        limit.rlim_cur = 1;
        setrlimit(RLIMIT_CORE, &limit);
    }
}

/* Where memory runs out, the child is to go and not the program. */
static void be_killed_first(void)
{
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file >= 0) {
        ssize_t written = write(file, "1000", 4); /* refused: nothing is lost */
        (void)written;
        close(file);
    }
}

static void limit_memory(uint64_t more_bytes)
{
    uint64_t used = more_bytes != 0 ? hsight__process_memory_now().mapped_bytes : 0, limit;
    if (used != 0 && !__builtin_add_overflow(used, more_bytes, &limit)) {
        lower_limit(RLIMIT_AS, (rlim_t)limit);
    }
}

/* So that the handler can remove the temporary file wherever the directory is moved. */
static void remember_file(const hsight_fork_options *options)
{
    char directory[4096];
    const char *slash = strrchr(options->path, '/');
    size_t length = slash != NULL ? (size_t)(slash - options->path) + 1 : 0;
    child.directory = -1;
    snprintf(child.temporary, sizeof child.temporary, "%s", options->temporary);
    if (length > 0 && length < sizeof directory) {
        memcpy(directory, options->path, length);
        directory[length] = 0;
        child.directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
}

static void enter_child(const hsight_fork_options *options, pid_t parent, int report)
{
    hsight__close_all_but(report);
    child.parent = parent;
    child.report = report;
    child.deadline_ns = now_ns() + options->time_limit_ns;
    fail(&child.late, HSIGHT_ETIMEOUT, 0,
         "cannot write %.250s: the forked child that takes the snapshot was not done within %g s; "
         "allow it more, or take it without fork",
         options->path, (double)options->time_limit_ns / 1e9);
    remember_file(options);
    look_around_regularly(options->time_limit_ns / 1000 + 1);
    prctl(PR_SET_NAME, "heapsight");
    refuse_core_dump();
    be_killed_first();
    limit_memory(options->memory_limit_bytes);
    hsight__child_memory_begin();
    hsight__compat_silence_births();
    hsight_hook_unlock();
}

static hsight_status fail_memory(const hsight_fork_options *options, hsight_error *err)
{
    char cause[200];
    snprintf(cause, sizeof cause, "%.199s", err->message);
    if (options->memory_limit_bytes == 0) {
        return fail(err, HSIGHT_ENOMEM, 0,
                    "cannot write %.200s: in the forked child that takes the snapshot: %s",
                    options->path, cause);
    }
    return fail(err, HSIGHT_ENOMEM, 0,
                "cannot write %.150s: the forked child reached its memory limit of %llu bytes (%s);"
                " some 200 bytes an object are enough",
                options->path, (unsigned long long)options->memory_limit_bytes, cause);
}

static _Noreturn void run_child(const hsight_fork_options *options,
                                const hsight_capture_moment *moment, PyObject *interned_probe)
{
    hsight_error err = {.status = HSIGHT_OK};
    hsight_snapshot *snapshot = NULL;
    hsight_status status = hsight_capture_take(moment, interned_probe, &snapshot, &err);
    if (status == HSIGHT_OK) {
        status = options->save(snapshot, options->path, options->temporary, &err);
    }
    err.status = status;
    if (status == HSIGHT_ENOMEM) {
        fail_memory(options, &err);
    }
    leave(&err);
}

/* ---- in the program ---- */

static hsight_status make_pipe(int ends[2], hsight_error *err)
{
    if (pipe2(ends, O_CLOEXEC) == 0) {
        return HSIGHT_OK;
    }
    int cause = errno;
    return fail(err, HSIGHT_EIO, cause, "cannot fork for a snapshot: no pipe to hear of it: %s",
                cause == EMFILE || cause == ENFILE ? "too many open files; close some"
                                                   : "the system refuses it");
}

/* The child's number, or -1; does not return in the child. */
static pid_t make_child(const hsight_fork_options *options, const hsight_capture_moment *moment,
                        PyObject *interned_probe, int report)
{
    sigset_t all, before;
    pid_t parent = getpid();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    hsight_hook_lock();
    /* No flags, no exit signal, no stack of its own: the order of arguments differs by machine, but
     * all are 0. */
    pid_t made = (pid_t)syscall(SYS_clone, 0UL, 0UL, 0UL, 0UL, 0UL);
    if (made == 0) {
        enter_child(options, parent, report);
        run_child(options, moment, interned_probe);
    }
    int cause = errno;
    hsight_hook_unlock();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = cause;
    return made;
}

hsight_status hsight_fork_begin(const hsight_fork_options *options, PyObject *interned_probe,
                                hsight_fork **out, hsight_error *err)
{
    int ends[2];
    hsight_capture_moment moment;
    hsight_fork *fork = calloc(1, sizeof *fork);
    if (fork == NULL) {
        return fail(err, HSIGHT_ENOMEM, 0, "out of memory before a snapshot was begun");
    }
    hsight_status status = make_pipe(ends, err);
    if (status != HSIGHT_OK) {
        free(fork);
        return status;
    }
    hsight_capture_begin(&moment, options->label, options->values);
    hsight__libraries_prepare();
    fork->parent = getpid();
    fork->report = ends[0];
    fork->child = make_child(options, &moment, interned_probe, ends[1]);
    int cause = errno;
    close(ends[1]);
    if (fork->child < 0) {
        close(ends[0]);
        free(fork);
        return fail(err, HSIGHT_EIO, cause, "cannot fork for a snapshot: %s; take it without fork",
                    cause == ENOMEM   ? "the system has no memory for a copy of the page tables"
                    : cause == EAGAIN ? "the limit of processes is reached"
                                      : "the system refuses a process");
    }
    *out = fork;
    return HSIGHT_OK;
}

int hsight_fork_descriptor(const hsight_fork *fork)
{
    return fork->report;
}

static bool is_ours(const hsight_fork *fork)
{
    return fork->child != 0 && fork->parent == getpid();
}

/* Is the child gone? Somebody who waits with __WALL may have been first. */
static bool reap(hsight_fork *fork, int flags)
{
    pid_t found;
    do {
        found = waitpid(fork->child, &fork->wait_status, flags | __WALL);
    } while (found < 0 && errno == EINTR);
    if (found == 0) {
        return false;
    }
    fork->child = 0;
    return true;
}

static void read_report(hsight_fork *fork)
{
    struct pollfd ready = {.fd = fork->report, .events = POLLIN};
    if (!fork->has_report && poll(&ready, 1, 0) == 1 && (ready.revents & POLLIN) != 0) {
        hsight_error said;
        fork->has_report = read(fork->report, &said, sizeof said) == (ssize_t)sizeof said;
        if (fork->has_report) {
            fork->err = said;
        }
    }
}

static hsight_status explain_silence(const hsight_fork *fork, hsight_error *err)
{
    int number = WIFSIGNALED(fork->wait_status) ? WTERMSIG(fork->wait_status) : 0;
    if (fork->was_killed) {
        return fail(err, HSIGHT_EKILLED, 0, "the forked snapshot was cancelled; take a new one");
    }
    if (number == SIGKILL) {
        return fail(
            err, HSIGHT_EKILLED, 0,
            "the forked child that takes the snapshot was killed (signal 9), by the system "
            "for want of memory or by somebody; there may be no file. Free memory, or take it "
            "without fork");
    }
    return fail(
        err, HSIGHT_EKILLED, 0,
        "the forked child that takes the snapshot ended without a word (%s %d); there may be no "
        "file, and the program is unharmed. Without fork it may end in the same way",
        number != 0 ? "signal" : "exit code",
        number != 0 ? number : WEXITSTATUS(fork->wait_status));
}

hsight_status hsight_fork_look(hsight_fork *fork, bool *ended, hsight_error *err)
{
    *ended = false;
    if (fork->parent != getpid()) {
        return fail(err, HSIGHT_EINVAL, 0,
                    "process %d takes this snapshot, and only it can ask; take a new one",
                    (int)fork->parent);
    }
    if (fork->child != 0 && !reap(fork, WNOHANG)) {
        return HSIGHT_OK;
    }
    *ended = true;
    read_report(fork);
    if (!fork->has_report) {
        return explain_silence(fork, err);
    }
    *err = fork->err;
    return fork->err.status;
}

void hsight_fork_kill(hsight_fork *fork)
{
    if (is_ours(fork) && !reap(fork, WNOHANG)) { /* a look first: see I5 */
        fork->was_killed = true;
        kill(fork->child, SIGKILL);
    }
}

void hsight_fork_free(hsight_fork *fork)
{
    if (fork == NULL) {
        return;
    }
    hsight_fork_kill(fork);
    if (is_ours(fork)) {
        (void)reap(fork, 0);
    }
    close(fork->report);
    free(fork);
}

#else

hsight_status hsight_fork_begin(const hsight_fork_options *options, PyObject *interned_probe,
                                hsight_fork **out, hsight_error *err)
{
    (void)options;
    (void)interned_probe;
    (void)out;
    return fail(err, HSIGHT_ENOTSUP, 0,
                "a snapshot by a forked child needs Linux; take it without fork");
}

int hsight_fork_descriptor(const hsight_fork *fork)
{
    (void)fork;
    return -1;
}

hsight_status hsight_fork_look(hsight_fork *fork, bool *ended, hsight_error *err)
{
    (void)fork;
    *ended = true;
    return fail(err, HSIGHT_ENOTSUP, 0, "a snapshot by a forked child needs Linux");
}

void hsight_fork_kill(hsight_fork *fork)
{
    (void)fork;
}

void hsight_fork_free(hsight_fork *fork)
{
    (void)fork;
}

#endif
