/* SPDX-License-Identifier: MIT */
/* check_builder_reserve.c - columns of a builder that were made large at once. */
#include <heapsight/builder.h>
#include <heapsight/graph.h>

#include "failing_allocator.h"
#include "suite.h"

enum { COUNT = 5000 };

static hsight_error err;

static hsight_builder *new_builder(const hsight_allocator *allocator)
{
    hsight_builder *builder;
    ck_assert_int_eq(hsight_builder_new(allocator, &builder, &err), HSIGHT_OK);
    return builder;
}

/* Each node refers to the one as far from the other end. */
static void fill(hsight_builder *builder, uint32_t first)
{
    for (uint32_t i = first; i <= COUNT; i++) {
        hsight_node_id node;
        ck_assert_int_eq(hsight_builder_add_address(builder, i * UINT64_C(4096), &node, &err),
                         HSIGHT_OK);
        ck_assert_uint_eq(node.index, i);
    }
    for (uint32_t i = 1; i <= COUNT; i++) {
        hsight_node_info info = {.shallow_bytes = i};
        hsight_node_id node = {i}, target = {COUNT + 1 - i};
        hsight_label label = {0};
        ck_assert_int_eq(hsight_builder_describe_next(builder, &info, 1, &err), HSIGHT_OK);
        ck_assert_int_eq(hsight_builder_add_edges(builder, &node, &target, &label, 1, &err),
                         HSIGHT_OK);
    }
}

static void check_filled(hsight_builder *builder)
{
    hsight_graph *graph;
    ck_assert_int_eq(hsight_builder_finish(builder, &graph, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_graph_check(graph, &err), HSIGHT_OK);
    ck_assert_uint_eq(hsight_graph_total_bytes(graph), COUNT * (COUNT + UINT64_C(1)) / 2);
    for (uint32_t i = 1; i <= COUNT; i++) {
        ck_assert_uint_eq(hsight_graph_address(graph, (hsight_node_id){i}), i * UINT64_C(4096));
        hsight_references edges = hsight_graph_references(graph, (hsight_node_id){i});
        ck_assert_uint_eq(edges.count, 1);
        ck_assert_uint_eq(edges.targets[0].index, COUNT + 1 - i);
    }
    hsight_graph_free(graph);
}

/* Nothing is asked for while they are filled, to the last item. */
START_TEST(reserved_columns_do_not_grow)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    hsight_builder *builder = new_builder(&memory.allocator);
    ck_assert_int_eq(hsight_builder_reserve(builder, COUNT, COUNT, &err), HSIGHT_OK);
    size_t requests = memory.requests;
    fill(builder, 1);
    ck_assert_uint_eq(memory.requests, requests);
    check_filled(builder);
    ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

/* What was added before stays, and less than there is asks for nothing. */
START_TEST(room_may_be_made_later)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    hsight_builder *builder = new_builder(&memory.allocator);
    hsight_node_id node;
    ck_assert_int_eq(hsight_builder_add_address(builder, 4096, &node, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_reserve(builder, COUNT / 2, 0, &err), HSIGHT_OK);
    size_t requests = memory.requests;
    ck_assert_int_eq(hsight_builder_reserve(builder, COUNT / 4, 0, &err), HSIGHT_OK);
    ck_assert_uint_eq(memory.requests, requests);
    fill(builder, 2);
    ck_assert_uint_gt(memory.requests, requests);
    check_filled(builder);
}
END_TEST

/* Whichever column there is no memory for, the builder goes on as before. */
START_TEST(a_refused_reserve_changes_nothing)
{
    uint32_t refusals = 0;
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, 0);
        hsight_builder *builder = new_builder(&memory.allocator);
        memory.refuse_at = memory.requests + n;
        hsight_status status = hsight_builder_reserve(builder, COUNT, COUNT, &err);
        ck_assert_int_eq(status, memory.refused ? HSIGHT_ENOMEM : HSIGHT_OK);
        refusals += memory.refused;
        bool was_refused = memory.refused;
        memory.refuse_at = 0;
        fill(builder, 1);
        check_filled(builder);
        ck_assert_uint_eq(memory.live_blocks, 0);
        if (!was_refused) {
            break;
        }
    }
    ck_assert_uint_eq(refusals, 8); /* one a column */
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("reserve");
    tcase_add_test(tests, reserved_columns_do_not_grow);
    tcase_add_test(tests, room_may_be_made_later);
    tcase_add_test(tests, a_refused_reserve_changes_nothing);
    return run_tests("builder_reserve", tests);
}
