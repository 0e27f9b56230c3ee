/* SPDX-License-Identifier: MIT */
/* trace_chunks.c - which column of a trace is which chunk of a file, in both directions.
 *
 * Owns nothing: the columns of a loaded trace lie in the mapping, which the graph keeps. */
#include "store/trace_chunks.h"

#include "base/error.h"
#include "graph/graph_allocator.h"
#include "store/damage.h"
#include "store/display.h"
#include "trace/trace_columns.h"

/* X(chunk, column, count, extra): the column has count + extra items. */
#define COLUMN_LIST(X)                                                                             \
    X(TSTC, callers, stack_count, 1)                                                               \
    X(TSTF, innermost, stack_count, 1)                                                             \
    X(TFRM, frames, frame_count, 1)                                                                \
    X(TROW, rows, row_count, 0)                                                                    \
    X(TSTO, string_offsets, string_count, 2)                                                       \
    X(TNAT, native_rows, native_count, 0)

/* Where each number of TINF lies. X(field) */
#define NUMBER_LIST(X)                                                                             \
    X(mode)                                                                                        \
    X(frame_limit)                                                                                 \
    X(sample_bytes)                                                                                \
    X(live_bytes)                                                                                  \
    X(live_blocks)                                                                                 \
    X(peak_bytes)                                                                                  \
    X(total_bytes)                                                                                 \
    X(total_blocks)                                                                                \
    X(dropped_count)                                                                               \
    X(memory_bytes)                                                                                \
    X(duration_ns)

static void encode_info(const hsight_trace_info *info, hsight__trace_numbers *out)
{
    uint64_t *at = out->number;
#define GIVE(field) *at++ = (uint64_t)info->field;
    NUMBER_LIST(GIVE)
#undef GIVE
    for (int i = 0; i < HSIGHT_DOMAIN_COUNT; i++) {
        *at++ = info->domains[i].allocated_blocks;
        *at++ = info->domains[i].allocated_bytes;
        *at++ = info->domains[i].freed_blocks;
    }
}

void hsight__chunks_of_trace(const hsight_snapshot *snapshot, hsight__trace_numbers *numbers,
                             hsight__chunk chunks[HSIGHT__CHUNK_COUNT])
{
    const hsight_trace *trace = hsight_snapshot_trace(snapshot);
    const hsight__trace_columns *columns = hsight__trace_get_columns(trace);
    uint64_t nodes = hsight_graph_node_count(hsight_snapshot_graph(snapshot));
    encode_info(hsight_trace_get_info(trace), numbers);
    chunks[HSIGHT__CHUNK_TINF] = (hsight__chunk){.data = numbers, .bytes = sizeof *numbers};
    chunks[HSIGHT__CHUNK_NSTK] = (hsight__chunk){.data = hsight__snapshot_stacks(snapshot),
                                                 .bytes = (nodes + 1) * sizeof(hsight_stack_id)};
    chunks[HSIGHT__CHUNK_TSTB] =
        (hsight__chunk){.data = columns->string_bytes, .bytes = columns->string_bytes_count};
#define GIVE(id, column, count, extra)                                                             \
    chunks[HSIGHT__CHUNK_##id] =                                                                   \
        (hsight__chunk){.data = columns->column,                                                   \
                        .bytes = ((uint64_t)columns->count + (extra)) *                            \
                                 hsight__chunk_kinds[HSIGHT__CHUNK_##id].item_bytes};
    COLUMN_LIST(GIVE)
#undef GIVE
}

/* ---- reading ---- */

static hsight_status count_items(const hsight__chunk chunks[], int chunk, uint64_t extra,
                                 uint64_t *out, hsight_error *err)
{
    const hsight__chunk_kind *kind = &hsight__chunk_kinds[chunk];
    uint64_t items = chunks[chunk].bytes / kind->item_bytes;
    if (chunks[chunk].bytes % kind->item_bytes != 0 || items < extra ||
        items - extra > UINT32_MAX - 1) {
        return hsight__fail_damaged(err,
                                    "%s chunk at offset %llu: %s bytes are not %llu or more "
                                    "items of %u bytes",
                                    kind->id, (unsigned long long)chunks[chunk].offset,
                                    hsight__show_number(chunks[chunk].bytes).text,
                                    (unsigned long long)extra, kind->item_bytes);
    }
    *out = items - extra;
    return HSIGHT_OK;
}

static hsight_status take_count(const hsight__chunk chunks[], int chunk, uint64_t extra,
                                uint32_t *count, hsight_error *err)
{
    uint64_t items = 0;
    hsight_status status = count_items(chunks, chunk, extra, &items, err);
    if (status == HSIGHT_OK) {
        *count = (uint32_t)items;
    }
    return status;
}

/* A chunk whose length another one tells. */
static hsight_status check_count(const hsight__chunk chunks[], int chunk, uint64_t items,
                                 hsight_error *err)
{
    uint64_t expected = items * hsight__chunk_kinds[chunk].item_bytes;
    if (chunks[chunk].bytes == expected) {
        return HSIGHT_OK;
    }
    return hsight__fail_damaged(
        err, "%s chunk at offset %llu: %s bytes, expected %s", hsight__chunk_kinds[chunk].id,
        (unsigned long long)chunks[chunk].offset, hsight__show_number(chunks[chunk].bytes).text,
        hsight__show_number(expected).text);
}

static hsight_status take_counts(const hsight__chunk chunks[], uint64_t node_count,
                                 hsight__trace_columns *out, hsight_error *err)
{ /* chunks that are not there are empty */
    const struct {
        int chunk;
        uint64_t extra;
        uint32_t *count;
    } sources[] = {
        {HSIGHT__CHUNK_TSTC, 1, &out->stack_count},  {HSIGHT__CHUNK_TFRM, 1, &out->frame_count},
        {HSIGHT__CHUNK_TROW, 0, &out->row_count},    {HSIGHT__CHUNK_TSTO, 2, &out->string_count},
        {HSIGHT__CHUNK_TNAT, 0, &out->native_count},
    };
    hsight_status status = HSIGHT_OK;
    for (size_t i = 0; i < sizeof sources / sizeof *sources && status == HSIGHT_OK; i++) {
        status = take_count(chunks, sources[i].chunk, sources[i].extra, sources[i].count, err);
    }
    if (status == HSIGHT_OK) {
        status = check_count(chunks, HSIGHT__CHUNK_TSTF, (uint64_t)out->stack_count + 1, err);
    }
    if (status == HSIGHT_OK) {
        status = check_count(chunks, HSIGHT__CHUNK_NSTK, node_count + 1, err);
    }
    return status;
}

static hsight_status check_numbers(const uint64_t *number, hsight_error *fault)
{
    if (number[0] < HSIGHT_TRACE_EXACT || number[0] > HSIGHT_TRACE_COUNTS) {
        return hsight__fail(fault, HSIGHT_EINVAL, "trace mode %s is not known",
                            hsight__show_number(number[0]).text);
    }
    if (number[1] > HSIGHT_FRAME_LIMIT_MAX) {
        return hsight__fail(fault, HSIGHT_EINVAL, "trace of %s frames a stack, at most %s",
                            hsight__show_number(number[1]).text,
                            hsight__show_number(HSIGHT_FRAME_LIMIT_MAX).text);
    }
    return HSIGHT_OK;
}

/* Numbers beyond those that we know are a later version's. */
static hsight_status check_info_length(const hsight__chunk *chunk, hsight_error *err)
{
    const uint64_t known_bytes = sizeof(hsight__trace_numbers);
    if (chunk->bytes % sizeof(uint64_t) == 0 && chunk->bytes >= known_bytes) {
        return HSIGHT_OK;
    }
    return hsight__fail_damaged(err,
                                "TINF chunk at offset %llu: %s bytes are not %d or more numbers",
                                (unsigned long long)chunk->offset,
                                hsight__show_number(chunk->bytes).text, HSIGHT__TRACE_NUMBERS);
}

static void decode_info(const uint64_t *at, hsight_trace_info *out)
{
    out->mode = (hsight_trace_mode)*at++;
    out->frame_limit = (uint32_t)*at++;
    out->sample_bytes = *at++;
    out->live_bytes = *at++;
    out->live_blocks = *at++;
    out->peak_bytes = *at++;
    out->total_bytes = *at++;
    out->total_blocks = *at++;
    out->dropped_count = *at++;
    out->memory_bytes = *at++;
    out->duration_ns = *at++;
    for (int i = 0; i < HSIGHT_DOMAIN_COUNT; i++) {
        out->domains[i] = (hsight_trace_domain){at[0], at[1], at[2]};
        at += 3;
    }
}

/* Every length fits the others. */
static hsight_status check_lengths(const hsight__chunk chunks[], uint64_t node_count,
                                   hsight__trace_columns *out, hsight_error *err)
{
    hsight_status status = take_counts(chunks, node_count, out, err);
    return status == HSIGHT_OK ? check_info_length(&chunks[HSIGHT__CHUNK_TINF], err) : status;
}

/* `fault` says which value is impossible. */
static hsight_status check_values(const hsight__chunk chunks[],
                                  const hsight__trace_columns *columns, hsight_error *fault)
{
    hsight_status status = check_numbers(chunks[HSIGHT__CHUNK_TINF].data, fault);
    return status == HSIGHT_OK ? hsight__trace_columns_check(columns, fault) : status;
}

static void point_columns(const hsight__chunk chunks[], hsight__trace_columns *out)
{
#define TAKE(id, column, count, extra) out->column = chunks[HSIGHT__CHUNK_##id].data;
    COLUMN_LIST(TAKE)
#undef TAKE
    out->string_bytes = chunks[HSIGHT__CHUNK_TSTB].data;
    out->string_bytes_count = chunks[HSIGHT__CHUNK_TSTB].bytes;
}

hsight_status hsight__trace_of_chunks(const hsight__container *container, hsight_snapshot *snapshot,
                                      hsight_error *err)
{
    const hsight__chunk *chunks = container->chunks;
    const hsight_graph *graph = hsight_snapshot_graph(snapshot);
    hsight__trace_columns columns = {0};
    hsight_trace_info info;
    hsight_trace *trace;
    hsight_error fault;
    hsight_status status = check_lengths(chunks, hsight_graph_node_count(graph), &columns, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    columns.knows_native = container->last_part == HSIGHT__PART_NATIVE;
    point_columns(chunks, &columns);
    if (check_values(chunks, &columns, &fault) != HSIGHT_OK) {
        return hsight__fail_contents(container->minor, &fault, err);
    }
    decode_info(chunks[HSIGHT__CHUNK_TINF].data, &info);
    status = hsight__trace_wrap(hsight__graph_allocator(graph), &columns, &info, NULL, NULL, &trace,
                                err);
    if (status != HSIGHT_OK) {
        return status;
    }
    status = hsight__snapshot_join_column(snapshot, trace, chunks[HSIGHT__CHUNK_NSTK].data, &fault);
    if (status != HSIGHT_OK) {
        hsight_trace_free(trace);
        return hsight__fail_contents(container->minor, &fault, err);
    }
    return HSIGHT_OK;
}
