/* SPDX-License-Identifier: MIT */
/* check_store_limits.c - lengths that no test can afford to have on disk. Nothing here is read: the
 * lengths alone decide. */
#include "check_store_kit.h"

#include "base/vec.h"
#include "store/column_chunks.h"
#include "store/meta.h"
#include "store/trace_chunks.h"

#include "graph_text.h"
#include "suite.h"

#include <stdio.h>
#include <string.h>

/* Lengths of an empty snapshot. */
static void make_empty(hsight__chunk chunks[HSIGHT__CHUNK_COUNT])
{
    const hsight__columns none = {0};
    hsight__sparse big;
    hsight__sparse_init(&big, hsight_allocator_default(), sizeof(uint64_t));
    ck_assert_int_eq(hsight__chunks_of_columns(&none, &big, chunks, NULL), HSIGHT_OK);
    hsight__sparse_free(&big);
    chunks[HSIGHT__CHUNK_META] = (hsight__chunk){0};
}

START_TEST(lengths_of_nothing_fit)
{
    hsight__chunk chunks[HSIGHT__CHUNK_COUNT];
    hsight__columns columns;
    make_empty(chunks);
    ck_assert_uint_eq(chunks[HSIGHT__CHUNK_ADDR].bytes, 8);
    ck_assert_uint_eq(chunks[HSIGHT__CHUNK_STRO].bytes, 16);
    ck_assert_int_eq(hsight__columns_of_chunks(chunks, &columns, NULL), HSIGHT_OK);
    ck_assert_uint_eq(columns.node_count, 0);
    ck_assert_uint_eq(columns.string_count, 0);
}
END_TEST

/* The count of each table, one more than its ids can number, and the highest length there is. */
START_TEST(too_many_items)
{
    static const struct {
        int chunk;
        uint64_t item_bytes;
        uint64_t extra;
        const char *id;
    } tables[] = {
        {HSIGHT__CHUNK_ADDR, 8, 1, "ADDR"},  {HSIGHT__CHUNK_EDGE, 4, 0, "EDGE"},
        {HSIGHT__CHUNK_TNAM, 4, 1, "TNAM"},  {HSIGHT__CHUNK_STRO, 8, 2, "STRO"},
        {HSIGHT__CHUNK_ROOT, 32, 0, "ROOT"}, {HSIGHT__CHUNK_BIGN, 4, 0, "BIGN"},
        {HSIGHT__CHUNK_PRVN, 4, 0, "PRVN"},
    };
    const uint64_t most = UINT64_MAX / tables[_i].item_bytes;
    const uint64_t items[] = {(uint64_t)UINT32_MAX + tables[_i].extra, UINT64_C(1) << 33, most};
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        hsight__chunk chunks[HSIGHT__CHUNK_COUNT];
        hsight__columns columns;
        hsight_error err;
        char part[40];
        make_empty(chunks);
        chunks[tables[_i].chunk].bytes = items[i] * tables[_i].item_bytes;
        chunks[tables[_i].chunk].offset = 4096;
        ck_assert_int_eq(hsight__columns_of_chunks(chunks, &columns, &err), HSIGHT_EFORMAT);
        snprintf(part, sizeof part, "%s chunk at offset 4096: ", tables[_i].id);
        kit_assert_message(&err, HSIGHT_EFORMAT, part);
        kit_assert_message(&err, HSIGHT_EFORMAT, "items are too many");
    }
}
END_TEST

/* The most items that count: then the other columns are the ones that do not fit. */
START_TEST(most_items)
{
    hsight__chunk chunks[HSIGHT__CHUNK_COUNT];
    hsight__columns columns;
    hsight_error err;
    make_empty(chunks);
    chunks[HSIGHT__CHUNK_ADDR].bytes = 8 * (uint64_t)UINT32_MAX;
    ck_assert_int_eq(hsight__columns_of_chunks(chunks, &columns, &err), HSIGHT_EFORMAT);
    kit_assert_message(&err, HSIGHT_EFORMAT,
                       "TYPE chunk at offset 0: 4 bytes, expected 17,179,869,180");
}
END_TEST

/* Lengths of a trace without anything, beside a graph without anything. The chunk of native blocks
 * is there in the last part only, as where a file is opened. */
static void make_empty_trace(hsight__container *container, hsight__part last_part)
{
    static const uint64_t numbers[HSIGHT__TRACE_NUMBERS] = {HSIGHT_TRACE_EXACT};
    static const uint64_t zeros[2];
    *container = (hsight__container){.last_part = last_part};
    const struct {
        int chunk;
        uint64_t bytes;
    } lengths[] = {{HSIGHT__CHUNK_NSTK, 4},  {HSIGHT__CHUNK_TSTC, 4}, {HSIGHT__CHUNK_TSTF, 4},
                   {HSIGHT__CHUNK_TFRM, 16}, {HSIGHT__CHUNK_TROW, 0}, {HSIGHT__CHUNK_TSTO, 16},
                   {HSIGHT__CHUNK_TSTB, 0}};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        container->chunks[lengths[i].chunk] =
            (hsight__chunk){.data = zeros, .bytes = lengths[i].bytes, .offset = 4096};
    }
    container->chunks[HSIGHT__CHUNK_TINF] =
        (hsight__chunk){.data = numbers, .bytes = sizeof numbers, .offset = 4096};
    if (last_part == HSIGHT__PART_NATIVE) {
        container->chunks[HSIGHT__CHUNK_TNAT] = (hsight__chunk){.data = zeros, .offset = 4096};
    }
}

START_TEST(a_trace_of_nothing_fits)
{
    hsight__container container;
    hsight_snapshot *snapshot = kit_snapshot(graph_text_build(""), "nothing");
    make_empty_trace(&container, (hsight__part)_i);
    ck_assert_int_eq(hsight__trace_of_chunks(&container, snapshot, NULL), HSIGHT_OK);
    const hsight_trace *trace = hsight_snapshot_trace(snapshot);
    ck_assert_uint_eq(hsight_trace_stack_count(trace), 0);
    ck_assert_uint_eq(hsight_trace_native_count(trace), 0);
    ck_assert_int_eq(hsight_trace_knows_native(trace), _i == HSIGHT__PART_NATIVE);
    hsight_snapshot_free(snapshot);
}
END_TEST

/* Each chunk of a trace: a part of an item, one item too few, more than can be numbered. */
START_TEST(impossible_lengths_of_a_trace)
{
    static const struct {
        int chunk;
        uint64_t item_bytes;
        uint64_t least;
    } tables[] = {
        {HSIGHT__CHUNK_TSTC, 4, 1},
        {HSIGHT__CHUNK_TFRM, 16, 1},
        {HSIGHT__CHUNK_TROW, 72, 0},
        {HSIGHT__CHUNK_TSTO, 8, 2},
        {HSIGHT__CHUNK_TSTF, 4, 1},
        {HSIGHT__CHUNK_NSTK, 4, 1},
        {HSIGHT__CHUNK_TINF, 8, HSIGHT__TRACE_NUMBERS},
        {HSIGHT__CHUNK_TNAT, 24, 0},
    };
    const uint64_t item_bytes = tables[_i].item_bytes, least = tables[_i].least;
    const uint64_t lengths[] = {
        least * item_bytes + 3,
        (least > 0 ? least - 1 : UINT64_MAX / 72) * item_bytes,
        (UINT64_C(1) << 32) * item_bytes + 2 * 8,
        ((UINT64_C(1) << 32) - 1 + least) * item_bytes,
        UINT64_MAX,
    };
    const size_t count = tables[_i].chunk == HSIGHT__CHUNK_TINF ? 2 : 5; /* it may be longer */
    hsight_snapshot *snapshot = kit_snapshot(graph_text_build(""), "nothing");
    for (size_t i = 0; i < count; i++) {
        hsight__container container;
        hsight_error err;
        char part[40];
        make_empty_trace(&container, HSIGHT__PART_NATIVE);
        container.chunks[tables[_i].chunk].bytes = lengths[i];
        ck_assert_int_eq(hsight__trace_of_chunks(&container, snapshot, &err), HSIGHT_EFORMAT);
        snprintf(part, sizeof part,
                 "%s chunk at offset 4096: ", hsight__chunk_kinds[tables[_i].chunk].id);
        kit_assert_message(&err, HSIGHT_EFORMAT, part);
        ck_assert_ptr_null(hsight_snapshot_trace(snapshot));
    }
    hsight_snapshot_free(snapshot);
}
END_TEST

START_TEST(text_of_4_gib)
{
    hsight__vec out;
    hsight__vec_init(&out, hsight_allocator_default(), 1);
    hsight_error err;
    const hsight_snapshot_info info = {.arguments = {"x", (size_t)UINT32_MAX + 1}};
    ck_assert_int_eq(hsight__meta_encode(&info, &out, &err), HSIGHT_ELIMIT);
    kit_assert_message(&err, HSIGHT_ELIMIT, "arguments of the snapshot: 4294967296 bytes");
    hsight__vec_free(&out);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("store_limits");
    tcase_add_test(tests, lengths_of_nothing_fit);
    tcase_add_loop_test(tests, too_many_items, 0, 7);
    tcase_add_test(tests, most_items);
    tcase_add_loop_test(tests, a_trace_of_nothing_fits, HSIGHT__PART_TRACE,
                        HSIGHT__PART_NATIVE + 1);
    tcase_add_loop_test(tests, impossible_lengths_of_a_trace, 0, 8);
    tcase_add_test(tests, text_of_4_gib);
    return run_tests("store_limits", tests);
}
