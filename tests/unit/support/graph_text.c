/* SPDX-License-Identifier: MIT */
/* graph_text.c - parse the words of graph_text.h into a builder.
 *
 * Names are kept in a list that is searched linearly: texts are written by people, or random and of
 * a few hundred words. Memory of the parser is freed before return. */
#include "graph_text.h"

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 48, TYPE_COUNT = 64 };

typedef struct {
    char name[NAME_BYTES];
    hsight_node_info info;
} object;

typedef struct {
    const char *text; /* whole, for messages */
    const char *at;
    hsight_builder *builder;
    object *objects; /* number n is objects[n - 1] */
    uint32_t count;
    char types[TYPE_COUNT][NAME_BYTES]; /* number n is types[n - 1] */
    uint32_t type_count;
} parser;

static void wrong(const parser *p, const char *expected)
{
    ck_abort_msg("graph text: %s expected at \"%.20s\" in \"%s\"", expected, p->at, p->text);
}

static void must(hsight_status status, const hsight_error *err)
{
    ck_assert_msg(status == HSIGHT_OK, "graph text: %s", err->message);
}

static bool is_name_char(char c, const char *also)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (c != '\0' && strchr(also, c) != NULL);
}

/* Letters, digits, "_" and the characters of `also`; at least one. */
static size_t read_name(parser *p, const char *also, char out[NAME_BYTES])
{
    size_t length = 0;
    while (is_name_char(*p->at, also) && length < NAME_BYTES - 1) {
        out[length++] = *p->at++;
    }
    out[length] = '\0';
    if (length == 0) {
        wrong(p, "a name");
    }
    return length;
}

static uint64_t read_number(parser *p)
{
    char *end;
    uint64_t number = strtoull(p->at, &end, 0);
    if (end == p->at) {
        wrong(p, "a number");
    }
    p->at = end;
    return number;
}

static bool skip(parser *p, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(p->at, word, length) != 0) {
        return false;
    }
    p->at += length;
    return true;
}

static void require(parser *p, const char *word)
{
    if (!skip(p, word)) {
        wrong(p, word);
    }
}

static hsight_string_id intern(parser *p, const char *name)
{
    hsight_error err;
    hsight_string_id id;
    must(hsight_builder_string(p->builder, name, strlen(name), &id, &err), &err);
    return id;
}

/* ---- objects -------------------------------------------------------------------------------- */

static uint32_t find_object(parser *p, const char *name)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (strcmp(p->objects[i].name, name) == 0) {
            return i + 1;
        }
    }
    p->objects = realloc(p->objects, (p->count + 1) * sizeof *p->objects);
    ck_assert_ptr_nonnull(p->objects);
    object *added = &p->objects[p->count++];
    *added = (object){.info = {.shallow_bytes = 16, .refcount = 1}};
    strcpy(added->name, name);
    hsight_node_id node;
    hsight_error err;
    uint64_t address = 0x10000 + UINT64_C(0x100) * p->count;
    must(hsight_builder_add_address(p->builder, address, &node, &err), &err);
    must(hsight_builder_preview(p->builder, node, intern(p, name), &err), &err);
    ck_assert_uint_eq(node.index, p->count);
    return p->count;
}

static uint32_t read_object(parser *p)
{
    char name[NAME_BYTES];
    read_name(p, "", name);
    return find_object(p, name);
}

static hsight_type_id find_type(parser *p, const char *name)
{
    for (uint32_t i = 0; i < p->type_count; i++) {
        if (strcmp(p->types[i], name) == 0) {
            return (hsight_type_id){i + 1};
        }
    }
    ck_assert_uint_lt(p->type_count, TYPE_COUNT);
    hsight_type_id type;
    hsight_error err;
    must(hsight_builder_add_type(p->builder, intern(p, name), &type, &err), &err);
    strcpy(p->types[p->type_count++], name);
    return type;
}

static uint32_t read_flags(parser *p)
{
    static const char letters[] = "gixtmn"; /* in the order of the bits of HSIGHT_NODE_* */
    uint32_t flags = 0;
    const char *letter;
    while (*p->at != '\0' && (letter = strchr(letters, *p->at)) != NULL) {
        flags |= 1u << (letter - letters);
        p->at++;
    }
    return flags;
}

static void read_attributes(parser *p, uint32_t node)
{
    if (skip(p, ":")) {
        char name[NAME_BYTES];
        read_name(p, ".-", name);
        p->objects[node - 1].info.type = find_type(p, name);
    }
    if (skip(p, "=")) {
        p->objects[node - 1].info.shallow_bytes = read_number(p);
    }
    if (skip(p, "*")) {
        p->objects[node - 1].info.refcount = (uint32_t)read_number(p);
    }
    if (skip(p, "!")) {
        p->objects[node - 1].info.flags = read_flags(p);
    }
}

static void describe_all(parser *p)
{
    for (uint32_t node = 1; node <= p->count; node++) {
        hsight_node_info info = p->objects[node - 1].info;
        hsight_error err;
        if (info.type.index == 0) {
            info.type = find_type(p, "object");
        }
        must(hsight_builder_describe(p->builder, (hsight_node_id){node}, &info, &err), &err);
    }
}

/* ---- references ----------------------------------------------------------------------------- */

static hsight_label named_label(parser *p, hsight_label_kind kind)
{
    char name[NAME_BYTES];
    read_name(p, "", name);
    return hsight_label_make(kind, intern(p, name).index);
}

static hsight_label number_label(parser *p, hsight_label_kind kind)
{
    return hsight_label_make(kind, read_number(p));
}

static hsight_label dict_label(parser *p)
{
    if (skip(p, "}")) {
        return hsight_label_make(HSIGHT_LABEL_DICT_KEY, 0);
    }
    hsight_label label = hsight_label_make(HSIGHT_LABEL_DICT_VALUE, read_object(p));
    require(p, "}");
    return label;
}

static hsight_label closed_label(parser *p, hsight_label label, const char *close)
{
    require(p, close);
    return label;
}

/* What stands between an object and ">". */
static hsight_label read_label(parser *p)
{
    switch (*p->at) {
    case '>':
        return hsight_label_make(HSIGHT_LABEL_INTERNAL, 0);
    case '.':
        return p->at++, named_label(p, HSIGHT_LABEL_ATTRIBUTE);
    case '|':
        return p->at++, named_label(p, HSIGHT_LABEL_LOCAL);
    case '^':
        return p->at++, named_label(p, HSIGHT_LABEL_CELL);
    case '@':
        return p->at++, named_label(p, HSIGHT_LABEL_TYPE_PART);
    case '(':
        return p->at++, closed_label(p, named_label(p, HSIGHT_LABEL_INTERNAL), ")");
    case '[':
        return p->at++, closed_label(p, number_label(p, HSIGHT_LABEL_INDEX), "]");
    case '$':
        return p->at++, number_label(p, HSIGHT_LABEL_STACK);
    case '{':
        return p->at++, dict_label(p);
    case '#':
        return p->at++, hsight_label_make(HSIGHT_LABEL_SET_MEMBER, 0);
    case '%':
        return p->at++, hsight_label_make(HSIGHT_LABEL_CLASS, 0);
    case '~':
        return p->at++, hsight_label_make(HSIGHT_LABEL_WEAK, 0);
    default:
        wrong(p, "a label or >");
        return (hsight_label){0};
    }
}

static void read_edge(parser *p, uint32_t source)
{
    hsight_label label = read_label(p);
    require(p, ">");
    uint32_t target = read_object(p);
    hsight_error err;
    must(hsight_builder_add_edge(p->builder, (hsight_node_id){source}, (hsight_node_id){target},
                                 label, &err),
         &err);
}

/* ---- roots ---------------------------------------------------------------------------------- */

static uint32_t read_root_kind(parser *p)
{
    static const char *const kinds[] = {"module", "frame", "interpreter",
                                        "static", "c",     "profiler"};
    char name[NAME_BYTES];
    read_name(p, "", name);
    for (uint32_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i], name) == 0) {
            return i + 1; /* the numbers of HSIGHT_ROOT_LIST */
        }
    }
    wrong(p, "a root kind");
    return 0;
}

static void read_frame(parser *p, hsight_root *root)
{
    hsight_string_id *const parts[] = {&root->thread, &root->function, &root->file};
    char name[NAME_BYTES];
    for (int i = 0; i < 3 && skip(p, ":"); i++) {
        read_name(p, ".-", name);
        *parts[i] = intern(p, name);
    }
    if (skip(p, ":")) {
        root->line = (uint32_t)read_number(p);
    }
}

static void read_root(parser *p)
{
    hsight_root root = {.kind = read_root_kind(p)};
    if (root.kind == HSIGHT_ROOT_C_HELD) {
        root.surplus = skip(p, ":") ? (uint32_t)read_number(p) : 1;
    } else if (skip(p, ":")) {
        char name[NAME_BYTES];
        read_name(p, ".-", name);
        root.name = intern(p, name);
        if (root.kind == HSIGHT_ROOT_FRAME || root.kind == HSIGHT_ROOT_INTERPRETER) {
            read_frame(p, &root);
        }
    }
    require(p, ">>");
    root.node.index = read_object(p);
    hsight_error err;
    must(hsight_builder_add_root(p->builder, &root, &err), &err);
}

/* ---- words ---------------------------------------------------------------------------------- */

static const char spaces[] = " \t\n";

static void read_word(parser *p)
{
    size_t length = strcspn(p->at, spaces);
    const char *arrows = strstr(p->at, ">>");
    if (arrows != NULL && arrows < p->at + length) {
        read_root(p);
    } else {
        uint32_t node = read_object(p);
        if (*p->at != '\0' && strchr(":=*!", *p->at) != NULL) {
            read_attributes(p, node);
        } else if (*p->at != '\0' && strchr(spaces, *p->at) == NULL) {
            read_edge(p, node);
        }
    }
    if (*p->at != '\0' && strchr(spaces, *p->at) == NULL) {
        wrong(p, "the end of the word");
    }
}

hsight_graph *graph_text_build_on(const hsight_allocator *allocator, const char *text)
{
    parser p = {.text = text, .at = text};
    hsight_error err;
    must(hsight_builder_new(allocator, &p.builder, &err), &err);
    for (p.at += strspn(p.at, spaces); *p.at != '\0'; p.at += strspn(p.at, spaces)) {
        read_word(&p);
    }
    describe_all(&p);
    free(p.objects);
    hsight_graph *graph;
    must(hsight_builder_finish(p.builder, &graph, &err), &err);
    must(hsight_graph_check(graph, &err), &err);
    return graph;
}

hsight_graph *graph_text_build(const char *text)
{
    return graph_text_build_on(NULL, text);
}

hsight_node_id graph_text_node(const hsight_graph *graph, const char *name)
{
    size_t length = strlen(name);
    for (uint32_t node = 1; node <= hsight_graph_node_count(graph); node++) {
        hsight_string known = hsight_graph_preview(graph, (hsight_node_id){node});
        if (known.length == length && memcmp(known.data, name, length) == 0) {
            return (hsight_node_id){node};
        }
    }
    ck_abort_msg("no object \"%s\" in the graph", name);
    return (hsight_node_id){0};
}
