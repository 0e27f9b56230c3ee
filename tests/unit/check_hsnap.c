/* SPDX-License-Identifier: MIT */
/* check_hsnap.c - the program hsnap as a user meets it: real files, output, one sentence, exit
 * code 2.
 *
 * HSNAP is the path of the program that this build made. */
#include <heapsight/heapsight.h>

#include "graph_text.h"
#include "suite.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUT_BYTES = 1 << 16 };

static char directory[] = "/tmp/check_hsnap.XXXXXX";
static char output[OUT_BYTES], complaints[OUT_BYTES];

static void save(const char *path, const char *label, const char *text)
{
    hsight_error err;
    hsight_snapshot *snapshot;
    hsight_snapshot_info info = {.label = {label, strlen(label)}};
    ck_assert_int_eq(hsight_snapshot_new(graph_text_build(text), &info, &snapshot, &err),
                     HSIGHT_OK);
    ck_assert_msg(hsight_store_save(snapshot, path, &err) == HSIGHT_OK, "%s", err.message);
    hsight_snapshot_free(snapshot);
}

static void set_up(void)
{
    strcpy(directory, "/tmp/check_hsnap.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(chdir(directory), 0);
    save("old.hsnap", "old", "module:service>>m m:module!m m.CACHE>c c:dict=64");
    save("new.hsnap", "new",
         "module:service>>m m:module!m m.CACHE>c c:dict=64 c{k}>s k:str s:app.S=40 "
         "g:app.Garbage");
}

static void tear_down(void)
{
    char command[64];
    ck_assert_int_eq(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -r %s", directory);
    ck_assert_int_eq(system(command), 0);
}

static void read_file(const char *path, char out[OUT_BYTES])
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    size_t length = fread(out, 1, OUT_BYTES - 1, file);
    out[length] = '\0';
    fclose(file);
}

/* Run hsnap with these words. @return its exit code */
static int run(const char *words)
{
    char command[1024];
    snprintf(command, sizeof command, "'%s' %s > out 2> complaints < /dev/null", HSNAP, words);
    int status = system(command);
    ck_assert_msg(WIFEXITED(status), "%s", words);
    read_file("out", output);
    read_file("complaints", complaints);
    return WEXITSTATUS(status);
}

static void succeeds(const char *words)
{
    ck_assert_msg(run(words) == 0, "%s: %s", words, complaints);
    ck_assert_str_eq(complaints, "");
}

/* Exit code 2, nothing on stdout, and on stderr one line with `sentence` in it. */
static void refuses(const char *words, const char *sentence)
{
    ck_assert_int_eq(run(words), 2);
    ck_assert_str_eq(output, "");
    ck_assert_msg(strncmp(complaints, "hsnap: ", 7) == 0, "%s: %s", words, complaints);
    ck_assert_msg(strstr(complaints, sentence) != NULL, "%s: %s", words, complaints);
    ck_assert_ptr_eq(strchr(complaints, '\n'), complaints + strlen(complaints) - 1);
}

static void must_print(const char *text)
{
    ck_assert_msg(strstr(output, text) != NULL, "'%s' is not in:\n%s", text, output);
}

START_TEST(info_and_types_are_the_reports)
{
    succeeds("info new.hsnap");
    must_print("Snapshot 'new'\n");
    must_print("  objects     5 of 5 types, 152 B\n");
    succeeds("types new.hsnap");
    must_print("Objects by type, snapshot 'new': 5 objects, 152 B\n");
    must_print("dict\n");
    must_print("total\n");
    succeeds("types -n 1 new.hsnap");
    must_print("... 4 more types\n");
    succeeds("types new.hsnap --limit=0");
    ck_assert_ptr_null(strstr(output, "more type"));
}
END_TEST

START_TEST(diff_compares_two_files)
{
    succeeds("diff old.hsnap new.hsnap");
    must_print("             +1        +40 B              1         40 B  app.S\n");
    succeeds("diff old.hsnap new.hsnap -n1");
    must_print("... 2 more types\n");
    succeeds("diff new.hsnap new.hsnap");
    ck_assert_str_eq(output,
                     "Nothing changed: each type has as many objects and bytes as before.\n");
}
END_TEST

#ifdef HSIGHT_WITH_CGRAPH
START_TEST(dot_draws_what_keeps_objects_alive)
{
    succeeds("dot new.hsnap --type app.S");
    ck_assert_ptr_eq(strstr(output, "digraph"), output);
    must_print("module service");
    succeeds("dot new.hsnap -t app.S -o leak.svg");
    ck_assert_str_eq(output, "");
    read_file("leak.svg", output);
    must_print(">module service<");
    hsight_snapshot *snapshot;
    char words[64];
    ck_assert_int_eq(hsight_store_load("new.hsnap", &snapshot, NULL), HSIGHT_OK);
    const hsight_graph *graph = hsight_snapshot_graph(snapshot);
    snprintf(words, sizeof words, "dot --address 0x%llx new.hsnap",
             (unsigned long long)hsight_graph_address(graph, graph_text_node(graph, "s")));
    hsight_snapshot_free(snapshot);
    succeeds(words);
    must_print("app.S");
}
END_TEST
#else
START_TEST(dot_draws_what_keeps_objects_alive)
{
    refuses("dot new.hsnap --type app.S", "this build has no libcgraph");
}
END_TEST
#endif

START_TEST(help_and_version_need_no_file)
{
    succeeds("--help");
    must_print("usage: hsnap info FILE");
    succeeds("types -h");
    must_print("usage: hsnap info FILE");
    succeeds("-V");
    ck_assert_ptr_nonnull(strstr(output, hsight_version()));
    ck_assert_int_eq(run(""), 2);
    ck_assert_ptr_eq(strstr(complaints, "usage: "), complaints);
}
END_TEST

START_TEST(wrong_words_get_one_sentence)
{
    refuses("frobnicate x", "'frobnicate' is no command: info, types, diff and dot are");
    refuses("info", "info takes one file, not 0");
    refuses("info a b", "info takes one file, not 2");
    refuses("diff a", "diff takes two files, not 1");
    refuses("diff a b c", "diff takes two files, not 3");
    refuses("types -q new.hsnap", "option '-q' is not known");
    refuses("types -qn3 new.hsnap", "option '-q' is not known");
    refuses("types new.hsnap -\xC3\xA9", "option '-\\xc3' is not known");
    refuses("types --frob new.hsnap", "option '--frob' is not known");
    refuses("types new.hsnap -n", "option '-n' needs a value");
    refuses("types new.hsnap -n many", "-n many: the limit must be a number");
    refuses("types new.hsnap -n -1", "-n -1: the limit must be a number");
    refuses("types new.hsnap -n 4294967296", "the limit must be a number from 0 to 4294967295");
    refuses("info new.hsnap -n 3", "-n does not belong to info");
    refuses("types new.hsnap -o x.png", "belong to dot, not to types");
    refuses("dot new.hsnap", "dot needs either --type NAME or --address");
    refuses("dot new.hsnap -t x -a 0x1", "dot needs either --type NAME or --address");
}
END_TEST

START_TEST(wrong_targets_get_one_sentence)
{
    refuses("dot new.hsnap -t S", "no type named 'S'; did you mean 'app.S'?");
    refuses("dot new.hsnap -t app.Garbage", "no root reaches any of the 1 objects");
    refuses("dot new.hsnap -a 0x7", "no object of new.hsnap is at address 0x7");
    refuses("dot new.hsnap -a seven", "'seven' is no address");
    refuses("dot new.hsnap -a -1", "'-1' is no address");
    refuses("dot new.hsnap -a 0x1ffffffffffffffff", "is no address");
    refuses("dot new.hsnap -a ''", "'' is no address");
    refuses("dot new.hsnap -t app.S -o leak.gif", "must end in .png, .svg, .pdf or .dot");
    refuses("dot new.hsnap -t app.S -o no/dir/leak.png", "cannot write no/dir/leak.png");
}
END_TEST

START_TEST(files_that_are_no_snapshots_get_one_sentence)
{
    refuses("info nowhere.hsnap", "nowhere.hsnap: No such file or directory");
    refuses("types .", "cannot open .");
    refuses("types /dev/null", "/dev/null");
    ck_assert_int_eq(system("head -c 100 new.hsnap > cut.hsnap; cp new.hsnap bent.hsnap; "
                            "printf X | dd of=bent.hsnap bs=1 seek=300 conv=notrunc 2> /dev/null"),
                     0);
    refuses("info cut.hsnap", "cut.hsnap: ");
    refuses("diff old.hsnap bent.hsnap", "bent.hsnap: ");
    refuses("diff bent.hsnap old.hsnap", "bent.hsnap: ");
    refuses("dot bent.hsnap -t app.S", "bent.hsnap: ");
}
END_TEST

START_TEST(an_output_that_is_full_is_said)
{
    static const char *const words[] = {"--help", "info new.hsnap", "types new.hsnap"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        char command[1024];
        snprintf(command, sizeof command, "'%s' %s > /dev/full 2> complaints", HSNAP, words[i]);
        int status = system(command);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 2);
        read_file("complaints", complaints);
        ck_assert_str_eq(complaints, "hsnap: cannot write to the standard output: No space left on "
                                     "device\n");
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("hsnap");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, info_and_types_are_the_reports);
    tcase_add_test(tests, diff_compares_two_files);
    tcase_add_test(tests, dot_draws_what_keeps_objects_alive);
    tcase_add_test(tests, help_and_version_need_no_file);
    tcase_add_test(tests, wrong_words_get_one_sentence);
    tcase_add_test(tests, wrong_targets_get_one_sentence);
    tcase_add_test(tests, files_that_are_no_snapshots_get_one_sentence);
    tcase_add_test(tests, an_output_that_is_full_is_said);
    return run_tests("hsnap", tests);
}
