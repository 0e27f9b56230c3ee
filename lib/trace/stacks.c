/* SPDX-License-Identifier: MIT */
/* stacks.c - from an array of raw frames to a number.
 *
 *   frames -> 64-bit hash -> stack_slots -> stack          the usual case: no frame is looked at
 * again
 *                         \-> nodes, from the outermost frame inwards, by (caller, code, offset)
 *
 * The hash is a sum over frames of folded 64 x 64 bit products under a random seed, each with a key
 * of its own place (the NMH family: Black et al., "UMAC", CRYPTO 1999); two stacks are taken for
 * one with a chance of some 2^-63 a pair. Products do not wait for each other, so a frame costs one
 * multiplication.
 *
 * A hash is made of addresses, and an address can come to mean another code object. Each death of a
 * code object raises retired_count; a stack found by hash that was last looked at before checks its
 * frames once and is replaced where one is gone.
 *
 * I1  nodes[n].caller < n; the outermost node of every stack is a thread (code 0)
 * I2  node_slots and stack_slots are powers of two, at most half taken; 0 is free
 * I3  stacks[s].node names a node; no two nodes are equal
 * I4  nothing is changed by a call that fails, but for nodes and codes that no stack names yet
 *
 * Memory on the tracer's allocator: 104 bytes a stack and 16 for its slot, 12 and 8 a node. */
#include "trace/stacks.h"

#include "base/hash.h"
#include "trace/block_map.h"

#include <string.h>

typedef struct {
    uint32_t tag; /* high half of the hash */
    uint32_t stack;
} stack_slot;

enum { FIRST_SLOTS = 256 };
#define NODE_MAX (UINT32_MAX - 1)

hsight_status hsight__stacks_init(hsight__stacks *stacks, const hsight_allocator *allocator,
                                  hsight_error *err)
{
    memset(stacks, 0, sizeof *stacks);
    hsight__vec_init(&stacks->codes, allocator, sizeof(hsight__code));
    hsight__map_init(&stacks->code_ids, allocator);
    hsight__vec_init(&stacks->line_tables, allocator, 1);
    hsight__vec_init(&stacks->nodes, allocator, sizeof(hsight__stack_node));
    hsight__vec_init(&stacks->node_slots, allocator, sizeof(uint32_t));
    hsight__vec_init(&stacks->stacks, allocator, sizeof(hsight__stack));
    hsight__vec_init(&stacks->stack_slots, allocator, sizeof(stack_slot));
    stacks->seed = hsight__hash_seed();
    hsight_status status = hsight__strings_init(&stacks->strings, allocator, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    hsight__vec *starts[] = {&stacks->codes, &stacks->nodes, &stacks->stacks};
    for (size_t i = 0; i < 3 && status == HSIGHT_OK; i++) {
        status = hsight__vec_append_zeros(starts[i], 1, err);
    }
    if (status == HSIGHT_OK) {
        status = hsight__vec_append_zeros(&stacks->node_slots, FIRST_SLOTS, err);
    }
    if (status == HSIGHT_OK) {
        status = hsight__vec_append_zeros(&stacks->stack_slots, FIRST_SLOTS, err);
    }
    if (status != HSIGHT_OK) {
        hsight__stacks_free(stacks);
    }
    return status;
}

void hsight__stacks_free(hsight__stacks *stacks)
{
    hsight__vec_free(&stacks->codes);
    hsight__map_free(&stacks->code_ids);
    hsight__strings_free(&stacks->strings);
    hsight__vec_free(&stacks->line_tables);
    hsight__vec_free(&stacks->nodes);
    hsight__vec_free(&stacks->node_slots);
    hsight__vec_free(&stacks->stacks);
    hsight__vec_free(&stacks->stack_slots);
}

/* ---- code objects ---- */

static bool describe(hsight__stacks *stacks, const hsight_tracer_options *options,
                     hsight__code *code)
{
    hsight_code_info info = {0};
    options->describe_code(options->state, code->address, &info);
    code->first_line = info.first_line;
    code->lines_start = stacks->line_tables.count;
    code->lines_bytes = (uint32_t)info.lines.length;
    return hsight__strings_intern(&stacks->strings, info.function.data, info.function.length,
                                  &code->function, NULL) == HSIGHT_OK &&
           hsight__strings_intern(&stacks->strings, info.file.data, info.file.length, &code->file,
                                  NULL) == HSIGHT_OK &&
           hsight__vec_append(&stacks->line_tables, info.lines.data, info.lines.length, NULL) ==
               HSIGHT_OK;
}

/* The number of a code object, 0 when memory is refused. */
static uint32_t code_of(hsight__stacks *stacks, const hsight_tracer_options *options,
                        uint64_t address)
{
    uint32_t known = hsight__map_get(&stacks->code_ids, address);
    if (known != 0 && ((hsight__code *)stacks->codes.data)[known].is_alive) {
        return known;
    }
    hsight__code code = {.address = address, .is_alive = true};
    if (hsight__vec_reserve(&stacks->codes, 1, NULL) != HSIGHT_OK ||
        !describe(stacks, options, &code)) {
        return 0;
    }
    uint32_t *id = hsight__map_put(&stacks->code_ids, address, NULL);
    if (id == NULL) {
        return 0;
    }
    *id = (uint32_t)stacks->codes.count;
    (void)hsight__vec_push(&stacks->codes, &code, NULL); /* there is room */
    return *id;
}

void hsight__stacks_retire(hsight__stacks *stacks, uint64_t address)
{
    uint32_t known = hsight__map_get(&stacks->code_ids, address);
    if (known != 0) {
        ((hsight__code *)stacks->codes.data)[known].is_alive = false;
        stacks->retired_count++;
    }
}

/* ---- nodes ---- */

static uint64_t hash_node(const hsight__stacks *stacks, const hsight__stack_node *node)
{
    uint64_t hash = hsight__hash_u64(stacks->seed, (uint64_t)node->caller << 32 | node->code);
    return hsight__hash_u64(hash, node->offset);
}

static bool same_node(const hsight__stack_node *a, const hsight__stack_node *b)
{
    return a->caller == b->caller && a->code == b->code && a->offset == b->offset;
}

static uint32_t *probe_node(const hsight__stacks *stacks, const hsight__vec *slots,
                            const hsight__stack_node *node)
{
    const hsight__stack_node *nodes = stacks->nodes.data;
    uint32_t *all = slots->data;
    size_t mask = slots->count - 1;
    size_t at = (size_t)hash_node(stacks, node) & mask;
    while (all[at] != 0 && !same_node(&nodes[all[at]], node)) {
        at = (at + 1) & mask;
    }
    return &all[at];
}

static bool grow_node_slots(hsight__stacks *stacks)
{
    hsight__vec grown;
    hsight__vec_init(&grown, stacks->node_slots.allocator, sizeof(uint32_t));
    if (hsight__vec_append_zeros(&grown, stacks->node_slots.count * 2, NULL) != HSIGHT_OK) {
        return false;
    }
    const hsight__stack_node *nodes = stacks->nodes.data;
    for (uint32_t node = 1; node < stacks->nodes.count; node++) {
        *probe_node(stacks, &grown, &nodes[node]) = node;
    }
    hsight__vec_free(&stacks->node_slots);
    stacks->node_slots = grown;
    return true;
}

static uint32_t node_of(hsight__stacks *stacks, hsight__stack_node node)
{
    uint32_t *slot = probe_node(stacks, &stacks->node_slots, &node);
    if (*slot != 0) {
        return *slot;
    }
    uint32_t id = (uint32_t)stacks->nodes.count;
    if (id >= NODE_MAX || hsight__vec_reserve(&stacks->nodes, 1, NULL) != HSIGHT_OK) {
        return 0;
    }
    if (stacks->nodes.count * 2 > stacks->node_slots.count) {
        if (!grow_node_slots(stacks)) {
            return 0;
        }
        slot = probe_node(stacks, &stacks->node_slots, &node);
    }
    (void)hsight__vec_push(&stacks->nodes, &node, NULL); /* there is room */
    *slot = id;
    return id;
}

/* ---- stacks ---- */

static uint64_t hash_frames(const hsight__stacks *stacks, uint32_t thread,
                            const hsight_raw_frame *frames, uint32_t count)
{
    /* Odd constants: fractional bits of the square roots of 5 and 7. */
    uint64_t code_key = stacks->seed, offset_key = ~stacks->seed;
    uint64_t sum = hsight__hash_u64(stacks->seed, (uint64_t)count << 32 | thread);
    for (uint32_t i = 0; i < count; i++) {
        code_key += UINT64_C(0x3C6EF372FE94F82B);
        offset_key += UINT64_C(0xA54FF53A5F1D36F1);
        sum += hsight__hash_mix(frames[i].code + code_key, frames[i].offset + offset_key);
    }
    return sum;
}

/* The outermost frame first. */
static uint32_t intern_nodes(hsight__stacks *stacks, const hsight_tracer_options *options,
                             uint32_t thread, const hsight_raw_frame *frames, uint32_t count)
{
    uint32_t node = node_of(stacks, (hsight__stack_node){.offset = thread});
    for (uint32_t i = count; i > 0 && node != 0; i--) {
        uint32_t code = code_of(stacks, options, frames[i - 1].code);
        node =
            code == 0 ? 0 : node_of(stacks, (hsight__stack_node){node, code, frames[i - 1].offset});
    }
    return node;
}

/* Are all code objects of a stack still those that it was made of? */
static bool is_valid(const hsight__stacks *stacks, uint32_t node)
{
    const hsight__stack_node *nodes = stacks->nodes.data;
    const hsight__code *codes = stacks->codes.data;
    for (; nodes[node].code != 0; node = nodes[node].caller) {
        if (!codes[nodes[node].code].is_alive) {
            return false;
        }
    }
    return true;
}

/* The slot with that hash, or the free one where it belongs. */
static stack_slot *probe_stack(const hsight__stacks *stacks, const hsight__vec *slots,
                               uint64_t hash)
{
    const hsight__stack *known = stacks->stacks.data;
    stack_slot *all = slots->data;
    size_t mask = slots->count - 1;
    size_t at = (size_t)hash & mask;
    uint32_t tag = (uint32_t)(hash >> 32);
    while (all[at].stack != 0 && (all[at].tag != tag || known[all[at].stack].hash != hash)) {
        at = (at + 1) & mask;
    }
    return &all[at];
}

static bool grow_stack_slots(hsight__stacks *stacks)
{
    hsight__vec grown;
    hsight__vec_init(&grown, stacks->stack_slots.allocator, sizeof(stack_slot));
    if (hsight__vec_append_zeros(&grown, stacks->stack_slots.count * 2, NULL) != HSIGHT_OK) {
        return false;
    }
    const stack_slot *old = stacks->stack_slots.data;
    for (size_t i = 0; i < stacks->stack_slots.count; i++) {
        if (old[i].stack != 0) {
            uint64_t hash = hsight__stacks_get(stacks, old[i].stack)->hash;
            *probe_stack(stacks, &grown, hash) = old[i];
        }
    }
    hsight__vec_free(&stacks->stack_slots);
    stacks->stack_slots = grown;
    return true;
}

static uint32_t add_stack(hsight__stacks *stacks, uint64_t hash, uint32_t thread, uint32_t node)
{
    uint32_t id = (uint32_t)stacks->stacks.count;
    if (node == 0 || id > HSIGHT__STACK_MAX ||
        (stacks->stacks.count * 2 > stacks->stack_slots.count && !grow_stack_slots(stacks))) {
        return 0;
    }
    hsight__stack stack = {
        .hash = hash, .node = node, .verified = stacks->retired_count, .thread = thread};
    if (hsight__vec_push(&stacks->stacks, &stack, NULL) != HSIGHT_OK) {
        return 0;
    }
    *probe_stack(stacks, &stacks->stack_slots, hash) = (stack_slot){(uint32_t)(hash >> 32), id};
    return id;
}

uint32_t hsight__stacks_intern(hsight__stacks *stacks, const hsight_tracer_options *options,
                               uint32_t thread, const hsight_raw_frame *frames,
                               uint32_t frame_count)
{
    uint64_t hash = hash_frames(stacks, thread, frames, frame_count);
    uint32_t id = probe_stack(stacks, &stacks->stack_slots, hash)->stack;
    if (id != 0) {
        hsight__stack *known = hsight__stacks_get(stacks, id);
        if (known->verified == stacks->retired_count) {
            return id;
        }
        if (is_valid(stacks, known->node)) {
            known->verified = stacks->retired_count;
            return id;
        }
    }
    return add_stack(stacks, hash, thread,
                     intern_nodes(stacks, options, thread, frames, frame_count));
}
