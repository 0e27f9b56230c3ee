/* SPDX-License-Identifier: MIT */
/* check_draw.c - pictures in files by the real `dot`: formats, names, places that cannot be
 * written.
 *
 * check_draw_failures.c has what happens when dot lets us down. Each test ends by looking at what
 * is left in its directory. */
#include "check_draw_kit.h"

#include "failing_allocator.h"
#include "graph_text.h"
#include "suite.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the real dot ---------------------------------------------------------------------------- */

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
    static const char *const names[] = {"-Tgif.png", "a b'c\"$(id).png", "a\nb.png",
                                        "%s%n.png",  "\xC3\xA9\xFF.png", ".png.png",
                                        "--.png"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ck_assert_msg(draw(names[i], 0) == HSIGHT_OK, "%s", err.message);
        begins_with(names[i], "\x89PNG", 4);
        ck_assert_str_eq(files(), names[i]);
        ck_assert_int_eq(unlink(names[i]), 0);
    }
    ck_assert_int_eq(mkdir("-Tgif", 0777), 0);
    ck_assert_msg(draw("-Tgif/a.png", 0) == HSIGHT_OK, "%s", err.message);
    begins_with("-Tgif/a.png", "\x89PNG", 4);
    char absolute[300];
    ck_assert_ptr_nonnull(getcwd(absolute, 200));
    strcat(absolute, "/-Tgif/b.png");
    ck_assert_msg(draw(absolute, 0) == HSIGHT_OK, "%s", err.message);
    begins_with("-Tgif/b.png", "\x89PNG", 4);
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
    fake_dot("echo $(grep -E 'Sig(Blk|Ign)' /proc/self/status) >&2; exit 1");
    ck_assert_int_eq(draw("a.png", 0), HSIGHT_EIO);
    unsigned long long blocked, ignored;
    ck_assert_int_eq(sscanf(err.message, "dot failed with code 1: SigBlk: %llx SigIgn: %llx",
                            &blocked, &ignored),
                     2);
    ck_assert_uint_eq(blocked, 0);
    ck_assert_uint_eq(ignored >> (SIGPIPE - 1) & 1, 0);
}
END_TEST

/* ---- wrong names ----------------------------------------------------------------------------- */

START_TEST(other_endings_are_refused)
{
    static const char *const names[] = {"leak.gif", "leak",      "png",      ".png",
                                        "",         "leak.png.", "leak.pngx"};
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
    ck_assert_str_eq(err.message,
                     "cannot write no/such/leak.png (creating a file beside it): No such "
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
    put_file("file.png", "old", 0644);
    ck_assert_int_eq(symlink("file.png", "link.png"), 0);
    ck_assert_int_eq(draw("link.png", 0), HSIGHT_EIO);
    ck_assert_str_eq(err.message, "cannot write link.png: it is a symbolic link, which is not "
                                  "followed; name the file itself");
    ck_assert_int_eq(symlink("nowhere.png", "loose.png"), 0);
    ck_assert_int_eq(draw("loose.png", 0), HSIGHT_EIO);
    begins_with("file.png", "old", 3);
    ck_assert_str_eq(files(), "dir.png file.png link.png loose.png pipe.png");
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
    tcase_add_test(tests, refused_memory_leaves_nothing_behind);
    return run_tests("draw", tests);
}
