/* SPDX-License-Identifier: MIT */
/* check_nodes_of_type.c - objects by type name, and what is offered for a name that is unknown. */
#include <heapsight/path.h>

#include "failing_allocator.h"
#include "graph_text.h"
#include "suite.h"

#include <string.h>

static hsight_error err;

static hsight_status look_up(const hsight_graph *graph, const char *name, hsight_node_id **nodes,
                             uint32_t *count)
{
    return hsight_nodes_of_type(graph, (hsight_string){name, strlen(name)}, nodes, count, &err);
}

static void check_refused(const hsight_graph *graph, const char *name, const char *message)
{
    hsight_node_id *nodes = NULL;
    uint32_t count = 0;
    ck_assert_int_eq(look_up(graph, name, &nodes, &count), HSIGHT_ENOTFOUND);
    ck_assert_str_eq(err.message, message);
    ck_assert_ptr_null(nodes);
}

START_TEST(objects_come_in_the_order_of_their_numbers)
{
    hsight_graph *graph = graph_text_build("a:app.S b:list d:app.S e:dict f:app.S");
    hsight_node_id *nodes;
    uint32_t count;
    ck_assert_int_eq(look_up(graph, "app.S", &nodes, &count), HSIGHT_OK);
    ck_assert_uint_eq(count, 3);
    ck_assert_uint_eq(nodes[0].index, 1);
    ck_assert_uint_eq(nodes[1].index, 3);
    ck_assert_uint_eq(nodes[2].index, 5);
    hsight_nodes_free(nodes, count);
    hsight_nodes_free(NULL, 0);
    hsight_graph_free(graph);
}
END_TEST

/* Two types of one name, as a class that was defined twice, and one without objects. */
static hsight_graph *graph_of_twins(void)
{
    hsight_builder *builder;
    hsight_string_id name;
    hsight_type_id types[3];
    hsight_node_id node;
    hsight_graph *graph;
    ck_assert_int_eq(hsight_builder_new(NULL, &builder, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_string(builder, "app.S", 5, &name, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_type(builder, name, &types[0], &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_type(builder, name, &types[1], &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_string(builder, "app.Empty", 9, &name, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_builder_add_type(builder, name, &types[2], &err), HSIGHT_OK);
    for (uint32_t i = 0; i < 2; i++) {
        hsight_node_info info = {.address = 4096 * (i + 1), .shallow_bytes = 16, .type = types[i]};
        ck_assert_int_eq(hsight_builder_add_node(builder, &info, &node, &err), HSIGHT_OK);
    }
    ck_assert_int_eq(hsight_builder_finish(builder, &graph, &err), HSIGHT_OK);
    return graph;
}

START_TEST(types_that_share_a_name_are_found_together)
{
    hsight_graph *graph = graph_of_twins();
    hsight_node_id *nodes;
    uint32_t count;
    ck_assert_int_eq(look_up(graph, "app.S", &nodes, &count), HSIGHT_OK);
    ck_assert_uint_eq(count, 2);
    hsight_nodes_free(nodes, count);
    check_refused(graph, "s", "no type named 's'; did you mean 'app.S'?");
    hsight_graph_free(graph);
}
END_TEST

START_TEST(a_type_without_objects_is_known)
{
    hsight_graph *graph = graph_of_twins();
    hsight_node_id *nodes = (hsight_node_id *)&err;
    uint32_t count = 7;
    ck_assert_int_eq(look_up(graph, "app.Empty", &nodes, &count), HSIGHT_OK);
    ck_assert_uint_eq(count, 0);
    ck_assert_ptr_null(nodes);
    hsight_graph_free(graph);
}
END_TEST

START_TEST(near_names_are_offered)
{
    hsight_graph *graph =
        graph_text_build("a:app.Session b:web.Session d:app.Request e:list f:dict "
                         "g:app.models.UserSession h:collections.OrderedDict");
    check_refused(graph, "Request", "no type named 'Request'; did you mean 'app.Request'?");
    check_refused(graph, "session",
                  "no type named 'session'; did you mean 'app.Session' or 'web.Session'?");
    check_refused(graph, "app.session",
                  "no type named 'app.session'; did you mean 'app.Session' or 'web.Session'?");
    check_refused(graph, "WEB.session",
                  "no type named 'WEB.session'; did you mean 'web.Session' or 'app.Session'?");
    check_refused(graph, "app.Sesion",
                  "no type named 'app.Sesion'; did you mean 'app.Session' or 'web.Session'?");
    check_refused(graph, "List", "no type named 'List'; did you mean 'list'?");
    check_refused(graph, "dcit", "no type named 'dcit'; did you mean 'dict'?");
    check_refused(graph, "Elephant",
                  "no type named 'Elephant' among the 7 types of this snapshot; names are "
                  "module.Class, and builtins go without module");
    check_refused(graph, "",
                  "no type named '' among the 7 types of this snapshot; names are "
                  "module.Class, and builtins go without module");
    hsight_graph_free(graph);
}
END_TEST

START_TEST(three_names_are_offered_at_most_and_the_nearest_first)
{
    hsight_graph *graph =
        graph_text_build("a:z.Node b:y.Node d:x.Node e:w.Node f:w.Nodes g:w.Mode");
    check_refused(graph, "Node",
                  "no type named 'Node'; did you mean 'w.Node', 'x.Node' or 'y.Node'?");
    check_refused(graph, "w.Modes",
                  "no type named 'w.Modes'; did you mean 'w.Mode', 'w.Nodes' or 'w.Node'?");
    hsight_graph_free(graph);
}
END_TEST

/* Names may be long, or hold bytes that a terminal obeys. */
START_TEST(hostile_names_are_shown_safely)
{
    hsight_graph *graph = graph_text_build("a:app.Session");
    char name[400];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    hsight_node_id *nodes;
    uint32_t count;
    ck_assert_int_eq(look_up(graph, name, &nodes, &count), HSIGHT_ENOTFOUND);
    ck_assert_ptr_null(strstr(err.message, name));
    ck_assert_ptr_nonnull(strstr(err.message, "among the 1 types"));
    check_refused(graph, "\x1b[2J\x07session\n",
                  "no type named '?[2J?session?' among the 1 types of this snapshot; names are "
                  "module.Class, and builtins go without module");
    memset(name, 0, sizeof name);
    memset(name, 'x', 99);
    strcat(name, "\xc3\xa9\xc3\xa9"); /* the cut at 100 bytes would halve a character */
    ck_assert_int_eq(look_up(graph, name, &nodes, &count), HSIGHT_ENOTFOUND);
    ck_assert_ptr_null(strchr(err.message, '\xc3'));
    hsight_graph_free(graph);
}
END_TEST

START_TEST(refused_memory_leaves_nothing_behind)
{
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    hsight_graph *graph = graph_text_build_on(&memory.allocator, "a:app.S b:app.S");
    size_t before = memory.live_blocks;
    hsight_node_id *nodes = NULL;
    uint32_t count = 0;
    memory.refuse_at = memory.requests + 1;
    ck_assert_int_eq(look_up(graph, "app.S", &nodes, &count), HSIGHT_ENOMEM);
    ck_assert_ptr_null(nodes);
    ck_assert_int_eq(look_up(graph, "app.S", &nodes, &count), HSIGHT_OK);
    ck_assert_uint_eq(memory.live_blocks, before); /* the list is the default allocator's */
    hsight_nodes_free(nodes, count);
    hsight_graph_free(graph);
    ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("nodes_of_type");
    tcase_add_test(tests, objects_come_in_the_order_of_their_numbers);
    tcase_add_test(tests, types_that_share_a_name_are_found_together);
    tcase_add_test(tests, a_type_without_objects_is_known);
    tcase_add_test(tests, near_names_are_offered);
    tcase_add_test(tests, three_names_are_offered_at_most_and_the_nearest_first);
    tcase_add_test(tests, hostile_names_are_shown_safely);
    tcase_add_test(tests, refused_memory_leaves_nothing_behind);
    return run_tests("nodes_of_type", tests);
}
