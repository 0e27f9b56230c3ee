/* SPDX-License-Identifier: MIT */
/* hsnap_trace.c - the allocations of a snapshot: printed, and made up for tests.
 *
 * A real tracer is told of blocks that never were. Code objects are numbers, their addresses and
 * those of blocks are made up, and where a frame stands is its line. */
#include "hsnap_tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <heapsight/reach.h>
#include <heapsight/tracer.h>

/* ---- dump ------------------------------------------------------------------------------------ */

static void dump_numbers(const hsight_trace_info *info)
{
    const struct {
        const char *key;
        uint64_t number;
    } numbers[] = {
        {"mode", (uint64_t)info->mode},         {"frame_limit", info->frame_limit},
        {"sample_bytes", info->sample_bytes},   {"live_bytes", info->live_bytes},
        {"live_blocks", info->live_blocks},     {"peak_bytes", info->peak_bytes},
        {"total_bytes", info->total_bytes},     {"total_blocks", info->total_blocks},
        {"dropped_count", info->dropped_count}, {"memory_bytes", info->memory_bytes},
        {"duration_ns", info->duration_ns},
    };
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        printf("trace %s %llu\n", numbers[i].key, (unsigned long long)numbers[i].number);
    }
    for (int i = 0; i < HSIGHT_DOMAIN_COUNT; i++) {
        const hsight_trace_domain *domain = &info->domains[i];
        printf("domain %d %llu %llu %llu\n", i, (unsigned long long)domain->allocated_blocks,
               (unsigned long long)domain->allocated_bytes,
               (unsigned long long)domain->freed_blocks);
    }
}

static void dump_frames(const hsight_trace *trace)
{
    for (uint32_t i = 1; i <= hsight_trace_frame_count(trace); i++) {
        hsight_trace_frame frame = hsight_trace_get_frame(trace, (hsight_frame_id){i});
        printf("frame %u ", i);
        print_quoted(frame.function);
        putchar(' ');
        print_quoted(frame.file);
        printf(" %u %u\n", frame.line, frame.thread);
    }
}

static void dump_rows(const hsight_trace *trace)
{
    const hsight_trace_row *rows = hsight_trace_rows(trace);
    for (uint32_t i = 0; i < hsight_trace_row_count(trace); i++) {
        const hsight_trace_figures *is = &rows[i].figures;
        const uint64_t figures[] = {is->live_bytes,      is->live_blocks,     is->total_bytes,
                                    is->total_blocks,    is->peak_bytes,      is->peak_blocks,
                                    is->temporary_bytes, is->temporary_blocks};
        printf("row %u %u", i, rows[i].stack.index);
        for (size_t k = 0; k < COUNT_OF(figures); k++) {
            printf(" %llu", (unsigned long long)figures[k]);
        }
        putchar('\n');
    }
}

/* Not known, and none, are different answers. */
static void dump_native(const hsight_trace *trace)
{
    if (!hsight_trace_knows_native(trace)) {
        return;
    }
    const hsight_native_row *rows = hsight_trace_native_rows(trace);
    printf("native rows %u\n", hsight_trace_native_count(trace));
    for (uint32_t i = 0; i < hsight_trace_native_count(trace); i++) {
        printf("native %u %u %llu %llu\n", i, rows[i].stack.index,
               (unsigned long long)rows[i].bytes, (unsigned long long)rows[i].blocks);
    }
}

void dump_trace(const hsight_snapshot *snapshot)
{
    const hsight_trace *trace = hsight_snapshot_trace(snapshot);
    if (trace == NULL) {
        return;
    }
    dump_numbers(hsight_trace_get_info(trace));
    dump_frames(trace);
    for (uint32_t i = 1; i <= hsight_trace_stack_count(trace); i++) {
        printf("stack %u %u %u\n", i, hsight_trace_caller(trace, (hsight_stack_id){i}).index,
               hsight_trace_innermost(trace, (hsight_stack_id){i}).index);
    }
    dump_rows(trace);
    dump_native(trace);
    uint32_t count = hsight_graph_node_count(hsight_snapshot_graph(snapshot));
    for (uint32_t i = 1; i <= count; i++) {
        printf("allocated %u %u\n", i, hsight_snapshot_stack(snapshot, (hsight_node_id){i}).index);
    }
}

/* ---- a tracer that is told stories ----------------------------------------------------------- */

enum { CODES = 6, THREADS = 3, FRAMES_MAX = 8 };

/* Code object n has names[n], in a file of names[n / 2]; thread n + 1 is called names[n], and there
 * are threads without a name. */
typedef struct {
    char names[CODES][RANDOM_TEXT_BYTES];
    hsight_tracer *tracer;
    hsight_trace_thread threads[THREADS];
} story;

static uint64_t address_of_code(uint32_t code)
{
    return 0x40000000 + 256 * (uint64_t)code;
}

static void describe_code(void *state, uint64_t code, hsight_code_info *out)
{
    const story *told = state;
    size_t number = (size_t)(code - address_of_code(0)) / 256;
    out->function = text_of(told->names[number]);
    out->file = text_of(told->names[number / 2]);
    out->lines = text_of("lines");
    out->first_line = 100 * (uint32_t)number;
}

static uint32_t find_line(hsight_string lines, uint32_t first_line, uint32_t offset,
                          hsight_line_cursor *cursor)
{
    (void)cursor;
    return lines.length == 5 && offset > 0 ? first_line + offset : 0;
}

static size_t name_thread(void *state, uint32_t number, char *out, size_t size)
{
    const story *told = state;
    return number < THREADS ? (size_t)snprintf(out, size, "%s", told->names[number - 1]) : 0;
}

static void begin(story *told, hsight_trace_mode mode)
{
    hsight_error err;
    const hsight_tracer_options options = {
        .mode = mode,
        .frame_limit = FRAMES_MAX,
        .sample_bytes = 512,
        .seed = 1,
        .describe_code = describe_code,
        .find_line = find_line,
        .name_thread = name_thread,
        .state = told,
    };
    memset(told->threads, 0, sizeof told->threads);
    must(hsight_tracer_new(NULL, &told->tracer, &err), &err);
    must(hsight_tracer_start(told->tracer, &options, &err), &err);
}

static void allocate(story *told, uint32_t thread, uint64_t address, size_t bytes,
                     const hsight_raw_frame *frames, uint32_t frame_count)
{
    hsight_tracer_record(told->tracer, &told->threads[thread], (const void *)(uintptr_t)address,
                         bytes, frames, frame_count);
}

static void release(story *told, uint32_t thread, uint64_t address)
{
    hsight_traced_block gone;
    hsight_tracer_forget(told->tracer, &told->threads[thread], (const void *)(uintptr_t)address,
                         &gone);
}

/* Blocks of objects are met; none is followed, as there is no memory at the addresses. */
static hsight_reach *search_native(const story *told, const hsight_graph *graph)
{
    hsight_reach *reach;
    hsight_error err;
    must(hsight_reach_new(told->tracer, &reach, &err), &err);
    for (uint32_t i = 1; i <= hsight_graph_node_count(graph); i++) {
        uint64_t address = hsight_graph_address(graph, (hsight_node_id){i});
        must(hsight_reach_meet(reach, (const void *)(uintptr_t)address, &err), &err);
    }
    return reach;
}

/* As a capture does it: the stack of each object by its address. */
static void end(story *told, hsight_snapshot *snapshot, bool knows_native)
{
    const hsight_graph *graph = hsight_snapshot_graph(snapshot);
    const hsight_allocator *allocator = hsight_allocator_default();
    uint32_t count = hsight_graph_node_count(graph), map_count;
    hsight_trace *trace;
    hsight_stack_id *map;
    hsight_error err;
    hsight_reach *reach = knows_native ? search_native(told, graph) : NULL;
    must(hsight_tracer_take(told->tracer, reach, &trace, &map, &map_count, &err), &err);
    hsight_reach_free(reach);
    hsight_stack_id *stacks =
        allocator->allocate(allocator->state, ((size_t)count + 1) * sizeof *stacks);
    if (stacks == NULL) {
        abort();
    }
    stacks[0].index = 0;
    for (uint32_t i = 1; i <= count; i++) {
        uint64_t address = hsight_graph_address(graph, (hsight_node_id){i});
        stacks[i] = map[hsight_tracer_stack_of(told->tracer, (const void *)(uintptr_t)address)];
    }
    hsight_stack_map_free(map, map_count);
    must(hsight_snapshot_join(snapshot, trace, stacks, &err), &err);
    hsight_tracer_free(told->tracer);
}

/* ---- tiny ------------------------------------------------------------------------------------ */

/* Two blocks of one stack, and one of more than 4 GiB on a stack that allocated an object, too. */
static void allocate_native(story *told)
{
    const hsight_raw_frame encode[] = {{address_of_code(5), 9}, {address_of_code(4), 7}};
    const hsight_raw_frame unknown[] = {{address_of_code(3), 0}};
    allocate(told, 0, 0x400000, 100, encode, 2);
    allocate(told, 0, 0x500000, 200, encode, 2);
    allocate(told, 1, 0x100000000000, 6442450944u, unknown, 1);
}

/* Two lines of one function, a name with a lone surrogate, a line that is not known, a thread
 * without a name and a block that no function allocated, two that did not stay, and objects that
 * nobody saw. */
void join_tiny_trace(hsight_snapshot *snapshot, bool knows_native)
{
    story told = {
        .names = {"worker-1", "service.py", "Pool.pin", "l\xed\xa0\x80", "serve", "encode"}};
    const uint64_t session = 0x7f0000005000, array = 0x7f0000006000, cycle = 0x7f0000007000;
    const hsight_raw_frame first[] = {{address_of_code(2), 41}, {address_of_code(4), 7}};
    const hsight_raw_frame second[] = {{address_of_code(2), 42}, {address_of_code(4), 7}};
    const hsight_raw_frame unknown[] = {{address_of_code(3), 0}};
    begin(&told, HSIGHT_TRACE_EXACT);
    allocate(&told, 0, session, 56, first, 2);
    allocate(&told, 0, 0x100000, 4000, second, 2);
    allocate(&told, 1, array, 5368709120u, unknown, 1);
    allocate(&told, 2, cycle, 48, second, 2);
    release(&told, 0, 0x100000);
    allocate(&told, 2, 0x200000, 16, first, 2);
    release(&told, 2, 0x200000);
    allocate(&told, 2, 0x300000, 24, NULL, 0);
    if (knows_native) {
        allocate_native(&told);
    }
    end(&told, snapshot, knows_native);
}

/* ---- random ---------------------------------------------------------------------------------- */

/* Objects of a random graph are 16 bytes apart; blocks must not overlap. */
enum { OBJECT_BYTES = 16 };
static const uint64_t BLOCKS_BEGIN = 0x100000000, BLOCK_BYTES = 1 << 24;

static void allocate_random(story *told, uint64_t address, size_t bytes, uint64_t *state)
{
    hsight_raw_frame frames[FRAMES_MAX];
    uint32_t count = below(state, FRAMES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        frames[i].code = address_of_code(below(state, CODES));
        frames[i].offset = below(state, 3);
    }
    allocate(told, below(state, THREADS), address, bytes, frames, count);
}

static void count_random(story *told, uint64_t *state)
{
    for (uint32_t i = below(state, 20); i > 0; i--) {
        hsight_tracer_count_allocation(told->tracer, below(state, HSIGHT_DOMAIN_COUNT),
                                       (size_t)below(state, 1000));
        hsight_tracer_count_free(told->tracer, below(state, HSIGHT_DOMAIN_COUNT));
    }
}

void join_random_trace(hsight_snapshot *snapshot, hsight_trace_mode mode, uint64_t *state)
{
    const hsight_graph *graph = hsight_snapshot_graph(snapshot);
    story told;
    for (size_t i = 0; i < CODES; i++) {
        random_text(state, told.names[i]);
    }
    begin(&told, mode);
    for (uint32_t i = 1; i <= hsight_graph_node_count(graph); i++) {
        if (below(state, 4) > 0) {
            allocate_random(&told, hsight_graph_address(graph, (hsight_node_id){i}),
                            below(state, OBJECT_BYTES + 1), state);
        }
    }
    for (uint32_t i = below(state, 20); i > 0; i--) {
        uint64_t address = BLOCKS_BEGIN + BLOCK_BYTES * below(state, 8);
        allocate_random(&told, address, next_random(state) % (BLOCK_BYTES + 1), state);
        if (below(state, 2) > 0) {
            release(&told, below(state, THREADS), address);
        }
    }
    count_random(&told, state);
    end(&told, snapshot, mode == HSIGHT_TRACE_EXACT && below(state, 2) > 0);
}
