/* SPDX-License-Identifier: MIT */
/* stacks.c - from an array of raw frames to a number.
 *
 *   frames -> 64-bit hash -> stack_slots -> stack     the usual case: no frame is looked at again
 *                         \-> nodes, from the outermost frame inwards, by (caller, code, offset)
 *
 * The hash is a sum over pairs of frames of folded 64 x 64 bit products, with keys by place that
 * come from one random seed (after the NH family: Black et al., "UMAC", CRYPTO 1999, whose bound
 * asks for independent keys and so is no proof here). Stacks of one hash are taken for one.
 * Products do not wait for each other.
 *
 * A hash is made of addresses, and an address can come to mean another code object. Each death of a
 * code object raises retired_count; a stack found by hash that was last looked at before compares
 * its frames once and is looked for anew where one is gone. Its slot is then left to another hash.
 *
 * Programs that compile the same text again and again (eval, templates) would fill the tables with
 * copies: a code object that looks like one that died takes its number over, wherever it lies.
 *
 * I1  nodes[n].caller < n; the outermost node of every stack is a thread (code 0)
 * I2  node_slots and stack_slots are powers of two, at most half taken; 0 is free
 * I3  stacks[s].node names a node whose `stack` is s; no two nodes are equal
 * I4  nothing is changed by a call that fails, but for nodes and codes that no stack names yet
 * I5  no two living code objects have one number; codes[c].address is where c lies or lay last
 *
 * Memory on the tracer's allocator: 96 bytes a stack and 16 for its slot, 16 and 8 a node. */
#include "trace/stacks.h"

#include "base/hash.h"
#include "trace/block_map.h"

#include <string.h>

typedef struct {
    uint32_t tag; /* high half of the hash */
    uint32_t stack;
} stack_slot;

enum { FIRST_SLOTS = 256 };
#define NO_CODE  UINT32_MAX /* end of a list; 0 is no value of a map */
#define NODE_MAX (UINT32_MAX - 1)

hsight_status hsight__stacks_init(hsight__stacks *stacks, const hsight_allocator *allocator,
                                  hsight_error *err)
{
    memset(stacks, 0, sizeof *stacks);
    hsight__vec_init(&stacks->codes, allocator, sizeof(hsight__code));
    hsight__map_init(&stacks->code_ids, allocator);
    hsight__map_init(&stacks->alike_codes, allocator);
    hsight__vec_init(&stacks->met_codes, allocator, sizeof(uint64_t));
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
    hsight__map_free(&stacks->alike_codes);
    hsight__strings_free(&stacks->strings);
    hsight__vec_free(&stacks->met_codes);
    hsight__vec_free(&stacks->line_tables);
    hsight__vec_free(&stacks->nodes);
    hsight__vec_free(&stacks->node_slots);
    hsight__vec_free(&stacks->stacks);
    hsight__vec_free(&stacks->stack_slots);
}

/* ---- code objects ---- */

static hsight__code *get_code(const hsight__stacks *stacks, uint32_t id)
{
    return (hsight__code *)stacks->codes.data + id;
}

static bool same_text(hsight_string a, hsight_string b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static bool looks_like(const hsight__stacks *stacks, const hsight__code *code,
                       const hsight_code_info *info)
{
    hsight_string lines = {(const char *)stacks->line_tables.data + code->lines_start,
                           code->lines_bytes};
    return code->first_line == info->first_line && same_text(lines, info->lines) &&
           same_text(hsight__strings_get(&stacks->strings, code->function), info->function) &&
           same_text(hsight__strings_get(&stacks->strings, code->file), info->file);
}

static uint64_t hash_look(const hsight__stacks *stacks, const hsight_code_info *info)
{
    const hsight_string texts[] = {info->function, info->file, info->lines};
    uint64_t hash = hsight__hash_u64(stacks->seed, info->first_line);
    for (size_t i = 0; i < 3; i++) {
        hash = hsight__hash_bytes(hash, texts[i].data, texts[i].length);
    }
    return hash;
}

static bool copy_look(hsight__stacks *stacks, const hsight_code_info *info, hsight__code *code)
{
    code->first_line = info->first_line;
    code->lines_start = stacks->line_tables.count;
    code->lines_bytes = (uint32_t)info->lines.length;
    return hsight__strings_intern(&stacks->strings, info->function.data, info->function.length,
                                  &code->function, NULL) == HSIGHT_OK &&
           hsight__strings_intern(&stacks->strings, info->file.data, info->file.length, &code->file,
                                  NULL) == HSIGHT_OK &&
           hsight__vec_append(&stacks->line_tables, info->lines.data, info->lines.length, NULL) ==
               HSIGHT_OK;
}

/* Take a dead code object that looked the same off the list of its heirs; 0 where there is none. */
static uint32_t take_dead_alike(hsight__stacks *stacks, uint64_t look, const hsight_code_info *info)
{
    uint32_t *list = hsight__map_put(&stacks->alike_codes, look, NULL);
    if (list == NULL) {
        return 0;
    }
    *list = *list != 0 ? *list : NO_CODE;
    if (*list == NO_CODE || !looks_like(stacks, get_code(stacks, *list), info)) {
        return 0;
    }
    uint32_t id = *list;
    *list = get_code(stacks, id)->next_dead;
    return id;
}

static void bury_code(hsight__stacks *stacks, uint32_t id)
{
    hsight__code *code = get_code(stacks, id);
    uint32_t *list = hsight__map_put(&stacks->alike_codes, code->look, NULL);
    code->is_alive = false;
    if (list != NULL) { /* else it has no heir */
        code->next_dead = *list != 0 ? *list : NO_CODE;
        *list = id;
    }
}

static uint32_t add_code(hsight__stacks *stacks, const hsight_code_info *info, uint64_t look)
{
    hsight__code code = {.look = look};
    if (!copy_look(stacks, info, &code) ||
        hsight__vec_push(&stacks->codes, &code, NULL) != HSIGHT_OK) {
        return 0;
    }
    return (uint32_t)stacks->codes.count - 1;
}

/* A code object that is met first at this address, or again after another one lay there. */
static uint32_t meet_code(hsight__stacks *stacks, const hsight_tracer_options *options,
                          uint64_t address)
{
    hsight_code_info info = {0};
    options->describe_code(options->state, address, &info);
    uint64_t look = hash_look(stacks, &info);
    uint32_t id = take_dead_alike(stacks, look, &info);
    id = id != 0 ? id : add_code(stacks, &info, look);
    if (id == 0) {
        return 0;
    }
    uint32_t *by_address = NULL;
    if (hsight__vec_reserve(&stacks->met_codes, 1, NULL) == HSIGHT_OK) {
        by_address = hsight__map_put(&stacks->code_ids, address, NULL);
    }
    if (by_address == NULL) {
        bury_code(stacks, id);
        return 0;
    }
    *by_address = id;
    get_code(stacks, id)->address = address;
    get_code(stacks, id)->is_alive = true;
    (void)hsight__vec_push(&stacks->met_codes, &address, NULL); /* there is room */
    return id;
}

/* The number of a code object, 0 when memory is refused. */
static uint32_t code_of(hsight__stacks *stacks, const hsight_tracer_options *options,
                        uint64_t address)
{
    uint32_t known = hsight__map_get(&stacks->code_ids, address);
    if (known != 0 && get_code(stacks, known)->is_alive &&
        get_code(stacks, known)->address == address) {
        return known;
    }
    return meet_code(stacks, options, address);
}

void hsight__stacks_retire(hsight__stacks *stacks, uint64_t address)
{
    uint32_t known = hsight__map_get(&stacks->code_ids, address);
    if (known != 0 && get_code(stacks, known)->is_alive &&
        get_code(stacks, known)->address == address) {
        bury_code(stacks, known);
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

/* Address and offset in one word, one to one: an address has at most 48 bits and the lowest four
 * are 0. From 1 MiB of code on the two mix. */
static inline uint64_t frame_word(const hsight_raw_frame *frame)
{
    uint64_t offset = frame->offset;
    return frame->code ^ (offset << 48 | offset >> 16);
}

/* Two words a multiplication, each with a key of its place (NH: Black et al., "UMAC", CRYPTO 1999),
 * its halves folded together. */
static uint64_t hash_frames(const hsight__stacks *stacks, uint32_t thread,
                            const hsight_raw_frame *frames, uint32_t count)
{
    /* Odd constants: fractional bits of the square roots of 5 and 7. */
    uint64_t first_key = stacks->seed, second_key = ~stacks->seed;
    uint64_t sum = hsight__hash_u64(stacks->seed, (uint64_t)count << 32 | thread);
    const hsight_raw_frame *frame = frames, *last = frames + (count & ~1u);
    for (; frame < last; frame += 2) {
        first_key += UINT64_C(0x3C6EF372FE94F82B);
        second_key += UINT64_C(0xA54FF53A5F1D36F1);
        sum += hsight__hash_mix(frame_word(frame) + first_key, frame_word(frame + 1) + second_key);
    }
    if (count & 1) {
        sum += hsight__hash_mix(frame_word(frame) + ~first_key, second_key);
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
        node = code == 0
                   ? 0
                   : node_of(stacks, (hsight__stack_node){node, code, frames[i - 1].offset, 0});
    }
    return node;
}

/* Does a stack still consist of these frames? Of their threads the hash tells. */
static bool is_made_of(const hsight__stacks *stacks, uint32_t node, const hsight_raw_frame *frames,
                       uint32_t count)
{
    const hsight__stack_node *nodes = stacks->nodes.data;
    for (uint32_t i = 0; i < count; i++, node = nodes[node].caller) {
        const hsight__code *code = get_code(stacks, nodes[node].code);
        if (nodes[node].code == 0 || !code->is_alive || code->address != frames[i].code ||
            nodes[node].offset != frames[i].offset) {
            return false;
        }
    }
    return nodes[node].code == 0;
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

/* Slots of hashes that stacks had before are left out. */
static bool remake_stack_slots(hsight__stacks *stacks)
{
    hsight__vec made;
    size_t have = stacks->stack_slots.count;
    hsight__vec_init(&made, stacks->stack_slots.allocator, sizeof(stack_slot));
    if (hsight__vec_append_zeros(&made, stacks->stacks.count * 4 > have ? have * 2 : have, NULL) !=
        HSIGHT_OK) {
        return false;
    }
    stacks->taken_slots = 0;
    for (uint32_t id = 1; id < stacks->stacks.count; id++) {
        uint64_t hash = hsight__stacks_get(stacks, id)->hash;
        stack_slot *slot = probe_stack(stacks, &made, hash);
        stacks->taken_slots += slot->stack == 0;
        *slot = (stack_slot){(uint32_t)(hash >> 32), id};
    }
    hsight__vec_free(&stacks->stack_slots);
    stacks->stack_slots = made;
    return true;
}

/* The stack of a node, made now if need be; 0 when there is no room for it. */
static uint32_t stack_of_node(hsight__stacks *stacks, uint32_t thread, uint32_t node)
{
    hsight__stack_node *nodes = stacks->nodes.data;
    uint32_t id = (uint32_t)stacks->stacks.count;
    if (node == 0 || nodes[node].stack != 0) {
        return nodes[node].stack;
    }
    hsight__stack stack = {.node = node, .thread = thread};
    if (id > HSIGHT__STACK_MAX || hsight__vec_push(&stacks->stacks, &stack, NULL) != HSIGHT_OK) {
        return 0;
    }
    nodes[node].stack = id;
    return id;
}

uint32_t hsight__stacks_find(const hsight__stacks *stacks, uint32_t thread,
                             const hsight_raw_frame *frames, uint32_t frame_count)
{
    uint64_t hash = hash_frames(stacks, thread, frames, frame_count);
    uint32_t id = probe_stack(stacks, &stacks->stack_slots, hash)->stack;
    const hsight__stack *known = stacks->stacks.data;
    return id != 0 && known[id].verified == stacks->retired_count ? id : 0;
}

uint32_t hsight__stacks_intern(hsight__stacks *stacks, const hsight_tracer_options *options,
                               uint32_t thread, const hsight_raw_frame *frames,
                               uint32_t frame_count)
{
    uint64_t hash = hash_frames(stacks, thread, frames, frame_count);
    uint32_t id = probe_stack(stacks, &stacks->stack_slots, hash)->stack;
    if (id == 0 || !is_made_of(stacks, hsight__stacks_get(stacks, id)->node, frames, frame_count)) {
        if ((stacks->taken_slots + 1) * 2 > stacks->stack_slots.count &&
            !remake_stack_slots(stacks)) {
            return 0;
        }
        id = stack_of_node(stacks, thread,
                           intern_nodes(stacks, options, thread, frames, frame_count));
        if (id == 0) {
            return 0;
        }
        hsight__stacks_get(stacks, id)->hash = hash;
        stack_slot *slot = probe_stack(stacks, &stacks->stack_slots, hash);
        stacks->taken_slots += slot->stack == 0;
        *slot = (stack_slot){(uint32_t)(hash >> 32), id};
    }
    hsight__stacks_get(stacks, id)->verified = stacks->retired_count;
    return id;
}
