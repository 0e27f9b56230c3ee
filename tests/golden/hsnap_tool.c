/* SPDX-License-Identifier: MIT */
/* hsnap_tool.c - what the golden tests need of the library, on its public headers alone.
 *
 *     hsnap_tool dump FILE          print all of a file, one item a line, as read_hsnap.py does
 *     hsnap_tool tiny FILE          write the snapshot of tests/golden/v1/tiny.hsnap
 *     hsnap_tool traced FILE        the same with a trace; v1/traced.hsnap is that, but for what
 *                                   depends on time (make_bad.py --settle)
 *     hsnap_tool native FILE        the same with native blocks; v1/native.hsnap in the same way
 *     hsnap_tool random SEED FILE   write a random snapshot, four of five with a trace; equal seeds
 *                                   give equal files, but for what depends on time
 *
 * Exit code 0; 1 with "STATUS message" on standard error when the library refuses; 2 wrong usage.
 */
#include "hsnap_tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <heapsight/builder.h>
#include <heapsight/store.h>

static int complain(hsight_status status, const hsight_error *err)
{
    const char *name = "HSIGHT_OK";
    switch (status) {
    case HSIGHT_OK:
        break;
#define STATUS_NAME(code, number, message, exception)                                              \
    case HSIGHT_##code:                                                                            \
        name = "HSIGHT_" #code;                                                                    \
        break;
        HSIGHT_ERROR_LIST(STATUS_NAME)
#undef STATUS_NAME
    }
    fprintf(stderr, "%s %s\n", name, err->message);
    return 1;
}

/* ---- dump ------------------------------------------------------------------------------------ */

void print_quoted(hsight_string text)
{
    putchar('"');
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte >= 32 && byte < 127 && byte != '"' && byte != '\\') {
            putchar(byte);
        } else {
            printf("\\x%02x", byte);
        }
    }
    putchar('"');
}

static void print_text(const char *key, hsight_string text)
{
    printf("meta %s ", key);
    print_quoted(text);
    putchar('\n');
}

static void dump_info(const hsight_snapshot_info *info)
{
    print_text("label", info->label);
    print_text("interpreter", info->interpreter);
    print_text("platform", info->platform);
    print_text("arguments", info->arguments);
    print_text("capture", info->capture);
    const struct {
        const char *key;
        uint64_t number;
    } numbers[] = {
        {"process_id", info->process_id},       {"taken_at_ns", info->taken_at_ns},
        {"duration_ns", info->duration_ns},     {"rss_bytes", info->rss_bytes},
        {"dropped_count", info->dropped_count}, {"overcounted_count", info->overcounted_count},
        {"has_values", info->has_values},
    };
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        printf("meta %s %llu\n", numbers[i].key, (unsigned long long)numbers[i].number);
    }
}

static void dump_tables(const hsight_graph *graph)
{
    for (uint32_t i = 0; i <= hsight_graph_string_count(graph); i++) {
        printf("string %u ", i);
        print_quoted(hsight_graph_string(graph, (hsight_string_id){i}));
        putchar('\n');
    }
    for (uint32_t i = 1; i <= hsight_graph_type_count(graph); i++) {
        printf("type %u ", i);
        print_quoted(hsight_graph_type_name(graph, (hsight_type_id){i}));
        printf(" %u\n", hsight_graph_type_node(graph, (hsight_type_id){i}).index);
    }
}

static void dump_object(const hsight_graph *graph, hsight_node_id node)
{
    printf("object %u 0x%llx %u %llu %u %u ", node.index,
           (unsigned long long)hsight_graph_address(graph, node),
           hsight_graph_type(graph, node).index,
           (unsigned long long)hsight_graph_shallow_bytes(graph, node),
           hsight_graph_refcount(graph, node), hsight_graph_flags(graph, node));
    print_quoted(hsight_graph_preview(graph, node));
    putchar('\n');
    hsight_references held = hsight_graph_references(graph, node);
    for (uint32_t i = 0; i < held.count; i++) {
        printf("reference %u %u %u %u %u\n", held.first + i, node.index, held.targets[i].index,
               (unsigned)hsight_label_kind_of(held.labels[i]),
               hsight_label_payload(held.labels[i]));
    }
}

static void dump_roots(const hsight_graph *graph)
{
    for (uint32_t i = 0; i < hsight_graph_root_count(graph); i++) {
        const hsight_root *root = hsight_graph_root(graph, i);
        printf("root %u %u %u %u %u %u %u %u %u\n", i, root->node.index, root->kind,
               root->name.index, root->thread.index, root->function.index, root->file.index,
               root->line, root->surplus);
    }
}

static int dump(const char *path)
{
    hsight_snapshot *snapshot;
    hsight_error err;
    hsight_status status = hsight_store_load(path, &snapshot, &err);
    if (status != HSIGHT_OK) {
        return complain(status, &err);
    }
    const hsight_graph *graph = hsight_snapshot_graph(snapshot);
    uint32_t count = hsight_graph_node_count(graph);
    printf("count %u %u %u %u %u\n", count, hsight_graph_edge_count(graph),
           hsight_graph_type_count(graph), hsight_graph_string_count(graph),
           hsight_graph_root_count(graph));
    dump_info(hsight_snapshot_get_info(snapshot));
    dump_tables(graph);
    for (uint32_t i = 1; i <= count; i++) {
        dump_object(graph, (hsight_node_id){i});
    }
    dump_roots(graph);
    dump_trace(snapshot);
    printf("total %llu\n", (unsigned long long)hsight_snapshot_total_bytes(snapshot));
    hsight_snapshot_free(snapshot);
    return 0;
}

/* ---- making snapshots; a failure ends the program ----------------------------------------------
 */

void must(hsight_status status, const hsight_error *err)
{
    if (status != HSIGHT_OK) {
        exit(complain(status, err));
    }
}

hsight_string text_of(const char *text)
{
    return (hsight_string){text, strlen(text)};
}

static hsight_string_id add_string(hsight_builder *builder, const char *text)
{
    hsight_string_id id;
    hsight_error err;
    must(hsight_builder_string(builder, text, strlen(text), &id, &err), &err);
    return id;
}

static hsight_type_id add_type(hsight_builder *builder, const char *name)
{
    hsight_type_id id;
    hsight_error err;
    must(hsight_builder_add_type(builder, add_string(builder, name), &id, &err), &err);
    return id;
}

static hsight_node_id add_node(hsight_builder *builder, hsight_node_info info)
{
    hsight_node_id id;
    hsight_error err;
    must(hsight_builder_add_node(builder, &info, &id, &err), &err);
    return id;
}

static void add_edge(hsight_builder *builder, uint32_t from, uint32_t to, hsight_label_kind kind,
                     uint64_t payload)
{
    hsight_error err;
    must(hsight_builder_add_edge(builder, (hsight_node_id){from}, (hsight_node_id){to},
                                 hsight_label_make(kind, payload), &err),
         &err);
}

static void add_root(hsight_builder *builder, hsight_root root)
{
    hsight_error err;
    must(hsight_builder_add_root(builder, &root, &err), &err);
}

static void add_preview(hsight_builder *builder, uint32_t node, const char *text)
{
    hsight_error err;
    must(hsight_builder_preview(builder, (hsight_node_id){node}, add_string(builder, text), &err),
         &err);
}

static hsight_snapshot *finish(hsight_builder *builder, const hsight_snapshot_info *info)
{
    hsight_graph *graph;
    hsight_snapshot *snapshot;
    hsight_error err;
    must(hsight_builder_finish(builder, &graph, &err), &err);
    must(hsight_snapshot_new(graph, info, &snapshot, &err), &err);
    return snapshot;
}

/* Consumes the snapshot. */
static int save(hsight_snapshot *snapshot, const char *path)
{
    hsight_error err;
    must(hsight_store_save(snapshot, path, &err), &err);
    hsight_snapshot_free(snapshot);
    return 0;
}

/* Every kind of label and of root, a string with a lone surrogate, an object of 5 GiB, a saturated
 * refcount, an object without references and one without a type. */
static void add_tiny_objects(hsight_builder *builder)
{
    hsight_type_id type = add_type(builder, "type");
    hsight_type_id module = add_type(builder, "module");
    hsight_type_id dict = add_type(builder, "dict");
    hsight_type_id text = add_type(builder, "str");
    hsight_type_id session = add_type(builder, "app.Session");
    hsight_type_id array = add_type(builder, "array.array");
    const hsight_node_info nodes[] = {
        {0x7f0000001000, 1064, type, 9, HSIGHT_NODE_GC_TRACKED | HSIGHT_NODE_TYPE},
        {0x7f0000002000, 72, module, 3, HSIGHT_NODE_GC_TRACKED | HSIGHT_NODE_MODULE},
        {0x7f0000003000, 232, dict, 2, HSIGHT_NODE_GC_TRACKED | HSIGHT_NODE_NAMESPACE},
        {0x7f0000004000, 54, text, UINT32_MAX, HSIGHT_NODE_IMMORTAL},
        {0x7f0000005000, 56, session, 2, HSIGHT_NODE_GC_TRACKED},
        {0x7f0000006000, 5368709120u, array, 1, 0},
        {0x7f0000007000, 48, session, 1, HSIGHT_NODE_GC_TRACKED | HSIGHT_NODE_GARBAGE},
        {0, 16, {0}, 4, 0},
    };
    for (size_t i = 0; i < COUNT_OF(nodes); i++) {
        add_node(builder, nodes[i]);
    }
    hsight_builder_set_type_node(builder, type, (hsight_node_id){1});
}

static void add_tiny_references(hsight_builder *builder)
{
    uint32_t name = add_string(builder, "cache").index;
    add_edge(builder, 2, 3, HSIGHT_LABEL_INTERNAL, add_string(builder, "md_dict").index);
    add_edge(builder, 2, 1, HSIGHT_LABEL_CLASS, 0);
    add_edge(builder, 3, 4, HSIGHT_LABEL_DICT_KEY, 0);
    add_edge(builder, 3, 5, HSIGHT_LABEL_DICT_VALUE, 4);
    add_edge(builder, 3, 6, HSIGHT_LABEL_DICT_VALUE, HSIGHT_LABEL_PAYLOAD_MAX);
    add_edge(builder, 5, 6, HSIGHT_LABEL_ATTRIBUTE, name);
    add_edge(builder, 5, 6, HSIGHT_LABEL_INDEX, 3);
    add_edge(builder, 5, 7, HSIGHT_LABEL_INDEX, 1ull << 40);
    add_edge(builder, 5, 4, HSIGHT_LABEL_SET_MEMBER, 0);
    add_edge(builder, 5, 5, HSIGHT_LABEL_LOCAL, add_string(builder, "self").index);
    add_edge(builder, 5, 3, HSIGHT_LABEL_CELL, name);
    add_edge(builder, 1, 1, HSIGHT_LABEL_TYPE_PART, add_string(builder, "__mro__").index);
    add_edge(builder, 7, 7, HSIGHT_LABEL_STACK, 2);
    add_edge(builder, 7, 5, HSIGHT_LABEL_WEAK, 0);
    add_edge(builder, 7, 2, HSIGHT_LABEL_INTERNAL, 0);
}

static void add_tiny_roots(hsight_builder *builder)
{
    add_root(builder, (hsight_root){.node = {2},
                                    .kind = HSIGHT_ROOT_MODULE,
                                    .name = add_string(builder, "service")});
    add_root(builder, (hsight_root){.node = {5},
                                    .kind = HSIGHT_ROOT_FRAME,
                                    .name = add_string(builder, "job"),
                                    .thread = add_string(builder, "worker-1"),
                                    .function = add_string(builder, "Pool.pin"),
                                    .file = add_string(builder, "service.py"),
                                    .line = 41});
    add_root(builder, (hsight_root){.node = {3},
                                    .kind = HSIGHT_ROOT_INTERPRETER,
                                    .name = add_string(builder, "builtins")});
    add_root(builder, (hsight_root){.node = {1},
                                    .kind = HSIGHT_ROOT_STATIC_TYPE,
                                    .name = add_string(builder, "type")});
    add_root(builder, (hsight_root){.node = {8}, .kind = HSIGHT_ROOT_C_HELD, .surplus = 4});
    add_root(builder, (hsight_root){.node = {6},
                                    .kind = HSIGHT_ROOT_PROFILER,
                                    .name = add_string(builder, "the script's argv")});
}

static hsight_snapshot *make_tiny(void)
{
    hsight_builder *builder;
    hsight_error err;
    must(hsight_builder_new(NULL, &builder, &err), &err);
    add_tiny_objects(builder);
    add_tiny_references(builder);
    add_tiny_roots(builder);
    add_preview(builder, 4, "na\xc3\xafve \xed\xa0\x80 \"\\\n");
    add_preview(builder, 1, "type");
    const hsight_snapshot_info info = {
        .label = text_of("after 100 requests"),
        .interpreter = text_of("CPython 3.13.0"),
        .platform = text_of("Linux-6.1 x86_64"),
        .arguments = text_of("service.py --name 'two words'"),
        .capture = text_of("direct walk"),
        .process_id = 4711,
        .taken_at_ns = 1700000000123456789u,
        .duration_ns = 2500000,
        .rss_bytes = 12345678,
        .dropped_count = 1,
        .overcounted_count = 2,
        .has_values = 1,
    };
    return finish(builder, &info);
}

static int write_traced(const char *path, bool knows_native)
{
    hsight_snapshot *snapshot = make_tiny();
    join_tiny_trace(snapshot, knows_native);
    return save(snapshot, path);
}

/* ---- random ---------------------------------------------------------------------------------- */

/* splitmix64 (Steele, Lea and Flood, 2014). */
uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

uint32_t below(uint64_t *state, uint32_t limit)
{
    return (uint32_t)(next_random(state) % limit);
}

size_t random_text(uint64_t *state, char out[RANDOM_TEXT_BYTES])
{
    size_t length = below(state, RANDOM_TEXT_BYTES - 1);
    for (size_t i = 0; i < length; i++) {
        out[i] = (char)(1 + below(state, 255));
    }
    out[length] = '\0';
    return length;
}

static hsight_string_id random_string(hsight_builder *builder, uint64_t *state)
{
    char text[RANDOM_TEXT_BYTES];
    random_text(state, text);
    return add_string(builder, text);
}

/* Each kind of label with a payload that fits it. */
static uint64_t random_payload(hsight_builder *builder, uint64_t *state, hsight_label_kind kind,
                               uint32_t nodes)
{
    switch (kind) {
    case HSIGHT_LABEL_DICT_KEY:
    case HSIGHT_LABEL_SET_MEMBER:
    case HSIGHT_LABEL_CLASS:
    case HSIGHT_LABEL_WEAK:
        return 0;
    case HSIGHT_LABEL_DICT_VALUE:
        return below(state, 8) == 0 ? HSIGHT_LABEL_PAYLOAD_MAX : 1 + below(state, nodes);
    case HSIGHT_LABEL_INDEX:
    case HSIGHT_LABEL_STACK:
        return next_random(state) >> below(state, 64);
    default:
        return random_string(builder, state).index;
    }
}

static void add_random_objects(hsight_builder *builder, uint64_t *state, uint32_t nodes)
{
    hsight_type_id types[5];
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        hsight_error err;
        must(hsight_builder_add_type(builder, random_string(builder, state), &types[i], &err),
             &err);
    }
    for (uint32_t i = 0; i < nodes; i++) {
        hsight_node_info info = {
            .address = 0x1000u + 16u * (uint64_t)i,
            .shallow_bytes = next_random(state) >> (16 + below(state, 48)),
            .type = types[below(state, COUNT_OF(types))],
            .refcount = (uint32_t)next_random(state),
            .flags = below(state, 64),
        };
        add_node(builder, info);
        if (below(state, 4) == 0) {
            hsight_error err;
            must(hsight_builder_preview(builder, (hsight_node_id){i + 1},
                                        random_string(builder, state), &err),
                 &err);
        }
    }
    for (size_t i = 0; i < COUNT_OF(types) && nodes > 0; i += 2) {
        hsight_builder_set_type_node(builder, types[i], (hsight_node_id){1 + below(state, nodes)});
    }
}

static void add_random_roots(hsight_builder *builder, uint64_t *state, uint32_t nodes)
{
    for (uint32_t i = below(state, 6); i > 0; i--) {
        add_root(builder, (hsight_root){
                              .node = {1 + below(state, nodes)},
                              .kind = 1 + below(state, 6),
                              .name = random_string(builder, state),
                              .thread = random_string(builder, state),
                              .line = below(state, 100),
                              .surplus = below(state, 3),
                          });
    }
}

static int write_random(uint64_t seed, const char *path)
{
    uint64_t state = seed;
    hsight_builder *builder;
    hsight_error err;
    must(hsight_builder_new(NULL, &builder, &err), &err);
    uint32_t nodes = below(&state, 60);
    add_random_objects(builder, &state, nodes);
    for (uint32_t i = nodes == 0 ? 0 : below(&state, 200); i > 0; i--) {
        hsight_label_kind kind = (hsight_label_kind)below(&state, 12);
        add_edge(builder, 1 + below(&state, nodes), 1 + below(&state, nodes), kind,
                 random_payload(builder, &state, kind, nodes));
    }
    if (nodes > 0) {
        add_random_roots(builder, &state, nodes);
    }
    const hsight_snapshot_info info = {
        .label = text_of(below(&state, 2) ? "random" : ""),
        .rss_bytes = next_random(&state),
        .has_values = below(&state, 2),
    };
    hsight_snapshot *snapshot = finish(builder, &info);
    uint32_t mode = below(&state, 5);
    if (mode > 0) {
        join_random_trace(snapshot, mode <= 3 ? (hsight_trace_mode)mode : HSIGHT_TRACE_EXACT,
                          &state);
    }
    return save(snapshot, path);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "dump") == 0) {
        return dump(argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "tiny") == 0) {
        return save(make_tiny(), argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "traced") == 0) {
        return write_traced(argv[2], false);
    }
    if (argc == 3 && strcmp(argv[1], "native") == 0) {
        return write_traced(argv[2], true);
    }
    if (argc == 4 && strcmp(argv[1], "random") == 0) {
        return write_random(strtoull(argv[2], NULL, 10), argv[3]);
    }
    fprintf(stderr, "usage: hsnap_tool dump FILE | tiny FILE | traced FILE | native FILE | "
                    "random SEED FILE\n");
    return 2;
}
