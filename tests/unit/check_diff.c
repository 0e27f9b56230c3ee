/* SPDX-License-Identifier: MIT */
/* check_diff.c - what grew between two graphs, by type name. */
#include <heapsight/diff.h>

#include "failing_allocator.h"
#include "graph_text.h"
#include "random_graph.h"
#include "suite.h"

#include <stdbool.h>
#include <string.h>

static hsight_error err;

static hsight_diff *compare(const hsight_graph *before, const hsight_graph *after, hsight_sort sort)
{
    hsight_diff *diff;
    ck_assert_msg(hsight_diff_new(before, after, sort, &diff, &err) == HSIGHT_OK, "%s",
                  err.message);
    return diff;
}

static void check_row(const hsight_diff *diff, uint32_t row, const char *type, int64_t count_delta,
                      int64_t bytes_delta, uint64_t count_after, uint64_t bytes_after)
{
    ck_assert_uint_lt(row, hsight_diff_count(diff));
    const hsight_diff_row *got = &hsight_diff_rows(diff)[row];
    ck_assert_uint_eq(got->type.length, strlen(type));
    ck_assert_mem_eq(got->type.data, type, got->type.length);
    ck_assert_int_eq(got->count_delta, count_delta);
    ck_assert_int_eq(got->bytes_delta, bytes_delta);
    ck_assert_uint_eq(got->count_after, count_after);
    ck_assert_uint_eq(got->bytes_after, bytes_after);
}

/* app.S grows, dict is gone, list is as it was, int shrinks, set is new, str has other bytes. */
static const char old_text[] = "a:app.S=10 b:dict=70 d:list=30 e:int=8 f:int=8 g:str=40 h:str=40";
static const char new_text[] =
    "a:app.S=10 i:app.S=90 d:list=30 e:int=8 j:set=200 g:str=30 h:str=51";

START_TEST(changes_are_sorted_by_size)
{
    hsight_graph *before = graph_text_build(old_text), *after = graph_text_build(new_text);
    hsight_diff *diff = compare(before, after, HSIGHT_SORT_BYTES);
    ck_assert_uint_eq(hsight_diff_count(diff), 5);
    check_row(diff, 0, "set", 1, 200, 1, 200);
    check_row(diff, 1, "app.S", 1, 90, 2, 100);
    check_row(diff, 2, "str", 0, 1, 2, 81);
    check_row(diff, 3, "int", -1, -8, 1, 8);
    check_row(diff, 4, "dict", -1, -70, 0, 0);
    hsight_diff_free(diff);
    hsight_diff_free(NULL);
    hsight_graph_free(before);
    hsight_graph_free(after);
}
END_TEST

START_TEST(other_orders_break_ties_by_name)
{
    hsight_graph *before = graph_text_build(old_text), *after = graph_text_build(new_text);
    hsight_diff *diff = compare(before, after, HSIGHT_SORT_COUNT);
    check_row(diff, 0, "app.S", 1, 90, 2, 100);
    check_row(diff, 1, "set", 1, 200, 1, 200);
    check_row(diff, 2, "str", 0, 1, 2, 81);
    check_row(diff, 3, "dict", -1, -70, 0, 0);
    check_row(diff, 4, "int", -1, -8, 1, 8);
    hsight_diff_free(diff);
    diff = compare(before, after, HSIGHT_SORT_NAME);
    check_row(diff, 0, "app.S", 1, 90, 2, 100);
    check_row(diff, 1, "dict", -1, -70, 0, 0);
    check_row(diff, 4, "str", 0, 1, 2, 81);
    hsight_diff_free(diff);
    hsight_graph_free(before);
    hsight_graph_free(after);
}
END_TEST

START_TEST(a_graph_does_not_differ_from_itself)
{
    hsight_graph *graph = graph_text_build(new_text), *nothing = graph_text_build("");
    hsight_diff *diff = compare(graph, graph, HSIGHT_SORT_BYTES);
    ck_assert_uint_eq(hsight_diff_count(diff), 0);
    hsight_diff_free(diff);
    diff = compare(nothing, nothing, HSIGHT_SORT_BYTES);
    ck_assert_uint_eq(hsight_diff_count(diff), 0);
    hsight_diff_free(diff);
    diff = compare(nothing, graph, HSIGHT_SORT_BYTES);
    ck_assert_uint_eq(hsight_diff_count(diff), 5);
    hsight_diff_free(diff);
    hsight_graph_free(graph);
    hsight_graph_free(nothing);
}
END_TEST

START_TEST(changes_of_foreign_sizes_stay_in_range)
{
    hsight_graph *nothing = graph_text_build("");
    hsight_graph *huge = graph_text_build("a:x=0xffffffffffffffff b:y=0x8000000000000000 c:z=1");
    hsight_diff *diff = compare(nothing, huge, HSIGHT_SORT_BYTES);
    check_row(diff, 0, "x", 1, INT64_MAX, 1, UINT64_MAX);
    check_row(diff, 1, "y", 1, INT64_MAX, 1, UINT64_C(1) << 63);
    check_row(diff, 2, "z", 1, 1, 1, 1);
    hsight_diff_free(diff);
    diff = compare(huge, nothing, HSIGHT_SORT_BYTES);
    check_row(diff, 0, "z", -1, -1, 0, 0);
    check_row(diff, 1, "x", -1, INT64_MIN, 0, 0);
    check_row(diff, 2, "y", -1, INT64_MIN, 0, 0);
    hsight_diff_free(diff);
    hsight_graph_free(nothing);
    hsight_graph_free(huge);
}
END_TEST

START_TEST(an_unknown_order_is_refused)
{
    hsight_graph *graph = graph_text_build(new_text);
    hsight_diff *diff = NULL;
    hsight_sort sort = (hsight_sort)-1;
    ck_assert_int_eq(hsight_diff_new(graph, graph, sort, &diff, &err), HSIGHT_EINVAL);
    ck_assert_str_eq(err.message, "diff: sort order -1 is not known");
    ck_assert_ptr_null(diff);
    hsight_graph_free(graph);
}
END_TEST

static bool is_type(const hsight_graph *graph, uint32_t node, hsight_string name)
{
    hsight_string type =
        hsight_graph_type_name(graph, hsight_graph_type(graph, (hsight_node_id){node}));
    return type.length == name.length && memcmp(type.data, name.data, name.length) == 0;
}

static void measure(const hsight_graph *graph, hsight_string name, uint64_t *count, uint64_t *bytes)
{
    *count = *bytes = 0;
    for (uint32_t i = 1; i <= hsight_graph_node_count(graph); i++) {
        if (is_type(graph, i, name)) {
            ++*count;
            *bytes += hsight_graph_shallow_bytes(graph, (hsight_node_id){i});
        }
    }
}

/* The random graphs have four types; each must be in the diff exactly when it changed. */
START_TEST(random_graphs_are_compared_right)
{
    static const char *const types[] = {"list", "dict", "app.Session", "str"};
    for (uint64_t seed = 1; seed <= 300; seed++) {
        random_graph before = random_graph_make(seed), after = random_graph_make(seed + 1000);
        hsight_diff *diff = compare(before.graph, after.graph, HSIGHT_SORT_NAME);
        uint32_t changed = 0;
        for (uint32_t i = 0; i < 4; i++) {
            uint64_t old_count, old_bytes, new_count, new_bytes;
            measure(before.graph, (hsight_string){types[i], strlen(types[i])}, &old_count,
                    &old_bytes);
            measure(after.graph, (hsight_string){types[i], strlen(types[i])}, &new_count,
                    &new_bytes);
            changed += old_count != new_count || old_bytes != new_bytes;
        }
        random_graph_assert(&after, hsight_diff_count(diff) == changed);
        for (uint32_t i = 0; i < changed; i++) {
            const hsight_diff_row *row = &hsight_diff_rows(diff)[i];
            uint64_t count, bytes;
            measure(after.graph, row->type, &count, &bytes);
            random_graph_assert(&after, row->count_after == count && row->bytes_after == bytes);
            measure(before.graph, row->type, &count, &bytes);
            random_graph_assert(&before, row->count_after - (uint64_t)row->count_delta == count);
            random_graph_assert(&before, row->bytes_after - (uint64_t)row->bytes_delta == bytes);
        }
        hsight_diff_free(diff);
        random_graph_free(&before);
        random_graph_free(&after);
    }
}
END_TEST

START_TEST(refused_memory_leaves_nothing_behind)
{
    size_t refused = 0;
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, 0);
        hsight_graph *before = graph_text_build_on(&memory.allocator, old_text);
        hsight_graph *after = graph_text_build_on(&memory.allocator, new_text);
        size_t held = memory.live_blocks;
        memory.refuse_at = memory.requests + n;
        hsight_diff *diff = NULL;
        hsight_status status = hsight_diff_new(before, after, HSIGHT_SORT_BYTES, &diff, &err);
        ck_assert_int_eq(status, diff == NULL ? HSIGHT_ENOMEM : HSIGHT_OK);
        refused += diff == NULL;
        hsight_diff_free(diff);
        ck_assert_uint_eq(memory.live_blocks, held);
        hsight_graph_free(before);
        hsight_graph_free(after);
        ck_assert_uint_eq(memory.live_blocks, 0);
        if (!memory.refused) {
            break;
        }
    }
    ck_assert_uint_ge(refused, 6);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("diff");
    tcase_add_test(tests, changes_are_sorted_by_size);
    tcase_add_test(tests, other_orders_break_ties_by_name);
    tcase_add_test(tests, a_graph_does_not_differ_from_itself);
    tcase_add_test(tests, changes_of_foreign_sizes_stay_in_range);
    tcase_add_test(tests, an_unknown_order_is_refused);
    tcase_add_test(tests, random_graphs_are_compared_right);
    tcase_add_test(tests, refused_memory_leaves_nothing_behind);
    return run_tests("diff", tests);
}
