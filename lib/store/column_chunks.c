/* SPDX-License-Identifier: MIT */
/* column_chunks.c - which column of a graph is which chunk of a file, in both directions.
 *
 * A list for each kind of column drives both; pairs of sizes and the text of strings are by hand.
 * In a file, numbers of nodes have four bytes, and only sizes have pairs. Owns nothing. */
#include "store/column_chunks.h"

#include "store/damage.h"
#include "store/display.h"

/* X(chunk, column, count, extra): the column has count + extra items. */
#define COLUMN_LIST(X)                                                                             \
    X(ADDR, addresses, node_count, 1)                                                              \
    X(FLAG, flags, node_count, 1)                                                                  \
    X(EFST, first_edge, node_count, 2)                                                             \
    X(EDGE, targets, edge_count, 0)                                                                \
    X(LABL, labels, edge_count, 0)                                                                 \
    X(PRVN, preview_nodes, preview_count, 0)                                                       \
    X(PRVS, preview_strings, preview_count, 0)                                                     \
    X(TNAM, type_names, type_count, 1)                                                             \
    X(TNOD, type_nodes, type_count, 1)                                                             \
    X(STRO, string_offsets, string_count, 2)                                                       \
    X(ROOT, roots, root_count, 0)

/* X(chunk, column): numbers of nodes. */
#define NUMBER_LIST(X)                                                                             \
    X(TYPE, types)                                                                                 \
    X(SIZE, shallow)                                                                               \
    X(REFC, refcounts)

static uint64_t column_bytes(int chunk, uint64_t items)
{
    return items * hsight__chunk_kinds[chunk].item_bytes; /* items < 2^33, item_bytes <= 32 */
}

/* An item of all ones is the same there, whether it has a pair or not. */
static bool is_as_in_file(const hsight__numbers *numbers, int chunk)
{
    return numbers->item_bytes == hsight__chunk_kinds[chunk].item_bytes;
}

static hsight_status collect_big(const hsight__numbers *shallow, hsight__sparse *big,
                                 hsight_error *err)
{
    hsight_status status = HSIGHT_OK;
    for (uint32_t i = 0; i < shallow->pair_count && status == HSIGHT_OK; i++) {
        if (shallow->pair_values[i] >= UINT32_MAX) {
            status = hsight__sparse_add(big, shallow->pair_nodes[i], &shallow->pair_values[i], err);
        }
    }
    return status;
}

hsight_status hsight__chunks_of_columns(const hsight__columns *columns, hsight__sparse *big,
                                        hsight__chunk chunks[HSIGHT__CHUNK_COUNT],
                                        hsight_error *err)
{
    hsight_status status = collect_big(&columns->shallow, big, err);
    if (status != HSIGHT_OK) {
        return status;
    }
#define GIVE(id, column, count, extra)                                                             \
    chunks[HSIGHT__CHUNK_##id] = (hsight__chunk){                                                  \
        .data = columns->column,                                                                   \
        .bytes = column_bytes(HSIGHT__CHUNK_##id, (uint64_t)columns->count + (extra))};
    COLUMN_LIST(GIVE)
#undef GIVE
#define GIVE(id, column)                                                                           \
    chunks[HSIGHT__CHUNK_##id] = (hsight__chunk){                                                  \
        .data = columns->column.items,                                                             \
        .numbers = is_as_in_file(&columns->column, HSIGHT__CHUNK_##id) ? NULL : &columns->column,  \
        .bytes = column_bytes(HSIGHT__CHUNK_##id, (uint64_t)columns->node_count + 1)};
    NUMBER_LIST(GIVE)
#undef GIVE
    chunks[HSIGHT__CHUNK_BIGN] = (hsight__chunk){
        .data = big->nodes.data, .bytes = column_bytes(HSIGHT__CHUNK_BIGN, big->nodes.count)};
    chunks[HSIGHT__CHUNK_BIGB] = (hsight__chunk){
        .data = big->values.data, .bytes = column_bytes(HSIGHT__CHUNK_BIGB, big->values.count)};
    chunks[HSIGHT__CHUNK_STRB] =
        (hsight__chunk){.data = columns->string_bytes, .bytes = columns->string_bytes_count};
    return HSIGHT_OK;
}

/* The number of items beyond `extra` that a chunk has. */
static hsight_status count_items(const hsight__chunk chunks[], int chunk, uint32_t extra,
                                 uint32_t *out, hsight_error *err)
{
    const hsight__chunk_kind *kind = &hsight__chunk_kinds[chunk];
    unsigned long long offset = chunks[chunk].offset;
    uint64_t bytes = chunks[chunk].bytes;
    if (bytes % kind->item_bytes != 0) {
        return hsight__fail_damaged(err, "%s chunk at offset %llu: %s bytes, not a multiple of %u",
                                    kind->id, offset, hsight__show_number(bytes).text,
                                    kind->item_bytes);
    }
    uint64_t items = bytes / kind->item_bytes;
    if (items < extra) {
        return hsight__fail_damaged(err, "%s chunk at offset %llu: %u of at least %u items",
                                    kind->id, offset, (unsigned)items, extra);
    }
    if (items - extra > UINT32_MAX - 1) {
        return hsight__fail_damaged(err, "%s chunk at offset %llu: %s items are too many", kind->id,
                                    offset, hsight__show_number(items).text);
    }
    *out = (uint32_t)(items - extra);
    return HSIGHT_OK;
}

static hsight_status take_counts(const hsight__chunk chunks[], hsight__columns *out,
                                 hsight_error *err)
{
    const struct {
        int chunk;
        uint32_t extra;
        uint32_t *count;
    } sources[] = {
        {HSIGHT__CHUNK_ADDR, 1, &out->node_count},
        {HSIGHT__CHUNK_EDGE, 0, &out->edge_count},
        {HSIGHT__CHUNK_TNAM, 1, &out->type_count},
        {HSIGHT__CHUNK_STRO, 2, &out->string_count},
        {HSIGHT__CHUNK_ROOT, 0, &out->root_count},
        {HSIGHT__CHUNK_BIGN, 0, &out->shallow.pair_count},
        {HSIGHT__CHUNK_PRVN, 0, &out->preview_count},
    };
    hsight_status status = HSIGHT_OK;
    for (size_t i = 0; i < sizeof sources / sizeof *sources && status == HSIGHT_OK; i++) {
        status = count_items(chunks, sources[i].chunk, sources[i].extra, sources[i].count, err);
    }
    return status;
}

static hsight_status check_length(const hsight__chunk chunks[], int chunk, uint64_t expected,
                                  hsight_error *err)
{
    if (chunks[chunk].bytes == expected) {
        return HSIGHT_OK;
    }
    return hsight__fail_damaged(
        err, "%s chunk at offset %llu: %s bytes, expected %s", hsight__chunk_kinds[chunk].id,
        (unsigned long long)chunks[chunk].offset, hsight__show_number(chunks[chunk].bytes).text,
        hsight__show_number(expected).text);
}

static hsight_status check_lengths(const hsight__chunk chunks[], const hsight__columns *columns,
                                   hsight_error *err)
{
    const struct {
        int chunk;
        uint64_t items;
    } expected[] = {
#define EXPECT(id, column) {HSIGHT__CHUNK_##id, (uint64_t)columns->node_count + 1},
        NUMBER_LIST(EXPECT)
#undef EXPECT
            {HSIGHT__CHUNK_BIGB, columns->shallow.pair_count},
#define EXPECT(id, column, count, extra) {HSIGHT__CHUNK_##id, (uint64_t)columns->count + (extra)},
        COLUMN_LIST(EXPECT)
#undef EXPECT
    };
    hsight_status status = HSIGHT_OK;
    for (size_t i = 0; i < sizeof expected / sizeof *expected && status == HSIGHT_OK; i++) {
        uint64_t bytes = column_bytes(expected[i].chunk, expected[i].items);
        status = check_length(chunks, expected[i].chunk, bytes, err);
    }
    return status;
}

hsight_status hsight__columns_of_chunks(const hsight__chunk chunks[HSIGHT__CHUNK_COUNT],
                                        hsight__columns *out, hsight_error *err)
{
    *out = (hsight__columns){0};
    hsight_status status = take_counts(chunks, out, err);
    if (status == HSIGHT_OK) {
        status = check_lengths(chunks, out, err);
    }
    if (status != HSIGHT_OK) {
        return status;
    }
#define TAKE(id, column, count, extra) out->column = chunks[HSIGHT__CHUNK_##id].data;
    COLUMN_LIST(TAKE)
#undef TAKE
#define TAKE(id, column)                                                                           \
    out->column.items = chunks[HSIGHT__CHUNK_##id].data;                                           \
    out->column.item_bytes = hsight__chunk_kinds[HSIGHT__CHUNK_##id].item_bytes;
    NUMBER_LIST(TAKE)
#undef TAKE
    out->shallow.pair_nodes = chunks[HSIGHT__CHUNK_BIGN].data;
    out->shallow.pair_values = chunks[HSIGHT__CHUNK_BIGB].data;
    out->string_bytes = chunks[HSIGHT__CHUNK_STRB].data;
    out->string_bytes_count = chunks[HSIGHT__CHUNK_STRB].bytes;
    return HSIGHT_OK;
}
