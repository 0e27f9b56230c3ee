/* SPDX-License-Identifier: MIT */
/* native_references.c - what C code holds more of: the surplus of two snapshots, merged like a zip.
 *
 *     C_HELD roots -> held objects, numbered by type name -> sorted by (type, address) -> merged
 *
 * I1  no row has count_delta <= 0 and reference_delta <= 0
 * I2  the nodes of all rows lie in one column, those of row i at spans[i]; none is there twice
 * I3  at least count_delta nodes belong to a row
 * I4  beside an exact tracer there are objects that otherwise nobody knows: where one snapshot has
 *     them and the other has not, only those that the collector tracks are compared
 *
 * O(roots log roots); 32 bytes a held object while it runs, then 8 for each new one and 56 a row,
 * from the allocator of `after`, owned by the result. */
#include <heapsight/native_references.h>

#include <heapsight/trace.h>

#include "base/checked.h"
#include "base/map.h"
#include "graph/graph_allocator.h"

#include "analyse/order.h"

#include <stdlib.h>

typedef struct {
    uint32_t first;
    uint32_t count;
} span;

/* One that grew, while rows are sorted together with the place of their nodes. */
typedef struct {
    hsight_native_reference_row row;
    span nodes;
} grown;

struct hsight_native_references {
    const hsight_allocator *allocator;
    hsight__vec rows;    /* hsight_native_reference_row */
    hsight__vec spans;   /* span */
    hsight__vec nodes;   /* hsight_node_id */
    hsight__vec holders; /* hsight_string_id, of the same places */
};

typedef struct {
    uint64_t address;
    uint64_t references;
    uint32_t name; /* of its type, as `names` of the job numbers them */
    uint32_t node;
    uint32_t holder; /* string */
} held;

typedef struct {
    const hsight_graph *graph;
    hsight__vec held; /* held, by (name, address, node) */
    bool is_exact;    /* taken beside an exact tracer, which knows objects that no collector does */
} side;

typedef struct {
    side before;
    side after;
    hsight__vec names; /* hsight_string, sorted, none twice */
    bool is_matched;   /* equal addresses are equal objects */
    hsight__vec grown;
    hsight__vec nodes;
    hsight__vec holders;
} job;

/* ---- what C code holds ---- */

static int compare_names(const void *a, const void *b)
{
    return hsight__order_strings(*(const hsight_string *)a, *(const hsight_string *)b);
}

static hsight_string name_of(const hsight_graph *graph, uint32_t node)
{
    return hsight_graph_type_name(graph, hsight_graph_type(graph, (hsight_node_id){node}));
}

/* Until names are numbered, `name` is the index of the type. `all`: also what the collector does
 * not track. */
static hsight_status collect(side *from, bool all, hsight__vec *names, hsight_error *err)
{
    hsight__map met;
    hsight__map_init(&met, from->held.allocator);
    hsight_status status = HSIGHT_OK;
    uint32_t count = hsight_graph_root_count(from->graph);
    for (uint32_t i = 0; i < count && status == HSIGHT_OK; i++) {
        const hsight_root *root = hsight_graph_root(from->graph, i);
        uint32_t flags = hsight_graph_flags(from->graph, root->node);
        if (root->kind != HSIGHT_ROOT_C_HELD || (!all && !(flags & HSIGHT_NODE_GC_TRACKED))) {
            continue;
        }
        uint32_t type = hsight_graph_type(from->graph, root->node).index;
        held item = {hsight_graph_address(from->graph, root->node), root->surplus, type,
                     root->node.index, root->name.index};
        uint32_t *is_met = hsight__map_put(&met, type, err);
        status = is_met == NULL ? HSIGHT_ENOMEM : hsight__vec_push(&from->held, &item, err);
        if (status == HSIGHT_OK && *is_met == 0) {
            hsight_string name = name_of(from->graph, root->node.index);
            *is_met = 1;
            status = hsight__vec_push(names, &name, err);
        }
    }
    hsight__map_free(&met);
    return status;
}

static void sort_names(hsight__vec *names)
{
    hsight_string *all = names->data;
    size_t kept = 0;
    if (names->count == 0) {
        return;
    }
    qsort(all, names->count, sizeof *all, compare_names);
    for (size_t i = 0; i < names->count; i++) {
        if (kept == 0 || compare_names(&all[kept - 1], &all[i]) != 0) {
            all[kept++] = all[i];
        }
    }
    names->count = kept;
}

static uint32_t number_of(const hsight__vec *names, hsight_string name)
{
    const hsight_string *found =
        bsearch(&name, names->data, names->count, sizeof name, compare_names);
    return (uint32_t)(found - (const hsight_string *)names->data);
}

static hsight_status number_names(side *from, const hsight__vec *names, hsight_error *err)
{
    hsight__map numbers; /* from the index of a type to its number + 1 */
    hsight__map_init(&numbers, from->held.allocator);
    held *all = from->held.data;
    for (size_t i = 0; i < from->held.count; i++) {
        uint32_t *number = hsight__map_put(&numbers, all[i].name, err);
        if (number == NULL) {
            hsight__map_free(&numbers);
            return HSIGHT_ENOMEM;
        }
        if (*number == 0) {
            *number = number_of(names, name_of(from->graph, all[i].node)) + 1;
        }
        all[i].name = *number - 1;
    }
    hsight__map_free(&numbers);
    return HSIGHT_OK;
}

static int compare_held(const void *a, const void *b)
{
    const held *left = a, *right = b;
    if (left->name != right->name) {
        return left->name < right->name ? -1 : 1;
    }
    if (left->address != right->address) {
        return left->address < right->address ? -1 : 1;
    }
    return (left->node > right->node) - (left->node < right->node);
}

/* A foreign file may have several roots of one object: they are added up. */
static void sort_held(hsight__vec *of)
{
    held *all = of->data;
    size_t kept = 0;
    if (of->count == 0) {
        return;
    }
    qsort(all, of->count, sizeof *all, compare_held);
    for (size_t i = 0; i < of->count; i++) {
        if (kept > 0 && compare_held(&all[kept - 1], &all[i]) == 0) {
            all[kept - 1].references += all[i].references; /* 32 bits each, of 32 bits roots */
        } else {
            all[kept++] = all[i];
        }
    }
    of->count = kept;
}

/* ---- what grew ---- */

typedef struct {
    const held *at;
    const held *end;
} cursor;

static cursor cursor_over(const hsight__vec *of)
{
    const held *first = of->data;
    return (cursor){first, of->count > 0 ? first + of->count : first};
}

static cursor take_type(cursor *all, uint32_t name)
{
    cursor part = {all->at, all->at};
    while (part.end != all->end && part.end->name == name) {
        part.end++;
    }
    all->at = part.end;
    return part;
}

static uint64_t sum_references(cursor of)
{
    uint64_t sum = 0;
    for (; of.at != of.end; of.at++) {
        sum = hsight__add_saturated(sum, of.at->references);
    }
    return sum;
}

/* Those of one type that were not held before, or with fewer references. */
static hsight_status add_nodes(job *work, cursor before, cursor after, hsight_error *err)
{
    hsight_status status = HSIGHT_OK;
    for (; after.at != after.end && status == HSIGHT_OK; after.at++) {
        while (before.at != before.end && before.at->address < after.at->address) {
            before.at++;
        }
        bool is_old =
            work->is_matched && before.at != before.end && before.at->address == after.at->address;
        if (!is_old || before.at->references < after.at->references) {
            hsight_node_id node = {after.at->node};
            hsight_string_id holder = {after.at->holder};
            status = hsight__vec_push(&work->nodes, &node, err);
            status = status == HSIGHT_OK ? hsight__vec_push(&work->holders, &holder, err) : status;
        }
        before.at += is_old ? 1 : 0;
    }
    return status;
}

static hsight_status compare_type(job *work, uint32_t name, cursor before, cursor after,
                                  hsight_error *err)
{
    uint64_t count_before = (uint64_t)(before.end - before.at);
    uint64_t count_after = (uint64_t)(after.end - after.at);
    uint64_t references_before = sum_references(before), references_after = sum_references(after);
    grown found = {
        .row = {.type = ((const hsight_string *)work->names.data)[name],
                .count_delta = hsight__change_saturated(count_before, count_after),
                .reference_delta = hsight__change_saturated(references_before, references_after),
                .count_after = count_after,
                .reference_after = references_after},
        .nodes = {.first = (uint32_t)work->nodes.count}};
    if (found.row.count_delta <= 0 && found.row.reference_delta <= 0) {
        return HSIGHT_OK;
    }
    found.row.type = name_of(work->after.graph, after.at->node);
    hsight_status status = add_nodes(work, before, after, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    found.nodes.count = (uint32_t)work->nodes.count - found.nodes.first;
    return hsight__vec_push(&work->grown, &found, err);
}

static hsight_status compare_types(job *work, hsight_error *err)
{
    cursor before = cursor_over(&work->before.held), after = cursor_over(&work->after.held);
    hsight_status status = HSIGHT_OK;
    for (uint32_t name = 0; name < work->names.count && status == HSIGHT_OK; name++) {
        cursor old_part = take_type(&before, name), new_part = take_type(&after, name);
        status = compare_type(work, name, old_part, new_part, err);
    }
    return status;
}

static int compare_grown(const void *a, const void *b)
{
    const hsight_native_reference_row *left = &((const grown *)a)->row;
    const hsight_native_reference_row *right = &((const grown *)b)->row;
    int order = hsight__order_signed_descending(left->reference_delta, right->reference_delta);
    order =
        order != 0 ? order : hsight__order_signed_descending(left->count_delta, right->count_delta);
    return order != 0 ? order : hsight__order_strings(left->type, right->type);
}

/* ---- all of it ---- */

static hsight_status run(job *work, hsight_error *err)
{
    bool all = work->before.is_exact == work->after.is_exact;
    hsight_status status = collect(&work->before, all, &work->names, err);
    if (status == HSIGHT_OK) {
        status = collect(&work->after, all, &work->names, err);
    }
    if (status != HSIGHT_OK) {
        return status;
    }
    sort_names(&work->names);
    status = number_names(&work->before, &work->names, err);
    if (status == HSIGHT_OK) {
        status = number_names(&work->after, &work->names, err);
    }
    if (status != HSIGHT_OK) {
        return status;
    }
    sort_held(&work->before.held);
    sort_held(&work->after.held);
    return compare_types(work, err);
}

/* Rows and the places of their nodes, apart, in the order of the report. */
static hsight_status give(const job *work, hsight_native_references *out, hsight_error *err)
{
    grown *all = work->grown.data;
    if (work->grown.count != 0) {
        qsort(all, work->grown.count, sizeof *all, compare_grown);
    }
    hsight_status status = hsight__vec_reserve(&out->rows, work->grown.count, err);
    if (status == HSIGHT_OK) {
        status = hsight__vec_reserve(&out->spans, work->grown.count, err);
    }
    for (size_t i = 0; i < work->grown.count && status == HSIGHT_OK; i++) {
        (void)hsight__vec_push(&out->rows, &all[i].row, err);
        (void)hsight__vec_push(&out->spans, &all[i].nodes, err);
    }
    return status;
}

static bool is_exact(const hsight_snapshot *snapshot)
{
    const hsight_trace *trace = hsight_snapshot_trace(snapshot);
    return trace != NULL && hsight_trace_get_info(trace)->mode == HSIGHT_TRACE_EXACT;
}

static hsight_status fill(hsight_native_references *out, const hsight_snapshot *before,
                          const hsight_snapshot *after, hsight_error *err)
{
    job work = {
        .before.graph = hsight_snapshot_graph(before),
        .after.graph = hsight_snapshot_graph(after),
        .before.is_exact = is_exact(before),
        .after.is_exact = is_exact(after),
        .is_matched = hsight_snapshot_get_info(before)->process_id ==
                      hsight_snapshot_get_info(after)->process_id,
    };
    hsight__vec_init(&work.before.held, out->allocator, sizeof(held));
    hsight__vec_init(&work.after.held, out->allocator, sizeof(held));
    hsight__vec_init(&work.names, out->allocator, sizeof(hsight_string));
    hsight__vec_init(&work.grown, out->allocator, sizeof(grown));
    hsight__vec_init(&work.nodes, out->allocator, sizeof(hsight_node_id));
    hsight__vec_init(&work.holders, out->allocator, sizeof(hsight_string_id));
    hsight_status status = run(&work, err);
    if (status == HSIGHT_OK) {
        status = give(&work, out, err);
    }
    if (status == HSIGHT_OK) {
        out->nodes = work.nodes;
        out->holders = work.holders;
        hsight__vec_init(&work.nodes, out->allocator, sizeof(hsight_node_id));
        hsight__vec_init(&work.holders, out->allocator, sizeof(hsight_string_id));
        hsight__vec_shrink(&out->nodes);
        hsight__vec_shrink(&out->holders);
    }
    hsight__vec_free(&work.before.held);
    hsight__vec_free(&work.after.held);
    hsight__vec_free(&work.names);
    hsight__vec_free(&work.grown);
    hsight__vec_free(&work.nodes);
    hsight__vec_free(&work.holders);
    return status;
}

hsight_status hsight_native_references_new(const hsight_snapshot *before,
                                           const hsight_snapshot *after,
                                           hsight_native_references **out, hsight_error *err)
{
    const hsight_allocator *allocator = hsight__graph_allocator(hsight_snapshot_graph(after));
    hsight_native_references *references =
        allocator->allocate(allocator->state, sizeof *references);
    if (references == NULL) {
        return hsight__fail_memory(err, sizeof *references);
    }
    references->allocator = allocator;
    hsight__vec_init(&references->rows, allocator, sizeof(hsight_native_reference_row));
    hsight__vec_init(&references->spans, allocator, sizeof(span));
    hsight__vec_init(&references->nodes, allocator, sizeof(hsight_node_id));
    hsight__vec_init(&references->holders, allocator, sizeof(hsight_string_id));
    hsight_status status = fill(references, before, after, err);
    if (status != HSIGHT_OK) {
        hsight_native_references_free(references);
        return status;
    }
    *out = references;
    return HSIGHT_OK;
}

void hsight_native_references_free(hsight_native_references *references)
{
    if (references != NULL) {
        const hsight_allocator *allocator = references->allocator;
        hsight__vec_free(&references->rows);
        hsight__vec_free(&references->spans);
        hsight__vec_free(&references->nodes);
        hsight__vec_free(&references->holders);
        allocator->release(allocator->state, references, sizeof *references);
    }
}

uint32_t hsight_native_references_count(const hsight_native_references *references)
{
    return (uint32_t)references->rows.count;
}

const hsight_native_reference_row *
hsight_native_references_rows(const hsight_native_references *references)
{
    return references->rows.data;
}

const hsight_node_id *hsight_native_references_nodes(const hsight_native_references *references,
                                                     uint32_t row, uint32_t *count)
{
    const span *place = (const span *)references->spans.data + row;
    *count = place->count;
    return (const hsight_node_id *)references->nodes.data + place->first;
}

const hsight_string_id *hsight_native_references_holders(const hsight_native_references *references,
                                                         uint32_t row)
{
    const span *place = (const span *)references->spans.data + row;
    return (const hsight_string_id *)references->holders.data + place->first;
}
