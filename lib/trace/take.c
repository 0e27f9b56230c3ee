/* SPDX-License-Identifier: MIT */
/* take.c - what the tracer knows now, as a value.
 *
 *   nodes (caller, code, offset) -> frames (function, file, line) -> stacks (caller, frame) -> rows
 *
 * Under the lock the tables are only copied; lines are found and equal frames merged afterwards,
 * so that other threads wait for a copy of some megabytes and not for the decoding.
 *
 * I1  nodes are in the order of their numbers, callers first; so are the stacks made of them
 * I2  places[code, offset] and stack_of[node] are found once each
 * I3  places are sorted, so that a table of lines is decoded in one pass
 *
 * O(nodes + line tables + p log p for p distinct places), memory on the tracer's allocator,
 * uncounted. */
#include "trace/tracer_parts.h"

#include "base/error.h"
#include "base/hash.h"
#include "trace/reach_sums.h"
#include "trace/take_rows.h"
#include "trace/trace_columns.h"

#include <stdlib.h>
#include <string.h>

/* What the trace owns, and what is needed only to make it. */
typedef struct {
    const hsight_allocator *allocator;
    hsight__vec callers; /* uint32_t */
    hsight__vec innermost;
    hsight__vec frames; /* hsight__frame_item */
    hsight__vec rows;   /* hsight_trace_row */
    hsight__vec native; /* hsight_native_row */
    bool knows_native;
    hsight__strings strings;
} product;

/* A place in a program, or (code 0) a thread. */
typedef struct {
    uint32_t code;
    uint32_t offset;
    uint32_t line;
    uint32_t frame; /* 0: not made yet */
} place;

typedef struct {
    product *made;
    hsight_tracer_options options;
    hsight_trace_info info;
    uint64_t epoch;
    bool is_rising;
    hsight__vec codes; /* copies */
    hsight__vec line_tables;
    hsight__vec nodes;
    hsight__vec stacks;
    hsight__vec places;     /* item 0 unused */
    hsight__map place_of;   /* code << 32 | offset -> place */
    hsight__map merged;     /* hash of a stack or frame -> its number, chained by `next` */
    hsight__vec next_frame; /* uint32_t */
    hsight__vec next_stack; /* uint32_t */
    hsight__vec stack_of;   /* node -> stack of the trace */
    uint64_t seed;
} taking;

static void free_product(void *owner)
{
    product *made = owner;
    const hsight_allocator *allocator = made->allocator;
    hsight__vec_free(&made->callers);
    hsight__vec_free(&made->innermost);
    hsight__vec_free(&made->frames);
    hsight__vec_free(&made->rows);
    hsight__vec_free(&made->native);
    hsight__strings_free(&made->strings);
    allocator->release(allocator->state, made, sizeof *made);
}

/* ---- the copy ---- */

static hsight_status copy_column(const hsight__vec *from, hsight__vec *to, hsight_error *err)
{
    return hsight__vec_append(to, from->data, from->count, err);
}

static hsight_status copy_strings(const hsight__strings *from, hsight__strings *to,
                                  hsight_error *err)
{
    to->seed = from->seed;
    to->offsets.count = 0; /* those of no strings */
    hsight_status status = copy_column(&from->offsets, &to->offsets, err);
    if (status == HSIGHT_OK) {
        status = copy_column(&from->bytes, &to->bytes, err);
    }
    if (status == HSIGHT_OK) {
        status = copy_column(&from->slots, &to->slots, err);
    }
    return status;
}

static hsight_trace_info describe(hsight_tracer *tracer)
{
    hsight_trace_info info = {
        .mode = hsight_tracer_mode(tracer),
        .frame_limit = tracer->options.frame_limit,
        .live_bytes = hsight__live_bytes(&tracer->totals),
        .live_blocks = hsight__whole_blocks(hsight__live_blocks(&tracer->totals)),
        .peak_bytes = tracer->totals.peak_bytes,
        .total_bytes = tracer->totals.allocated_bytes,
        .total_blocks = hsight__whole_blocks(tracer->totals.allocated_blocks),
        .dropped_count = atomic_load(&tracer->dropped_count),
        .memory_bytes = tracer->memory.bytes,
        .duration_ns = hsight__tracer_clock_ns() - tracer->started_ns,
    };
    if (info.mode == HSIGHT_TRACE_SAMPLED) {
        info.sample_bytes = tracer->options.sample_bytes;
    }
    for (size_t i = 0; i < HSIGHT_DOMAIN_COUNT; i++) {
        const hsight__domain_counters *counters = &tracer->domains[i];
        info.domains[i] = (hsight_trace_domain){atomic_load(&counters->allocated_blocks),
                                                atomic_load(&counters->allocated_bytes),
                                                atomic_load(&counters->freed_blocks)};
    }
    return info;
}

/* The lock is held. */
static hsight_status copy_tables(hsight_tracer *tracer, taking *job, hsight_error *err)
{
    if (hsight_tracer_mode(tracer) == 0) {
        return hsight__fail(err, HSIGHT_EINVAL, "the tracer is not running; start it first");
    }
    job->options = tracer->options;
    job->info = describe(tracer);
    job->epoch = tracer->epoch;
    job->is_rising = tracer->is_rising;
    hsight_status status = copy_column(&tracer->stacks.codes, &job->codes, err);
    if (status == HSIGHT_OK) {
        status = copy_column(&tracer->stacks.line_tables, &job->line_tables, err);
    }
    if (status == HSIGHT_OK) {
        status = copy_column(&tracer->stacks.nodes, &job->nodes, err);
    }
    if (status == HSIGHT_OK) {
        status = copy_column(&tracer->stacks.stacks, &job->stacks, err);
    }
    if (status == HSIGHT_OK) {
        status = copy_strings(&tracer->stacks.strings, &job->made->strings, err);
    }
    return status;
}

/* ---- merging ---- */

/* One number for equal items: `next` chains those with one hash. 0 when memory is refused; a new
 * number is the count of `items`, to which the item is appended. */
typedef bool (*same_item)(const taking *job, uint32_t index, const void *item);

static hsight_status merge(taking *job, uint64_t hash, const void *item, same_item same,
                           hsight__vec *items, hsight__vec *next, uint32_t *out, hsight_error *err)
{
    uint32_t *first = hsight__map_put(&job->merged, hash, err);
    if (first == NULL) {
        return HSIGHT_ENOMEM;
    }
    const uint32_t *chain = next->data;
    for (uint32_t at = *first; at != 0; at = chain[at]) {
        if (same(job, at, item)) {
            *out = at;
            return HSIGHT_OK;
        }
    }
    uint32_t made = (uint32_t)items->count, old = *first;
    *first = made;
    hsight_status status = hsight__vec_push(next, &old, err);
    if (status == HSIGHT_OK) {
        status = hsight__vec_push(items, item, err);
    }
    *out = made;
    return status;
}

static bool same_frame(const taking *job, uint32_t index, const void *item)
{
    const hsight__frame_item *known = job->made->frames.data;
    return memcmp(&known[index], item, sizeof *known) == 0;
}

static bool same_stack(const taking *job, uint32_t index, const void *item)
{
    const hsight__stack_node *wanted = item; /* caller and, in `code`, the frame */
    return ((const uint32_t *)job->made->callers.data)[index] == wanted->caller &&
           ((const uint32_t *)job->made->innermost.data)[index] == wanted->code;
}

static hsight_string lines_of(const taking *job, const hsight__code *code)
{
    return (hsight_string){(const char *)job->line_tables.data + code->lines_start,
                           code->lines_bytes};
}

/* ---- places ---- */

static uint64_t place_key(uint32_t code, uint32_t offset)
{
    return (uint64_t)code << 32 | offset;
}

static int compare_places(const void *a, const void *b)
{
    const place *first = a, *second = b;
    uint64_t x = place_key(first->code, first->offset);
    uint64_t y = place_key(second->code, second->offset);
    return (x > y) - (x < y);
}

static hsight_status collect_places(taking *job, hsight_error *err)
{
    const hsight__stack_node *nodes = job->nodes.data;
    for (size_t i = 1; i < job->nodes.count; i++) {
        uint32_t *known =
            hsight__map_put(&job->place_of, place_key(nodes[i].code, nodes[i].offset), err);
        if (known == NULL) {
            return HSIGHT_ENOMEM;
        }
        if (*known == 0) {
            *known = 1; /* set once all are sorted */
            place found = {nodes[i].code, nodes[i].offset, 0, 0};
            hsight_status status = hsight__vec_push(&job->places, &found, err);
            if (status != HSIGHT_OK) {
                return status;
            }
        }
    }
    return HSIGHT_OK;
}

static void find_lines(taking *job)
{
    hsight_line_cursor cursor;
    place *all = job->places.data;
    for (size_t i = 1; i < job->places.count; i++) {
        if (all[i].code != all[i - 1].code) {
            cursor = (hsight_line_cursor){0};
        }
        if (all[i].code != 0) {
            const hsight__code *code = (const hsight__code *)job->codes.data + all[i].code;
            all[i].line = job->options.find_line(lines_of(job, code), code->first_line,
                                                 all[i].offset, &cursor);
        }
    }
}

static hsight_status make_places(taking *job, hsight_error *err)
{
    hsight_status status = hsight__vec_append_zeros(&job->places, 1, err);
    if (status == HSIGHT_OK) {
        status = collect_places(job, err);
    }
    if (status != HSIGHT_OK) {
        return status;
    }
    place *all = job->places.data;
    qsort(all + 1, job->places.count - 1, sizeof *all, compare_places);
    for (size_t i = 1; i < job->places.count; i++) {
        uint32_t *known =
            hsight__map_put(&job->place_of, place_key(all[i].code, all[i].offset), err);
        if (known == NULL) { /* a map may grow although the key is there */
            return HSIGHT_ENOMEM;
        }
        *known = (uint32_t)i;
    }
    find_lines(job);
    return HSIGHT_OK;
}

static hsight_status make_frame(taking *job, const place *at, hsight__frame_item *out,
                                hsight_error *err)
{
    memset(out, 0, sizeof *out);
    if (at->code != 0) {
        const hsight__code *code = (const hsight__code *)job->codes.data + at->code;
        out->function = code->function;
        out->file = code->file;
        out->line = at->line;
        return HSIGHT_OK;
    }
    char name[256];
    size_t length = 0;
    if (job->options.name_thread != NULL) {
        length = job->options.name_thread(job->options.state, at->offset, name, sizeof name);
    }
    out->thread = at->offset;
    return hsight__strings_intern(&job->made->strings, name, length, &out->function, err);
}

/* The frame of a node; that of each place is made once. */
static hsight_status frame_of(taking *job, const hsight__stack_node *node, uint32_t *out,
                              hsight_error *err)
{
    uint32_t known = hsight__map_get(&job->place_of, place_key(node->code, node->offset));
    place *at = (place *)job->places.data + known;
    hsight_status status = HSIGHT_OK;
    if (at->frame == 0) {
        hsight__frame_item item;
        status = make_frame(job, at, &item, err);
        if (status == HSIGHT_OK) {
            uint64_t hash = hsight__hash_bytes(job->seed, &item, sizeof item) | 1;
            status = merge(job, hash, &item, same_frame, &job->made->frames, &job->next_frame,
                           &at->frame, err);
        }
    }
    *out = at->frame;
    return status;
}

static hsight_status add_stack(taking *job, const hsight__stack_node *node, hsight_error *err)
{
    const uint32_t *stack_of = job->stack_of.data;
    hsight__stack_node wanted = {.caller = stack_of[node->caller]};
    hsight_status status = frame_of(job, node, &wanted.code, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    uint32_t stack = 0;
    size_t before = job->made->callers.count;
    uint64_t pair = (uint64_t)wanted.caller << 32 | wanted.code;
    status = merge(job, hsight__hash_u64(job->seed, pair) & ~UINT64_C(1), &wanted, same_stack,
                   &job->made->callers, &job->next_stack, &stack, err);
    if (status == HSIGHT_OK && job->made->callers.count != before) {
        status = hsight__vec_push(&job->made->innermost, &wanted.code, err);
    }
    if (status == HSIGHT_OK) {
        status = hsight__vec_push(&job->stack_of, &stack, err);
    }
    return status;
}

static hsight_status make_stacks(taking *job, hsight_error *err)
{
    hsight__vec *zeroed[] = {&job->made->callers, &job->made->innermost, &job->made->frames,
                             &job->next_frame,    &job->next_stack,      &job->stack_of};
    hsight_status status = HSIGHT_OK;
    for (size_t i = 0; i < sizeof zeroed / sizeof *zeroed && status == HSIGHT_OK; i++) {
        status = hsight__vec_append_zeros(zeroed[i], 1, err);
    }
    if (status == HSIGHT_OK) {
        status = make_places(job, err);
    }
    const hsight__stack_node *nodes = job->nodes.data;
    for (size_t i = 1; i < job->nodes.count && status == HSIGHT_OK; i++) {
        status = add_stack(job, &nodes[i], err);
    }
    return status;
}

static hsight_status make_map(const taking *job, hsight_stack_id **out, uint32_t *count,
                              hsight_error *err)
{
    const hsight_allocator *allocator = hsight_allocator_default();
    size_t bytes = job->stacks.count * sizeof **out;
    hsight_stack_id *map = allocator->allocate(allocator->state, bytes);
    if (map == NULL) {
        return hsight__fail_memory(err, bytes);
    }
    const hsight__stack *stacks = job->stacks.data;
    const uint32_t *stack_of = job->stack_of.data;
    for (size_t i = 0; i < job->stacks.count; i++) {
        map[i].index = stack_of[stacks[i].node];
    }
    *out = map;
    *count = (uint32_t)job->stacks.count;
    return HSIGHT_OK;
}

void hsight_stack_map_free(hsight_stack_id *stack_map, uint32_t map_count)
{
    const hsight_allocator *allocator = hsight_allocator_default();
    if (stack_map != NULL) {
        allocator->release(allocator->state, stack_map, map_count * sizeof *stack_map);
    }
}

/* ---- all together ---- */

static hsight_status wrap(product *made, const hsight_trace_info *info, hsight_trace **out,
                          hsight_error *err)
{
    hsight__strings_freeze(&made->strings);
    hsight__vec *grown[] = {&made->callers, &made->innermost, &made->frames, &made->rows,
                            &made->native};
    for (size_t i = 0; i < sizeof grown / sizeof *grown; i++) {
        hsight__vec_shrink(grown[i]);
    }
    hsight__trace_columns columns = {
        .stack_count = (uint32_t)made->callers.count - 1,
        .frame_count = (uint32_t)made->frames.count - 1,
        .row_count = (uint32_t)made->rows.count,
        .string_count = hsight__strings_count(&made->strings),
        .native_count = (uint32_t)made->native.count,
        .knows_native = made->knows_native,
        .callers = made->callers.data,
        .innermost = made->innermost.data,
        .frames = made->frames.data,
        .rows = made->rows.data,
        .native_rows = made->native.data,
        .string_offsets = made->strings.offsets.data,
        .string_bytes = made->strings.bytes.data,
        .string_bytes_count = made->strings.bytes.count,
    };
    return hsight__trace_wrap(made->allocator, &columns, info, free_product, made, out, err);
}

static hsight_status new_product(const hsight_allocator *allocator, product **out,
                                 hsight_error *err)
{
    product *made = allocator->allocate(allocator->state, sizeof *made);
    if (made == NULL) {
        return hsight__fail_memory(err, sizeof *made);
    }
    memset(made, 0, sizeof *made);
    made->allocator = allocator;
    hsight__vec_init(&made->callers, allocator, sizeof(uint32_t));
    hsight__vec_init(&made->innermost, allocator, sizeof(uint32_t));
    hsight__vec_init(&made->frames, allocator, sizeof(hsight__frame_item));
    hsight__vec_init(&made->rows, allocator, sizeof(hsight_trace_row));
    hsight__vec_init(&made->native, allocator, sizeof(hsight_native_row));
    hsight_status status = hsight__strings_init(&made->strings, allocator, err);
    if (status != HSIGHT_OK) {
        allocator->release(allocator->state, made, sizeof *made);
        return status;
    }
    *out = made;
    return HSIGHT_OK;
}

static void begin_job(taking *job, const hsight_allocator *allocator, product *made)
{
    memset(job, 0, sizeof *job);
    job->made = made;
    job->seed = hsight__hash_seed();
    hsight__vec_init(&job->codes, allocator, sizeof(hsight__code));
    hsight__vec_init(&job->line_tables, allocator, 1);
    hsight__vec_init(&job->nodes, allocator, sizeof(hsight__stack_node));
    hsight__vec_init(&job->stacks, allocator, sizeof(hsight__stack));
    hsight__vec_init(&job->next_frame, allocator, sizeof(uint32_t));
    hsight__vec_init(&job->next_stack, allocator, sizeof(uint32_t));
    hsight__vec_init(&job->stack_of, allocator, sizeof(uint32_t));
    hsight__vec_init(&job->places, allocator, sizeof(place));
    hsight__map_init(&job->place_of, allocator);
    hsight__map_init(&job->merged, allocator);
}

static void end_job(taking *job)
{
    hsight__vec *columns[] = {&job->codes,  &job->line_tables, &job->nodes,      &job->stacks,
                              &job->places, &job->next_frame,  &job->next_stack, &job->stack_of};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        hsight__vec_free(columns[i]);
    }
    hsight__map_free(&job->place_of);
    hsight__map_free(&job->merged);
}

static hsight_status make_native_rows(const taking *job, const hsight_reach *reach,
                                      hsight_error *err)
{
    if (reach == NULL) {
        return HSIGHT_OK;
    }
    hsight__vec sums; /* by stack */
    hsight__vec_init(&sums, job->made->allocator, sizeof(hsight__reach_sum));
    hsight_status status = hsight__vec_append_zeros(&sums, job->stacks.count, err);
    if (status == HSIGHT_OK) {
        hsight__reach_sum_native(reach, &sums);
        status = hsight__take_native_rows(&sums, &job->stacks, job->stack_of.data,
                                          &job->made->native, err);
    }
    hsight__vec_free(&sums);
    job->made->knows_native = true;
    return status;
}

hsight_status hsight_tracer_take(hsight_tracer *tracer, const hsight_reach *reach,
                                 hsight_trace **out, hsight_stack_id **stack_map,
                                 uint32_t *map_count, hsight_error *err)
{
    const hsight_allocator *allocator = tracer->memory.allocator;
    product *made = NULL;
    taking job;
    hsight_status status = new_product(allocator, &made, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    begin_job(&job, allocator, made);
    hsight__lock_take(&tracer->lock);
    status = copy_tables(tracer, &job, err);
    hsight__lock_release(&tracer->lock);
    job.info.memory_bytes += hsight__block_map_bytes(&tracer->blocks.map); /* slow, and atomic */
    if (status == HSIGHT_OK) {
        status = make_stacks(&job, err);
    }
    if (status == HSIGHT_OK) {
        status = hsight__take_rows(&job.stacks, job.stack_of.data, job.is_rising ? 0 : job.epoch,
                                   &made->rows, err);
    }
    if (status == HSIGHT_OK) {
        status = make_native_rows(&job, reach, err);
    }
    if (status == HSIGHT_OK && stack_map != NULL) {
        status = make_map(&job, stack_map, map_count, err);
    }
    if (status == HSIGHT_OK) {
        status = wrap(made, &job.info, out, err);
        if (status != HSIGHT_OK && stack_map != NULL) {
            hsight_stack_map_free(*stack_map, *map_count);
        }
    }
    if (status != HSIGHT_OK) {
        free_product(made);
    }
    end_job(&job);
    return status;
}
