/* SPDX-License-Identifier: MIT */
/* made_trace.c - allocations that never happened, told to a real tracer and joined to a snapshot.
 *
 * A code object is a name at a made-up address; where it stands is its line. */
#include "made_trace.h"

#include "random_graph.h"

#include <heapsight/reach.h>
#include <heapsight/tracer.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CODES_MAX = 16, NAME_BYTES = 32, FRAMES_MAX = 16, THREADS_MAX = 4 };
static const uint64_t CODES_BEGIN = 0x40000000, CODE_BYTES = 64;

/* One run of the tracer. */
typedef struct {
    char codes[CODES_MAX][NAME_BYTES];
    size_t code_count;
    hsight_tracer *tracer;
    hsight_trace_thread threads[THREADS_MAX];
} session;

/* Not ck_assert: that leaves a record behind at each call, and these are in loops. */
static void must(hsight_status status, const hsight_error *err)
{
    if (status != HSIGHT_OK) {
        ck_abort_msg("%s", err->message);
    }
}

static hsight_string text_of(const char *text)
{
    return (hsight_string){text, strlen(text)};
}

static void describe_code(void *state, uint64_t code, hsight_code_info *out)
{
    const session *run = state;
    out->function = text_of(run->codes[(code - CODES_BEGIN) / CODE_BYTES]);
    out->file = text_of("app.py");
}

static uint32_t find_line(hsight_string lines, uint32_t first_line, uint32_t offset,
                          hsight_line_cursor *cursor)
{
    (void)lines, (void)cursor;
    return first_line + offset;
}

/* Threads are numbered in the order of their first block. */
static size_t name_thread(void *state, uint32_t number, char *out, size_t size)
{
    const session *run = state;
    for (int i = 1; i < THREADS_MAX; i++) {
        if (run->threads[i].number == number) {
            return (size_t)snprintf(out, size, "worker-%d", i);
        }
    }
    return 0;
}

static uint64_t code_named(session *run, const char *name, size_t length)
{
    size_t at = 0;
    while (at < run->code_count &&
           (strncmp(run->codes[at], name, length) != 0 || run->codes[at][length] != '\0')) {
        at++;
    }
    if (at == run->code_count) {
        ck_assert_uint_lt(at, CODES_MAX);
        ck_assert_uint_lt(length, NAME_BYTES);
        memcpy(run->codes[at], name, length);
        run->code_count++;
    }
    return CODES_BEGIN + at * CODE_BYTES;
}

static uint32_t parse_stack(session *run, const char *text, hsight_raw_frame frames[FRAMES_MAX])
{
    uint32_t count = 0;
    while (text != NULL && *text != '\0') {
        const char *colon = strchr(text, ':');
        char *end;
        ck_assert_msg(colon != NULL && count < FRAMES_MAX, "%s", text);
        frames[count].code = code_named(run, text, (size_t)(colon - text));
        frames[count++].offset = (uint32_t)strtoul(colon + 1, &end, 10);
        text = *end == ' ' ? end + 1 : end;
    }
    return count;
}

static const void *place(const made_block *block)
{
    return (const void *)(uintptr_t)block->address;
}

static void tell(session *run, const made_block *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hsight_raw_frame frames[FRAMES_MAX];
        uint32_t frame_count = parse_stack(run, blocks[i].stack, frames);
        hsight_tracer_record(run->tracer, &run->threads[blocks[i].thread], place(&blocks[i]),
                             blocks[i].bytes, frames, frame_count);
    }
    for (size_t i = 0; i < count; i++) {
        hsight_traced_block gone;
        if (blocks[i].is_freed) {
            hsight_tracer_forget(run->tracer, &run->threads[blocks[i].thread], place(&blocks[i]),
                                 &gone);
        }
    }
}

static void tell_counts(session *run, const made_block *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hsight_tracer_count_allocation(run->tracer, i % HSIGHT_DOMAIN_COUNT, blocks[i].bytes);
        if (blocks[i].is_freed) {
            hsight_tracer_count_free(run->tracer, i % HSIGHT_DOMAIN_COUNT);
        }
    }
}

/* Blocks of objects are met; none is followed, as there is no memory at the addresses. */
static hsight_reach *search_native(const session *run, const hsight_graph *graph)
{
    hsight_reach *reach;
    hsight_error err;
    must(hsight_reach_new(run->tracer, &reach, &err), &err);
    for (uint32_t i = 1; i <= hsight_graph_node_count(graph); i++) {
        uint64_t address = hsight_graph_address(graph, (hsight_node_id){i});
        must(hsight_reach_meet(reach, (const void *)(uintptr_t)address, &err), &err);
    }
    return reach;
}

static void join(session *run, hsight_snapshot *snapshot, bool knows_native)
{
    const hsight_graph *graph = hsight_snapshot_graph(snapshot);
    const hsight_allocator *allocator = hsight_allocator_default();
    uint32_t node_count = hsight_graph_node_count(graph), map_count;
    hsight_trace *trace;
    hsight_stack_id *map;
    hsight_error err;
    hsight_reach *reach = knows_native ? search_native(run, graph) : NULL;
    must(hsight_tracer_take(run->tracer, reach, &trace, &map, &map_count, &err), &err);
    hsight_reach_free(reach);
    size_t bytes = ((size_t)node_count + 1) * sizeof *map;
    hsight_stack_id *stacks = allocator->allocate(allocator->state, bytes);
    ck_assert_ptr_nonnull(stacks);
    memset(stacks, 0, bytes);
    for (uint32_t i = 1; i <= node_count; i++) {
        uint64_t address = hsight_graph_address(graph, (hsight_node_id){i});
        stacks[i] = map[hsight_tracer_stack_of(run->tracer, (const void *)(uintptr_t)address)];
    }
    hsight_stack_map_free(map, map_count);
    must(hsight_snapshot_join(snapshot, trace, stacks, &err), &err);
}

static void tell_and_join(hsight_snapshot *snapshot, hsight_trace_mode mode, bool knows_native,
                          const made_block *blocks, size_t count)
{
    session run = {.code_count = 0};
    hsight_error err;
    const hsight_tracer_options options = {
        .mode = mode,
        .frame_limit = MADE_TRACE_FRAMES,
        .sample_bytes = MADE_TRACE_SAMPLE_BYTES,
        .seed = 1,
        .describe_code = describe_code,
        .find_line = find_line,
        .name_thread = name_thread,
        .state = &run,
    };
    must(hsight_tracer_new(NULL, &run.tracer, &err), &err);
    must(hsight_tracer_start(run.tracer, &options, &err), &err);
    (mode == HSIGHT_TRACE_COUNTS ? tell_counts : tell)(&run, blocks, count);
    join(&run, snapshot, knows_native);
    hsight_tracer_free(run.tracer);
}

void made_trace_join(hsight_snapshot *snapshot, hsight_trace_mode mode, const made_block *blocks,
                     size_t count)
{
    tell_and_join(snapshot, mode, false, blocks, count);
}

void made_trace_join_native(hsight_snapshot *snapshot, const made_block *blocks, size_t count)
{
    tell_and_join(snapshot, HSIGHT_TRACE_EXACT, true, blocks, count);
}

/* ---- random ---------------------------------------------------------------------------------- */

enum { STACK_BYTES = 80, OTHER_BLOCKS = 20 };

static void random_stack(uint64_t *state, char out[STACK_BYTES])
{
    static const char *const names[] = {"main", "serve", "pin", "Pool.load", "f"};
    size_t used = 0;
    out[0] = '\0';
    for (uint32_t frames = random_below(state, 5); frames > 0; frames--) {
        used += (size_t)snprintf(out + used, STACK_BYTES - used, "%s:%u ",
                                 names[random_below(state, 5)], random_below(state, 3));
    }
}

static made_block random_block(uint64_t *state, uint64_t address, char stack[STACK_BYTES])
{
    random_stack(state, stack);
    return (made_block){.address = address,
                        .bytes = random_below(state, 2000),
                        .thread = random_below(state, THREADS_MAX),
                        .stack = stack};
}

void made_trace_join_random(hsight_snapshot *snapshot, uint64_t seed)
{
    const hsight_graph *graph = hsight_snapshot_graph(snapshot);
    uint64_t state = seed;
    size_t room = (size_t)hsight_graph_node_count(graph) + OTHER_BLOCKS, count = 0;
    made_block *blocks = calloc(room, sizeof *blocks);
    char (*stacks)[STACK_BYTES] = calloc(room, STACK_BYTES);
    ck_assert(blocks != NULL && stacks != NULL);
    for (uint32_t i = 1; i <= hsight_graph_node_count(graph); i++) {
        uint64_t address = hsight_graph_address(graph, (hsight_node_id){i});
        if (address != 0 && random_below(&state, 4) > 0) {
            blocks[count] = random_block(&state, address, stacks[count]);
            count++;
        }
    }
    for (uint32_t i = random_below(&state, OTHER_BLOCKS); i > 0; i--, count++) {
        blocks[count] = random_block(&state, 0x20000000 + 4096 * (uint64_t)i, stacks[count]);
        blocks[count].is_freed = random_below(&state, 2) == 0;
    }
    bool knows_native = random_below(&state, 2) == 0;
    tell_and_join(snapshot, HSIGHT_TRACE_EXACT, knows_native, blocks, count);
    free(blocks);
    free(stacks);
}
