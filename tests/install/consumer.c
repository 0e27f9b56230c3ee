/* SPDX-License-Identifier: MIT */
/* consumer.c - a program of somebody else, on the installed library: two objects, one reference.
 * Valid as C11 and as C++. Prints "version objects references". */
#include <heapsight/heapsight.h>

#include <stdio.h>

static int fail(const hsight_error *err)
{
    fprintf(stderr, "%s\n", err->message);
    return 1;
}

int main(void)
{
    hsight_error err;
    hsight_builder *builder;
    hsight_graph *graph;
    if (hsight_builder_new(NULL, &builder, &err) != HSIGHT_OK) {
        return fail(&err);
    }
    hsight_node_id nodes[2];
    for (uint32_t i = 0; i < 2; i++) {
        hsight_node_info info = {0x1000 + i, 48, {0}, 1, 0};
        if (hsight_builder_add_node(builder, &info, &nodes[i], &err) != HSIGHT_OK) {
            return fail(&err);
        }
    }
    hsight_label label = hsight_label_make(HSIGHT_LABEL_INDEX, 0);
    if (hsight_builder_add_edge(builder, nodes[0], nodes[1], label, &err) != HSIGHT_OK ||
        hsight_builder_finish(builder, &graph, &err) != HSIGHT_OK ||
        hsight_graph_check(graph, &err) != HSIGHT_OK) {
        return fail(&err);
    }
    printf("%s %u %u\n", hsight_version(), hsight_graph_node_count(graph),
           hsight_graph_edge_count(graph));
    hsight_graph_free(graph);
    return 0;
}
