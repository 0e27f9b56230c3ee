/* SPDX-License-Identifier: MIT */
/* fuzz_load.c - any bytes as a snapshot file: refused with a sentence, or safe to walk.
 *
 * Every input is tried twice: as it is, and with lengths and checksums made right, so that
 * mutations get past them. What loads is walked through every accessor, so that a missing check
 * becomes a read outside the block, which AddressSanitizer sees: the block is exactly as long as
 * the file. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <heapsight/report.h>
#include <heapsight/site.h>
#include <heapsight/snapshot.h>

#include "base/crc32.h"
#include "store/format.h"
#include "store/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Sums keep the compiler from leaving reads out. */
static uint64_t walk_string(hsight_string text)
{
    uint64_t sum = text.length;
    for (size_t i = 0; i < text.length; i++) {
        sum += (unsigned char)text.data[i];
    }
    return sum;
}

static uint64_t walk_node(const hsight_graph *graph, hsight_node_id node)
{
    uint64_t sum = hsight_graph_address(graph, node) + hsight_graph_shallow_bytes(graph, node) +
                   hsight_graph_refcount(graph, node) + hsight_graph_flags(graph, node);
    sum += walk_string(hsight_graph_type_name(graph, hsight_graph_type(graph, node)));
    sum += walk_string(hsight_graph_preview(graph, node));
    hsight_references held = hsight_graph_references(graph, node);
    for (uint32_t i = 0; i < held.count; i++) {
        assert(held.targets[i].index >= 1);
        assert(held.targets[i].index <= hsight_graph_node_count(graph));
        assert(hsight_graph_edge_source(graph, held.first + i).index == node.index);
        sum += hsight_label_payload(held.labels[i]);
    }
    return sum;
}

static uint64_t walk(const hsight_graph *graph)
{
    uint64_t sum = 0;
    for (uint32_t i = 1; i <= hsight_graph_node_count(graph); i++) {
        sum += walk_node(graph, (hsight_node_id){i});
    }
    for (uint32_t i = 0; i <= hsight_graph_string_count(graph); i++) {
        sum += walk_string(hsight_graph_string(graph, (hsight_string_id){i}));
    }
    for (uint32_t i = 1; i <= hsight_graph_type_count(graph); i++) {
        sum += hsight_graph_type_node(graph, (hsight_type_id){i}).index;
    }
    for (uint32_t i = 0; i < hsight_graph_root_count(graph); i++) {
        const hsight_root *root = hsight_graph_root(graph, i);
        sum += walk_node(graph, root->node) + walk_string(hsight_graph_string(graph, root->file));
    }
    return sum;
}

static uint64_t walk_frame(const hsight_trace *trace, hsight_frame_id id)
{
    hsight_trace_frame frame = hsight_trace_get_frame(trace, id);
    return walk_string(frame.function) + walk_string(frame.file) + frame.line + frame.thread;
}

/* From a stack to its thread; the numbers get smaller, so it ends. */
static uint64_t walk_stack(const hsight_trace *trace, hsight_stack_id stack)
{
    uint64_t sum = 0;
    assert(stack.index <= hsight_trace_stack_count(trace));
    while (stack.index != 0) {
        hsight_frame_id frame = hsight_trace_innermost(trace, stack);
        hsight_stack_id caller = hsight_trace_caller(trace, stack);
        assert(frame.index >= 1 && frame.index <= hsight_trace_frame_count(trace));
        assert(caller.index < stack.index);
        assert((caller.index == 0) == (hsight_trace_get_frame(trace, frame).thread != 0));
        sum += walk_frame(trace, frame);
        stack = caller;
    }
    return sum;
}

static uint64_t walk_native(const hsight_trace *trace)
{
    uint64_t sum = 0;
    const hsight_native_row *rows = hsight_trace_native_rows(trace);
    assert(hsight_trace_knows_native(trace) || hsight_trace_native_count(trace) == 0);
    for (uint32_t i = 0; i < hsight_trace_native_count(trace); i++) {
        assert(rows[i].stack.index > (i > 0 ? rows[i - 1].stack.index : 0));
        sum += walk_stack(trace, rows[i].stack) + rows[i].bytes + rows[i].blocks;
    }
    return sum;
}

static uint64_t walk_trace(const hsight_snapshot *snapshot)
{
    const hsight_trace *trace = hsight_snapshot_trace(snapshot);
    if (trace == NULL) {
        return 0;
    }
    uint64_t sum = walk_native(trace);
    for (uint32_t i = 0; i <= hsight_trace_frame_count(trace); i++) {
        sum += walk_frame(trace, (hsight_frame_id){i});
    }
    const hsight_trace_row *rows = hsight_trace_rows(trace);
    for (uint32_t i = 0; i < hsight_trace_row_count(trace); i++) {
        assert(rows[i].stack.index > (i > 0 ? rows[i - 1].stack.index : 0));
        sum += walk_stack(trace, rows[i].stack) + rows[i].figures.live_bytes;
    }
    for (uint32_t i = 0; i <= hsight_graph_node_count(hsight_snapshot_graph(snapshot)); i++) {
        sum += walk_stack(trace, hsight_snapshot_stack(snapshot, (hsight_node_id){i}));
    }
    const hsight_trace_info *info = hsight_trace_get_info(trace);
    assert(info->mode >= HSIGHT_TRACE_EXACT && info->mode <= HSIGHT_TRACE_COUNTS);
    return sum + info->live_bytes + info->domains[HSIGHT_DOMAIN_COUNT - 1].freed_blocks;
}

static uint64_t walk_info(const hsight_snapshot *snapshot)
{
    const hsight_snapshot_info *info = hsight_snapshot_get_info(snapshot);
    return walk_string(info->label) + walk_string(info->interpreter) + walk_string(info->platform) +
           walk_string(info->arguments) + walk_string(info->capture);
}

/* What people read of any file, and an analysis that meets every object's stack. */
static int count_bytes(void *state, const char *data, size_t length)
{
    (void)data;
    *(uint64_t *)state += length;
    return 0;
}

static uint64_t report(const hsight_snapshot *snapshot)
{
    uint64_t written = 0;
    const hsight_sink sink = {count_bytes, &written};
    hsight_status status = hsight_report_info(snapshot, &sink, NULL);
    assert(status == HSIGHT_OK);
    hsight_sites *sites = NULL;
    status = hsight_sites_new(snapshot, HSIGHT_SORT_BYTES, &sites, NULL);
    assert((status == HSIGHT_OK) == (hsight_snapshot_trace(snapshot) != NULL));
    hsight_sites_free(sites);
    return written + (uint64_t)status;
}

static void release_block(void *owner, const hsight__columns *columns)
{
    (void)columns;
    free(owner);
}

static void try_load(const uint8_t *data, size_t size)
{
    void *block = NULL;
    if (posix_memalign(&block, HSIGHT__FORMAT_ALIGNMENT, size > 0 ? size : 1) != 0) {
        return;
    }
    memcpy(block, data, size);
    hsight_snapshot *snapshot;
    hsight_error err = {.message = ""};
    hsight_status status =
        hsight__store_read(NULL, block, size, release_block, block, &snapshot, &err);
    if (status != HSIGHT_OK) {
        assert(err.status == status && err.message[0] != '\0');
        return;
    }
    volatile uint64_t sum = walk(hsight_snapshot_graph(snapshot)) + walk_info(snapshot) +
                            walk_trace(snapshot) + report(snapshot);
    (void)sum;
    hsight_snapshot_free(snapshot);
}

/* Make the header's length and every checksum right, as far as the table of contents allows. */
static void repair(uint8_t *data, size_t size)
{
    hsight__crc32_tables crc;
    hsight__crc32_prepare(&crc);
    hsight__file_header header;
    memcpy(&header, data, sizeof header);
    size_t room = (size - sizeof header) / sizeof(hsight__file_entry);
    size_t count = header.chunk_count < room ? header.chunk_count : room;
    for (size_t i = 0; i < count && i < HSIGHT__FORMAT_MAX_CHUNKS; i++) {
        uint8_t *at = data + sizeof header + i * sizeof(hsight__file_entry);
        hsight__file_entry entry;
        memcpy(&entry, at, sizeof entry);
        if (entry.offset <= size && entry.length <= size - entry.offset) {
            entry.checksum = hsight__crc32(&crc, 0, data + entry.offset, (size_t)entry.length);
            memcpy(at, &entry, sizeof entry);
        }
    }
    memcpy(header.magic, HSIGHT__FORMAT_MAGIC, sizeof header.magic);
    header.file_bytes = size;
    header.contents_checksum =
        hsight__crc32(&crc, 0, data + sizeof header, count * sizeof(hsight__file_entry));
    header.header_checksum =
        hsight__crc32(&crc, 0, &header, offsetof(hsight__file_header, header_checksum));
    memcpy(data, &header, sizeof header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_load(data, size);
    if (size >= sizeof(hsight__file_header)) {
        uint8_t *copy = malloc(size);
        if (copy != NULL) {
            memcpy(copy, data, size);
            repair(copy, size);
            try_load(copy, size);
        }
        free(copy);
    }
    return 0;
}
