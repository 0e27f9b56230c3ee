/* SPDX-License-Identifier: MIT */
/* check_builder.c - objects, types, strings and roots of a builder, and what a refusal leaves. */
#include "graph/builder_parts.h"

#include "failing_allocator.h"
#include "suite.h"

#include <string.h>

static hsight_error err;

static hsight_builder *new_builder(void)
{
    hsight_builder *builder;
    ck_assert_int_eq(hsight_builder_new(NULL, &builder, &err), HSIGHT_OK);
    return builder;
}

static hsight_graph *finish(hsight_builder *builder)
{
    hsight_graph *graph;
    ck_assert_msg(hsight_builder_finish(builder, &graph, &err) == HSIGHT_OK, "%s", err.message);
    ck_assert_msg(hsight_graph_check(graph, &err) == HSIGHT_OK, "%s", err.message);
    return graph;
}

static hsight_string_id intern(hsight_builder *builder, const char *text)
{
    hsight_string_id id;
    ck_assert_int_eq(hsight_builder_string(builder, text, strlen(text), &id, &err), HSIGHT_OK);
    return id;
}

static hsight_type_id add_type(hsight_builder *builder, const char *name)
{
    hsight_type_id type;
    ck_assert_int_eq(hsight_builder_add_type(builder, intern(builder, name), &type, &err),
                     HSIGHT_OK);
    return type;
}

static hsight_node_id add_address(hsight_builder *builder, uint64_t address)
{
    hsight_node_id node;
    ck_assert_int_eq(hsight_builder_add_address(builder, address, &node, &err), HSIGHT_OK);
    return node;
}

static void check_string(hsight_string text, const char *expected)
{
    ck_assert_uint_eq(text.length, strlen(expected));
    ck_assert_mem_eq(text.data, expected, text.length);
}

START_TEST(nothing_is_a_graph)
{
    hsight_graph *graph = finish(new_builder());
    ck_assert_uint_eq(hsight_graph_node_count(graph), 0);
    ck_assert_uint_eq(hsight_graph_edge_count(graph), 0);
    ck_assert_uint_eq(hsight_graph_type_count(graph), 0);
    ck_assert_uint_eq(hsight_graph_string_count(graph), 0);
    ck_assert_uint_eq(hsight_graph_root_count(graph), 0);
    hsight_graph_free(graph);
    hsight_graph_free(NULL);
    hsight_builder_free(NULL);
    hsight_builder_free(new_builder());
}
END_TEST

START_TEST(columns_keep_what_was_described)
{
    hsight_builder *builder = new_builder();
    hsight_type_id list = add_type(builder, "list");
    hsight_type_id dict = add_type(builder, "dict");
    hsight_node_info infos[] = {
        {.address = 0x7f01, .shallow_bytes = 56, .type = list, .refcount = 3, .flags = 1},
        {.address = 0x7f02, .shallow_bytes = 0, .type = dict, .refcount = UINT32_MAX, .flags = 255},
        {.address = UINT64_MAX, .shallow_bytes = 7, .type = {0}, .refcount = 0, .flags = 0}};
    for (uint32_t i = 0; i < 3; i++) {
        hsight_node_id node;
        ck_assert_int_eq(hsight_builder_add_node(builder, &infos[i], &node, &err), HSIGHT_OK);
        ck_assert_uint_eq(node.index, i + 1);
    }
    hsight_graph *graph = finish(builder);
    for (uint32_t i = 0; i < 3; i++) {
        hsight_node_id node = {i + 1};
        ck_assert_uint_eq(hsight_graph_address(graph, node), infos[i].address);
        ck_assert_uint_eq(hsight_graph_shallow_bytes(graph, node), infos[i].shallow_bytes);
        ck_assert_uint_eq(hsight_graph_type(graph, node).index, infos[i].type.index);
        ck_assert_uint_eq(hsight_graph_refcount(graph, node), infos[i].refcount);
        ck_assert_uint_eq(hsight_graph_flags(graph, node), infos[i].flags);
    }
    check_string(hsight_graph_type_name(graph, dict), "dict");
    hsight_graph_free(graph);
}
END_TEST

/* The walker sees objects long before it visits them. */
START_TEST(addresses_come_before_descriptions)
{
    hsight_builder *builder = new_builder();
    enum { COUNT = 1000 };
    for (uint32_t i = 1; i <= COUNT; i++) {
        ck_assert_uint_eq(add_address(builder, i * 16).index, i);
        ck_assert_uint_eq(hsight_builder_node_count(builder), i);
        ck_assert_uint_eq(hsight_builder_addresses(builder)[i], i * 16);
        ck_assert_uint_eq(hsight_builder_flags(builder, (hsight_node_id){i}), 0);
    }
    for (uint32_t i = 1; i <= COUNT; i++) {
        hsight_node_info info = {.shallow_bytes = i, .refcount = i + 1, .flags = i & 63};
        ck_assert_int_eq(hsight_builder_describe(builder, (hsight_node_id){i}, &info, &err),
                         HSIGHT_OK);
        ck_assert_uint_eq(hsight_builder_refcounts(builder)[i], i + 1 < 255 ? i + 1 : 255);
        ck_assert_uint_eq(hsight_builder_refcount(builder, (hsight_node_id){i}), i + 1);
        ck_assert_uint_eq(hsight_builder_flags_column(builder)[i], (i & 63));
        ck_assert_uint_eq(hsight_builder_flags(builder, (hsight_node_id){i}), (i & 63));
    }
    hsight_builder_set_flags(builder, (hsight_node_id){5}, 32);
    hsight_graph *graph = finish(builder);
    for (uint32_t i = 1; i <= COUNT; i++) {
        ck_assert_uint_eq(hsight_graph_address(graph, (hsight_node_id){i}), i * 16);
        ck_assert_uint_eq(hsight_graph_shallow_bytes(graph, (hsight_node_id){i}), i);
    }
    ck_assert_uint_eq(hsight_graph_flags(graph, (hsight_node_id){5}), 32);
    hsight_graph_free(graph);
}
END_TEST

/* A batch of addresses, then batches of descriptions, one with a size that needs a pair. */
START_TEST(descriptions_come_in_batches)
{
    hsight_builder *builder = new_builder();
    enum { COUNT = 1000, BATCH = 8 };
    uint64_t addresses[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        addresses[i] = i * UINT64_C(16);
    }
    ck_assert_int_eq(hsight_builder_add_addresses(builder, addresses, COUNT, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_addresses(builder, NULL, 0, &err), HSIGHT_OK);
    for (uint32_t first = 1; first <= COUNT; first += BATCH) {
        hsight_node_info infos[BATCH];
        for (uint32_t i = 0; i < BATCH; i++) {
            infos[i] = (hsight_node_info){.shallow_bytes = first + i, .refcount = 2 * (first + i)};
        }
        infos[first % BATCH].shallow_bytes += UINT32_MAX;
        ck_assert_int_eq(hsight_builder_describe_next(builder, infos, BATCH, &err), HSIGHT_OK);
    }
    hsight_graph *graph = finish(builder);
    ck_assert_uint_eq(hsight_graph_node_count(graph), COUNT);
    for (uint32_t i = 1; i <= COUNT; i++) {
        hsight_node_id node = {i};
        uint64_t extra = (i - 1) % BATCH == 1 ? UINT32_MAX : 0;
        ck_assert_uint_eq(hsight_graph_address(graph, node), (i - 1) * UINT64_C(16));
        ck_assert_uint_eq(hsight_graph_shallow_bytes(graph, node), i + extra);
        ck_assert_uint_eq(hsight_graph_refcount(graph, node), 2 * i);
    }
    hsight_graph_free(graph);
}
END_TEST

/* A batch with a fault in its middle describes nothing. */
START_TEST(a_batch_is_described_as_a_whole)
{
    hsight_builder *builder = new_builder();
    for (uint32_t i = 1; i <= 3; i++) {
        add_address(builder, i);
    }
    hsight_node_info infos[4] = {
        {.flags = 1, .refcount = 300}, {.flags = 256}, {.flags = 4}, {.flags = 8}};
    ck_assert_int_eq(hsight_builder_describe_next(builder, infos, 3, &err), HSIGHT_EINVAL);
    ck_assert_ptr_nonnull(strstr(err.message, "0x100"));
    ck_assert_uint_eq(hsight_builder_flags(builder, (hsight_node_id){1}), 0);
    infos[1] = (hsight_node_info){.type = {1}};
    ck_assert_int_eq(hsight_builder_describe_next(builder, infos, 3, &err), HSIGHT_EINVAL);
    ck_assert_str_eq(err.message, "type 1 is unknown: 0 types were added");
    ck_assert_uint_eq(builder->numbers[HSIGHT__COLUMN_REFCOUNTS].pairs.nodes.count, 0);
    infos[1] = (hsight_node_info){.flags = 2};
    ck_assert_int_eq(hsight_builder_describe_next(builder, infos, 4, &err), HSIGHT_EINVAL);
    ck_assert_str_eq(err.message, "4 objects to describe: 3 were added");
    ck_assert_int_eq(hsight_builder_describe_next(builder, infos, 3, &err), HSIGHT_OK);
    ck_assert(builder->numbers[HSIGHT__COLUMN_REFCOUNTS].pairs.ordered);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(hsight_builder_flags(builder, (hsight_node_id){i + 1}), 1u << i);
    }
    hsight_graph_free(finish(builder));
}
END_TEST

/* Descriptions in any order, some never: what was not described is zero. */
START_TEST(descriptions_may_be_missing)
{
    hsight_builder *builder = new_builder();
    for (uint32_t i = 1; i <= 300; i++) {
        add_address(builder, i);
    }
    static const uint32_t order[] = {200, 7, 250, 1, 8, 7};
    for (uint32_t i = 0; i < 6; i++) {
        hsight_node_info info = {.shallow_bytes = 100 + i, .refcount = i};
        ck_assert_int_eq(hsight_builder_describe(builder, (hsight_node_id){order[i]}, &info, &err),
                         HSIGHT_OK);
    }
    hsight_graph *graph = finish(builder);
    for (uint32_t node = 1; node <= 300; node++) {
        uint64_t expected = 0;
        for (uint32_t i = 0; i < 6; i++) {
            expected = order[i] == node ? 100 + i : expected;
        }
        ck_assert_uint_eq(hsight_graph_shallow_bytes(graph, (hsight_node_id){node}), expected);
    }
    hsight_graph_free(graph);
}
END_TEST

START_TEST(sizes_of_4_gib_and_more)
{
    hsight_builder *builder = new_builder();
    static const struct {
        uint32_t node;
        uint64_t bytes;
    } steps[] = {{3, UINT32_MAX},       {5, UINT64_MAX},        {1, UINT64_C(1) << 33},
                 {2, UINT32_MAX - 1},   {5, UINT64_C(1) << 40}, {1, 12},
                 {3, UINT64_C(5) << 32}};
    uint64_t expected[7] = {0};
    for (uint32_t i = 1; i <= 6; i++) {
        add_address(builder, i);
    }
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        hsight_node_info info = {.shallow_bytes = steps[i].bytes};
        expected[steps[i].node] = steps[i].bytes;
        ck_assert_int_eq(
            hsight_builder_describe(builder, (hsight_node_id){steps[i].node}, &info, &err),
            HSIGHT_OK);
    }
    hsight_graph *graph = finish(builder);
    for (uint32_t i = 1; i <= 6; i++) {
        ck_assert_uint_eq(hsight_graph_shallow_bytes(graph, (hsight_node_id){i}), expected[i]);
    }
    ck_assert_uint_eq(hsight__graph_columns(graph)->shallow.pair_count, 3);
    hsight_graph_free(graph);
}
END_TEST

/* More of them than two bytes can number, some described twice. */
START_TEST(types_beyond_65534)
{
    hsight_builder *builder = new_builder();
    enum { TYPES = 65600, FIRST = 65530 };
    for (uint32_t i = 1; i <= TYPES; i++) {
        ck_assert_uint_eq(add_type(builder, "app.Session").index, i);
    }
    for (uint32_t i = FIRST; i <= TYPES; i++) {
        hsight_node_info info = {.address = i, .type = {i}, .refcount = i % 300};
        hsight_node_id node;
        ck_assert_int_eq(hsight_builder_add_node(builder, &info, &node, &err), HSIGHT_OK);
        ck_assert_uint_eq(hsight_builder_type(builder, node).index, i);
        ck_assert_uint_eq(hsight_builder_refcount(builder, node), i % 300);
    }
    hsight_node_info info = {.type = {TYPES + 1}};
    ck_assert_int_eq(hsight_builder_describe(builder, (hsight_node_id){60}, &info, &err),
                     HSIGHT_EINVAL);
    info.type.index = 5;
    ck_assert_int_eq(hsight_builder_describe(builder, (hsight_node_id){60}, &info, &err),
                     HSIGHT_OK);
    info = (hsight_node_info){.type = {TYPES}, .refcount = 400};
    ck_assert_int_eq(hsight_builder_describe(builder, (hsight_node_id){1}, &info, &err), HSIGHT_OK);
    hsight_graph *graph = finish(builder);
    for (uint32_t i = FIRST; i <= TYPES; i++) {
        hsight_node_id node = {i - FIRST + 1};
        uint32_t type = node.index == 1 ? TYPES : node.index == 60 ? 5 : i;
        uint32_t refcount = node.index == 1 ? 400 : node.index == 60 ? 0 : i % 300;
        ck_assert_uint_eq(hsight_graph_type(graph, node).index, type);
        ck_assert_uint_eq(hsight_graph_refcount(graph, node), refcount);
    }
    hsight_graph_free(graph);
}
END_TEST

/* What just fits and what just needs a pair, of each column, in one batch. */
START_TEST(borders_in_a_batch)
{
    static const uint64_t sizes[] = {UINT16_MAX - 1, UINT16_MAX, UINT16_MAX + 1, UINT32_MAX,
                                     (uint64_t)UINT32_MAX + 1};
    static const uint32_t refcounts[] = {UINT8_MAX - 1, UINT8_MAX, UINT8_MAX + 1, UINT32_MAX};
    static const uint32_t types[] = {UINT16_MAX - 1, UINT16_MAX, UINT16_MAX + 1};
    enum { COUNT = 60 };
    hsight_builder *builder = new_builder();
    for (uint32_t i = 1; i <= UINT16_MAX + 1; i++) {
        add_type(builder, "app.Session");
    }
    hsight_node_info infos[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        infos[i] = (hsight_node_info){
            .type = {types[i % 3]}, .shallow_bytes = sizes[i % 5], .refcount = refcounts[i % 4]};
        add_address(builder, i + 1);
    }
    ck_assert_int_eq(hsight_builder_describe_next(builder, infos, COUNT, &err), HSIGHT_OK);
    hsight_graph *graph = finish(builder);
    for (uint32_t i = 0; i < COUNT; i++) {
        hsight_node_id node = {i + 1};
        ck_assert_uint_eq(hsight_graph_type(graph, node).index, infos[i].type.index);
        ck_assert_uint_eq(hsight_graph_shallow_bytes(graph, node), infos[i].shallow_bytes);
        ck_assert_uint_eq(hsight_graph_refcount(graph, node), infos[i].refcount);
    }
    hsight_graph_free(graph);
}
END_TEST

START_TEST(sizes_of_4_gib_in_any_order)
{
    hsight_builder *builder = new_builder();
    add_address(builder, 1);
    add_address(builder, 2);
    for (uint32_t node = 2; node > 0; node--) {
        hsight_node_info info = {.shallow_bytes = UINT64_MAX - node};
        ck_assert_int_eq(hsight_builder_describe(builder, (hsight_node_id){node}, &info, &err),
                         HSIGHT_OK);
    }
    hsight_graph *graph = finish(builder);
    ck_assert_uint_eq(hsight_graph_shallow_bytes(graph, (hsight_node_id){1}), UINT64_MAX - 1);
    ck_assert_uint_eq(hsight_graph_shallow_bytes(graph, (hsight_node_id){2}), UINT64_MAX - 2);
    hsight_graph_free(graph);
}
END_TEST

/* In ascending order, described twice: the pairs are in order, and one of them is stale. */
START_TEST(a_size_that_shrinks_leaves_no_trace)
{
    hsight_builder *builder = new_builder();
    add_address(builder, 1);
    hsight_node_info info = {.shallow_bytes = UINT64_MAX};
    ck_assert_int_eq(hsight_builder_describe(builder, (hsight_node_id){1}, &info, &err), HSIGHT_OK);
    info.shallow_bytes = 8;
    ck_assert_int_eq(hsight_builder_describe(builder, (hsight_node_id){1}, &info, &err), HSIGHT_OK);
    hsight_graph *graph = finish(builder);
    ck_assert_uint_eq(hsight_graph_shallow_bytes(graph, (hsight_node_id){1}), 8);
    ck_assert_uint_eq(hsight__graph_columns(graph)->shallow.pair_count, 0);
    hsight_graph_free(graph);
}
END_TEST

/* Both ways over the border of 32 bits, and nothing else changes. */
START_TEST(a_size_may_be_corrected)
{
    hsight_builder *builder = new_builder();
    static const uint64_t corrected[] = {0, 24, UINT64_C(1) << 33, 8};
    for (uint32_t i = 1; i <= 3; i++) {
        hsight_node_info info = {.shallow_bytes = i < 3 ? 16 : UINT64_C(1) << 34, .refcount = i};
        add_address(builder, i);
        ck_assert_int_eq(hsight_builder_describe(builder, (hsight_node_id){i}, &info, &err),
                         HSIGHT_OK);
    }
    ck_assert_uint_eq(hsight_builder_shallow_bytes(builder, (hsight_node_id){2}), 16);
    ck_assert_uint_eq(hsight_builder_shallow_bytes(builder, (hsight_node_id){3}), UINT64_C(1)
                                                                                      << 34);
    for (uint32_t i = 1; i <= 3; i++) {
        ck_assert_int_eq(
            hsight_builder_set_shallow_bytes(builder, (hsight_node_id){i}, corrected[i], &err),
            HSIGHT_OK);
    }
    hsight_graph *graph = finish(builder);
    for (uint32_t i = 1; i <= 3; i++) {
        ck_assert_uint_eq(hsight_graph_shallow_bytes(graph, (hsight_node_id){i}), corrected[i]);
        ck_assert_uint_eq(hsight_graph_refcount(graph, (hsight_node_id){i}), i);
    }
    hsight_graph_free(graph);
}
END_TEST

START_TEST(the_last_preview_wins)
{
    hsight_builder *builder = new_builder();
    static const struct {
        uint32_t node;
        const char *text;
    } steps[] = {{4, "four"}, {2, "two"}, {4, "fourth"}, {1, "one"}, {2, "second"}};
    for (uint32_t i = 1; i <= 5; i++) {
        add_address(builder, i);
    }
    for (size_t i = 0; i < 5; i++) {
        ck_assert_int_eq(hsight_builder_preview(builder, (hsight_node_id){steps[i].node},
                                                intern(builder, steps[i].text), &err),
                         HSIGHT_OK);
    }
    hsight_graph *graph = finish(builder);
    static const char *const expected[] = {"one", "second", "", "fourth", ""};
    for (uint32_t i = 0; i < 5; i++) {
        check_string(hsight_graph_preview(graph, (hsight_node_id){i + 1}), expected[i]);
    }
    hsight_graph_free(graph);
}
END_TEST

START_TEST(types_may_share_a_name)
{
    hsight_builder *builder = new_builder();
    hsight_type_id first = add_type(builder, "app.Session");
    hsight_type_id second = add_type(builder, "app.Session");
    ck_assert_uint_eq(first.index, 1);
    ck_assert_uint_eq(second.index, 2);
    hsight_builder_set_type_node(builder, second, add_address(builder, 0x1000));
    hsight_graph *graph = finish(builder);
    ck_assert_uint_eq(hsight_graph_string_count(graph), 1);
    ck_assert_uint_eq(hsight_graph_type_count(graph), 2);
    ck_assert_uint_eq(hsight_graph_type_node(graph, first).index, 0);
    ck_assert_uint_eq(hsight_graph_type_node(graph, second).index, 1);
    check_string(hsight_graph_type_name(graph, first), "app.Session");
    check_string(hsight_graph_type_name(graph, (hsight_type_id){0}), "");
    hsight_graph_free(graph);
}
END_TEST

START_TEST(roots_keep_their_order_and_fields)
{
    hsight_builder *builder = new_builder();
    hsight_node_id node = add_address(builder, 0x1000);
    hsight_root roots[] = {
        {.node = node, .kind = HSIGHT_ROOT_C_HELD, .surplus = 4},
        {node, HSIGHT_ROOT_FRAME, intern(builder, "job"), intern(builder, "worker-1"),
         intern(builder, "pin"), intern(builder, "service.py"), 41, 0},
        {.node = node, .kind = HSIGHT_ROOT_MODULE, .name = intern(builder, "service")}};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(hsight_builder_add_root(builder, &roots[i], &err), HSIGHT_OK);
    }
    hsight_graph *graph = finish(builder);
    ck_assert_uint_eq(hsight_graph_root_count(graph), 3);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_mem_eq(hsight_graph_root(graph, i), &roots[i], sizeof(hsight_root));
    }
    hsight_graph_free(graph);
}
END_TEST

/* Each call names something that is not there, is refused with its number, and changes nothing. */
START_TEST(unknown_ids_are_refused)
{
    hsight_builder *builder = new_builder();
    hsight_node_id node = add_address(builder, 0x1000);
    hsight_string_id no_string = {9};
    hsight_type_id type = {77};
    hsight_node_info info = {.type = {5}};
    hsight_root root = {.node = node, .kind = HSIGHT_ROOT_FRAME, .file = no_string};

    ck_assert_int_eq(hsight_builder_add_type(builder, no_string, &type, &err), HSIGHT_EINVAL);
    ck_assert_str_eq(err.message, "string 9 is unknown: 0 strings were interned");
    ck_assert_uint_eq(type.index, 77);
    ck_assert_int_eq(hsight_builder_preview(builder, node, no_string, &err), HSIGHT_EINVAL);
    ck_assert_int_eq(
        hsight_builder_preview(builder, (hsight_node_id){2}, (hsight_string_id){0}, &err),
        HSIGHT_EINVAL);
    ck_assert_str_eq(err.message, "object 2 is unknown: 1 objects were added");
    ck_assert_int_eq(hsight_builder_add_root(builder, &root, &err), HSIGHT_EINVAL);
    ck_assert_int_eq(hsight_builder_describe(builder, node, &info, &err), HSIGHT_EINVAL);
    ck_assert_str_eq(err.message, "type 5 is unknown: 0 types were added");
    info = (hsight_node_info){.flags = 256};
    ck_assert_int_eq(hsight_builder_add_node(builder, &info, &node, &err), HSIGHT_EINVAL);
    ck_assert_ptr_nonnull(strstr(err.message, "0x100"));
    info.flags = 0;
    ck_assert_int_eq(hsight_builder_describe(builder, (hsight_node_id){0}, &info, &err),
                     HSIGHT_EINVAL);
    ck_assert_int_eq(hsight_builder_describe(builder, (hsight_node_id){2}, &info, &err),
                     HSIGHT_EINVAL);
    ck_assert_int_eq(hsight_builder_describe(builder, node, &info, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_describe(builder, (hsight_node_id){2}, &info, &err),
                     HSIGHT_EINVAL); /* the next one, all others described */
    ck_assert_uint_eq(hsight_builder_node_count(builder), 1);
    hsight_graph_free(finish(builder));
}
END_TEST

/* As if the table were full: filling it takes 32 GiB. */
START_TEST(there_are_at_most_2_to_the_32_objects)
{
    hsight_builder *builder = new_builder();
    size_t honest = builder->addresses.count;
    builder->addresses.count = (size_t)HSIGHT__NODE_COUNT_MAX + 1;
    hsight_node_id node = {77};
    ck_assert_int_eq(hsight_builder_add_address(builder, 1, &node, &err), HSIGHT_ELIMIT);
    ck_assert_str_eq(err.message, "more than 4294967293 objects");
    ck_assert_uint_eq(node.index, 77);
    uint64_t addresses[2] = {1, 2};
    builder->addresses.count--;
    ck_assert_int_eq(hsight_builder_add_addresses(builder, addresses, 2, &err), HSIGHT_ELIMIT);
    builder->addresses.count = honest;
    hsight_builder_free(builder);
}
END_TEST

START_TEST(a_root_may_get_its_name_late)
{
    hsight_builder *builder = new_builder();
    hsight_node_id node = add_address(builder, 0x1000);
    hsight_root root = {.node = node, .kind = HSIGHT_ROOT_C_HELD, .surplus = 3};
    ck_assert_uint_eq(hsight_builder_root_count(builder), 0);
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_int_eq(hsight_builder_add_root(builder, &root, &err), HSIGHT_OK);
    }
    hsight_string_id name = intern(builder, "a holder"), unknown = {name.index + 1};
    ck_assert_int_eq(hsight_builder_set_root_name(builder, 1, name, &err), HSIGHT_OK);
    ck_assert_uint_eq(hsight_builder_root_count(builder), 2);
    ck_assert_uint_eq(hsight_builder_root(builder, 0).name.index, 0);
    ck_assert_uint_eq(hsight_builder_root(builder, 1).name.index, name.index);
    ck_assert_uint_eq(hsight_builder_root(builder, 1).surplus, 3);
    ck_assert_int_eq(hsight_builder_set_root_name(builder, 2, name, &err), HSIGHT_EINVAL);
    ck_assert_str_eq(err.message, "root 2 is unknown: 2 roots were added");
    ck_assert_int_eq(hsight_builder_set_root_name(builder, 0, unknown, &err), HSIGHT_EINVAL);
    ck_assert_uint_eq(hsight_builder_root(builder, 0).name.index, 0);
    hsight_graph_free(finish(builder));
}
END_TEST

START_TEST(there_are_at_most_2_to_the_32_types_and_roots)
{
    hsight_builder *builder = new_builder();
    size_t types = builder->type_names.count;
    builder->type_names.count = UINT32_MAX;
    hsight_type_id type;
    ck_assert_int_eq(hsight_builder_add_type(builder, (hsight_string_id){0}, &type, &err),
                     HSIGHT_ELIMIT);
    builder->type_names.count = types;
    builder->roots.count = UINT32_MAX - 1; /* as many as a file may have */
    hsight_root root = {.kind = HSIGHT_ROOT_MODULE};
    ck_assert_int_eq(hsight_builder_add_root(builder, &root, &err), HSIGHT_ELIMIT);
    ck_assert_str_eq(err.message, "more than 4294967294 roots");
    builder->roots.count = 0;
    hsight_builder_free(builder);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("builder");
    tcase_add_test(tests, nothing_is_a_graph);
    tcase_add_test(tests, columns_keep_what_was_described);
    tcase_add_test(tests, addresses_come_before_descriptions);
    tcase_add_test(tests, descriptions_come_in_batches);
    tcase_add_test(tests, a_batch_is_described_as_a_whole);
    tcase_add_test(tests, descriptions_may_be_missing);
    tcase_add_test(tests, sizes_of_4_gib_and_more);
    tcase_add_test(tests, types_beyond_65534);
    tcase_add_test(tests, borders_in_a_batch);
    tcase_add_test(tests, sizes_of_4_gib_in_any_order);
    tcase_add_test(tests, a_size_that_shrinks_leaves_no_trace);
    tcase_add_test(tests, a_size_may_be_corrected);
    tcase_add_test(tests, the_last_preview_wins);
    tcase_add_test(tests, types_may_share_a_name);
    tcase_add_test(tests, roots_keep_their_order_and_fields);
    tcase_add_test(tests, unknown_ids_are_refused);
    tcase_add_test(tests, a_root_may_get_its_name_late);
    tcase_add_test(tests, there_are_at_most_2_to_the_32_objects);
    tcase_add_test(tests, there_are_at_most_2_to_the_32_types_and_roots);
    return run_tests("builder", tests);
}
