/* SPDX-License-Identifier: MIT */
/* check_path_random.c - paths on random graphs against a search that is slow and simple.
 *
 * The oracle keeps the whole path to every object, writes shapes as text, and takes loops out of
 * the text; it shares no code with lib/analyse. Two things are compared: properties that must hold
 * for each row, from the definition alone (the references exist, none is weak, distances are
 * shortest), and the complete table of shapes with the targets of each. */
#include <heapsight/path.h>

#include "random_graph.h"
#include "suite.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODES_MAX = 64, STEP_BYTES = 40, LOOKBACK = 4, KEYS_MAX = 1024, SEEDS = 4000 };

/* A path in words: the root, then a word a step. */
typedef struct {
    char words[NODES_MAX + 3][STEP_BYTES];
    uint32_t count;
    bool has_target; /* ends at the first target: nothing is added any more */
} shape;

typedef struct {
    const hsight_graph *graph;
    uint32_t count;
    bool is_target[NODES_MAX];
    uint32_t parent[NODES_MAX]; /* 0: none */
    uint32_t edge[NODES_MAX];   /* from the parent; of a root its number */
    uint32_t kind[NODES_MAX];   /* of the root that reaches it first, 0: none does */
    uint32_t distance[NODES_MAX];
    shape shapes[NODES_MAX];
} oracle;

/* ---- the slow search ------------------------------------------------------------------------- */

static hsight_label label_of(const hsight_graph *graph, uint32_t edge)
{
    hsight_references all = hsight_graph_references(graph, hsight_graph_edge_source(graph, edge));
    return all.labels[edge - all.first];
}

static uint32_t target_of(const hsight_graph *graph, uint32_t edge)
{
    hsight_references all = hsight_graph_references(graph, hsight_graph_edge_source(graph, edge));
    return all.targets[edge - all.first].index;
}

static bool is_weak(hsight_label label)
{
    return hsight_label_kind_of(label) == HSIGHT_LABEL_WEAK;
}

static uint32_t type_of(const oracle *o, uint32_t node)
{
    return hsight_graph_type(o->graph, (hsight_node_id){node}).index;
}

static shape root_shape(const oracle *o, uint32_t number)
{
    const hsight_root *root = hsight_graph_root(o->graph, number);
    shape s = {.count = 2, .has_target = o->is_target[root->node.index]};
    snprintf(s.words[0], STEP_BYTES, "%u/%u/%u/%u", root->kind, root->name.index,
             root->thread.index, root->function.index);
    snprintf(s.words[1], STEP_BYTES, "-/%u%s", type_of(o, root->node.index),
             s.has_target ? "!" : "");
    return s;
}

/* What the label is called once items of containers are not told apart; *is_name: it has a name. */
static uint32_t general(const oracle *o, uint32_t edge, bool *is_name)
{
    hsight_label label = label_of(o->graph, edge);
    uint32_t flags = hsight_graph_flags(o->graph, hsight_graph_edge_source(o->graph, edge));
    hsight_label_kind kind = hsight_label_kind_of(label);
    bool is_attribute = kind == HSIGHT_LABEL_DICT_VALUE && (flags & HSIGHT_NODE_NAMESPACE) != 0;
    bool is_item = kind == HSIGHT_LABEL_INDEX || kind == HSIGHT_LABEL_STACK ||
                   (kind == HSIGHT_LABEL_DICT_VALUE && !is_attribute);
    *is_name = !is_item && hsight_label_payload(label) != 0;
    return is_item ? (uint32_t)kind << 28 : label.bits;
}

static shape step_shape(const oracle *o, const shape *before, uint32_t edge)
{
    shape s = *before;
    if (s.has_target) {
        return s;
    }
    uint32_t node = target_of(o->graph, edge);
    bool is_name;
    char *word = s.words[s.count];
    uint32_t label = general(o, edge, &is_name);
    s.has_target = o->is_target[node];
    snprintf(word, STEP_BYTES, "%x/%u%s", label, type_of(o, node), s.has_target ? "!" : "");
    for (uint32_t back = 1; is_name && !s.has_target && back <= LOOKBACK && back < s.count;
         back++) {
        if (strcmp(s.words[s.count - back], word) == 0) {
            s.count -= back - 1;
            return s;
        }
    }
    s.count++;
    return s;
}

static void reach(oracle *o, uint32_t node, uint32_t parent, uint32_t edge, uint32_t kind)
{
    o->parent[node] = parent;
    o->edge[node] = edge;
    o->kind[node] = kind;
    o->distance[node] = parent != 0 ? o->distance[parent] + 1 : 0;
    o->shapes[node] = parent != 0 ? step_shape(o, &o->shapes[parent], edge) : root_shape(o, edge);
}

static void search(oracle *o)
{
    uint32_t queue[NODES_MAX], queued = 0, at = 0;
    for (uint32_t kind = 1; kind <= 6; kind++) {
        for (uint32_t i = 0; i < hsight_graph_root_count(o->graph); i++) {
            const hsight_root *root = hsight_graph_root(o->graph, i);
            if (root->kind == kind && o->kind[root->node.index] == 0) {
                reach(o, root->node.index, 0, i, kind);
                queue[queued++] = root->node.index;
            }
        }
        for (; at < queued; at++) {
            hsight_references all = hsight_graph_references(o->graph, (hsight_node_id){queue[at]});
            for (uint32_t i = 0; i < all.count; i++) {
                if (!is_weak(all.labels[i]) && o->kind[all.targets[i].index] == 0) {
                    reach(o, all.targets[i].index, queue[at], all.first + i, kind);
                    queue[queued++] = all.targets[i].index;
                }
            }
        }
    }
}

/* ---- the table of shapes --------------------------------------------------------------------- */

typedef struct {
    char text[(NODES_MAX + 3) * 24];
    bool held[NODES_MAX];
    bool held_directly[NODES_MAX];
    bool on_the_way[NODES_MAX]; /* objects on the direct ways, the targets not among them */
    uint32_t shortest;          /* steps of the shortest direct way; 0: none yet */
} key;

typedef struct {
    key keys[KEYS_MAX];
    uint32_t count;
} table;

static void write_text(const shape *s, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < s->count; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s ", s->words[i]);
        ck_assert_uint_lt(used, size);
    }
}

static key *find_key(table *t, const shape *s)
{
    char text[sizeof t->keys[0].text];
    write_text(s, text, sizeof text);
    for (uint32_t i = 0; i < t->count; i++) {
        if (strcmp(t->keys[i].text, text) == 0) {
            return &t->keys[i];
        }
    }
    ck_assert_uint_lt(t->count, KEYS_MAX);
    strcpy(t->keys[t->count].text, text);
    return &t->keys[t->count++];
}

/* `steps`: of the way, 0 when another target is on it; `source`: 0 for a root. */
static void add_way(const oracle *o, table *t, const shape *s, uint32_t source, uint32_t target,
                    uint32_t steps)
{
    key *k = find_key(t, s);
    k->held[target] = true;
    if (steps > 0) {
        k->held_directly[target] = true;
        k->shortest = k->shortest == 0 || steps < k->shortest ? steps : k->shortest;
        for (uint32_t node = source; node != 0; node = o->parent[node]) {
            k->on_the_way[node] = true;
        }
    }
}

static table *make_table(const oracle *o)
{
    table *t = calloc(1, sizeof *t);
    ck_assert_ptr_nonnull(t);
    for (uint32_t i = 0; i < hsight_graph_root_count(o->graph); i++) {
        const hsight_root *root = hsight_graph_root(o->graph, i);
        uint32_t node = root->node.index;
        bool is_needed =
            root->kind != HSIGHT_ROOT_PROFILER || (o->parent[node] == 0 && o->edge[node] == i);
        if (o->is_target[node] && is_needed) {
            shape s = root_shape(o, i);
            add_way(o, t, &s, 0, node, 1);
        }
    }
    for (uint32_t edge = 0; edge < hsight_graph_edge_count(o->graph); edge++) {
        uint32_t source = hsight_graph_edge_source(o->graph, edge).index;
        uint32_t node = target_of(o->graph, edge);
        bool is_needed =
            o->kind[source] != HSIGHT_ROOT_PROFILER || o->kind[node] == HSIGHT_ROOT_PROFILER;
        if (o->is_target[node] && o->kind[source] != 0 && !is_weak(label_of(o->graph, edge)) &&
            is_needed) {
            shape s = step_shape(o, &o->shapes[source], edge);
            uint32_t steps = o->shapes[source].has_target ? 0 : o->distance[source] + 2;
            add_way(o, t, &s, source, node, steps);
        }
    }
    return t;
}

static uint64_t count_set(const bool *flags)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < NODES_MAX; i++) {
        count += flags[i];
    }
    return count;
}

/* ---- what must hold -------------------------------------------------------------------------- */

static uint32_t edge_between(const oracle *o, uint32_t from, const hsight_path_step *step)
{
    hsight_references all = hsight_graph_references(o->graph, (hsight_node_id){from});
    for (uint32_t i = 0; i < all.count; i++) {
        if (all.targets[i].index == step->node.index && all.labels[i].bits == step->label.bits) {
            return all.first + i;
        }
    }
    return UINT32_MAX;
}

/* A row by the definition alone. @return its shape in the words of the oracle */
static shape check_row(const random_graph *random, const oracle *o, const hsight_path *path)
{
    random_graph_assert(random, path->root->node.index == path->steps[0].node.index);
    random_graph_assert(random, path->step_count == 1 ||
                                    path->root->kind == o->kind[path->steps[0].node.index]);
    shape s = root_shape(o, (uint32_t)(path->root - hsight_graph_root(o->graph, 0)));
    for (uint32_t i = 0; i < path->step_count; i++) {
        uint32_t node = path->steps[i].node.index;
        bool is_last = i + 1 == path->step_count;
        random_graph_assert(random, o->is_target[node] == is_last);
        random_graph_assert(random, is_last || o->distance[node] == i);
        random_graph_assert(random, is_last || o->kind[node] == path->root->kind);
        if (i > 0) {
            uint32_t edge = edge_between(o, path->steps[i - 1].node.index, &path->steps[i]);
            random_graph_assert(random, edge != UINT32_MAX && !is_weak(path->steps[i].label));
            s = step_shape(o, &s, edge);
        }
    }
    return s;
}

static bool is_on_path(const hsight_path *path, uint32_t node)
{
    for (uint32_t i = 0; i < path->step_count; i++) {
        if (path->steps[i].node.index == node) {
            return true;
        }
    }
    return false;
}

/* `node`, and the objects of its shape on the ways of this row that the row does not show itself.
 */
static uint32_t count_alike(const oracle *o, const hsight_path *path, const key *k, uint32_t node)
{
    char text[sizeof k->text], other[sizeof k->text];
    write_text(&o->shapes[node], text, sizeof text);
    uint32_t count = 1;
    for (uint32_t i = 1; i <= o->count; i++) {
        if (k->on_the_way[i] && !is_on_path(path, i)) {
            write_text(&o->shapes[i], other, sizeof other);
            count += strcmp(text, other) == 0;
        }
    }
    return count;
}

static void check_step_counts(const random_graph *random, const oracle *o, const hsight_path *path,
                              const key *k)
{
    const hsight_path_step *last = &path->steps[path->step_count - 1];
    random_graph_assert(random, last->object_count == count_set(k->held_directly));
    random_graph_assert(random, path->step_count == k->shortest);
    for (uint32_t i = 0; i + 1 < path->step_count; i++) {
        uint32_t node = path->steps[i].node.index;
        random_graph_assert(random, path->steps[i].object_count == count_alike(o, path, k, node));
    }
}

static uint64_t bytes_of(const oracle *o, const bool *nodes)
{
    uint64_t bytes = 0;
    for (uint32_t node = 1; node <= o->count; node++) {
        bytes += nodes[node] ? hsight_graph_shallow_bytes(o->graph, (hsight_node_id){node}) : 0;
    }
    return bytes;
}

static void check_rows(const random_graph *random, const oracle *o, const hsight_paths *paths)
{
    table *t = make_table(o);
    random_graph_assert(random, hsight_paths_count(paths) == t->count);
    const hsight_path *rows = hsight_paths_rows(paths);
    for (uint32_t i = 0; i < hsight_paths_count(paths); i++) {
        shape s = check_row(random, o, &rows[i]);
        key *k = find_key(t, &s);
        random_graph_assert(random, rows[i].object_count == count_set(k->held));
        random_graph_assert(random, rows[i].object_count > 0);
        random_graph_assert(random, rows[i].bytes == bytes_of(o, k->held));
        random_graph_assert(random, i == 0 || rows[i - 1].object_count >= rows[i].object_count);
        check_step_counts(random, o, &rows[i], k);
    }
    /* Each row had a key of the table, and none a new one. */
    random_graph_assert(random, hsight_paths_count(paths) == t->count);
    free(t);
}

static uint64_t count_unreached(const oracle *o)
{
    uint64_t count = 0;
    for (uint32_t node = 1; node <= o->count; node++) {
        count += o->is_target[node] && o->kind[node] == 0;
    }
    return count;
}

/* @return how many objects are asked for */
static uint32_t choose_targets(oracle *o, uint64_t seed, hsight_node_id *targets)
{
    uint32_t count = 0, one_in = 1 + random_below(&seed, 8);
    for (uint32_t node = 1; node <= o->count; node++) {
        o->is_target[node] = random_below(&seed, one_in) == 0;
        if (o->is_target[node]) {
            targets[count++] = (hsight_node_id){node};
        }
    }
    return count;
}

static void check_graph(const random_graph *random, oracle *o)
{
    *o = (oracle){.graph = random->graph, .count = hsight_graph_node_count(random->graph)};
    ck_assert_uint_lt(o->count, NODES_MAX);
    hsight_node_id targets[NODES_MAX];
    uint32_t target_count = choose_targets(o, random->seed, targets);
    search(o);
    hsight_paths *paths;
    ck_assert_int_eq(hsight_paths_find(random->graph, targets, target_count, 0, &paths, NULL),
                     HSIGHT_OK);
    random_graph_assert(random, hsight_paths_omitted_count(paths) == 0);
    random_graph_assert(random, hsight_paths_unreached_count(paths) == count_unreached(o));
    check_rows(random, o, paths);
    hsight_paths_free(paths);
}

START_TEST(rows_agree_with_the_slow_search)
{
    oracle *o = calloc(1, sizeof *o);
    ck_assert_ptr_nonnull(o);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        random_graph random = random_graph_make(seed);
        check_graph(&random, o);
        random_graph_free(&random);
    }
    free(o);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("path_random");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, rows_agree_with_the_slow_search);
    return run_tests("path_random", tests);
}
