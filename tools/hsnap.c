/* SPDX-License-Identifier: MIT */
/* hsnap.c - read .hsnap files without Python: what is in them, what grew, what holds an object.
 *
 * A program on the public headers alone, as anybody could write it. Each command is one function in
 * the table at the end. Output goes to stdout; a mistake or a damaged file gets one sentence on
 * stderr and exit code 2. */
#include <heapsight/heapsight.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_BAD_INPUT = 2, FILES_MAX = 2, DEFAULT_ROWS = 20, DEFAULT_PATHS = 10 };

static const char usage[] =
    "usage: hsnap info FILE               where and when it was taken, how large it is\n"
    "       hsnap types FILE [-n N]       objects and bytes by type\n"
    "       hsnap diff OLD NEW [-n N]     what changed between two snapshots, by type\n"
    "       hsnap dot FILE --type NAME | --address ADDRESS [-n N] [-o OUT]\n"
    "                                     what keeps objects alive, as a graph: DOT to stdout, or\n"
    "                                     a picture OUT.png, .svg, .pdf, .dot\n"
    "\n"
    "  -n N, --limit N       rows or paths shown (types, diff: 20; dot: 10; 0 = all)\n"
    "  -t, --type NAME       all objects of a type, such as app.Session\n"
    "  -a, --address 0x...   one object\n"
    "  -o, --output OUT      write a picture; it is drawn by Graphviz's dot program\n"
    "  -h, --help            this text\n"
    "  -V, --version         the version of the library\n"
    "\n"
    "Exit code: 0, or 2 after one sentence on stderr.\n";

typedef struct {
    const char *files[FILES_MAX];
    int file_count;
    const char *type;
    const char *address;
    const char *output;
    uint32_t limit;
    bool has_limit;
} arguments;

typedef struct {
    const char *name;
    int file_count;
    bool takes_target; /* --type, --address, --output */
    bool takes_limit;
    int (*run)(const arguments *given);
} command;

/* ---- messages and output --------------------------------------------------------------------- */

HSIGHT_PRINTF(1, 2) static int refuse(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    fputs("hsnap: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    return EXIT_BAD_INPUT;
}

static int refuse_error(const hsight_error *err)
{
    return refuse("%s", err->message);
}

static int write_stdout(void *state, const char *data, size_t length)
{
    (void)state;
    return fwrite(data, 1, length, stdout) == length ? 0 : -1;
}

static const hsight_sink to_stdout = {write_stdout, NULL};

/* A full disk or a closed pipe may show only when the buffer is emptied. */
static int finish(hsight_status status, const hsight_error *err)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return refuse("cannot write to the standard output: %s", strerror(errno));
    }
    return status == HSIGHT_OK ? EXIT_SUCCESS : refuse_error(err);
}

static uint32_t limit_of(const arguments *given, uint32_t otherwise)
{
    return given->has_limit ? given->limit : otherwise;
}

/* ---- commands -------------------------------------------------------------------------------- */

static int run_info(const arguments *given)
{
    hsight_error err;
    hsight_snapshot *snapshot;
    hsight_status status = hsight_store_load(given->files[0], &snapshot, &err);
    if (status != HSIGHT_OK) {
        return refuse_error(&err);
    }
    status = hsight_report_info(snapshot, &to_stdout, &err);
    hsight_snapshot_free(snapshot);
    return finish(status, &err);
}

static int run_types(const arguments *given)
{
    hsight_error err;
    hsight_snapshot *snapshot;
    hsight_status status = hsight_store_load(given->files[0], &snapshot, &err);
    if (status != HSIGHT_OK) {
        return refuse_error(&err);
    }
    uint32_t limit = limit_of(given, DEFAULT_ROWS);
    status = hsight_report_types(snapshot, HSIGHT_SORT_BYTES, limit, &to_stdout, &err);
    hsight_snapshot_free(snapshot);
    return finish(status, &err);
}

static hsight_status report_diff(const hsight_snapshot *before, const hsight_snapshot *after,
                                 uint32_t limit, hsight_error *err)
{
    hsight_diff *diff;
    hsight_status status = hsight_diff_new(
        hsight_snapshot_graph(before), hsight_snapshot_graph(after), HSIGHT_SORT_BYTES, &diff, err);
    if (status == HSIGHT_OK) {
        status = hsight_report_diff(diff, limit, &to_stdout, err);
        hsight_diff_free(diff);
    }
    return status;
}

static int run_diff(const arguments *given)
{
    hsight_error err;
    hsight_snapshot *before = NULL, *after = NULL;
    hsight_status status = hsight_store_load(given->files[0], &before, &err);
    if (status == HSIGHT_OK) {
        status = hsight_store_load(given->files[1], &after, &err);
    }
    if (status == HSIGHT_OK) {
        status = report_diff(before, after, limit_of(given, DEFAULT_ROWS), &err);
    }
    hsight_snapshot_free(before);
    hsight_snapshot_free(after);
    return finish(status, &err);
}

/* The paths to some objects as DOT or as a picture. */
static hsight_status draw(const hsight_graph *graph, const hsight_paths *paths, const char *output,
                          hsight_error *err)
{
    hsight_subgraph *subgraph;
    hsight_status status = hsight_subgraph_of_paths(graph, paths, &subgraph, err);
    if (status == HSIGHT_OK) {
        status = output != NULL ? hsight_report_draw(subgraph, output, 0, err)
                                : hsight_report_dot(subgraph, &to_stdout, err);
        hsight_subgraph_free(subgraph);
    }
    return status;
}

static int draw_targets(const arguments *given, const hsight_graph *graph,
                        const hsight_node_id *targets, uint32_t count)
{
    hsight_error err;
    hsight_paths *paths;
    uint32_t limit = limit_of(given, DEFAULT_PATHS);
    hsight_status status = hsight_paths_find(graph, targets, count, limit, &paths, &err);
    if (status != HSIGHT_OK) {
        return refuse_error(&err);
    }
    int code;
    if (hsight_paths_count(paths) == 0) {
        code = refuse("nothing to draw: no root reaches any of the %" PRIu32 " objects", count);
    } else {
        code = finish(draw(graph, paths, given->output, &err), &err);
    }
    hsight_paths_free(paths);
    return code;
}

static int draw_type(const arguments *given, const hsight_graph *graph)
{
    hsight_error err;
    hsight_node_id *targets;
    uint32_t count;
    hsight_string name = {given->type, strlen(given->type)};
    if (hsight_nodes_of_type(graph, name, &targets, &count, &err) != HSIGHT_OK) {
        return refuse_error(&err);
    }
    int code = draw_targets(given, graph, targets, count);
    hsight_nodes_free(targets, count);
    return code;
}

static int draw_address(const arguments *given, const hsight_graph *graph)
{
    char *end;
    errno = 0;
    uint64_t address = strtoull(given->address, &end, 0);
    if (given->address[0] < '0' || given->address[0] > '9' || *end != '\0' || errno != 0) {
        return refuse("'%s' is no address; write it like 0x7f2b8c0", given->address);
    }
    hsight_node_id target = hsight_graph_find_address(graph, address);
    if (target.index == 0) {
        return refuse("no object of %s is at address 0x%" PRIx64, given->files[0], address);
    }
    return draw_targets(given, graph, &target, 1);
}

static int run_dot(const arguments *given)
{
    hsight_error err;
    hsight_snapshot *snapshot;
    if ((given->type != NULL) == (given->address != NULL)) {
        return refuse("dot needs either --type NAME or --address 0x...");
    }
    if (hsight_store_load(given->files[0], &snapshot, &err) != HSIGHT_OK) {
        return refuse_error(&err);
    }
    const hsight_graph *graph = hsight_snapshot_graph(snapshot);
    int code = given->type != NULL ? draw_type(given, graph) : draw_address(given, graph);
    hsight_snapshot_free(snapshot);
    return code;
}

/* ---- the command line ------------------------------------------------------------------------ */

static const command commands[] = {
    {"info", 1, false, false, run_info},
    {"types", 1, false, true, run_types},
    {"diff", 2, false, true, run_diff},
    {"dot", 1, true, true, run_dot},
};

static const command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static int parse_limit(const char *text, arguments *given)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value > UINT32_MAX) {
        return refuse("-n %s: the limit must be a number from 0 to 4294967295", text);
    }
    given->limit = (uint32_t)value;
    given->has_limit = true;
    return EXIT_SUCCESS;
}

/* Inside a cluster such as -qn optind has not moved on yet: optopt names the letter. Of a long
 * option it is 0. */
static int refuse_option(char **words)
{
    if (optopt > ' ' && optopt <= '~') {
        return refuse("option '-%c' is not known; see hsnap --help", optopt);
    }
    if (optopt != 0) {
        return refuse("option '-\\x%02x' is not known; see hsnap --help", optopt & 0xFF);
    }
    return refuse("option '%s' is not known; see hsnap --help", words[optind - 1]);
}

static int parse_option(int option, char **words, arguments *given)
{
    switch (option) {
    case 'n':
        return parse_limit(optarg, given);
    case 't':
        given->type = optarg;
        return EXIT_SUCCESS;
    case 'a':
        given->address = optarg;
        return EXIT_SUCCESS;
    case 'o':
        given->output = optarg;
        return EXIT_SUCCESS;
    case ':':
        return refuse("option '%s' needs a value; see hsnap --help", words[optind - 1]);
    default:
        return refuse_option(words);
    }
}

/* Options may stand before, between and after the files. */
static int parse_words(int count, char **words, arguments *given)
{
    static const struct option options[] = {{"limit", required_argument, NULL, 'n'},
                                            {"type", required_argument, NULL, 't'},
                                            {"address", required_argument, NULL, 'a'},
                                            {"output", required_argument, NULL, 'o'},
                                            {NULL, 0, NULL, 0}};
    int option, code;
    opterr = 0;
    while ((option = getopt_long(count, words, ":n:t:a:o:", options, NULL)) != -1) {
        code = parse_option(option, words, given);
        if (code != EXIT_SUCCESS) {
            return code;
        }
    }
    given->file_count = count - optind;
    for (int i = 0; i < given->file_count && i < FILES_MAX; i++) {
        given->files[i] = words[optind + i];
    }
    return EXIT_SUCCESS;
}

static int check_words(const command *chosen, const arguments *given)
{
    if (given->file_count != chosen->file_count) {
        return refuse("%s takes %s, not %d; see hsnap --help", chosen->name,
                      chosen->file_count == 1 ? "one file" : "two files", given->file_count);
    }
    bool has_target = given->type != NULL || given->address != NULL || given->output != NULL;
    if (has_target && !chosen->takes_target) {
        return refuse("--type, --address and --output belong to dot, not to %s", chosen->name);
    }
    if (given->has_limit && !chosen->takes_limit) {
        return refuse("-n does not belong to %s", chosen->name);
    }
    return EXIT_SUCCESS;
}

static bool is_word(const char *word, const char *short_name, const char *long_name)
{
    return strcmp(word, short_name) == 0 || strcmp(word, long_name) == 0;
}

/* --help and --version count wherever they stand before "--". */
static bool answer_at_once(int count, char **words)
{
    for (int i = 1; i < count && strcmp(words[i], "--") != 0; i++) {
        if (is_word(words[i], "-h", "--help")) {
            fputs(usage, stdout);
            return true;
        }
        if (is_word(words[i], "-V", "--version")) {
            printf("hsnap %s\n", hsight_version());
            return true;
        }
    }
    return false;
}

int main(int count, char **words)
{
    if (answer_at_once(count, words)) {
        return finish(HSIGHT_OK, NULL);
    }
    if (count < 2) {
        fputs(usage, stderr);
        return EXIT_BAD_INPUT;
    }
    const command *chosen = find_command(words[1]);
    if (chosen == NULL) {
        return refuse("'%s' is no command: info, types, diff and dot are; see hsnap --help",
                      words[1]);
    }
    arguments given = {0};
    int code = parse_words(count - 1, words + 1, &given);
    if (code == EXIT_SUCCESS) {
        code = check_words(chosen, &given);
    }
    return code == EXIT_SUCCESS ? chosen->run(&given) : code;
}
