/* SPDX-License-Identifier: MIT */
/* check_check.c - hsight_graph_check() accepts what is whole and rejects each broken invariant.
 *
 * One small graph in plain arrays, with something in every column; each case changes one place and
 * names the invariant that must be reported. */
#include "graph/columns.h"

#include "failing_allocator.h"
#include "random_graph.h"
#include "suite.h"

#include <string.h>

enum { NODES = 4, EDGES = 6, TYPES = 2, STRINGS = 3, ROOTS = 2 };

typedef struct {
    hsight__columns c; /* points to the arrays below */
    uint64_t addresses[NODES + 1];
    uint16_t types[NODES + 1];    /* as a builder has them, */
    uint32_t shallow[NODES + 1];  /* as a file has them, */
    uint8_t refcounts[NODES + 1]; /* and as a builder again */
    uint32_t many_nodes[1];
    uint64_t many_references[1];
    uint8_t flags[NODES + 1];
    uint32_t first_edge[NODES + 2];
    hsight_node_id targets[EDGES];
    hsight_label labels[EDGES];
    uint32_t big_nodes[2];
    uint64_t big_bytes[2];
    uint32_t preview_nodes[2];
    uint32_t preview_strings[2];
    uint32_t type_names[TYPES + 1];
    uint32_t type_nodes[TYPES + 1];
    uint64_t string_offsets[STRINGS + 2];
    hsight_root roots[ROOTS];
} arrays;

static hsight_label label(uint32_t kind, uint32_t payload)
{
    return (hsight_label){kind << 28 | payload};
}

static arrays whole(void)
{
    return (arrays){
        .addresses = {0, 0x1000, 0, 0x2000, 0},
        .types = {0, 1, 2, 0, 1},
        .shallow = {0, 16, UINT32_MAX, 0, UINT32_MAX},
        .refcounts = {0, 1, 2, 3, UINT8_MAX},
        .many_nodes = {4},
        .many_references = {UINT32_MAX},
        .flags = {0, 1, 63, 0, 2},
        .first_edge = {0, 0, 2, 2, 5, EDGES},
        .targets = {{1}, {4}, {2}, {3}, {4}, {1}},
        .labels = {label(HSIGHT_LABEL_INTERNAL, 0), label(HSIGHT_LABEL_ATTRIBUTE, STRINGS),
                   label(HSIGHT_LABEL_DICT_KEY, 0), label(HSIGHT_LABEL_DICT_VALUE, NODES),
                   label(HSIGHT_LABEL_INDEX, 123456), label(HSIGHT_LABEL_WEAK, 0)},
        .big_nodes = {2, 4},
        .big_bytes = {UINT32_MAX, UINT64_MAX},
        .preview_nodes = {1, 3},
        .preview_strings = {STRINGS, 1},
        .type_names = {0, 1, 2},
        .type_nodes = {0, 0, 4},
        .string_offsets = {0, 0, 3, 3, 7},
        .roots = {{.node = {1}, .kind = HSIGHT_ROOT_MODULE, .name = {STRINGS}},
                  {{4}, HSIGHT_ROOT_FRAME, {1}, {2}, {3}, {1}, 41, 0}},
    };
}

static void point(arrays *a)
{
    a->c = (hsight__columns){.node_count = NODES,
                             .edge_count = EDGES,
                             .type_count = TYPES,
                             .string_count = STRINGS,
                             .root_count = ROOTS,
                             .preview_count = 2,
                             .addresses = a->addresses,
                             .types = {a->types, 2, 0, NULL, NULL},
                             .shallow = {a->shallow, 4, 2, a->big_nodes, a->big_bytes},
                             .refcounts = {a->refcounts, 1, 1, a->many_nodes, a->many_references},
                             .flags = a->flags,
                             .first_edge = a->first_edge,
                             .targets = a->targets,
                             .labels = a->labels,
                             .preview_nodes = a->preview_nodes,
                             .preview_strings = a->preview_strings,
                             .type_names = a->type_names,
                             .type_nodes = a->type_nodes,
                             .string_offsets = a->string_offsets,
                             .string_bytes = "onetwo!",
                             .string_bytes_count = 7,
                             .roots = a->roots};
}

/* X(invariant, what is changed). One case a line; `a` is the graph in arrays. */
#define BREAKAGES(X)                                                                               \
    X(I1, a->c.node_count = HSIGHT__NODE_COUNT_MAX + 1)                                            \
    X(I1, a->c.edge_count = HSIGHT__EDGE_COUNT_MAX + 1)                                            \
    X(I1, a->c.string_count = 1u << 28)                                                            \
    X(I1, a->c.type_count = UINT32_MAX)                                                            \
    X(I2, a->addresses[0] = 1)                                                                     \
    X(I2, a->types[0] = 1)                                                                         \
    X(I2, a->shallow[0] = UINT32_MAX)                                                              \
    X(I2, a->refcounts[0] = 1)                                                                     \
    X(I2, a->flags[0] = 1)                                                                         \
    X(I2, a->type_names[0] = 1)                                                                    \
    X(I2, a->type_nodes[0] = 1)                                                                    \
    X(I3, a->first_edge[0] = 1)                                                                    \
    X(I3, a->first_edge[1] = 1)                                                                    \
    X(I3, a->first_edge[3] = 1)                                                                    \
    X(I3, a->first_edge[4] = EDGES + 1)                                                            \
    X(I3, a->first_edge[NODES + 1] = EDGES - 1)                                                    \
    X(I3, a->c.edge_count = EDGES - 1)                                                             \
    X(I4, a->targets[0].index = 0)                                                                 \
    X(I4, a->targets[EDGES - 1].index = NODES + 1)                                                 \
    X(I4, a->targets[2].index = UINT32_MAX)                                                        \
    X(I5, a->labels[0] = label(HSIGHT_LABEL_WEAK + 1, 0))                                          \
    X(I5, a->labels[EDGES - 1] = label(15, 0))                                                     \
    X(I5, a->labels[0] = label(HSIGHT_LABEL_INTERNAL, STRINGS + 1))                                \
    X(I5, a->labels[1] = label(HSIGHT_LABEL_ATTRIBUTE, HSIGHT_LABEL_PAYLOAD_MAX - 1))              \
    X(I5, a->labels[1] = label(HSIGHT_LABEL_LOCAL, STRINGS + 1))                                   \
    X(I5, a->labels[1] = label(HSIGHT_LABEL_CELL, STRINGS + 1))                                    \
    X(I5, a->labels[1] = label(HSIGHT_LABEL_TYPE_PART, STRINGS + 1))                               \
    X(I5, a->labels[3] = label(HSIGHT_LABEL_DICT_VALUE, NODES + 1))                                \
    X(I5, a->labels[2] = label(HSIGHT_LABEL_DICT_KEY, 1))                                          \
    X(I5, a->labels[2] = label(HSIGHT_LABEL_SET_MEMBER, HSIGHT_LABEL_PAYLOAD_MAX))                 \
    X(I5, a->labels[2] = label(HSIGHT_LABEL_CLASS, 1))                                             \
    X(I5, a->labels[5] = label(HSIGHT_LABEL_WEAK, 1))                                              \
    X(I6, a->types[NODES] = TYPES + 1)                                                             \
    X(I7, a->types[1] = UINT16_MAX)                                                                \
    X(I7, a->refcounts[1] = UINT8_MAX)                                                             \
    X(I7, a->refcounts[4] = 4)                                                                     \
    X(I7, a->c.refcounts.pair_count = 0)                                                           \
    X(I7, a->many_nodes[0] = 3)                                                                    \
    X(I7, a->many_nodes[0] = NODES + 1)                                                            \
    X(I7, a->many_references[0] = UINT8_MAX - 1)                                                   \
    X(I7, a->shallow[1] = UINT32_MAX)                                                              \
    X(I7, a->shallow[2] = 16)                                                                      \
    X(I7, a->c.shallow.pair_count = 0)                                                             \
    X(I7, a->c.shallow.pair_count = 1)                                                             \
    X(I7, a->big_nodes[1] = 2)                                                                     \
    X(I7, a->big_nodes[0] = 1)                                                                     \
    X(I7, a->big_nodes[0] = 0)                                                                     \
    X(I7, a->big_nodes[1] = NODES + 1)                                                             \
    X(I7, a->big_bytes[0] = UINT32_MAX - 1)                                                        \
    X(I8, a->preview_nodes[0] = 0)                                                                 \
    X(I8, a->preview_nodes[0] = 3)                                                                 \
    X(I8, a->preview_nodes[1] = NODES + 1)                                                         \
    X(I8, a->preview_strings[0] = STRINGS + 1)                                                     \
    X(I9, a->type_names[TYPES] = STRINGS + 1)                                                      \
    X(I9, a->type_nodes[1] = NODES + 1)                                                            \
    X(I10, a->string_offsets[0] = 1)                                                               \
    X(I10, a->string_offsets[1] = 1)                                                               \
    X(I10, a->string_offsets[3] = 2)                                                               \
    X(I10, a->string_offsets[2] = UINT64_MAX)                                                      \
    X(I10, a->string_offsets[STRINGS + 1] = 8)                                                     \
    X(I10, a->c.string_bytes_count = 8)                                                            \
    X(I11, a->roots[0].kind = 0)                                                                   \
    X(I11, a->roots[1].kind = HSIGHT_ROOT_PROFILER + 1)                                            \
    X(I11, a->roots[1].node.index = 0)                                                             \
    X(I11, a->roots[0].node.index = NODES + 1)                                                     \
    X(I11, a->roots[0].name.index = STRINGS + 1)                                                   \
    X(I11, a->roots[1].thread.index = STRINGS + 1)                                                 \
    X(I11, a->roots[1].function.index = STRINGS + 1)                                               \
    X(I11, a->roots[1].file.index = STRINGS + 1)                                                   \
    X(I12, a->addresses[3] = a->addresses[1])

static const struct {
    const char *invariant;
    const char *change;
} breakages[] = {
#define NAME_BREAKAGE(invariant, change) {#invariant ":", #change},
    BREAKAGES(NAME_BREAKAGE)
#undef NAME_BREAKAGE
};
enum { BREAKAGE_COUNT = sizeof breakages / sizeof *breakages };

static void apply(arrays *a, int which)
{
    int number = 0;
#define APPLY_BREAKAGE(invariant, change)                                                          \
    if (which == number++) {                                                                       \
        change;                                                                                    \
    }
    BREAKAGES(APPLY_BREAKAGE)
#undef APPLY_BREAKAGE
}

static hsight_status check_graph(const arrays *a, hsight_error *err)
{
    hsight_graph *graph;
    ck_assert_int_eq(hsight__graph_wrap(NULL, &a->c, NULL, NULL, &graph, err), HSIGHT_OK);
    hsight_status status = hsight_graph_check(graph, err);
    hsight_graph_free(graph);
    return status;
}

START_TEST(a_whole_graph_is_accepted)
{
    arrays a = whole();
    point(&a);
    hsight_error err;
    ck_assert_msg(check_graph(&a, &err) == HSIGHT_OK, "%s", err.message);
}
END_TEST

/* Payloads at the end of their range, and "not recorded" where a payload can be that. */
START_TEST(every_valid_label_is_accepted)
{
    static const struct {
        uint32_t kind;
        uint32_t payload;
    } valid[] = {{HSIGHT_LABEL_INTERNAL, HSIGHT_LABEL_PAYLOAD_MAX},
                 {HSIGHT_LABEL_ATTRIBUTE, HSIGHT_LABEL_PAYLOAD_MAX},
                 {HSIGHT_LABEL_DICT_VALUE, HSIGHT_LABEL_PAYLOAD_MAX},
                 {HSIGHT_LABEL_DICT_VALUE, 0},
                 {HSIGHT_LABEL_INDEX, HSIGHT_LABEL_PAYLOAD_MAX},
                 {HSIGHT_LABEL_SET_MEMBER, 0},
                 {HSIGHT_LABEL_LOCAL, STRINGS},
                 {HSIGHT_LABEL_CELL, 0},
                 {HSIGHT_LABEL_TYPE_PART, STRINGS},
                 {HSIGHT_LABEL_CLASS, 0},
                 {HSIGHT_LABEL_STACK, 7}};
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++) {
        arrays a = whole();
        point(&a);
        a.labels[i % EDGES] = label(valid[i].kind, valid[i].payload);
        hsight_error err;
        ck_assert_msg(check_graph(&a, &err) == HSIGHT_OK, "label %zu: %s", i, err.message);
    }
}
END_TEST

START_TEST(a_broken_graph_is_rejected)
{
    arrays a = whole();
    point(&a);
    apply(&a, _i);
    hsight_error err = {.message = ""};
    hsight_status status = check_graph(&a, &err);
    ck_assert_msg(status == HSIGHT_EINVAL, "%s was accepted", breakages[_i].change);
    ck_assert_int_eq(err.status, HSIGHT_EINVAL);
    const char *invariant = breakages[_i].invariant;
    ck_assert_msg(strncmp(err.message, invariant, strlen(invariant)) == 0, "%s gave \"%s\", not %s",
                  breakages[_i].change, err.message, invariant);
}
END_TEST

/* What a file may hold: everything but I12 is found without memory. */
START_TEST(columns_alone_need_no_memory)
{
    arrays a = whole();
    point(&a);
    apply(&a, BREAKAGE_COUNT - 1);
    hsight_error err;
    ck_assert_int_eq(hsight__columns_check(&a.c, &err), HSIGHT_OK);
    ck_assert_int_eq(check_graph(&a, &err), HSIGHT_EINVAL);
    ck_assert_str_eq(err.message, "I12: objects 1 and 3 are both at 0x1000");
}
END_TEST

START_TEST(memory_for_addresses_may_be_refused)
{
    arrays a = whole();
    point(&a);
    failing_allocator memory;
    failing_allocator_init(&memory, 2);
    hsight_graph *graph;
    hsight_error err;
    ck_assert_int_eq(hsight__graph_wrap(&memory.allocator, &a.c, NULL, NULL, &graph, &err),
                     HSIGHT_OK);
    ck_assert_int_eq(hsight_graph_check(graph, &err), HSIGHT_ENOMEM);
    ck_assert_int_eq(hsight_graph_check(graph, &err), HSIGHT_OK);
    hsight_graph_free(graph);
    ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

/* Many addresses: one pair among them, anywhere. */
START_TEST(one_double_address_among_many_is_found)
{
    enum { MANY = 1000 };
    static uint64_t addresses[MANY + 1];
    static uint32_t zeros[MANY + 2];
    static uint8_t flags[MANY + 1];
    static uint64_t offsets[2];
    uint64_t state = (uint64_t)_i;
    for (uint32_t node = 1; node <= MANY; node++) {
        addresses[node] = UINT64_C(0x7F0000000000) + 64 * (uint64_t)node;
    }
    arrays a = {.c = {.node_count = MANY,
                      .addresses = addresses,
                      .types = {zeros, 4, 0, NULL, NULL},
                      .shallow = {zeros, 4, 0, NULL, NULL},
                      .refcounts = {zeros, 4, 0, NULL, NULL},
                      .flags = flags,
                      .first_edge = zeros,
                      .type_names = zeros,
                      .type_nodes = zeros,
                      .string_offsets = offsets}};
    hsight_error err;
    ck_assert_int_eq(check_graph(&a, &err), HSIGHT_OK);
    uint32_t one = 1 + random_below(&state, MANY);
    uint32_t other = 1 + (one + random_below(&state, MANY - 1)) % MANY;
    ck_assert_uint_ne(one, other);
    addresses[one] = addresses[other];
    ck_assert_int_eq(check_graph(&a, &err), HSIGHT_EINVAL);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("check");
    tcase_add_test(tests, a_whole_graph_is_accepted);
    tcase_add_test(tests, every_valid_label_is_accepted);
    tcase_add_loop_test(tests, a_broken_graph_is_rejected, 0, BREAKAGE_COUNT);
    tcase_add_test(tests, columns_alone_need_no_memory);
    tcase_add_test(tests, memory_for_addresses_may_be_refused);
    tcase_add_loop_test(tests, one_double_address_among_many_is_found, 1, 6);
    return run_tests("check", tests);
}
