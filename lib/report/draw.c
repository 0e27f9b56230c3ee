/* SPDX-License-Identifier: MIT */
/* draw.c - a picture of a subgraph in a file: source, `dot`, rename.
 *
 *     source -> temporary .dot -> dot -> temporary picture -> rename over the target
 *
 * Where dot is missing, fails or hangs, the source is renamed to <target's stem>.dot, and the
 * message says why, where the source is and how to draw it.
 *
 * Cost: that of the source, and dot's. Nothing is left behind but what the message names. */
#include <heapsight/report.h>

#include "graph/graph_allocator.h"
#include "report/picture_file.h"
#include "report/run_dot.h"
#include "report/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_TIMEOUT_MS = 60000, SHOWN_PATH = 100 };

static const char *const format_names[] = {
#define FORMAT_NAME(name, text, ending, tail) text,
    HSIGHT__PICTURE_LIST(FORMAT_NAME)
#undef FORMAT_NAME
};

/* ---- the source ------------------------------------------------------------------------------ */

typedef struct {
    FILE *file;
    int cause; /* errno of the first write that failed, else 0 */
} file_sink;

static int write_file(void *state, const char *data, size_t length)
{
    file_sink *target = state;
    errno = 0;
    if (fwrite(data, 1, length, target->file) != length && target->cause == 0) {
        target->cause = errno != 0 ? errno : EIO;
    }
    return target->cause;
}

static hsight_status fail_file(const hsight__picture_files *files, int cause, hsight_error *err)
{
    char shown[4 * SHOWN_PATH];
    hsight__text text;
    hsight__text_init(&text, shown, sizeof shown);
    hsight__text_add_cut(&text, (hsight_string){files->target, strlen(files->target)}, SHOWN_PATH,
                         HSIGHT__CUT_FRONT);
    hsight__text_finish(&text);
    return hsight__fail_errno(err, cause, "cannot write %s (its DOT source)", shown);
}

/* Closes the file. What a full disk refuses may show only now. @return 0 or an errno */
static int close_file(file_sink *target)
{
    if (fflush(target->file) != 0 && target->cause == 0) {
        target->cause = errno;
    }
    if (fclose(target->file) != 0 && target->cause == 0) {
        target->cause = errno;
    }
    return target->cause;
}

static hsight_status write_source(const hsight_subgraph *subgraph, hsight__picture_files *files,
                                  hsight_error *err)
{
    int descriptor = -1;
    hsight_status status = hsight__picture_create_source(files, &descriptor, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    file_sink target = {fdopen(descriptor, "w"), 0};
    if (target.file == NULL) {
        int cause = errno;
        close(descriptor);
        return fail_file(files, cause, err);
    }
    hsight_sink sink = {write_file, &target};
    status = hsight_report_dot(subgraph, &sink, err);
    int cause = close_file(&target);
    return cause != 0 ? fail_file(files, cause, err) : status;
}

/* ---- when dot did not do it ------------------------------------------------------------------ */

/* A path as one word of a shell command, and as no option of dot. */
static void add_word(hsight__text *text, const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./+,:@%=-";
    hsight_string word = {path, strlen(path)};
    hsight__text_add_c(text, path[0] == '-' ? "./" : "");
    if (strspn(path, plain) == word.length) {
        hsight__text_add_cut(text, word, SHOWN_PATH, HSIGHT__CUT_FRONT);
    } else {
        hsight__text_add_shell_quoted(text, word, SHOWN_PATH);
    }
}

/* Where the source is, and the command that draws it. */
static void describe_source(hsight__picture_files *files, char *out, size_t size)
{
    hsight__text text;
    hsight_error why;
    hsight__text_init(&text, out, size);
    if (hsight__picture_keep_source(files, &why) != HSIGHT_OK) {
        hsight__text_add_c(&text, "its DOT source could not be kept either: ");
        hsight__text_add_c(&text, why.message);
        hsight__text_finish(&text);
        return;
    }
    const char *source = hsight__picture_name(&files->kept_source);
    hsight__text_addf(&text, "draw its DOT source with: dot -T%s ", format_names[files->format]);
    add_word(&text, source);
    hsight__text_add_c(&text, " -o ");
    add_word(&text, files->target);
    hsight__text_finish(&text);
}

static hsight_status fail_system(int cause, const char *remedy, hsight_error *err)
{
    hsight_status status =
        hsight__fail(err, HSIGHT_EIO, "dot could not be started (%s); %s", strerror(cause), remedy);
    if (err != NULL) {
        err->os_errno = cause;
    }
    return status;
}

static hsight_status report_run(hsight__picture_files *files, const hsight__dot_run *run,
                                uint32_t timeout_ms, hsight_error *err)
{
    char remedy[300];
    describe_source(files, remedy, sizeof remedy);
    const char *colon = run->said[0] != '\0' ? ": " : "";
    switch (run->outcome) {
    case HSIGHT__DOT_MISSING:
        return hsight__fail(err, HSIGHT_ENODOT,
                            "Graphviz's dot program is missing; install it (Debian, Ubuntu: apt "
                            "install graphviz), then %s",
                            remedy);
    case HSIGHT__DOT_KILLED:
        return hsight__fail(err, HSIGHT_ETIMEOUT,
                            "dot was ended after %u ms without a picture; show less of the graph, "
                            "or %s",
                            timeout_ms, remedy);
    case HSIGHT__DOT_FAILED:
        return hsight__fail(err, HSIGHT_EIO, "dot failed with code %d%s%s; %s", run->code, colon,
                            run->said, remedy);
    case HSIGHT__DOT_SYSTEM:
        return fail_system(run->code, remedy, err);
    default:
        return hsight__fail(err, HSIGHT_EIO, "dot left no complete picture%s%s; %s", colon,
                            run->said, remedy);
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static hsight_status draw_picture(hsight__picture_files *files, uint32_t timeout_ms,
                                  hsight_error *err)
{
    hsight_status status = hsight__picture_create_picture(files, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    hsight__dot_run run =
        hsight__dot_run_program(format_names[files->format], hsight__picture_name(&files->source),
                                hsight__picture_name(&files->picture), timeout_ms);
    if (run.outcome != HSIGHT__DOT_ENDED || !hsight__picture_is_complete(files)) {
        return report_run(files, &run, timeout_ms, err);
    }
    return HSIGHT_OK;
}

hsight_status hsight_report_draw(const hsight_subgraph *subgraph, const char *path,
                                 uint32_t timeout_ms, hsight_error *err)
{
    hsight__picture_files files;
    const hsight_allocator *allocator = hsight__graph_allocator(hsight_subgraph_graph(subgraph));
    hsight_status status = hsight__picture_begin(&files, path, allocator, err);
    if (status == HSIGHT_OK) {
        status = write_source(subgraph, &files, err);
    }
    if (status == HSIGHT_OK && files.format != HSIGHT__PICTURE_DOT) {
        status = draw_picture(&files, timeout_ms != 0 ? timeout_ms : DEFAULT_TIMEOUT_MS, err);
    }
    if (status == HSIGHT_OK) {
        status = hsight__picture_commit(&files, err);
    }
    hsight__picture_end(&files);
    return status;
}
