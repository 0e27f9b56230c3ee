/* SPDX-License-Identifier: MIT */
/* check_builder_finish.c - freezing: unknown ids, memory, and every refused request. */
#include "graph/builder_parts.h"

#include "failing_allocator.h"
#include "suite.h"

#include <string.h>

static hsight_error err;

static hsight_builder *new_builder(const hsight_allocator *allocator)
{
    hsight_builder *builder;
    ck_assert_int_eq(hsight_builder_new(allocator, &builder, &err), HSIGHT_OK);
    return builder;
}

static void add_nodes(hsight_builder *builder, uint32_t count)
{
    for (uint32_t i = 1; i <= count; i++) {
        hsight_node_id node;
        ck_assert_int_eq(hsight_builder_add_address(builder, 16 * i, &node, &err), HSIGHT_OK);
    }
}

/* Finish is refused with `message`; after the missing objects were added it succeeds. */
static void check_unknown(hsight_builder *builder, const char *message)
{
    hsight_graph *graph;
    ck_assert_int_eq(hsight_builder_finish(builder, &graph, &err), HSIGHT_EINVAL);
    ck_assert_str_eq(err.message, message);
    add_nodes(builder, 7);
    ck_assert_msg(hsight_builder_finish(builder, &graph, &err) == HSIGHT_OK, "%s", err.message);
    hsight_graph_free(graph);
}

START_TEST(a_root_must_name_an_object)
{
    hsight_builder *builder = new_builder(NULL);
    hsight_root root = {.node = {3}, .kind = HSIGHT_ROOT_MODULE};
    ck_assert_int_eq(hsight_builder_add_root(builder, &root, &err), HSIGHT_OK);
    check_unknown(builder, "root 0 names object 3: 0 objects were added");
}
END_TEST

START_TEST(a_type_must_name_an_object)
{
    hsight_builder *builder = new_builder(NULL);
    hsight_type_id type;
    ck_assert_int_eq(hsight_builder_add_type(builder, (hsight_string_id){0}, &type, &err),
                     HSIGHT_OK);
    hsight_builder_set_type_node(builder, type, (hsight_node_id){7});
    check_unknown(builder, "type 1 names object 7: 0 objects were added");
}
END_TEST

START_TEST(an_added_reference_must_name_objects)
{
    hsight_builder *builder = new_builder(NULL);
    add_nodes(builder, 1);
    hsight_node_id one = {1};
    hsight_node_id five = {5};
    hsight_label label = {0};
    ck_assert_int_eq(hsight_builder_add_edge(builder, one, one, label, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_edge(builder, one, five, label, &err), HSIGHT_OK);
    check_unknown(builder, "the target of added reference 1 names object 5: 1 objects were added");

    builder = new_builder(NULL);
    add_nodes(builder, 1);
    ck_assert_int_eq(hsight_builder_add_edge(builder, five, one, label, &err), HSIGHT_OK);
    check_unknown(builder, "the source of added reference 0 names object 5: 1 objects were added");
}
END_TEST

START_TEST(a_walked_reference_must_name_an_object)
{
    hsight_builder *builder = new_builder(NULL);
    add_nodes(builder, 2);
    hsight_node_id targets[] = {{2}, {4}, {1}};
    hsight_node_id sources[] = {{1}, {1}, {1}};
    hsight_label labels[3] = {{0}};
    ck_assert_int_eq(hsight_builder_add_edges(builder, sources, targets, labels, 3, &err),
                     HSIGHT_OK);
    check_unknown(builder, "the target of reference 1 names object 4: 2 objects were added");
}
END_TEST

START_TEST(a_walked_reference_to_nothing_is_refused)
{
    hsight_builder *builder = new_builder(NULL);
    add_nodes(builder, 2);
    hsight_node_id targets[] = {{2}, {0}, {1}};
    hsight_node_id sources[] = {{1}, {1}, {1}};
    hsight_label labels[3] = {{0}};
    ck_assert_int_eq(hsight_builder_add_edges(builder, sources, targets, labels, 3, &err),
                     HSIGHT_OK);
    hsight_graph *graph;
    ck_assert_int_eq(hsight_builder_finish(builder, &graph, &err), HSIGHT_EINVAL);
    ck_assert_str_eq(err.message, "the target of reference 1 names object 0: 2 objects were added");
    hsight_builder_free(builder);
}
END_TEST

/* The walker's way: 18 bytes an object, 12 for a number that needs a pair and 8 a reference, kept
 * and at peak; the columns are those that were filled, not copies. The test's allocator copies when
 * it resizes, so its peak is not looked at: requests are. */
START_TEST(freezing_copies_nothing)
{
    enum { NODES = 5000, EDGES = 2 * NODES };
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    hsight_builder *builder = new_builder(&memory.allocator);
    add_nodes(builder, NODES);
    for (uint32_t i = 1; i <= NODES; i++) {
        hsight_node_info info = {.shallow_bytes = 48, .refcount = i % 9 ? 1 : 300};
        hsight_node_id sources[2] = {{i}, {i}};
        hsight_node_id targets[2] = {{i}, {1}};
        hsight_label labels[2] = {{0}};
        ck_assert_int_eq(hsight_builder_describe_next(builder, &info, 1, &err), HSIGHT_OK);
        ck_assert_int_eq(hsight_builder_add_edges(builder, sources, targets, labels, 2, &err),
                         HSIGHT_OK);
    }
    char text[] = "a";
    for (text[0] = 'a'; text[0] <= 'z'; text[0]++) {
        hsight_string_id id;
        ck_assert_int_eq(hsight_builder_string(builder, text, 1, &id, &err), HSIGHT_OK);
    }
    size_t live = memory.live_blocks;
    size_t requests = memory.requests;
    hsight_graph *graph;
    ck_assert_int_eq(hsight_builder_finish(builder, &graph, &err), HSIGHT_OK);
    ck_assert_uint_eq(memory.live_blocks,
                      live); /* the graph came, the hash table of strings went */
    ck_assert_uint_le(memory.requests, requests + 16); /* shrinking each column, at most */
    size_t ideal = 18 * NODES + 12 * (NODES / 9) + 8 * EDGES;
    ck_assert_uint_ge(memory.live_bytes, ideal);
    ck_assert_uint_le(memory.live_bytes, ideal + 2048);
    ck_assert_int_eq(hsight_graph_check(graph, &err), HSIGHT_OK);
    hsight_graph_free(graph);
    ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

/* ---- every request is refused once ---------------------------------------------------------- */

enum { NODES = 151 }; /* the last one is fed in the walker's way */

/* Calls `call` again after one refusal; what it works on must then be as before. */
#define TWICE(call)                                                                                \
    do {                                                                                           \
        hsight_status status = (call);                                                             \
        if (status != HSIGHT_OK) {                                                                 \
            ck_assert_int_eq(status, HSIGHT_ENOMEM);                                               \
            ck_assert_int_eq((call), HSIGHT_OK);                                                   \
        }                                                                                          \
    } while (0)

/* Some have a size, some a refcount that needs a pair. */
static hsight_node_info info_of(uint32_t i, hsight_type_id type)
{
    return (hsight_node_info){.address = i,
                              .shallow_bytes = i % 3 ? i : UINT32_MAX + (uint64_t)i,
                              .type = type,
                              .refcount = i % 4 ? i : 300 + i};
}

static void feed_node(hsight_builder *builder, uint32_t i)
{
    hsight_string_id text;
    hsight_type_id type;
    hsight_node_id node;
    char name[16] = "name_000";
    name[5] = (char)('0' + i / 100);
    name[6] = (char)('0' + i / 10 % 10);
    name[7] = (char)('0' + i % 10);
    TWICE(hsight_builder_string(builder, name, strlen(name), &text, &err));
    ck_assert_uint_eq(text.index, i);
    TWICE(hsight_builder_add_type(builder, text, &type, &err));
    ck_assert_uint_eq(type.index, i);
    hsight_node_info info = info_of(i, type);
    if (i % 2) {
        TWICE(hsight_builder_add_node(builder, &info, &node, &err));
    } else {
        uint64_t address = i;
        TWICE(hsight_builder_add_addresses(builder, &address, 1, &err));
        TWICE(hsight_builder_describe_next(builder, &info, 1, &err));
        node.index = hsight_builder_node_count(builder);
    }
    ck_assert_uint_eq(node.index, i);
    TWICE(hsight_builder_preview(builder, (hsight_node_id){i % 5 ? i : 1}, text, &err));
    hsight_root root = {.node = node, .kind = HSIGHT_ROOT_MODULE, .name = text};
    TWICE(hsight_builder_add_root(builder, &root, &err));
}

static void feed_edges(hsight_builder *builder, uint32_t i)
{
    hsight_node_id sources[2] = {{i}, {i}};
    hsight_node_id targets[2] = {{i}, {1}};
    hsight_label labels[2] = {hsight_label_make(HSIGHT_LABEL_INDEX, 2 * i),
                              hsight_label_make(HSIGHT_LABEL_INDEX, 2 * i + 1)};
    if (i % 2) {
        TWICE(hsight_builder_add_edges(builder, sources, targets, labels, 2, &err));
    } else {
        TWICE(hsight_builder_add_edge(builder, sources[0], targets[0], labels[0], &err));
        TWICE(hsight_builder_add_edge(builder, sources[0], targets[1], labels[1], &err));
    }
}

static void check_fed(const hsight_graph *graph)
{
    ck_assert_msg(hsight_graph_check(graph, NULL) != HSIGHT_EINVAL, "%s", err.message);
    ck_assert_uint_eq(hsight_graph_node_count(graph), NODES);
    ck_assert_uint_eq(hsight_graph_edge_count(graph), 2 * NODES);
    for (uint32_t i = 1; i <= NODES; i++) {
        hsight_node_id node = {i};
        hsight_node_info info = info_of(i, (hsight_type_id){i});
        ck_assert_uint_eq(hsight_graph_shallow_bytes(graph, node), info.shallow_bytes);
        ck_assert_uint_eq(hsight_graph_refcount(graph, node), info.refcount);
        ck_assert_uint_eq(hsight_graph_address(graph, node), i);
        ck_assert_uint_eq(hsight_graph_type(graph, node).index, i);
        hsight_references refs = hsight_graph_references(graph, node);
        ck_assert_uint_eq(refs.count, 2);
        ck_assert_uint_eq(refs.targets[0].index, i);
        ck_assert_uint_eq(hsight_label_payload(refs.labels[0]), 2 * i);
        ck_assert_uint_eq(hsight_label_payload(refs.labels[1]), 2 * i + 1);
        ck_assert_uint_eq(hsight_graph_preview(graph, node).length, i % 5 ? 8 : 0);
    }
}

START_TEST(every_refused_request_leaves_the_builder_as_it_was)
{
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        hsight_builder *builder;
        hsight_graph *graph;
        if (hsight_builder_new(&memory.allocator, &builder, &err) != HSIGHT_OK) {
            ck_assert_int_eq(err.status, HSIGHT_ENOMEM);
            ck_assert_uint_eq(memory.live_blocks, 0);
            continue;
        }
        for (uint32_t i = 1; i <= NODES; i++) {
            feed_node(builder, i);
        }
        for (uint32_t i = 1; i <= NODES; i++) {
            feed_edges(builder, i);
        }
        for (uint32_t i = NODES; i > 0; i -= i < 7 ? i : 7) { /* again, and not in order */
            hsight_node_info info = info_of(i, (hsight_type_id){i});
            TWICE(hsight_builder_describe(builder, (hsight_node_id){i}, &info, &err));
        }
        TWICE(hsight_builder_finish(builder, &graph, &err));
        check_fed(graph);
        hsight_graph_free(graph);
        ck_assert_uint_eq(memory.live_blocks, 0);
        if (!memory.refused) {
            break;
        }
    }
}
END_TEST

/* A builder whose freezing was refused takes more, and freezes later. */
START_TEST(a_refused_builder_goes_on)
{
    for (size_t n = 0;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, 0);
        hsight_builder *builder = new_builder(&memory.allocator);
        feed_node(builder, 1);
        for (uint32_t i = 1; i < NODES; i++) {
            feed_node(builder, i + 1);
            feed_edges(builder, i);
        }
        hsight_graph *graph;
        memory.refuse_at = memory.requests + 1 + n;
        hsight_status status = hsight_builder_finish(builder, &graph, &err);
        if (status != HSIGHT_OK) {
            ck_assert_int_eq(status, HSIGHT_ENOMEM);
            feed_edges(builder, NODES);
            ck_assert_int_eq(hsight_builder_finish(builder, &graph, &err), HSIGHT_OK);
            check_fed(graph);
        }
        hsight_graph_free(graph);
        ck_assert_uint_eq(memory.live_blocks, 0);
        if (!memory.refused) {
            break;
        }
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("builder_finish");
    tcase_add_test(tests, a_root_must_name_an_object);
    tcase_add_test(tests, a_type_must_name_an_object);
    tcase_add_test(tests, an_added_reference_must_name_objects);
    tcase_add_test(tests, a_walked_reference_must_name_an_object);
    tcase_add_test(tests, a_walked_reference_to_nothing_is_refused);
    tcase_add_test(tests, freezing_copies_nothing);
    tcase_add_test(tests, every_refused_request_leaves_the_builder_as_it_was);
    tcase_add_test(tests, a_refused_builder_goes_on);
    return run_tests("builder_finish", tests);
}
