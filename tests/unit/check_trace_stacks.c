/* SPDX-License-Identifier: MIT */
/* check_trace_stacks.c - interning of stacks: equal ones have one number, and code that died none.
 */
#include "trace/stacks.h"

#include "trace/block_map.h"

#include "check_trace_kit.h"
#include "failing_allocator.h"
#include "random_graph.h"
#include "suite.h"

#include <stddef.h>
#include <string.h>

static hsight_tracer_options options;

static void setup(void)
{
    options = trace_kit_options(HSIGHT_TRACE_EXACT, 0);
}

/* I1 to I3 of stacks.c. */
static void check(const hsight__stacks *stacks)
{
    const hsight__stack_node *nodes = stacks->nodes.data;
    uint32_t equal = 0; /* an assertion in the inner loop would take most of the time */
    for (uint32_t n = 1; n < stacks->nodes.count; n++) {
        ck_assert_uint_lt(nodes[n].caller, n);
        ck_assert((nodes[n].caller == 0) == (nodes[n].code == 0));
        ck_assert_uint_lt(nodes[n].code, stacks->codes.count);
        for (uint32_t other = 1; other < n; other++) {
            equal += memcmp(&nodes[n], &nodes[other], offsetof(hsight__stack_node, stack)) == 0;
        }
    }
    ck_assert_uint_eq(equal, 0);
    const hsight__stack *all = stacks->stacks.data;
    for (uint32_t s = 1; s < stacks->stacks.count; s++) {
        ck_assert(all[s].node > 0 && all[s].node < stacks->nodes.count);
        ck_assert_uint_eq(nodes[all[s].node].stack, s);
    }
    ck_assert_uint_eq(stacks->stack_slots.count & (stacks->stack_slots.count - 1), 0);
    ck_assert_uint_le(stacks->taken_slots, stacks->stack_slots.count / 2);
    ck_assert_uint_le(stacks->nodes.count, stacks->node_slots.count / 2 + 1);
}

/* Does a stack consist of these frames? */
static bool is_made_of(const hsight__stacks *stacks, uint32_t id, uint32_t thread,
                       const hsight_raw_frame *frames, uint32_t count)
{
    const hsight__stack_node *nodes = stacks->nodes.data;
    const hsight__code *codes = stacks->codes.data;
    uint32_t node = ((const hsight__stack *)stacks->stacks.data)[id].node;
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[node].code == 0 || codes[nodes[node].code].address != frames[i].code ||
            nodes[node].offset != frames[i].offset) {
            return false;
        }
        node = nodes[node].caller;
    }
    return nodes[node].code == 0 && nodes[node].offset == thread && nodes[node].caller == 0;
}

enum { MANY = 700, DEEPEST = 6 };

typedef struct {
    hsight_raw_frame frames[DEEPEST];
    uint32_t count;
    uint32_t thread;
} raw_stack;

static raw_stack random_stack(uint64_t *state)
{
    raw_stack made = {.count = random_below(state, DEEPEST + 1),
                      .thread = 1 + random_below(state, 2)};
    for (uint32_t i = 0; i < made.count; i++) {
        made.frames[i] =
            (hsight_raw_frame){0x1000 + 16 * random_below(state, 6), random_below(state, 3)};
    }
    return made;
}

static bool same(const raw_stack *a, const raw_stack *b)
{
    bool equal = a->count == b->count && a->thread == b->thread;
    for (uint32_t i = 0; equal && i < a->count; i++) {
        equal =
            a->frames[i].code == b->frames[i].code && a->frames[i].offset == b->frames[i].offset;
    }
    return equal;
}

START_TEST(equal_stacks_have_one_number)
{
    static raw_stack known[MANY];
    uint32_t ids[MANY];
    uint64_t state = (uint64_t)_i + 1;
    hsight__stacks stacks;
    ck_assert_int_eq(hsight__stacks_init(&stacks, hsight_allocator_default(), NULL), HSIGHT_OK);
    for (uint32_t i = 0; i < MANY; i++) {
        known[i] = random_stack(&state);
        ids[i] = hsight__stacks_intern(&stacks, &options, known[i].thread, known[i].frames,
                                       known[i].count);
        ck_assert_uint_ne(ids[i], 0);
        ck_assert(is_made_of(&stacks, ids[i], known[i].thread, known[i].frames, known[i].count));
        uint32_t wrong = 0;
        for (uint32_t before = 0; before < i; before++) {
            wrong += (ids[before] == ids[i]) != same(&known[before], &known[i]);
        }
        ck_assert_uint_eq(wrong, 0);
    }
    check(&stacks);
    hsight__stacks_free(&stacks);
}
END_TEST

START_TEST(an_empty_stack_is_the_thread_alone)
{
    hsight__stacks stacks;
    ck_assert_int_eq(hsight__stacks_init(&stacks, hsight_allocator_default(), NULL), HSIGHT_OK);
    uint32_t first = hsight__stacks_intern(&stacks, &options, 1, NULL, 0);
    uint32_t second = hsight__stacks_intern(&stacks, &options, 2, NULL, 0);
    ck_assert(first != 0 && second != 0 && first != second);
    ck_assert_uint_eq(hsight__stacks_intern(&stacks, &options, 1, NULL, 0), first);
    ck_assert(is_made_of(&stacks, second, 2, NULL, 0));
    hsight__stacks_free(&stacks);
}
END_TEST

static void expect_function(const hsight__stacks *stacks, uint32_t id, const char *name)
{
    const hsight__stack_node *node = (const hsight__stack_node *)stacks->nodes.data +
                                     ((const hsight__stack *)stacks->stacks.data)[id].node;
    const hsight__code *code = (const hsight__code *)stacks->codes.data + node->code;
    hsight_string text = hsight__strings_get(&stacks->strings, code->function);
    ck_assert_uint_eq(text.length, strlen(name));
    ck_assert_int_eq(memcmp(text.data, name, text.length), 0);
}

/* The innermost, or a frame further out, is another function at the same address. */
START_TEST(code_that_died_is_not_met_again)
{
    hsight__stacks stacks;
    ck_assert_int_eq(hsight__stacks_init(&stacks, hsight_allocator_default(), NULL), HSIGHT_OK);
    hsight_raw_frame frames[] = {{0x2000, 1}, {0x3000, 2}}, other = {0x4000, 1};
    uint64_t dies = _i ? 0x3000 : 0x2000;
    uint32_t bystander = hsight__stacks_intern(&stacks, &options, 1, &other, 1), before = 0;
    for (int life = 0; life < 5; life++) {
        const char *names[] = {"one", "two", "three", "four", "five"};
        trace_kit_name(dies, names[life]);
        uint32_t id = hsight__stacks_intern(&stacks, &options, 1, frames, 2);
        ck_assert(id != 0 && id != before);
        ck_assert_uint_eq(hsight__stacks_intern(&stacks, &options, 1, frames, 2), id);
        expect_function(&stacks, id, _i ? "f2000" : names[life]);
        ck_assert_uint_eq(hsight__stacks_intern(&stacks, &options, 1, &other, 1), bystander);
        hsight__stacks_retire(&stacks, dies);
        hsight__stacks_retire(&stacks, 0x9990); /* never met: nothing */
        before = id;
    }
    trace_kit_name(0, NULL);
    check(&stacks);
    hsight__stacks_free(&stacks);
}
END_TEST

/* Text that is compiled again and again: each code object lives a moment, wherever there is room,
 * inside one that stays. */
START_TEST(code_that_looks_like_one_that_died_is_that_one)
{
    hsight__stacks stacks;
    ck_assert_int_eq(hsight__stacks_init(&stacks, hsight_allocator_default(), NULL), HSIGHT_OK);
    uint32_t ids[2] = {0}, wrong = 0;
    for (uint32_t life = 0; life < 5000; life++) {
        uint64_t address = 0x10000 + 512 * (uint64_t)(life * 7 % 1000);
        hsight_raw_frame frames[] = {{address, 4}, {0x8000, life % 2}};
        trace_kit_name(address, "<module>");
        uint32_t id = hsight__stacks_intern(&stacks, &options, 1, frames, 2);
        ids[life % 2] = life < 2 ? id : ids[life % 2];
        wrong += id == 0 || id != ids[life % 2] || !is_made_of(&stacks, id, 1, frames, 2);
        hsight__stacks_retire(&stacks, address);
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_eq(stacks.codes.count, 1 + 2);
    ck_assert_uint_eq(stacks.nodes.count, 1 + 5);
    ck_assert_uint_le(stacks.stack_slots.count, 256);
    trace_kit_name(0, NULL);
    check(&stacks);
    hsight__stacks_free(&stacks);
}
END_TEST

/* Two that look the same and live at once are two; what one left behind at an address is not what
 * lies there later. */
START_TEST(code_that_moved_is_not_where_it_was)
{
    hsight__stacks stacks;
    ck_assert_int_eq(hsight__stacks_init(&stacks, hsight_allocator_default(), NULL), HSIGHT_OK);
    hsight_raw_frame first = {0x2000, 1}, second = {0x3000, 1};
    trace_kit_name(0x2000, "f3000");
    uint32_t one = hsight__stacks_intern(&stacks, &options, 1, &first, 1);
    uint32_t two = hsight__stacks_intern(&stacks, &options, 1, &second, 1);
    ck_assert(one != 0 && two != 0 && one != two);
    hsight__stacks_retire(&stacks, 0x2000);
    ck_assert_uint_eq(hsight__stacks_intern(&stacks, &options, 1, &second, 1), two);
    ck_assert_uint_eq(hsight__stacks_intern(&stacks, &options, 1, &first, 1), one); /* again */
    hsight__stacks_retire(&stacks, 0x3000);
    hsight__stacks_retire(&stacks, 0x2000);
    ck_assert_uint_eq(hsight__stacks_intern(&stacks, &options, 1, &second, 1), one); /* moved */
    trace_kit_name(0x2000, "other");
    uint32_t three = hsight__stacks_intern(&stacks, &options, 1, &first, 1);
    ck_assert(three != one && three != two);
    expect_function(&stacks, three, "other");
    ck_assert_uint_eq(hsight__stacks_intern(&stacks, &options, 1, &second, 1), one);
    hsight__stacks_retire(&stacks, 0x2000);
    ck_assert_uint_eq(hsight__stacks_intern(&stacks, &options, 1, &second, 1), one);
    ck_assert_uint_eq(hsight__stacks_intern(&stacks, &options, 1, &first, 1), three);
    trace_kit_name(0, NULL);
    check(&stacks);
    hsight__stacks_free(&stacks);
}
END_TEST

START_TEST(refused_requests_lose_nothing)
{
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        hsight__stacks stacks;
        hsight_error err;
        if (hsight__stacks_init(&stacks, &memory.allocator, &err) != HSIGHT_OK) {
            ck_assert_int_eq(err.status, HSIGHT_ENOMEM);
            ck_assert_uint_eq(memory.live_blocks, 0);
            continue;
        }
        uint32_t refused = 0;
        for (uint32_t i = 0; i < 400; i++) {
            hsight_raw_frame frames[] = {{0x1000 + 16 * (i % 50), i}, {0x8000, i % 3}};
            uint32_t id = hsight__stacks_intern(&stacks, &options, 1, frames, 2);
            if (id == 0) {
                refused++;
                id = hsight__stacks_intern(&stacks, &options, 1, frames, 2);
            }
            ck_assert(is_made_of(&stacks, id, 1, frames, 2));
        }
        ck_assert_uint_le(refused, 1);
        ck_assert_uint_eq(stacks.stacks.count, 401);
        if (n % 5 == 0) {
            check(&stacks);
        }
        hsight__stacks_free(&stacks);
        ck_assert_uint_eq(memory.live_blocks, 0);
        if (!memory.refused) {
            break;
        }
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("trace_stacks");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_loop_test(tests, equal_stacks_have_one_number, 0, 4);
    tcase_add_test(tests, an_empty_stack_is_the_thread_alone);
    tcase_add_loop_test(tests, code_that_died_is_not_met_again, 0, 2);
    tcase_add_test(tests, code_that_looks_like_one_that_died_is_that_one);
    tcase_add_test(tests, code_that_moved_is_not_where_it_was);
    tcase_add_test(tests, refused_requests_lose_nothing);
    return run_tests("trace_stacks", tests);
}
