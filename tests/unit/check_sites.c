/* SPDX-License-Identifier: MIT */
/* check_sites.c - objects and bytes by type name and the place that allocated them. */
#include <heapsight/site.h>

#include <heapsight/builder.h>

#include "failing_allocator.h"
#include "graph_text.h"
#include "made_trace.h"
#include "random_graph.h"
#include "suite.h"

#include <string.h>

static hsight_error err;

static hsight_snapshot *snapshot_of(hsight_graph *graph)
{
    const hsight_snapshot_info info = {.process_id = 1};
    hsight_snapshot *snapshot;
    ck_assert_int_eq(hsight_snapshot_new(graph, &info, &snapshot, &err), HSIGHT_OK);
    return snapshot;
}

static hsight_sites *count_sites(const hsight_snapshot *snapshot, hsight_sort sort)
{
    hsight_sites *sites;
    if (hsight_sites_new(snapshot, sort, &sites, &err) != HSIGHT_OK) {
        ck_abort_msg("%s", err.message);
    }
    return sites;
}

static bool equal(hsight_string a, hsight_string b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* `function` NULL: the site is not known. */
static void check_row(const hsight_snapshot *snapshot, const hsight_sites *sites, uint32_t row,
                      const char *type, const char *function, uint32_t line, uint64_t count,
                      uint64_t bytes)
{
    ck_assert_uint_lt(row, hsight_sites_count(sites));
    const hsight_site_row *got = &hsight_sites_rows(sites)[row];
    hsight_trace_frame site = hsight_trace_get_frame(hsight_snapshot_trace(snapshot), got->site);
    ck_assert(equal(got->type, (hsight_string){type, strlen(type)}));
    ck_assert_int_eq(got->site.index == 0, function == NULL);
    ck_assert(equal(site.function, (hsight_string){function != NULL ? function : "",
                                                   function != NULL ? strlen(function) : 0}));
    ck_assert_uint_eq(site.line, line);
    ck_assert_uint_eq(got->count, count);
    ck_assert_uint_eq(got->bytes, bytes);
}

/* a and b are made in one line, of different callers; c in another of the same function; d by C
 * code that no function called; nobody saw e and f. */
static const char objects[] = "a:list=100 b:list=60 c:dict=160 d:list=1 e:list=70 f:str=70 a>b";
static const made_block blocks[] = {
    {.address = 0x10100, .bytes = 100, .stack = "pin:41 serve:9 main:3"},
    {.address = 0x10200, .bytes = 60, .stack = "pin:41 main:5"},
    {.address = 0x10300, .bytes = 160, .stack = "pin:42 main:5"},
    {.address = 0x10400, .bytes = 1, .thread = 2, .stack = NULL},
    {.address = 0x900000, .bytes = 999, .stack = "other:1"},
};

static hsight_snapshot *sample(const hsight_allocator *allocator)
{
    hsight_snapshot *snapshot = snapshot_of(graph_text_build_on(allocator, objects));
    made_trace_join(snapshot, HSIGHT_TRACE_EXACT, blocks, sizeof blocks / sizeof *blocks);
    return snapshot;
}

START_TEST(rows_are_sorted_as_asked)
{
    hsight_snapshot *snapshot = sample(NULL);
    hsight_sites *sites = count_sites(snapshot, HSIGHT_SORT_BYTES);
    ck_assert_uint_eq(hsight_sites_count(sites), 5);
    check_row(snapshot, sites, 0, "dict", "pin", 42, 1, 160); /* as many bytes: the type decides */
    check_row(snapshot, sites, 1, "list", "pin", 41, 2, 160);
    check_row(snapshot, sites, 2, "list", NULL, 0, 1, 70);
    check_row(snapshot, sites, 3, "str", NULL, 0, 1, 70);
    check_row(snapshot, sites, 4, "list", "worker-2", 0, 1, 1);
    hsight_sites_free(sites);
    sites = count_sites(snapshot, HSIGHT_SORT_COUNT);
    check_row(snapshot, sites, 0, "list", "pin", 41, 2, 160);
    check_row(snapshot, sites, 1, "dict", "pin", 42, 1, 160);
    check_row(snapshot, sites, 2, "list", NULL, 0, 1, 70); /* of one type: the site decides */
    check_row(snapshot, sites, 3, "list", "worker-2", 0, 1, 1);
    check_row(snapshot, sites, 4, "str", NULL, 0, 1, 70);
    hsight_sites_free(sites);
    sites = count_sites(snapshot, HSIGHT_SORT_NAME);
    check_row(snapshot, sites, 0, "dict", "pin", 42, 1, 160);
    check_row(snapshot, sites, 1, "list", NULL, 0, 1, 70);
    check_row(snapshot, sites, 2, "list", "pin", 41, 2, 160);
    check_row(snapshot, sites, 3, "list", "worker-2", 0, 1, 1);
    check_row(snapshot, sites, 4, "str", NULL, 0, 1, 70);
    hsight_sites_free(sites);
    hsight_sites_free(NULL);
    hsight_snapshot_free(snapshot);
}
END_TEST

START_TEST(nothing_has_no_rows)
{
    hsight_snapshot *snapshot = snapshot_of(graph_text_build(""));
    made_trace_join(snapshot, HSIGHT_TRACE_EXACT, NULL, 0);
    hsight_sites *sites = count_sites(snapshot, HSIGHT_SORT_BYTES);
    ck_assert_uint_eq(hsight_sites_count(sites), 0);
    hsight_sites_free(sites);
    hsight_snapshot_free(snapshot);
}
END_TEST

/* No type and no site, as where a tracer only counted: the key of the row is 0. */
START_TEST(objects_without_type_and_site)
{
    hsight_builder *builder;
    hsight_graph *graph;
    hsight_node_id node;
    ck_assert_int_eq(hsight_builder_new(NULL, &builder, &err), HSIGHT_OK);
    for (uint32_t i = 1; i <= 100; i++) {
        hsight_node_info info = {.address = i, .shallow_bytes = 10};
        ck_assert_int_eq(hsight_builder_add_node(builder, &info, &node, &err), HSIGHT_OK);
    }
    ck_assert_int_eq(hsight_builder_finish(builder, &graph, &err), HSIGHT_OK);
    hsight_snapshot *snapshot = snapshot_of(graph);
    made_trace_join(snapshot, HSIGHT_TRACE_COUNTS, NULL, 0);
    hsight_sites *sites = count_sites(snapshot, HSIGHT_SORT_BYTES);
    ck_assert_uint_eq(hsight_sites_count(sites), 1);
    check_row(snapshot, sites, 0, "", NULL, 0, 100, 1000);
    hsight_sites_free(sites);
    hsight_snapshot_free(snapshot);
}
END_TEST

/* Two types of one name; three objects of one place have more bytes than 64 bits hold. */
START_TEST(types_that_share_a_name_share_a_row)
{
    hsight_builder *builder;
    hsight_string_id name;
    hsight_type_id types[2];
    hsight_graph *graph;
    hsight_node_id node;
    made_block made[4];
    ck_assert_int_eq(hsight_builder_new(NULL, &builder, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_string(builder, "app.S", 5, &name, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_type(builder, name, &types[0], &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_type(builder, name, &types[1], &err), HSIGHT_OK);
    for (uint32_t i = 0; i < 4; i++) {
        hsight_node_info info = {.address = 0x1000 + 16 * i,
                                 .shallow_bytes = i < 3 ? UINT64_C(1) << 63 : 7,
                                 .type = types[i / 2]};
        ck_assert_int_eq(hsight_builder_add_node(builder, &info, &node, &err), HSIGHT_OK);
        made[i] = (made_block){.address = info.address, .stack = i < 3 ? "f:1" : "f:2"};
    }
    ck_assert_int_eq(hsight_builder_finish(builder, &graph, &err), HSIGHT_OK);
    hsight_snapshot *snapshot = snapshot_of(graph);
    made_trace_join(snapshot, HSIGHT_TRACE_EXACT, made, 4);
    hsight_sites *sites = count_sites(snapshot, HSIGHT_SORT_BYTES);
    ck_assert_uint_eq(hsight_sites_count(sites), 2);
    check_row(snapshot, sites, 0, "app.S", "f", 1, 3, UINT64_MAX);
    check_row(snapshot, sites, 1, "app.S", "f", 2, 1, 7);
    hsight_sites_free(sites);
    hsight_snapshot_free(snapshot);
}
END_TEST

START_TEST(what_cannot_be_asked)
{
    hsight_snapshot *plain = snapshot_of(graph_text_build("a>b"));
    hsight_snapshot *traced = sample(NULL);
    hsight_sites *sites = NULL;
    ck_assert_int_eq(hsight_sites_new(plain, HSIGHT_SORT_BYTES, &sites, &err), HSIGHT_ENOTFOUND);
    ck_assert_str_eq(err.message, "no allocation sites in this snapshot: no tracer was running "
                                  "when it was taken");
    ck_assert_int_eq(hsight_sites_new(traced, (hsight_sort)3, &sites, &err), HSIGHT_EINVAL);
    ck_assert_str_eq(err.message, "sites: sort order 3 is not known");
    ck_assert_ptr_null(sites);
    hsight_snapshot_free(plain);
    hsight_snapshot_free(traced);
}
END_TEST

/* ---- an oracle: count the objects of each row one by one --------------------------------------
 */

static hsight_frame_id site_of(const hsight_snapshot *snapshot, hsight_node_id node)
{
    return hsight_trace_innermost(hsight_snapshot_trace(snapshot),
                                  hsight_snapshot_stack(snapshot, node));
}

static void check_counts(const random_graph *random, const hsight_snapshot *snapshot,
                         const hsight_site_row *row)
{
    const hsight_graph *graph = hsight_snapshot_graph(snapshot);
    uint64_t count = 0, bytes = 0;
    for (uint32_t i = 1; i <= hsight_graph_node_count(graph); i++) {
        hsight_node_id node = {i};
        if (site_of(snapshot, node).index == row->site.index &&
            equal(hsight_graph_type_name(graph, hsight_graph_type(graph, node)), row->type)) {
            count++;
            bytes += hsight_graph_shallow_bytes(graph, node);
        }
    }
    random_graph_assert(random, row->count == count && row->bytes == bytes && count > 0);
}

static int compare_texts(hsight_string a, hsight_string b)
{
    size_t length = a.length < b.length ? a.length : b.length;
    int order = length > 0 ? memcmp(a.data, b.data, length) : 0;
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

/* Does `a` come before `b`, and not share its type and site? */
static bool is_before(const hsight_site_row *a, const hsight_site_row *b, hsight_sort sort)
{
    uint64_t x = sort == HSIGHT_SORT_BYTES ? a->bytes : sort == HSIGHT_SORT_COUNT ? a->count : 0;
    uint64_t y = sort == HSIGHT_SORT_BYTES ? b->bytes : sort == HSIGHT_SORT_COUNT ? b->count : 0;
    int order = compare_texts(a->type, b->type);
    return x != y ? x > y : order < 0 || (order == 0 && a->site.index < b->site.index);
}

static void check_sites(const random_graph *random, const hsight_snapshot *snapshot,
                        hsight_sort sort)
{
    hsight_sites *sites = count_sites(snapshot, sort);
    const hsight_site_row *rows = hsight_sites_rows(sites);
    uint64_t count = 0, bytes = 0;
    for (uint32_t i = 0; i < hsight_sites_count(sites); i++) {
        check_counts(random, snapshot, &rows[i]);
        random_graph_assert(random, i == 0 || is_before(&rows[i - 1], &rows[i], sort));
        count += rows[i].count;
        bytes += rows[i].bytes;
    }
    random_graph_assert(random, count == hsight_graph_node_count(hsight_snapshot_graph(snapshot)));
    random_graph_assert(random, bytes == hsight_snapshot_total_bytes(snapshot));
    hsight_sites_free(sites);
}

START_TEST(random_snapshots_are_counted_right)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        random_graph random = random_graph_make(seed);
        hsight_snapshot *snapshot = snapshot_of(random.graph);
        random.graph = NULL;
        made_trace_join_random(snapshot, seed);
        check_sites(&random, snapshot, HSIGHT_SORT_BYTES);
        check_sites(&random, snapshot, HSIGHT_SORT_COUNT);
        check_sites(&random, snapshot, HSIGHT_SORT_NAME);
        hsight_snapshot_free(snapshot);
        random_graph_free(&random);
    }
}
END_TEST

START_TEST(refused_memory_leaves_nothing_behind)
{
    bool refused = true;
    for (size_t n = 1; refused; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, 0);
        hsight_snapshot *snapshot = sample(&memory.allocator);
        size_t before = memory.live_blocks;
        memory.refuse_at = memory.requests + n;
        hsight_sites *sites = NULL;
        hsight_status status = hsight_sites_new(snapshot, HSIGHT_SORT_BYTES, &sites, &err);
        refused = memory.refused;
        ck_assert_int_eq(status, refused ? HSIGHT_ENOMEM : HSIGHT_OK);
        ck_assert_int_eq(sites == NULL, refused);
        ck_assert(refused || n > 3); /* the sites, the map, the rows */
        hsight_sites_free(sites);
        ck_assert_uint_eq(memory.live_blocks, before);
        hsight_snapshot_free(snapshot);
        ck_assert_uint_eq(memory.live_blocks, 0);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("sites");
    tcase_add_test(tests, rows_are_sorted_as_asked);
    tcase_add_test(tests, nothing_has_no_rows);
    tcase_add_test(tests, objects_without_type_and_site);
    tcase_add_test(tests, types_that_share_a_name_share_a_row);
    tcase_add_test(tests, what_cannot_be_asked);
    tcase_add_test(tests, random_snapshots_are_counted_right);
    tcase_add_test(tests, refused_memory_leaves_nothing_behind);
    return run_tests("sites", tests);
}
