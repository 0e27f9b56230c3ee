/* SPDX-License-Identifier: MIT */
/* check_graph.c - reading a frozen graph, and who gives it back. */
#include "graph/columns.h"
#include "graph/graph_allocator.h"

#include "failing_allocator.h"
#include "graph_text.h"
#include "random_graph.h"
#include "suite.h"

#include <string.h>

static void check_string(hsight_string text, const char *expected)
{
    ck_assert_uint_eq(text.length, strlen(expected));
    ck_assert_mem_eq(text.data, expected, text.length);
}

START_TEST(every_column_can_be_read)
{
    hsight_graph *graph = graph_text_build(
        "module:service>>s c:2>>v frame:job:worker-1:pin:service.py:41>>v "
        "s:module=72*2!gm s.CACHE>c c:dict=0x100000000!g c{k}>v c{}>k v:app.Session=100*5 c~>v");
    hsight_node_id s = graph_text_node(graph, "s");
    hsight_node_id c = graph_text_node(graph, "c");
    hsight_node_id k = graph_text_node(graph, "k");
    hsight_node_id v = graph_text_node(graph, "v");
    ck_assert_uint_eq(hsight_graph_flags(graph, s), HSIGHT_NODE_GC_TRACKED | HSIGHT_NODE_MODULE);
    ck_assert_uint_eq(hsight_graph_refcount(graph, v), 5);
    ck_assert_uint_eq(hsight_graph_shallow_bytes(graph, s), 72);
    ck_assert_uint_eq(hsight_graph_shallow_bytes(graph, c), UINT64_C(1) << 32);
    check_string(hsight_graph_type_name(graph, hsight_graph_type(graph, v)), "app.Session");
    check_string(hsight_graph_type_name(graph, hsight_graph_type(graph, k)), "object");

    hsight_references refs = hsight_graph_references(graph, c);
    ck_assert_uint_eq(refs.count, 3);
    ck_assert_uint_eq(refs.first, 1);
    ck_assert_uint_eq(hsight_label_kind_of(refs.labels[0]), HSIGHT_LABEL_DICT_VALUE);
    ck_assert_uint_eq(hsight_label_payload(refs.labels[0]), k.index);
    ck_assert_uint_eq(refs.targets[0].index, v.index);
    ck_assert_uint_eq(hsight_label_kind_of(refs.labels[1]), HSIGHT_LABEL_DICT_KEY);
    ck_assert_uint_eq(hsight_label_kind_of(refs.labels[2]), HSIGHT_LABEL_WEAK);
    ck_assert_uint_eq(hsight_graph_references(graph, v).count, 0);
    refs = hsight_graph_references(graph, s);
    hsight_string_id name = {hsight_label_payload(refs.labels[0])};
    check_string(hsight_graph_string(graph, name), "CACHE");

    ck_assert_uint_eq(hsight_graph_root_count(graph), 3);
    const hsight_root *frame = hsight_graph_root(graph, 2);
    ck_assert_uint_eq(frame->kind, HSIGHT_ROOT_FRAME);
    check_string(hsight_graph_string(graph, frame->name), "job");
    check_string(hsight_graph_string(graph, frame->thread), "worker-1");
    check_string(hsight_graph_string(graph, frame->function), "pin");
    check_string(hsight_graph_string(graph, frame->file), "service.py");
    ck_assert_uint_eq(frame->line, 41);
    ck_assert_uint_eq(hsight_graph_root(graph, 1)->surplus, 2);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(every_label_of_the_grammar)
{
    hsight_graph *graph = graph_text_build(
        "a>b a.x>b a[3]>b a{k}>b a{}>b a#>b a|x>b a^x>b a@x>b a(x)>b a%>b a$3>b a~>b");
    static const hsight_label_kind kinds[] = {
        HSIGHT_LABEL_INTERNAL,   HSIGHT_LABEL_ATTRIBUTE, HSIGHT_LABEL_INDEX,
        HSIGHT_LABEL_DICT_VALUE, HSIGHT_LABEL_DICT_KEY,  HSIGHT_LABEL_SET_MEMBER,
        HSIGHT_LABEL_LOCAL,      HSIGHT_LABEL_CELL,      HSIGHT_LABEL_TYPE_PART,
        HSIGHT_LABEL_INTERNAL,   HSIGHT_LABEL_CLASS,     HSIGHT_LABEL_STACK,
        HSIGHT_LABEL_WEAK};
    hsight_references refs = hsight_graph_references(graph, graph_text_node(graph, "a"));
    ck_assert_uint_eq(refs.count, sizeof kinds / sizeof *kinds);
    for (uint32_t i = 0; i < refs.count; i++) {
        ck_assert_uint_eq(hsight_label_kind_of(refs.labels[i]), kinds[i]);
    }
    ck_assert_uint_eq(hsight_label_payload(refs.labels[2]), 3);
    ck_assert_uint_eq(hsight_label_payload(refs.labels[11]), 3);
    ck_assert_uint_eq(hsight_label_payload(refs.labels[0]), 0);
    ck_assert_uint_ne(hsight_label_payload(refs.labels[9]), 0);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(labels_hold_28_bits)
{
    hsight_label label = hsight_label_make(HSIGHT_LABEL_INDEX, HSIGHT_LABEL_PAYLOAD_MAX - 1);
    ck_assert_uint_eq(hsight_label_payload(label), HSIGHT_LABEL_PAYLOAD_MAX - 1);
    label = hsight_label_make(HSIGHT_LABEL_WEAK, UINT64_MAX);
    ck_assert_uint_eq(hsight_label_payload(label), HSIGHT_LABEL_PAYLOAD_MAX);
    ck_assert_uint_eq(hsight_label_kind_of(label), HSIGHT_LABEL_WEAK);
}
END_TEST

START_TEST(edges_know_their_source)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        random_graph random = random_graph_make(seed);
        uint32_t expected = 0;
        for (uint32_t n = 1; n <= hsight_graph_node_count(random.graph); n++) {
            hsight_references refs = hsight_graph_references(random.graph, (hsight_node_id){n});
            random_graph_assert(&random, refs.first == expected);
            for (uint32_t i = 0; i < refs.count; i++, expected++) {
                random_graph_assert(&random,
                                    hsight_graph_edge_source(random.graph, expected).index == n);
            }
        }
        random_graph_assert(&random, expected == hsight_graph_edge_count(random.graph));
        random_graph_free(&random);
    }
}
END_TEST

START_TEST(objects_are_found_by_address)
{
    hsight_graph *graph = graph_text_build("a b c");
    for (uint32_t n = 1; n <= 3; n++) {
        uint64_t address = hsight_graph_address(graph, (hsight_node_id){n});
        ck_assert_uint_eq(hsight_graph_find_address(graph, address).index, n);
        ck_assert_uint_eq(hsight_graph_find_address(graph, address + 1).index, 0);
    }
    hsight_graph_free(graph);
}
END_TEST

/* Address 0 is "not known", even where objects have it. */
START_TEST(no_object_is_found_at_address_0)
{
    hsight_builder *builder;
    hsight_graph *graph;
    hsight_node_id node;
    ck_assert_int_eq(hsight_builder_new(NULL, &builder, NULL), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_address(builder, 0, &node, NULL), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_address(builder, 0, &node, NULL), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_finish(builder, &graph, NULL), HSIGHT_OK);
    ck_assert_int_eq(hsight_graph_check(graph, NULL), HSIGHT_OK);
    ck_assert_uint_eq(hsight_graph_find_address(graph, 0).index, 0);
    hsight_graph_free(graph);
}
END_TEST

/* ---- owners --------------------------------------------------------------------------------- */

static int released_count;

static void count_release(void *owner, const hsight__columns *columns)
{
    ck_assert_ptr_eq(owner, &released_count);
    ck_assert_uint_eq(columns->node_count, 0);
    released_count++;
}

START_TEST(the_owner_is_released_once)
{
    static const uint32_t zeros[2];
    static const uint64_t offsets[2];
    hsight__columns columns = {
        .first_edge = zeros, .shallow = {zeros, 4, 0, NULL, NULL}, .string_offsets = offsets};
    failing_allocator memory;
    failing_allocator_init(&memory, 2);
    hsight_graph *graph;
    ck_assert_int_eq(hsight__graph_wrap(&memory.allocator, &columns, count_release, &released_count,
                                        &graph, NULL),
                     HSIGHT_OK);
    ck_assert_ptr_eq(hsight__graph_allocator(graph), &memory.allocator);
    hsight_graph_free(graph);
    ck_assert_int_eq(released_count, 1);
    ck_assert_uint_eq(memory.live_blocks, 0);

    hsight_error err;
    ck_assert_int_eq(hsight__graph_wrap(&memory.allocator, &columns, count_release, &released_count,
                                        &graph, &err),
                     HSIGHT_ENOMEM); /* request 2: the owner stays the caller's */
    ck_assert_int_eq(released_count, 1);
}
END_TEST

START_TEST(the_default_allocator_is_the_default)
{
    hsight_graph *graph = graph_text_build("a>b");
    ck_assert_ptr_eq(hsight__graph_allocator(graph), hsight_allocator_default());
    hsight_graph_free(graph);
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    graph = graph_text_build_on(&memory.allocator, "a>b");
    ck_assert_ptr_eq(hsight__graph_allocator(graph), &memory.allocator);
    ck_assert_uint_gt(memory.live_blocks, 0);
    hsight_graph_free(graph);
    ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("graph");
    tcase_add_test(tests, every_column_can_be_read);
    tcase_add_test(tests, every_label_of_the_grammar);
    tcase_add_test(tests, labels_hold_28_bits);
    tcase_add_test(tests, edges_know_their_source);
    tcase_add_test(tests, objects_are_found_by_address);
    tcase_add_test(tests, no_object_is_found_at_address_0);
    tcase_add_test(tests, the_owner_is_released_once);
    tcase_add_test(tests, the_default_allocator_is_the_default);
    return run_tests("graph", tests);
}
