/* SPDX-License-Identifier: MIT */
/* check_store_kit.c - what the tests of snapshot files share.
 *
 * The scratch directory is a global of the test program: libcheck runs one test at a time, each in
 * a process of its own. */
#include "check_store_kit.h"

#include "base/crc32.h"
#include "graph/columns.h"
#include "snapshot/snapshot_join.h"
#include "store/format.h"
#include "trace/trace_columns.h"

#include "graph_text.h"
#include "made_trace.h"

#include <heapsight/builder.h>

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[400];

void kit_open(void)
{
    const char *place = getenv("TMPDIR");
    snprintf(scratch, sizeof scratch, "%s/check_store.XXXXXX", place != NULL ? place : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(scratch));
}

/* Files and empty directories: the tests make nothing deeper. */
void kit_close(void)
{
    DIR *directory = opendir(scratch);
    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            ck_assert_int_eq(remove(kit_file(entry->d_name).path), 0);
        }
    }
    closedir(directory);
    ck_assert_int_eq(rmdir(scratch), 0);
}

kit_path kit_directory(void)
{
    kit_path path;
    snprintf(path.path, sizeof path.path, "%s", scratch);
    return path;
}

kit_path kit_file(const char *name)
{
    kit_path path;
    int length = snprintf(path.path, sizeof path.path, "%s/%s", scratch, name);
    ck_assert_int_lt(length, (int)sizeof path.path);
    return path;
}

int kit_entry_count(void)
{
    int count = 0;
    DIR *directory = opendir(scratch);
    ck_assert_ptr_nonnull(directory);
    while (readdir(directory) != NULL) {
        count++;
    }
    closedir(directory);
    return count - 2;
}

kit_bytes kit_read(const char *path)
{
    kit_bytes bytes = {NULL, 0};
    struct stat status;
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s", path);
    ck_assert_int_eq(fstat(fileno(file), &status), 0);
    bytes.size = (size_t)status.st_size;
    void *block = NULL;
    ck_assert_int_eq(posix_memalign(&block, 64, bytes.size + 1), 0);
    bytes.data = block;
    ck_assert_uint_eq(fread(bytes.data, 1, bytes.size, file), bytes.size);
    fclose(file);
    return bytes;
}

void kit_write(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    ck_assert_msg(file != NULL, "%s", path);
    ck_assert_uint_eq(fwrite(data, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

void kit_free(kit_bytes *bytes)
{
    free(bytes->data);
    *bytes = (kit_bytes){NULL, 0};
}

void kit_damage(kit_bytes *file, const char *chunk, uint32_t item, uint32_t value)
{
    hsight__crc32_tables crc;
    hsight__file_header header;
    hsight__crc32_prepare(&crc);
    memcpy(&header, file->data, sizeof header);
    uint8_t *contents = file->data + sizeof header;
    bool is_found = false;
    for (uint32_t i = 0; i < header.chunk_count; i++) {
        hsight__file_entry entry;
        memcpy(&entry, contents + i * sizeof entry, sizeof entry);
        if (memcmp(entry.id, chunk, sizeof entry.id) == 0) {
            memcpy(file->data + entry.offset + item * sizeof value, &value, sizeof value);
            entry.checksum = hsight__crc32(&crc, 0, file->data + entry.offset, entry.length);
            memcpy(contents + i * sizeof entry, &entry, sizeof entry);
            is_found = true;
        }
    }
    ck_assert_msg(is_found, "no %s chunk", chunk);
    header.contents_checksum =
        hsight__crc32(&crc, 0, contents, header.chunk_count * sizeof(hsight__file_entry));
    header.header_checksum =
        hsight__crc32(&crc, 0, &header, offsetof(hsight__file_header, header_checksum));
    memcpy(file->data, &header, sizeof header);
}

/* ---- samples --------------------------------------------------------------------------------- */

/* Not ck_assert: that leaves a record behind at each call, and these are in loops. */
static void must(hsight_status status, const hsight_error *err)
{
    if (status != HSIGHT_OK) {
        ck_abort_msg("%s", err->message);
    }
}

hsight_snapshot *kit_snapshot(hsight_graph *graph, const char *label)
{
    hsight_snapshot *snapshot;
    hsight_error err;
    const hsight_snapshot_info info = {
        .label = {label, strlen(label)},
        .interpreter = {"CPython 3.13.0", 14},
        .process_id = 4711,
        .taken_at_ns = UINT64_MAX,
        .rss_bytes = 1234567,
        .has_values = 1,
    };
    must(hsight_snapshot_new(graph, &info, &snapshot, &err), &err);
    return snapshot;
}

hsight_snapshot *kit_sample(const char *label)
{
    return kit_snapshot(graph_text_build("a:app.Session=5368709120*2!g b:str=54!i "
                                         "a.x>b a[3]>b a{b}>a b~>a b|v>c c%>a "
                                         "module:service>>a c:2>>b frame:job:t:f:s.py:41>>c"),
                        label);
}

void kit_join(hsight_snapshot *snapshot, int minor)
{
    const made_block blocks[] = {
        {.address = 0x10100, .bytes = 5368709120u, .stack = "Pool.pin:41 serve:9 main:3"},
        {.address = 0x10200, .bytes = 54, .stack = "serve:9 main:3"},
        {.address = 0x900000, .bytes = 7, .thread = 1, .stack = "Pool.pin:0", .is_freed = true},
        {.address = 0x200000000, .bytes = 6442450944u, .stack = "serve:9 main:3"},
        {.address = 0x400000000, .bytes = 80, .thread = 1, .stack = "Pool.pin:0"},
        {.address = 0x400000100, .bytes = 20, .thread = 1, .stack = "Pool.pin:0"},
    };
    const size_t count = sizeof blocks / sizeof *blocks;
    if (minor == KIT_NATIVE) {
        made_trace_join_native(snapshot, blocks, count);
    } else if (minor == KIT_TRACED) {
        made_trace_join(snapshot, HSIGHT_TRACE_EXACT, blocks, count);
    }
}

hsight_snapshot *kit_sample_of(int minor, const char *label)
{
    hsight_snapshot *sample = kit_sample(label);
    kit_join(sample, minor);
    return sample;
}

static void add_node(hsight_builder *builder, uint32_t number, hsight_type_id type)
{
    hsight_error err;
    hsight_node_id node;
    const hsight_node_info info = {
        .address = 0x1000 + 16 * (uint64_t)number,
        .shallow_bytes = 56 + number % 100,
        .type = type,
        .refcount = number,
        .flags = HSIGHT_NODE_GC_TRACKED,
    };
    must(hsight_builder_add_node(builder, &info, &node, &err), &err);
}

/* A tree: object n is held by object n / 2. Each has a type of its own. */
hsight_snapshot *kit_large(uint32_t count)
{
    hsight_builder *builder;
    hsight_graph *graph;
    hsight_type_id type;
    hsight_string_id name;
    hsight_error err;
    must(hsight_builder_new(NULL, &builder, &err), &err);
    must(hsight_builder_string(builder, "list", 4, &name, &err), &err);
    for (uint32_t i = 1; i <= count; i++) {
        must(hsight_builder_add_type(builder, name, &type, &err), &err);
        add_node(builder, i, type);
    }
    for (uint32_t i = 2; i <= count; i++) {
        must(hsight_builder_add_edge(builder, (hsight_node_id){i / 2}, (hsight_node_id){i},
                                     hsight_label_make(HSIGHT_LABEL_INDEX, i % 2), &err),
             &err);
    }
    must(hsight_builder_finish(builder, &graph, &err), &err);
    return kit_snapshot(graph, "large");
}

hsight_snapshot *kit_numbers(const uint64_t *numbers, size_t count)
{
    hsight_builder *builder;
    hsight_graph *graph;
    hsight_error err;
    must(hsight_builder_new(NULL, &builder, &err), &err);
    for (size_t i = 0; i < count; i++) {
        hsight_node_id node;
        const hsight_node_info info = {
            .address = 16 + 16 * i,
            .shallow_bytes = numbers[i],
            .refcount = numbers[i] < UINT32_MAX ? (uint32_t)numbers[i] : UINT32_MAX,
        };
        must(hsight_builder_add_node(builder, &info, &node, &err), &err);
    }
    must(hsight_builder_finish(builder, &graph, &err), &err);
    return kit_snapshot(graph, "numbers");
}

/* ---- files ----------------------------------------------------------------------------------- */

void kit_save(const hsight_snapshot *snapshot, const char *path)
{
    hsight_error err;
    must(hsight_store_save(snapshot, path, &err), &err);
}

hsight_snapshot *kit_load(const char *path)
{
    hsight_snapshot *snapshot = NULL;
    hsight_error err;
    must(hsight_store_load(path, &snapshot, &err), &err);
    return snapshot;
}

static void assert_same_column(const void *a, const void *b, size_t items, size_t item_bytes)
{
    if (items > 0) {
        ck_assert_int_eq(memcmp(a, b, items * item_bytes), 0);
    }
}

/* A file has other widths than a builder. */
static void assert_same_numbers(const hsight__numbers *a, const hsight__numbers *b, size_t items)
{
    for (uint32_t node = 0; node < items; node++) {
        ck_assert_uint_eq(hsight__numbers_at(a, node), hsight__numbers_at(b, node));
    }
}

static void assert_same_columns(const hsight__columns *a, const hsight__columns *b)
{
    size_t nodes = a->node_count + (size_t)1;
    size_t types = a->type_count + (size_t)1;
    ck_assert_uint_eq(a->node_count, b->node_count);
    ck_assert_uint_eq(a->edge_count, b->edge_count);
    ck_assert_uint_eq(a->type_count, b->type_count);
    ck_assert_uint_eq(a->string_count, b->string_count);
    ck_assert_uint_eq(a->root_count, b->root_count);
    ck_assert_uint_eq(a->preview_count, b->preview_count);
    ck_assert_uint_eq(a->string_bytes_count, b->string_bytes_count);
    assert_same_column(a->addresses, b->addresses, nodes, sizeof *a->addresses);
    assert_same_numbers(&a->types, &b->types, nodes);
    assert_same_numbers(&a->shallow, &b->shallow, nodes);
    assert_same_numbers(&a->refcounts, &b->refcounts, nodes);
    assert_same_column(a->flags, b->flags, nodes, sizeof *a->flags);
    assert_same_column(a->first_edge, b->first_edge, nodes + 1, sizeof *a->first_edge);
    assert_same_column(a->targets, b->targets, a->edge_count, sizeof *a->targets);
    assert_same_column(a->labels, b->labels, a->edge_count, sizeof *a->labels);
    assert_same_column(a->preview_nodes, b->preview_nodes, a->preview_count, 4);
    assert_same_column(a->preview_strings, b->preview_strings, a->preview_count, 4);
    assert_same_column(a->type_names, b->type_names, types, sizeof *a->type_names);
    assert_same_column(a->type_nodes, b->type_nodes, types, sizeof *a->type_nodes);
    assert_same_column(a->string_offsets, b->string_offsets, a->string_count + (size_t)2, 8);
    assert_same_column(a->string_bytes, b->string_bytes, (size_t)a->string_bytes_count, 1);
    assert_same_column(a->roots, b->roots, a->root_count, sizeof *a->roots);
}

static void assert_same_text(hsight_string a, hsight_string b)
{
    ck_assert_uint_eq(a.length, b.length);
    assert_same_column(a.data, b.data, a.length, 1);
}

static void assert_same_traces(const hsight_trace *a, const hsight_trace *b)
{
    const hsight__trace_columns *x = hsight__trace_get_columns(a);
    const hsight__trace_columns *y = hsight__trace_get_columns(b);
    size_t stacks = x->stack_count + (size_t)1;
    assert_same_column(hsight_trace_get_info(a), hsight_trace_get_info(b), 1,
                       sizeof(hsight_trace_info));
    ck_assert_uint_eq(x->stack_count, y->stack_count);
    ck_assert_uint_eq(x->frame_count, y->frame_count);
    ck_assert_uint_eq(x->row_count, y->row_count);
    ck_assert_uint_eq(x->string_count, y->string_count);
    ck_assert_uint_eq(x->string_bytes_count, y->string_bytes_count);
    ck_assert_uint_eq(x->native_count, y->native_count);
    ck_assert_int_eq(x->knows_native, y->knows_native);
    assert_same_column(x->callers, y->callers, stacks, sizeof *x->callers);
    assert_same_column(x->innermost, y->innermost, stacks, sizeof *x->innermost);
    assert_same_column(x->frames, y->frames, x->frame_count + (size_t)1, sizeof *x->frames);
    assert_same_column(x->rows, y->rows, x->row_count, sizeof *x->rows);
    assert_same_column(x->native_rows, y->native_rows, x->native_count, sizeof *x->native_rows);
    assert_same_column(x->string_offsets, y->string_offsets, x->string_count + (size_t)2, 8);
    assert_same_column(x->string_bytes, y->string_bytes, (size_t)x->string_bytes_count, 1);
}

static void assert_same_joins(const hsight_snapshot *a, const hsight_snapshot *b)
{
    const hsight_trace *trace = hsight_snapshot_trace(a);
    ck_assert_int_eq(trace == NULL, hsight_snapshot_trace(b) == NULL);
    if (trace != NULL) {
        assert_same_traces(trace, hsight_snapshot_trace(b));
        assert_same_column(hsight__snapshot_stacks(a), hsight__snapshot_stacks(b),
                           hsight_graph_node_count(hsight_snapshot_graph(a)) + (size_t)1,
                           sizeof(hsight_stack_id));
    }
}

void kit_assert_same(const hsight_snapshot *a, const hsight_snapshot *b)
{
    const hsight_snapshot_info *x = hsight_snapshot_get_info(a);
    const hsight_snapshot_info *y = hsight_snapshot_get_info(b);
    assert_same_columns(hsight__graph_columns(hsight_snapshot_graph(a)),
                        hsight__graph_columns(hsight_snapshot_graph(b)));
    assert_same_text(x->label, y->label);
    assert_same_text(x->interpreter, y->interpreter);
    assert_same_text(x->platform, y->platform);
    assert_same_text(x->arguments, y->arguments);
    assert_same_text(x->capture, y->capture);
    ck_assert_uint_eq(x->process_id, y->process_id);
    ck_assert_uint_eq(x->taken_at_ns, y->taken_at_ns);
    ck_assert_uint_eq(x->duration_ns, y->duration_ns);
    ck_assert_uint_eq(x->rss_bytes, y->rss_bytes);
    ck_assert_uint_eq(x->dropped_count, y->dropped_count);
    ck_assert_uint_eq(x->overcounted_count, y->overcounted_count);
    ck_assert_uint_eq(x->has_values, y->has_values);
    ck_assert_uint_eq(x->doubted_count, y->doubted_count);
    ck_assert_uint_eq(x->invalid_count, y->invalid_count);
    assert_same_text(x->overcounted_types, y->overcounted_types);
    assert_same_text(x->doubted_types, y->doubted_types);
    assert_same_text(x->invalid_types, y->invalid_types);
    ck_assert_uint_eq(hsight_snapshot_total_bytes(a), hsight_snapshot_total_bytes(b));
    assert_same_joins(a, b);
}

void kit_assert_file(const char *path, const hsight_snapshot *snapshot)
{
    hsight_snapshot *loaded = kit_load(path);
    kit_assert_same(loaded, snapshot);
    hsight_snapshot_free(loaded);
}

void kit_assert_message(const hsight_error *err, hsight_status status, const char *part)
{
    ck_assert_msg(err->status == status, "status %d, expected %d: %s", (int)err->status,
                  (int)status, err->message);
    ck_assert_msg(strstr(err->message, part) != NULL, "\"%s\" is not in: %s", part, err->message);
    ck_assert_ptr_null(strchr(err->message, '\n'));
}
