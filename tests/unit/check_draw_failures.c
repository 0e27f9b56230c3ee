/* SPDX-License-Identifier: MIT */
/* check_draw_failures.c - pictures when `dot` is missing, hangs, fails or lies.
 *
 * Where dot must do that, a shell script of that name stands first in PATH. */
#include "check_draw_kit.h"

#include "suite.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- no dot ---------------------------------------------------------------------------------- */

/* The remedy in the message is a command: run it. */
static void follow_remedy(const char *target)
{
    char command[512];
    const char *remedy = strstr(err.message, "dot -T");
    ck_assert_ptr_nonnull(remedy);
    ck_assert_int_eq(setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1), 0);
    snprintf(command, sizeof command, "%s", remedy);
    ck_assert_msg(system(command) == 0, "%s", command);
    ck_assert_int_eq(access(target, R_OK), 0);
}

START_TEST(without_dot_the_source_is_written_all_the_same)
{
    no_dot();
    ck_assert_int_eq(draw("leak.png", 0), HSIGHT_ENODOT);
    ck_assert_str_eq(err.message,
                     "Graphviz's dot program is missing; install it (Debian, Ubuntu: apt install "
                     "graphviz), then draw its DOT source with: dot -Tpng leak.dot -o leak.png");
    ck_assert_str_eq(files(), "leak.dot");
    begins_with("leak.dot", "digraph", 7);
    follow_remedy("leak.png");
    ck_assert_int_eq(draw("other.dot", 0), HSIGHT_OK); /* this needs no dot */
}
END_TEST

START_TEST(a_remedy_is_quoted_for_the_shell)
{
    no_dot();
    ck_assert_int_eq(draw("a b$x.svg", 0), HSIGHT_ENODOT);
    must_say("dot -Tsvg 'a b$x.dot' -o 'a b$x.svg'");
    follow_remedy("a b$x.svg");
    no_dot();
    ck_assert_int_eq(draw("it's a\\b.svg", 0), HSIGHT_ENODOT);
    must_say("dot -Tsvg 'it'\\''s a\\b.dot' -o 'it'\\''s a\\b.svg'");
    follow_remedy("it's a\\b.svg");
    no_dot();
    ck_assert_int_eq(draw("-Tgif.svg", 0), HSIGHT_ENODOT);
    must_say("dot -Tsvg ./-Tgif.dot -o ./-Tgif.svg");
    follow_remedy("-Tgif.svg");
}
END_TEST

START_TEST(a_dot_that_cannot_be_started_is_missing)
{
    fake_dot("exit 0");
    ck_assert_int_eq(chmod("bin/dot", 0644), 0);
    ck_assert_int_eq(draw("leak.pdf", 0), HSIGHT_ENODOT);
    fake_dot("exec no_such_program"); /* a wrapper around a dot that is gone */
    ck_assert_int_eq(draw("leak.pdf", 0), HSIGHT_ENODOT);
    ck_assert_str_eq(files(), "leak.dot");
    no_children();
}
END_TEST

/* ---- a dot that lets us down ----------------------------------------------------------------- */

static bool is_running(pid_t process)
{
    char path[64], state = 'X';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        ck_assert_int_eq(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
        fclose(file);
    }
    return state != 'X' && state != 'Z';
}

START_TEST(a_dot_that_hangs_is_ended_with_all_it_started)
{
    fake_dot("sleep 1000 & echo $! > child; wait");
    ck_assert_int_eq(draw("leak.png", 500), HSIGHT_ETIMEOUT);
    ck_assert_str_eq(
        err.message,
        "dot was ended after 500 ms without a picture; show less of the graph, or draw "
        "its DOT source with: dot -Tpng leak.dot -o leak.png");
    ck_assert_str_eq(files(), "child leak.dot");
    no_children();
    int child = 0;
    FILE *file = fopen("child", "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%d", &child), 1);
    fclose(file);
    for (int i = 0; i < 100 && is_running(child); i++) {
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    ck_assert(!is_running(child));
    follow_remedy("leak.png");
}
END_TEST

START_TEST(a_dot_that_closes_stderr_and_hangs_is_ended)
{
    fake_dot("exec 2>&-; sleep 1000");
    ck_assert_int_eq(draw("leak.png", 300), HSIGHT_ETIMEOUT);
    no_children();
}
END_TEST

START_TEST(a_dot_that_fails_is_quoted)
{
    fake_dot("printf '\\nError: <stdin>: no \\033[31mlayout\\nmore\\n' >&2; exit 3");
    put_file("leak.png", "old", 0644);
    ck_assert_int_eq(draw("leak.png", 0), HSIGHT_EIO);
    ck_assert_str_eq(err.message,
                     "dot failed with code 3: Error: <stdin>: no \\x1b[31mlayout; draw its DOT "
                     "source with: dot -Tpng leak.dot -o leak.png");
    ck_assert_str_eq(files(), "leak.dot leak.png");
    begins_with("leak.png", "old", 3);
    fake_dot("kill -11 $$");
    ck_assert_int_eq(draw("leak.png", 0), HSIGHT_EIO);
    must_say("dot failed with code 139; ");
    no_children();
}
END_TEST

START_TEST(a_dot_that_talks_and_talks_is_not_blocked)
{
    fake_dot("head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 1");
    ck_assert_int_eq(draw("leak.png", 20000), HSIGHT_EIO);
    must_say("dot failed with code 1: xxxx");
    ck_assert_uint_lt(strlen(err.message), sizeof err.message);
    must_say("dot -Tpng leak.dot -o leak.png");
}
END_TEST

START_TEST(a_dot_that_writes_nothing_or_half_is_noticed)
{
    fake_dot("exit 0");
    ck_assert_int_eq(draw("leak.png", 0), HSIGHT_EIO);
    ck_assert_str_eq(err.message,
                     "dot left no complete picture; draw its DOT source with: dot -Tpng "
                     "leak.dot -o leak.png");
    fake_dot("printf '<svg><g>' > \"$3\"; exit 0");
    ck_assert_int_eq(draw("leak.svg", 0), HSIGHT_EIO);
    fake_dot("printf '<svg></svg>' > \"$3\"; exit 0");
    ck_assert_int_eq(draw("leak.svg", 0), HSIGHT_OK);
    fake_dot("rm \"$3\"; exit 0");
    ck_assert_int_eq(draw("leak.pdf", 0), HSIGHT_EIO);
    ck_assert_str_eq(files(), "leak.dot leak.svg");
}
END_TEST

START_TEST(a_source_that_cannot_be_kept_is_said)
{
    fake_dot("exit 1");
    ck_assert_int_eq(mkdir("leak.dot", 0777), 0);
    ck_assert_int_eq(draw("leak.png", 0), HSIGHT_EIO);
    ck_assert_str_eq(err.message, "dot failed with code 1; its DOT source could not be kept "
                                  "either: cannot write leak.dot: it is a directory");
    ck_assert_str_eq(files(), "leak.dot");
}
END_TEST

START_TEST(a_source_takes_the_place_of_files_only)
{
    struct stat there;
    fake_dot("exit 1");
    ck_assert_int_eq(mkfifo("pipe.dot", 0666), 0);
    ck_assert_int_eq(draw("pipe.png", 0), HSIGHT_EIO);
    must_say("could not be kept either: cannot write pipe.dot: it is not an ordinary file");
    ck_assert_int_eq(lstat("pipe.dot", &there), 0);
    ck_assert(S_ISFIFO(there.st_mode));
    put_file("mine", "old", 0644);
    ck_assert_int_eq(symlink("mine", "link.dot"), 0);
    ck_assert_int_eq(draw("link.png", 0), HSIGHT_EIO);
    must_say("cannot write link.dot: it is a symbolic link");
    ck_assert_int_eq(lstat("link.dot", &there), 0);
    ck_assert(S_ISLNK(there.st_mode));
    begins_with("mine", "old", 3);
    put_file("file.dot", "old", 0644);
    ck_assert_int_eq(draw("file.png", 0), HSIGHT_EIO);
    begins_with("file.dot", "digraph", 7);
    ck_assert_str_eq(files(), "file.dot link.dot mine pipe.dot");
}
END_TEST

/* One descriptor is left, which is enough for a file and too few for a pipe. */
START_TEST(a_system_without_descriptors_is_quoted)
{
    struct rlimit before;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    int free_descriptor = dup(STDIN_FILENO);
    close(free_descriptor);
    struct rlimit few = {(rlim_t)free_descriptor + 1, before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    hsight_status status = draw("leak.png", 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_int_eq(status, HSIGHT_EIO);
    ck_assert_str_eq(err.message,
                     "dot could not be started (Too many open files); draw its DOT source "
                     "with: dot -Tpng leak.dot -o leak.png");
    ck_assert_int_eq(err.os_errno, EMFILE);
    ck_assert_str_eq(files(), "leak.dot");
}
END_TEST

/* The name is nearly as long as a name can be: beside it there is room for .dot, and the message
 * still ends in a command. */
START_TEST(a_long_name_leaves_room_for_the_reason)
{
    char name[251];
    memset(name, 'n', sizeof name);
    strcpy(name + sizeof name - 5, ".png");
    fake_dot("exit 9");
    ck_assert_int_eq(draw(name, 0), HSIGHT_EIO);
    must_say("dot failed with code 9; draw its DOT source with: dot -Tpng ");
    must_say("nnn.dot -o ");
    ck_assert_str_eq(err.message + strlen(err.message) - 7, "nnn.png");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("draw_failures");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, without_dot_the_source_is_written_all_the_same);
    tcase_add_test(tests, a_remedy_is_quoted_for_the_shell);
    tcase_add_test(tests, a_dot_that_cannot_be_started_is_missing);
    tcase_add_test(tests, a_dot_that_hangs_is_ended_with_all_it_started);
    tcase_add_test(tests, a_dot_that_closes_stderr_and_hangs_is_ended);
    tcase_add_test(tests, a_dot_that_fails_is_quoted);
    tcase_add_test(tests, a_dot_that_talks_and_talks_is_not_blocked);
    tcase_add_test(tests, a_dot_that_writes_nothing_or_half_is_noticed);
    tcase_add_test(tests, a_source_that_cannot_be_kept_is_said);
    tcase_add_test(tests, a_source_takes_the_place_of_files_only);
    tcase_add_test(tests, a_system_without_descriptors_is_quoted);
    tcase_add_test(tests, a_long_name_leaves_room_for_the_reason);
    return run_tests("draw_failures", tests);
}
