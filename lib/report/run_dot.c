/* SPDX-License-Identifier: MIT */
/* run_dot.c - start `dot`, listen to its stderr, and see that it ends.
 *
 * The program is looked up in PATH and started without a shell, in a process group of its own, with
 * default signal handling: a time limit ends it together with whatever it started. stdin and stdout
 * are /dev/null, stderr is a pipe of which only the beginning is kept, but which is always emptied,
 * so that dot never waits for us.
 *
 * The host program may collect children itself (SIGCHLD ignored, or a thread in wait()). Then there
 * is no exit code to be had, and the picture file has to tell whether dot succeeded.
 *
 * I1  every path leaves no child, no zombie and no open descriptor behind
 *
 * Wakes up when dot writes, ends or closes stderr, and otherwise every 20 ms. Owns nothing. */
#include "report/run_dot.h"

#include "report/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* NOT_STARTED: what a shell, and posix_spawn where it cannot tell us (under valgrind), exit with
 * when the program is not there or cannot be run. */
enum { KEPT_BYTES = 1024, SLICE_MS = 20, CLOSED_SLICE_MS = 2, NOT_STARTED = 127 };

typedef struct {
    pid_t process;
    int stderr_pipe; /* our end, -1 once closed */
    int64_t deadline_ms;
    size_t kept;
    char heard[KEPT_BYTES];
} child;

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- start ----------------------------------------------------------------------------------- */

/* The pipe goes first: where the program runs without a stdin, its number may be 0 or 1. */
static int set_files(posix_spawn_file_actions_t *files, int write_end)
{
    int failed = posix_spawn_file_actions_adddup2(files, write_end, STDERR_FILENO);
    if (failed == 0) {
        failed = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    }
    if (failed == 0) {
        failed = posix_spawn_file_actions_addopen(files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    }
    return failed;
}

static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    int failed = posix_spawnattr_setflags(
        attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (failed == 0) {
        failed = posix_spawnattr_setpgroup(attributes, 0);
    }
    if (failed == 0) {
        failed = posix_spawnattr_setsigmask(attributes, &none);
    }
    return failed == 0 ? posix_spawnattr_setsigdefault(attributes, &all) : failed;
}

static int spawn_with(pid_t *process, char *const arguments[], int write_end,
                      posix_spawn_file_actions_t *files, posix_spawnattr_t *attributes)
{
    int failed = set_files(files, write_end);
    if (failed == 0) {
        failed = set_attributes(attributes);
    }
    return failed == 0 ? posix_spawnp(process, arguments[0], files, attributes, arguments, environ)
                       : failed;
}

/* @return 0 or an errno */
static int spawn(pid_t *process, char *const arguments[], int write_end)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&files);
    if (failed != 0) {
        return failed;
    }
    failed = posix_spawnattr_init(&attributes);
    if (failed == 0) {
        failed = spawn_with(process, arguments, write_end, &files, &attributes);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

/* @return 0 or an errno, and then nothing is held */
static int start(child *dot, char *const arguments[])
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return errno;
    }
    int failed = fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0 ? errno : 0;
    if (failed == 0) {
        failed = spawn(&dot->process, arguments, ends[1]);
    }
    close(ends[1]);
    if (failed != 0) {
        close(ends[0]);
        return failed;
    }
    dot->stderr_pipe = ends[0];
    return 0;
}

/* ---- listen ---------------------------------------------------------------------------------- */

static void stop_listening(child *dot)
{
    if (dot->stderr_pipe >= 0) {
        close(dot->stderr_pipe);
        dot->stderr_pipe = -1;
    }
}

/* Take what is in the pipe; keep what there is room for. */
static void listen_now(child *dot)
{
    char bytes[512];
    ssize_t got;
    while (dot->stderr_pipe >= 0 && (got = read(dot->stderr_pipe, bytes, sizeof bytes)) != 0) {
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            if (errno != EAGAIN && errno != EWOULDBLOCK) {
                stop_listening(dot);
            }
            return;
        }
        size_t room = KEPT_BYTES - dot->kept;
        size_t taken = (size_t)got < room ? (size_t)got : room;
        memcpy(dot->heard + dot->kept, bytes, taken);
        dot->kept += taken;
    }
    stop_listening(dot);
}

static void wait_a_little(const child *dot)
{
    int64_t left = dot->deadline_ms - now_ms();
    int64_t slice = dot->stderr_pipe >= 0 ? SLICE_MS : CLOSED_SLICE_MS;
    struct pollfd event = {.fd = dot->stderr_pipe, .events = POLLIN};
    if (left > 0) {
        (void)poll(&event, 1, (int)(left < slice ? left : slice));
    }
}

/* The first line that is not empty. */
static void quote_first_line(const child *dot, char *out, size_t size)
{
    size_t begin = 0;
    while (begin < dot->kept && (dot->heard[begin] == '\n' || dot->heard[begin] == '\r')) {
        begin++;
    }
    size_t end = begin;
    while (end < dot->kept && dot->heard[end] != '\n' && dot->heard[end] != '\r') {
        end++;
    }
    hsight__text text;
    hsight__text_init(&text, out, size);
    hsight__text_add(&text, (hsight_string){dot->heard + begin, end - begin});
    hsight__text_finish(&text);
}

/* ---- end ------------------------------------------------------------------------------------- */

static void set_exit(hsight__dot_run *run, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        run->outcome = HSIGHT__DOT_ENDED;
    } else {
        run->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        run->outcome = run->code == NOT_STARTED ? HSIGHT__DOT_MISSING : HSIGHT__DOT_FAILED;
    }
}

/* Has it ended? Then its exit is in `run`. */
static bool collect(const child *dot, int flags, hsight__dot_run *run)
{
    int status = 0;
    pid_t ended = waitpid(dot->process, &status, flags);
    if (ended == dot->process) {
        set_exit(run, status);
        return true;
    }
    if (ended < 0 && errno == ECHILD) {
        run->outcome = HSIGHT__DOT_ENDED; /* collected by the host program: the file must tell */
        return true;
    }
    return false;
}

/* After SIGKILL the wait is short; a signal to us must not leave a zombie. */
static void kill_group(const child *dot)
{
    hsight__dot_run ignored;
    kill(-dot->process, SIGKILL);
    while (!collect(dot, 0, &ignored)) {
    }
}

static void see_it_end(child *dot, hsight__dot_run *run)
{
    while (!collect(dot, WNOHANG, run)) {
        if (now_ms() >= dot->deadline_ms) {
            kill_group(dot);
            run->outcome = HSIGHT__DOT_KILLED;
            break;
        }
        wait_a_little(dot);
        listen_now(dot);
    }
    listen_now(dot);
    stop_listening(dot);
}

hsight__dot_run hsight__dot_run_program(const char *format, const char *source, const char *picture,
                                        uint32_t timeout_ms)
{
    char option[8];
    snprintf(option, sizeof option, "-T%s", format);
    char program[] = "dot", output[] = "-o";
    char *arguments[] = {
        program, option, output, (char *)(uintptr_t)picture, (char *)(uintptr_t)source, NULL};
    hsight__dot_run run = {.outcome = HSIGHT__DOT_SYSTEM};
    child dot = {.stderr_pipe = -1, .deadline_ms = now_ms() + timeout_ms};
    int failed = start(&dot, arguments);
    if (failed == ENOENT || failed == EACCES || failed == ENOEXEC || failed == ENOTDIR) {
        run.outcome = HSIGHT__DOT_MISSING;
        run.code = failed;
    } else if (failed != 0) {
        run.code = failed;
    } else {
        see_it_end(&dot, &run);
        quote_first_line(&dot, run.said, sizeof run.said);
    }
    return run;
}
