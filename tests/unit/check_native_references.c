/* SPDX-License-Identifier: MIT */
/* check_native_references.c - what C code holds more of than before. */
#include <heapsight/native_references.h>

#include <heapsight/builder.h>

#include "failing_allocator.h"
#include "graph_text.h"
#include "random_graph.h"
#include "suite.h"

#include <stdbool.h>
#include <string.h>

static hsight_error err;

static hsight_snapshot *snapshot_of(hsight_graph *graph, uint64_t process)
{
    const hsight_snapshot_info info = {.process_id = process};
    hsight_snapshot *snapshot;
    ck_assert_int_eq(hsight_snapshot_new(graph, &info, &snapshot, &err), HSIGHT_OK);
    return snapshot;
}

static hsight_snapshot *made(const char *text)
{
    return snapshot_of(graph_text_build(text), 7);
}

static hsight_native_references *compare(const hsight_snapshot *before,
                                         const hsight_snapshot *after)
{
    hsight_native_references *found;
    ck_assert_msg(hsight_native_references_new(before, after, &found, &err) == HSIGHT_OK, "%s",
                  err.message);
    return found;
}

static bool equal(hsight_string a, const char *b)
{
    return a.length == strlen(b) && memcmp(a.data, b, a.length) == 0;
}

/* `nodes`: the names of the new objects, in one word each, separated by spaces. */
static void check_row(const hsight_snapshot *after, const hsight_native_references *found,
                      uint32_t row, const char *type, int64_t count_delta, int64_t reference_delta,
                      uint64_t count_after, uint64_t reference_after, const char *nodes)
{
    ck_assert_uint_lt(row, hsight_native_references_count(found));
    const hsight_native_reference_row *got = &hsight_native_references_rows(found)[row];
    ck_assert(equal(got->type, type));
    ck_assert_int_eq(got->count_delta, count_delta);
    ck_assert_int_eq(got->reference_delta, reference_delta);
    ck_assert_uint_eq(got->count_after, count_after);
    ck_assert_uint_eq(got->reference_after, reference_after);
    char text[256] = "";
    uint32_t count;
    const hsight_node_id *all = hsight_native_references_nodes(found, row, &count);
    for (uint32_t i = 0; i < count; i++) {
        hsight_string name = hsight_graph_preview(hsight_snapshot_graph(after), all[i]);
        strcat(text, i > 0 ? " " : "");
        strncat(text, name.data, name.length);
    }
    ck_assert_str_eq(text, nodes);
}

static void check_nothing(const hsight_snapshot *before, const hsight_snapshot *after)
{
    hsight_native_references *found = compare(before, after);
    ck_assert_uint_eq(hsight_native_references_count(found), 0);
    hsight_native_references_free(found);
}

/* a is held as before, b once more, d and e are new; f was held and is not; of the type dict one
 * goes and one comes; g is not held by C code. */
static const char old_text[] = "a:list b:list*3 c:set d:list e:str f:tuple g:list h:dict i:dict "
                               "c:1>>a c:2>>b c:1>>f module:m>>g c:5>>h";
static const char new_text[] = "a:list b:list*3 c:set d:list e:str f:tuple g:list h:dict i:dict "
                               "c:1>>a c:3>>b c:1>>d c:4>>e module:m>>g c:5>>i";

START_TEST(types_that_grew_are_sorted_by_references)
{
    hsight_snapshot *before = made(old_text), *after = made(new_text);
    hsight_native_references *found = compare(before, after);
    ck_assert_uint_eq(hsight_native_references_count(found), 2);
    check_row(after, found, 0, "str", 1, 4, 1, 4, "e");
    check_row(after, found, 1, "list", 1, 2, 3, 5, "b d");
    hsight_native_references_free(found);
    hsight_native_references_free(NULL);
    hsight_snapshot_free(before);
    hsight_snapshot_free(after);
}
END_TEST

/* Beside each node the name of its root. */
START_TEST(holders_are_the_names_of_roots)
{
    hsight_builder *builder;
    hsight_graph *graph;
    hsight_node_id node;
    hsight_string_id name;
    ck_assert_int_eq(hsight_builder_new(NULL, &builder, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_string(builder, "static x", 8, &name, &err), HSIGHT_OK);
    for (uint32_t i = 1; i <= 3; i++) {
        hsight_node_info info = {.address = 0x1000 - 16 * i};
        ck_assert_int_eq(hsight_builder_add_node(builder, &info, &node, &err), HSIGHT_OK);
        hsight_root root = {.node = node, .kind = HSIGHT_ROOT_C_HELD, .surplus = 1};
        root.name = i == 2 ? name : (hsight_string_id){0};
        ck_assert_int_eq(hsight_builder_add_root(builder, &root, &err), HSIGHT_OK);
    }
    ck_assert_int_eq(hsight_builder_finish(builder, &graph, &err), HSIGHT_OK);
    hsight_snapshot *before = made(""), *after = snapshot_of(graph, 7);
    hsight_native_references *found = compare(before, after);
    ck_assert_uint_eq(hsight_native_references_count(found), 1);
    const hsight_string_id *holders = hsight_native_references_holders(found, 0);
    ck_assert_uint_eq(holders[0].index, 0);
    ck_assert(equal(hsight_graph_string(graph, holders[1]), "static x"));
    ck_assert_uint_eq(holders[2].index, 0);
    hsight_native_references_free(found);
    hsight_snapshot_free(before);
    hsight_snapshot_free(after);
}
END_TEST

START_TEST(ties_are_broken_by_objects_then_by_name)
{
    hsight_snapshot *before = made(""),
                    *after = made("a:x b:x c:y d:w c:1>>a c:1>>b c:2>>c c:2>>d");
    hsight_native_references *found = compare(before, after);
    ck_assert_uint_eq(hsight_native_references_count(found), 3);
    check_row(after, found, 0, "x", 2, 2, 2, 2, "a b");
    check_row(after, found, 1, "w", 1, 2, 1, 2, "d");
    check_row(after, found, 2, "y", 1, 2, 1, 2, "c");
    hsight_native_references_free(found);
    hsight_snapshot_free(before);
    hsight_snapshot_free(after);
}
END_TEST

/* Fewer objects with more references, and more objects with fewer: both are growth. */
START_TEST(either_number_may_grow)
{
    hsight_snapshot *before = made("a:x b:x c:y d:y c:1>>a c:1>>b c:9>>c");
    hsight_snapshot *after = made("a:x b:x c:y d:y c:7>>a c:1>>c c:1>>d");
    hsight_native_references *found = compare(before, after);
    ck_assert_uint_eq(hsight_native_references_count(found), 2);
    check_row(after, found, 0, "x", -1, 5, 1, 7, "a");
    check_row(after, found, 1, "y", 1, -7, 2, 2, "d");
    hsight_native_references_free(found);
    hsight_snapshot_free(before);
    hsight_snapshot_free(after);
}
END_TEST

START_TEST(what_is_as_before_or_less_is_left_out)
{
    hsight_snapshot *nothing = made(""), *before = made(old_text), *after = made(new_text);
    check_nothing(nothing, nothing);
    check_nothing(before, before);
    check_nothing(after, nothing);
    hsight_snapshot_free(nothing);
    hsight_snapshot_free(before);
    hsight_snapshot_free(after);
}
END_TEST

/* An address says nothing about another process. */
START_TEST(of_another_process_all_are_new)
{
    hsight_snapshot *before = made("a:list b:list c:2>>a");
    hsight_snapshot *after = snapshot_of(graph_text_build("a:list b:list c:2>>a c:1>>b"), 8);
    hsight_native_references *found = compare(before, after);
    ck_assert_uint_eq(hsight_native_references_count(found), 1);
    check_row(after, found, 0, "list", 1, 1, 2, 3, "a b");
    hsight_native_references_free(found);
    hsight_snapshot_free(before);
    hsight_snapshot_free(after);
}
END_TEST

/* Two types of one name are one; a file of others may name one object twice, too. */
START_TEST(types_share_names_and_objects_have_several_roots)
{
    hsight_builder *builder;
    hsight_string_id name;
    hsight_type_id types[2];
    hsight_graph *graph;
    hsight_node_id node;
    ck_assert_int_eq(hsight_builder_new(NULL, &builder, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_string(builder, "app.S", 5, &name, &err), HSIGHT_OK);
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_int_eq(hsight_builder_add_type(builder, name, &types[i], &err), HSIGHT_OK);
        hsight_node_info info = {.address = 0x1000 - 16 * i, .type = types[i]};
        ck_assert_int_eq(hsight_builder_add_node(builder, &info, &node, &err), HSIGHT_OK);
    }
    for (uint32_t i = 0; i < 3; i++) {
        hsight_root root = {.node = {1 + i / 2}, .kind = HSIGHT_ROOT_C_HELD, .surplus = UINT32_MAX};
        ck_assert_int_eq(hsight_builder_add_root(builder, &root, &err), HSIGHT_OK);
    }
    ck_assert_int_eq(hsight_builder_finish(builder, &graph, &err), HSIGHT_OK);
    hsight_snapshot *before = made(""), *after = snapshot_of(graph, 7);
    hsight_native_references *found = compare(before, after);
    ck_assert_uint_eq(hsight_native_references_count(found), 1);
    check_row(after, found, 0, "app.S", 2, 3 * (int64_t)UINT32_MAX, 2, 3 * (uint64_t)UINT32_MAX,
              " ");
    uint32_t count;
    const hsight_node_id *nodes = hsight_native_references_nodes(found, 0, &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(nodes[0].index, 2); /* by address */
    hsight_native_references_free(found);
    hsight_snapshot_free(before);
    hsight_snapshot_free(after);
}
END_TEST

/* ---- an oracle: each type and each object one by one ------------------------------------------
 */

static uint64_t surplus_of(const hsight_graph *graph, uint32_t node)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < hsight_graph_root_count(graph); i++) {
        const hsight_root *root = hsight_graph_root(graph, i);
        sum += root->kind == HSIGHT_ROOT_C_HELD && root->node.index == node ? root->surplus : 0;
    }
    return sum;
}

static bool is_type(const hsight_graph *graph, uint32_t node, const char *name)
{
    return node <= hsight_graph_node_count(graph) &&
           equal(hsight_graph_type_name(graph, hsight_graph_type(graph, (hsight_node_id){node})),
                 name);
}

static void measure(const hsight_graph *graph, const char *type, int64_t *count,
                    int64_t *references)
{
    *count = *references = 0;
    for (uint32_t n = 1; n <= hsight_graph_node_count(graph); n++) {
        uint64_t surplus = is_type(graph, n, type) ? surplus_of(graph, n) : 0;
        *count += surplus != 0;
        *references += (int64_t)surplus;
    }
}

/* Objects of equal number have equal addresses. */
static void check_nodes(const random_graph *random, const hsight_graph *before,
                        const hsight_graph *after, const char *type,
                        const hsight_native_references *found, uint32_t row)
{
    uint32_t count, expected = 0;
    const hsight_node_id *nodes = hsight_native_references_nodes(found, row, &count);
    for (uint32_t n = 1; n <= hsight_graph_node_count(after); n++) {
        uint64_t old_surplus = is_type(before, n, type) ? surplus_of(before, n) : 0;
        if (is_type(after, n, type) && surplus_of(after, n) > old_surplus) {
            random_graph_assert(random, expected < count && nodes[expected].index == n);
            expected++;
        }
    }
    random_graph_assert(random, expected == count);
}

static void check_type(const random_graph *random, const hsight_graph *before,
                       const hsight_graph *after, const char *type,
                       const hsight_native_references *found, uint32_t *rows)
{
    int64_t old_count, old_references, new_count, new_references;
    measure(before, type, &old_count, &old_references);
    measure(after, type, &new_count, &new_references);
    bool has_grown = new_count > old_count || new_references > old_references, is_there = false;
    for (uint32_t i = 0; i < hsight_native_references_count(found); i++) {
        const hsight_native_reference_row *row = &hsight_native_references_rows(found)[i];
        if (equal(row->type, type)) {
            is_there = true;
            ++*rows;
            random_graph_assert(random, row->count_delta == new_count - old_count);
            random_graph_assert(random, row->reference_delta == new_references - old_references);
            check_nodes(random, before, after, type, found, i);
        }
    }
    random_graph_assert(random, is_there == has_grown);
}

START_TEST(random_snapshots_are_compared_right)
{
    static const char *const types[] = {"list", "dict", "app.Session", "str"};
    uint32_t rows = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        random_graph random = random_graph_make(seed), other = random_graph_make(seed + 1000);
        hsight_graph *graphs[] = {other.graph, random.graph};
        hsight_snapshot *before = snapshot_of(graphs[0], 1), *after = snapshot_of(graphs[1], 1);
        random.graph = other.graph = NULL;
        hsight_native_references *found = compare(before, after);
        uint32_t known = 0;
        for (uint32_t i = 0; i < 4; i++) {
            check_type(&random, graphs[0], graphs[1], types[i], found, &known);
        }
        random_graph_assert(&random, known == hsight_native_references_count(found));
        rows += known;
        hsight_native_references_free(found);
        hsight_snapshot_free(before);
        hsight_snapshot_free(after);
        random_graph_free(&random);
        random_graph_free(&other);
    }
    ck_assert_uint_gt(rows, 40); /* the oracle had something to look at */
}
END_TEST

START_TEST(refused_memory_leaves_nothing_behind)
{
    size_t refused = 0;
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, 0);
        hsight_snapshot *before = snapshot_of(graph_text_build_on(&memory.allocator, old_text), 1);
        hsight_snapshot *after = snapshot_of(graph_text_build_on(&memory.allocator, new_text), 1);
        size_t held = memory.live_blocks;
        memory.refuse_at = memory.requests + n;
        hsight_native_references *found = NULL;
        hsight_status status = hsight_native_references_new(before, after, &found, &err);
        ck_assert_int_eq(status, found == NULL ? HSIGHT_ENOMEM : HSIGHT_OK);
        refused += found == NULL;
        hsight_native_references_free(found);
        ck_assert_uint_eq(memory.live_blocks, held);
        hsight_snapshot_free(before);
        hsight_snapshot_free(after);
        ck_assert_uint_eq(memory.live_blocks, 0);
        if (!memory.refused) {
            break;
        }
    }
    ck_assert_uint_ge(refused, 8);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("native_references");
    tcase_add_test(tests, types_that_grew_are_sorted_by_references);
    tcase_add_test(tests, holders_are_the_names_of_roots);
    tcase_add_test(tests, ties_are_broken_by_objects_then_by_name);
    tcase_add_test(tests, either_number_may_grow);
    tcase_add_test(tests, what_is_as_before_or_less_is_left_out);
    tcase_add_test(tests, of_another_process_all_are_new);
    tcase_add_test(tests, types_share_names_and_objects_have_several_roots);
    tcase_add_test(tests, random_snapshots_are_compared_right);
    tcase_add_test(tests, refused_memory_leaves_nothing_behind);
    return run_tests("native_references", tests);
}
