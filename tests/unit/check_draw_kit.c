/* SPDX-License-Identifier: MIT */
/* check_draw_kit.c - a directory, a graph to draw, and a `dot` that does what a test wants. */
#include "check_draw_kit.h"

#include "graph_text.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

hsight_error err;
hsight_graph *graph;
hsight_subgraph *subgraph;

static char directory[] = "/tmp/check_draw.XXXXXX";
static char path_before[1024];

void set_up(void)
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

void tear_down(void)
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

hsight_status draw(const char *path, uint32_t timeout_ms)
{
    err = (hsight_error){0};
    return hsight_report_draw(subgraph, path, timeout_ms, &err);
}

/* ---- what is in the directory ---------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "leak.dot leak.png", without bin. */
const char *files(void)
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

void begins_with(const char *path, const char *magic, size_t length)
{
    char bytes[16];
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s", path);
    ck_assert_uint_eq(fread(bytes, 1, length, file), length);
    ck_assert_mem_eq(bytes, magic, length);
    fclose(file);
}

void put_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    fclose(file);
    ck_assert_int_eq(chmod(path, mode), 0);
}

/* `dot` is this shell script. What it calls itself is in the usual places. */
void fake_dot(const char *script)
{
    char text[1024];
    snprintf(text, sizeof text, "#!/bin/sh\nPATH=/usr/bin:/bin\n%s\n", script);
    put_file("bin/dot", text, 0755);
    char path[64];
    snprintf(path, sizeof path, "%s/bin", directory);
    ck_assert_int_eq(setenv("PATH", path, 1), 0);
}

void no_dot(void)
{
    char path[64];
    snprintf(path, sizeof path, "%s/bin", directory);
    ck_assert_int_eq(setenv("PATH", path, 1), 0);
}

void must_say(const char *words)
{
    ck_assert_msg(strstr(err.message, words) != NULL, "'%s' is not in: %s", words, err.message);
}

void no_children(void)
{
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}
