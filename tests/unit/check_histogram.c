/* SPDX-License-Identifier: MIT */
/* check_histogram.c - objects and bytes by type name. */
#include <heapsight/histogram.h>

#include "failing_allocator.h"
#include "graph_text.h"
#include "random_graph.h"
#include "suite.h"

#include <string.h>

static hsight_error err;

static hsight_histogram *count_types(const hsight_graph *graph, hsight_sort sort)
{
    hsight_histogram *histogram;
    ck_assert_msg(hsight_histogram_new(graph, sort, &histogram, &err) == HSIGHT_OK, "%s",
                  err.message);
    return histogram;
}

static void check_row(const hsight_histogram *histogram, uint32_t row, const char *type,
                      uint64_t count, uint64_t bytes)
{
    ck_assert_uint_lt(row, hsight_histogram_count(histogram));
    const hsight_histogram_row *got = &hsight_histogram_rows(histogram)[row];
    ck_assert_uint_eq(got->type.length, strlen(type));
    ck_assert_mem_eq(got->type.data, type, got->type.length);
    ck_assert_uint_eq(got->count, count);
    ck_assert_uint_eq(got->bytes, bytes);
}

static const char text[] =
    "a:list=100 b:dict=70 d:dict=30 e:app.S=500 f:app.T=1 g:app.T=1 h:app.T=1";

START_TEST(rows_are_sorted_as_asked)
{
    hsight_graph *graph = graph_text_build(text);
    hsight_histogram *histogram = count_types(graph, HSIGHT_SORT_BYTES);
    ck_assert_uint_eq(hsight_histogram_count(histogram), 4);
    check_row(histogram, 0, "app.S", 1, 500);
    check_row(histogram, 1, "dict", 2, 100); /* as many bytes as list: the name decides */
    check_row(histogram, 2, "list", 1, 100);
    check_row(histogram, 3, "app.T", 3, 3);
    hsight_histogram_free(histogram);
    histogram = count_types(graph, HSIGHT_SORT_COUNT);
    check_row(histogram, 0, "app.T", 3, 3);
    check_row(histogram, 1, "dict", 2, 100);
    check_row(histogram, 2, "app.S", 1, 500);
    check_row(histogram, 3, "list", 1, 100);
    hsight_histogram_free(histogram);
    histogram = count_types(graph, HSIGHT_SORT_NAME);
    check_row(histogram, 0, "app.S", 1, 500);
    check_row(histogram, 1, "app.T", 3, 3);
    check_row(histogram, 2, "dict", 2, 100);
    check_row(histogram, 3, "list", 1, 100);
    hsight_histogram_free(histogram);
    hsight_histogram_free(NULL);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(nothing_has_no_rows)
{
    hsight_graph *graph = graph_text_build("");
    hsight_histogram *histogram = count_types(graph, HSIGHT_SORT_BYTES);
    ck_assert_uint_eq(hsight_histogram_count(histogram), 0);
    hsight_histogram_free(histogram);
    hsight_graph_free(graph);
}
END_TEST

/* A class that was defined twice, each with an object of 5 GB, and a type that has none. */
START_TEST(types_that_share_a_name_share_a_row)
{
    hsight_builder *builder;
    hsight_string_id name, other;
    hsight_type_id type;
    hsight_node_id node;
    hsight_graph *graph;
    ck_assert_int_eq(hsight_builder_new(NULL, &builder, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_string(builder, "app.S", 5, &name, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_string(builder, "aaa", 3, &other, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_type(builder, other, &type, &err), HSIGHT_OK);
    for (uint32_t i = 1; i <= 2; i++) {
        ck_assert_int_eq(hsight_builder_add_type(builder, name, &type, &err), HSIGHT_OK);
        hsight_node_info info = {.address = i, .shallow_bytes = UINT64_C(5000000000), .type = type};
        ck_assert_int_eq(hsight_builder_add_node(builder, &info, &node, &err), HSIGHT_OK);
    }
    ck_assert_int_eq(hsight_builder_finish(builder, &graph, &err), HSIGHT_OK);
    hsight_histogram *histogram = count_types(graph, HSIGHT_SORT_BYTES);
    ck_assert_uint_eq(hsight_histogram_count(histogram), 1);
    check_row(histogram, 0, "app.S", 2, UINT64_C(10000000000));
    hsight_histogram_free(histogram);
    hsight_graph_free(graph);
}
END_TEST

/* Objects of two types that share a name: the row is as good as the worst of them. */
START_TEST(a_row_is_as_good_as_its_worst_size)
{
    static const struct {
        uint32_t flags[2];
        hsight_sizes expected;
    } cases[] = {
        {{0, 0}, HSIGHT_SIZES_EXACT},
        {{HSIGHT_NODE_SIZE_FORMULA, 0}, HSIGHT_SIZES_FORMULA},
        {{0, HSIGHT_NODE_SIZE_FORMULA}, HSIGHT_SIZES_FORMULA},
        {{HSIGHT_NODE_SIZE_FORMULA, HSIGHT_NODE_SIZE_LOWER_BOUND}, HSIGHT_SIZES_LOWER_BOUND},
        {{HSIGHT_NODE_SIZE_LOWER_BOUND, HSIGHT_NODE_TYPE}, HSIGHT_SIZES_LOWER_BOUND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hsight_builder *builder;
        hsight_string_id name;
        hsight_type_id type;
        hsight_node_id node;
        hsight_graph *graph;
        ck_assert_int_eq(hsight_builder_new(NULL, &builder, &err), HSIGHT_OK);
        ck_assert_int_eq(hsight_builder_string(builder, "app.S", 5, &name, &err), HSIGHT_OK);
        for (uint32_t n = 0; n < 2; n++) {
            ck_assert_int_eq(hsight_builder_add_type(builder, name, &type, &err), HSIGHT_OK);
            hsight_node_info info = {.address = n + 1, .type = type, .flags = cases[i].flags[n]};
            ck_assert_int_eq(hsight_builder_add_node(builder, &info, &node, &err), HSIGHT_OK);
        }
        ck_assert_int_eq(hsight_builder_finish(builder, &graph, &err), HSIGHT_OK);
        hsight_histogram *histogram = count_types(graph, HSIGHT_SORT_BYTES);
        ck_assert_uint_eq(hsight_histogram_count(histogram), 1);
        ck_assert_uint_eq(hsight_histogram_rows(histogram)->sizes, cases[i].expected);
        hsight_histogram_free(histogram);
        hsight_graph_free(graph);
    }
}
END_TEST

/* Two types share a name; the sizes of one, and of both, are more than 64 bits hold. */
START_TEST(sums_of_foreign_sizes_stay_at_the_top)
{
    hsight_builder *builder;
    hsight_string_id name;
    hsight_type_id types[2];
    hsight_node_id node;
    hsight_graph *graph;
    ck_assert_int_eq(hsight_builder_new(NULL, &builder, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_string(builder, "app.S", 5, &name, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_type(builder, name, &types[0], &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_type(builder, name, &types[1], &err), HSIGHT_OK);
    for (uint32_t i = 0; i < 3; i++) {
        hsight_node_info info = {
            .address = i + 1, .shallow_bytes = UINT64_C(1) << 63, .type = types[i / 2]};
        ck_assert_int_eq(hsight_builder_add_node(builder, &info, &node, &err), HSIGHT_OK);
    }
    ck_assert_int_eq(hsight_builder_finish(builder, &graph, &err), HSIGHT_OK);
    hsight_histogram *histogram = count_types(graph, HSIGHT_SORT_BYTES);
    ck_assert_uint_eq(hsight_histogram_count(histogram), 1);
    check_row(histogram, 0, "app.S", 3, UINT64_MAX);
    hsight_histogram_free(histogram);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(an_unknown_order_is_refused)
{
    hsight_graph *graph = graph_text_build(text);
    hsight_histogram *histogram = NULL;
    hsight_sort sort = (hsight_sort)3;
    ck_assert_int_eq(hsight_histogram_new(graph, sort, &histogram, &err), HSIGHT_EINVAL);
    ck_assert_str_eq(err.message, "histogram: sort order 3 is not known");
    ck_assert_ptr_null(histogram);
    hsight_graph_free(graph);
}
END_TEST

static void check_against_counting(const random_graph *random, const hsight_histogram_row *row)
{
    uint64_t count = 0, bytes = 0;
    for (uint32_t i = 1; i <= hsight_graph_node_count(random->graph); i++) {
        hsight_node_id node = {i};
        hsight_string name =
            hsight_graph_type_name(random->graph, hsight_graph_type(random->graph, node));
        if (name.length == row->type.length &&
            memcmp(name.data, row->type.data, name.length) == 0) {
            count++;
            bytes += hsight_graph_shallow_bytes(random->graph, node);
        }
    }
    random_graph_assert(random, row->count == count && row->bytes == bytes && count > 0);
}

START_TEST(random_graphs_are_counted_right)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        random_graph random = random_graph_make(seed);
        hsight_histogram *histogram = count_types(random.graph, HSIGHT_SORT_BYTES);
        const hsight_histogram_row *rows = hsight_histogram_rows(histogram);
        uint64_t total = 0;
        for (uint32_t i = 0; i < hsight_histogram_count(histogram); i++) {
            check_against_counting(&random, &rows[i]);
            random_graph_assert(&random, i == 0 || rows[i - 1].bytes >= rows[i].bytes);
            total += rows[i].count;
        }
        random_graph_assert(&random, total == hsight_graph_node_count(random.graph));
        hsight_histogram_free(histogram);
        random_graph_free(&random);
    }
}
END_TEST

START_TEST(refused_memory_leaves_nothing_behind)
{
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, 0);
        hsight_graph *graph = graph_text_build_on(&memory.allocator, text);
        size_t before = memory.live_blocks;
        memory.refuse_at = memory.requests + n;
        hsight_histogram *histogram = NULL;
        hsight_status status = hsight_histogram_new(graph, HSIGHT_SORT_BYTES, &histogram, &err);
        /* Giving spare room back may be refused without harm. */
        ck_assert_int_eq(status, histogram == NULL ? HSIGHT_ENOMEM : HSIGHT_OK);
        ck_assert(histogram == NULL || n > 2);
        hsight_histogram_free(histogram);
        ck_assert_uint_eq(memory.live_blocks, before);
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
    TCase *tests = tcase_create("histogram");
    tcase_add_test(tests, rows_are_sorted_as_asked);
    tcase_add_test(tests, nothing_has_no_rows);
    tcase_add_test(tests, types_that_share_a_name_share_a_row);
    tcase_add_test(tests, a_row_is_as_good_as_its_worst_size);
    tcase_add_test(tests, sums_of_foreign_sizes_stay_at_the_top);
    tcase_add_test(tests, an_unknown_order_is_refused);
    tcase_add_test(tests, random_graphs_are_counted_right);
    tcase_add_test(tests, refused_memory_leaves_nothing_behind);
    return run_tests("histogram", tests);
}
