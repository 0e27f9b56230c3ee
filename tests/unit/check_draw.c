/* SPDX-License-Identifier: MIT */
/* check_draw.c - pictures in files: the real `dot`, and every way in which it can let us down.
 *
 * Each test works in a directory of its own, and each ends by looking at what is left in it. Where dot
 * must hang, fail or lie, a shell script of that name stands first in PATH. What a test changes in the
 * process, tear_down puts back: under valgrind all run in one. */
#include <heapsight/report.h>

#include "failing_allocator.h"
#include "graph_text.h"
#include "suite.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static hsight_error err;
static hsight_graph *graph;
static hsight_subgraph *subgraph;
static char directory[] = "/tmp/check_draw.XXXXXX";
static char path_before[1024];

static void set_up(void)
{
    snprintf(path_before, sizeof path_before, "%s", getenv("PATH"));
    strcpy(directory, "/tmp/check_draw.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(chdir(directory), 0);
    ck_assert_int_eq(mkdir("bin", 0777), 0);
    umask(022);
    graph = graph_text_build("module:service>>m m:module!m m.CACHE>c c:dict c{k}>s s:T");
    hsight_node_id start = graph_text_node(graph, "s");
    hsight_subgraph_options options = {HSIGHT_REFERRERS, 5, 0};
    ck_assert_int_eq(hsight_subgraph_around(graph, NULL, &start, 1, &options, &subgraph, &err),
                     HSIGHT_OK);
}

static void tear_down(void)
{
    char command[64];
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    ck_assert_int_eq(setenv("PATH", path_before, 1), 0);
    ck_assert_int_eq(chdir("/"), 0);
    hsight_subgraph_free(subgraph);
    hsight_graph_free(graph);
    snprintf(command, sizeof command, "/bin/rm -r %s", directory);
    ck_assert_int_eq(system(command), 0);
}

static hsight_status draw(const char *path, uint32_t timeout_ms)
{
    err = (hsight_error){0};
    return hsight_report_draw(subgraph, path, timeout_ms, &err);
}

/* ---- what is in the directory ----------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "leak.dot leak.png", without bin. */
static const char *files(void)
{
    static char list[1024];
    char *names[32];
    size_t count = 0;
    DIR *here = opendir(".");
    ck_assert_ptr_nonnull(here);
    for (struct dirent *entry; (entry = readdir(here)) != NULL;) {
        bool is_ours = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
                       strcmp(entry->d_name, "bin") != 0;
        if (is_ours) {
            ck_assert_uint_lt(count, 32);
            names[count++] = strdup(entry->d_name);
        }
    }
    closedir(here);
    qsort(names, count, sizeof names[0], by_text);
    list[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        strcat(strcat(list, i > 0 ? " " : ""), names[i]);
        free(names[i]);
    }
    return list;
}

static void begins_with(const char *path, const char *magic, size_t length)
{
    char bytes[16];
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s", path);
    ck_assert_uint_eq(fread(bytes, 1, length, file), length);
    ck_assert_mem_eq(bytes, magic, length);
    fclose(file);
}

static void put_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    fclose(file);
    ck_assert_int_eq(chmod(path, mode), 0);
}

/* `dot` is this shell script. What it calls itself is in the usual places. */
static void fake_dot(const char *script)
{
    char text[1024];
    snprintf(text, sizeof text, "#!/bin/sh\nPATH=/usr/bin:/bin\n%s\n", script);
    put_file("bin/dot", text, 0755);
    char path[64];
    snprintf(path, sizeof path, "%s/bin", directory);
    ck_assert_int_eq(setenv("PATH", path, 1), 0);
}

static void no_dot(void)
{
    char path[64];
    snprintf(path, sizeof path, "%s/bin", directory);
    ck_assert_int_eq(setenv("PATH", path, 1), 0);
}

static void must_say(const char *words)
{
    ck_assert_msg(strstr(err.message, words) != NULL, "'%s' is not in: %s", words, err.message);
}

static void no_children(void)
{
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

/* ---- the real dot ----------------------------------------------------------------------------------- */

START_TEST(each_format_is_drawn)
{
    ck_assert_msg(draw("a.png", 0) == HSIGHT_OK, "%s", err.message);
    ck_assert_msg(draw("b.svg", 0) == HSIGHT_OK, "%s", err.message);
    ck_assert_msg(draw("c.pdf", 0) == HSIGHT_OK, "%s", err.message);
    ck_assert_msg(draw("d.dot", 0) == HSIGHT_OK, "%s", err.message);
    ck_assert_msg(draw("./e.PNG", 0) == HSIGHT_OK, "%s", err.message);
    begins_with("a.png", "\x89PNG\r\n\x1a\n", 8);
    begins_with("b.svg", "<?xml", 5);
    begins_with("c.pdf", "%PDF-", 5);
    begins_with("d.dot", "digraph", 7);
    begins_with("e.PNG", "\x89PNG\r\n\x1a\n", 8);
    ck_assert_str_eq(files(), "a.png b.svg c.pdf d.dot e.PNG");
    no_children();
}
END_TEST

START_TEST(a_picture_is_an_ordinary_file)
{
    struct stat there;
    put_file("a.png", "old", 0600);
    ck_assert_int_eq(draw("a.png", 0), HSIGHT_OK);
    ck_assert_int_eq(stat("a.png", &there), 0);
    ck_assert_uint_eq(there.st_mode & 07777, 0644);
    begins_with("a.png", "\x89PNG", 4);
    ck_assert_str_eq(files(), "a.png");
}
END_TEST

START_TEST(names_may_be_hostile)
{
    static const char *const names[] = {"-Tgif.png", "a b'c\"$(id).png", "a\nb.png", "%s%n.png",
                                        "\xC3\xA9\xFF.png", ".png.png", "--.png"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ck_assert_msg(draw(names[i], 0) == HSIGHT_OK, "%s", err.message);
        begins_with(names[i], "\x89PNG", 4);
        ck_assert_str_eq(files(), names[i]);
        ck_assert_int_eq(unlink(names[i]), 0);
    }
}
END_TEST

/* A program that ignores SIGCHLD gets no exit codes: the system collects its children. */
START_TEST(children_may_be_collected_by_others)
{
    signal(SIGCHLD, SIG_IGN);
    ck_assert_msg(draw("a.png", 0) == HSIGHT_OK, "%s", err.message);
    begins_with("a.png", "\x89PNG", 4);
    fake_dot("echo 'no memory' >&2; exit 1");
    ck_assert_int_eq(draw("b.png", 0), HSIGHT_EIO);
    must_say("dot left no complete picture: no memory; ");
    ck_assert_str_eq(files(), "a.png b.dot");
}
END_TEST

START_TEST(standard_files_may_be_closed)
{
    int in = dup(STDIN_FILENO), complaints = dup(STDERR_FILENO);
    close(STDIN_FILENO);
    close(STDERR_FILENO);
    hsight_status status = draw("a.png", 0);
    dup2(in, STDIN_FILENO);
    dup2(complaints, STDERR_FILENO);
    close(in);
    close(complaints);
    ck_assert_msg(status == HSIGHT_OK, "%s", err.message);
    begins_with("a.png", "\x89PNG", 4);
}
END_TEST

/* What the host blocks or ignores is not for dot to inherit. */
START_TEST(dot_runs_with_signals_of_its_own)
{
    sigset_t all;
    sigfillset(&all);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &all, NULL);
    fake_dot("grep -E 'Sig(Blk|Ign)' /proc/self/status >&2; exit 1");
    ck_assert_int_eq(draw("a.png", 0), HSIGHT_EIO);
    must_say("SigBlk:\\t0000000000000000");
}
END_TEST

/* ---- wrong names ------------------------------------------------------------------------------------ */

START_TEST(other_endings_are_refused)
{
    static const char *const names[] = {"leak.gif", "leak", "png", ".png", "", "leak.png.", "leak.pngx"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ck_assert_int_eq(draw(names[i], 0), HSIGHT_EINVAL);
        must_say("must end in .png, .svg, .pdf or .dot");
    }
    draw("leak.gif", 0);
    ck_assert_str_eq(err.message, "cannot tell the format of a picture called 'leak.gif': the name "
                                  "must end in .png, .svg, .pdf or .dot");
    ck_assert_str_eq(files(), "");
}
END_TEST

START_TEST(places_that_cannot_be_written_are_named)
{
    ck_assert_int_eq(draw("no/such/leak.png", 0), HSIGHT_EIO);
    ck_assert_str_eq(err.message, "cannot write no/such/leak.png (creating a file beside it): No such "
                                  "file or directory");
    ck_assert_int_eq(err.os_errno, ENOENT);
    put_file("file", "", 0644);
    ck_assert_int_eq(draw("file/leak.png", 0), HSIGHT_EIO);
    ck_assert_int_eq(err.os_errno, ENOTDIR);
    ck_assert_int_eq(draw("/proc/leak.dot", 0), HSIGHT_EIO);
    must_say("cannot write /proc/leak.dot");
    ck_assert_str_eq(files(), "file");
}
END_TEST

START_TEST(only_files_are_replaced)
{
    ck_assert_int_eq(mkdir("dir.png", 0777), 0);
    ck_assert_int_eq(mkfifo("pipe.png", 0666), 0);
    ck_assert_int_eq(draw("dir.png", 0), HSIGHT_EIO);
    ck_assert_str_eq(err.message, "cannot write dir.png: it is a directory");
    ck_assert_int_eq(draw("pipe.png", 0), HSIGHT_EIO);
    ck_assert_str_eq(err.message, "cannot write pipe.png: it is not an ordinary file");
    ck_assert_str_eq(files(), "dir.png pipe.png");
}
END_TEST

/* A file may not grow beyond 100 bytes, which is what a full disk does, for us and for dot. */
START_TEST(a_full_disk_is_said)
{
    struct rlimit before;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {100, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    put_file("old.png", "old", 0644);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    hsight_status status = draw("old.png", 0);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    ck_assert_int_eq(status, HSIGHT_EIO);
    ck_assert_str_eq(err.message, "cannot write old.png (its DOT source): File too large");
    ck_assert_int_eq(err.os_errno, EFBIG);
    begins_with("old.png", "old", 3);
    ck_assert_str_eq(files(), "old.png");
}
END_TEST

/* ---- no dot ----------------------------------------------------------------------------------------- */

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

/* ---- a dot that lets us down ------------------------------------------------------------------------ */

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
    ck_assert_str_eq(err.message,
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
    ck_assert_str_eq(err.message, "dot left no complete picture; draw its DOT source with: dot -Tpng "
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

/* The name is nearly as long as a name can be: beside it there is room for .dot, and the message still
 * ends in a command. */
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

START_TEST(refused_memory_leaves_nothing_behind)
{
    static failing_allocator memory; /* tear_down frees what the last round made */
    size_t refused = 0;
    for (size_t n = 1;; n++) {
        hsight_subgraph_free(subgraph);
        hsight_graph_free(graph);
        ck_assert_uint_eq(n == 1 ? 0 : memory.live_blocks, 0);
        failing_allocator_init(&memory, 0);
        graph = graph_text_build_on(&memory.allocator, "module:m>>m m.x>s s:T");
        hsight_node_id start = {1};
        hsight_subgraph_options options = {HSIGHT_REFERRERS, 5, 0};
        ck_assert_int_eq(hsight_subgraph_around(graph, NULL, &start, 1, &options, &subgraph, &err),
                         HSIGHT_OK);
        size_t before = memory.live_blocks;
        memory.refuse_at = memory.requests + n;
        hsight_status status = draw("leak.dot", 0);
        ck_assert_int_eq(status, memory.refused ? HSIGHT_ENOMEM : HSIGHT_OK);
        ck_assert_str_eq(files(), memory.refused ? "" : "leak.dot");
        refused += memory.refused;
        ck_assert_uint_eq(memory.live_blocks, before);
        if (!memory.refused) {
            break;
        }
    }
    ck_assert_uint_ge(refused, 5);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("draw");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, each_format_is_drawn);
    tcase_add_test(tests, a_picture_is_an_ordinary_file);
    tcase_add_test(tests, names_may_be_hostile);
    tcase_add_test(tests, children_may_be_collected_by_others);
    tcase_add_test(tests, standard_files_may_be_closed);
    tcase_add_test(tests, dot_runs_with_signals_of_its_own);
    tcase_add_test(tests, other_endings_are_refused);
    tcase_add_test(tests, places_that_cannot_be_written_are_named);
    tcase_add_test(tests, only_files_are_replaced);
    tcase_add_test(tests, a_full_disk_is_said);
    tcase_add_test(tests, without_dot_the_source_is_written_all_the_same);
    tcase_add_test(tests, a_remedy_is_quoted_for_the_shell);
    tcase_add_test(tests, a_dot_that_cannot_be_started_is_missing);
    tcase_add_test(tests, a_dot_that_hangs_is_ended_with_all_it_started);
    tcase_add_test(tests, a_dot_that_closes_stderr_and_hangs_is_ended);
    tcase_add_test(tests, a_dot_that_fails_is_quoted);
    tcase_add_test(tests, a_dot_that_talks_and_talks_is_not_blocked);
    tcase_add_test(tests, a_dot_that_writes_nothing_or_half_is_noticed);
    tcase_add_test(tests, a_long_name_leaves_room_for_the_reason);
    tcase_add_test(tests, refused_memory_leaves_nothing_behind);
    return run_tests("draw", tests);
}
