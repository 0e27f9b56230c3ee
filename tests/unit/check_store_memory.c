/* SPDX-License-Identifier: MIT */
/* check_store_memory.c - saving and loading with every request for memory refused once. */
#include "check_store_kit.h"

#include "failing_allocator.h"
#include "graph_text.h"
#include "store/load.h"
#include "suite.h"

#include <stdbool.h>

/* _i: as kit_sample_of() */
START_TEST(load_with_each_request_refused)
{
    kit_path path = kit_file("memory.hsnap");
    hsight_snapshot *sample = kit_sample_of(_i, "memory");
    kit_save(sample, path.path);
    bool refused = true;
    size_t walked = 0;
    for (size_t n = 1; refused; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        hsight_snapshot *loaded = NULL;
        hsight_error err;
        hsight_status status = hsight__store_load_with(&memory.allocator, path.path, &loaded, &err);
        refused = memory.refused;
        if (refused) {
            walked++;
            ck_assert_int_eq(status, HSIGHT_ENOMEM);
            ck_assert_ptr_null(loaded);
            kit_assert_message(&err, HSIGHT_ENOMEM, "out of memory");
        } else {
            ck_assert_int_eq(status, HSIGHT_OK);
            kit_assert_same(loaded, sample);
            hsight_snapshot_free(loaded);
        }
        ck_assert_uint_eq(memory.live_blocks, 0);
    }
    ck_assert_uint_eq(walked, _i == KIT_PLAIN ? 3 : 4); /* keeper, graph, snapshot, trace */
    hsight_snapshot_free(sample);
}
END_TEST

/* A file that is refused gives back what was taken for it. */
START_TEST(refused_file_keeps_no_memory)
{
    kit_path path = kit_file("memory.hsnap");
    kit_write(path.path, "not a snapshot", 14);
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    hsight_snapshot *loaded;
    ck_assert_int_eq(hsight__store_load_with(&memory.allocator, path.path, &loaded, NULL),
                     HSIGHT_EFORMAT);
    ck_assert_int_eq(hsight__store_load_with(&memory.allocator, "/nowhere", &loaded, NULL),
                     HSIGHT_EIO);
    ck_assert_uint_eq(memory.live_blocks, 0);
}
END_TEST

/* One whose trace is refused gives back the snapshot that was already there, and the file. */
START_TEST(refused_trace_keeps_no_memory)
{
    static const struct {
        const char *chunk;
        uint32_t item, value;
        const char *message;
    } damages[] = {
        {"TSTC", 1, 1, "trace stack 1: caller 1 is not before it"},
        {"TNAT", 0, 0, "native row 0: stack 0 after stack 0"},
    };
    kit_path path = kit_file("memory.hsnap");
    hsight_snapshot *traced = kit_sample_of(KIT_NATIVE, "memory");
    kit_save(traced, path.path);
    kit_bytes file = kit_read(path.path);
    kit_damage(&file, damages[_i].chunk, damages[_i].item, damages[_i].value);
    kit_write(path.path, file.data, file.size);
    failing_allocator memory;
    failing_allocator_init(&memory, 0);
    hsight_snapshot *loaded = NULL;
    hsight_error err;
    ck_assert_int_eq(hsight__store_load_with(&memory.allocator, path.path, &loaded, &err),
                     HSIGHT_EFORMAT);
    kit_assert_message(&err, HSIGHT_EFORMAT, damages[_i].message);
    ck_assert_ptr_null(loaded);
    ck_assert_uint_eq(memory.live_blocks, 0);
    kit_free(&file);
    hsight_snapshot_free(traced);
}
END_TEST

START_TEST(save_with_each_request_refused)
{
    kit_path path = kit_file("memory.hsnap");
    hsight_snapshot *old = kit_sample("old");
    bool refused = true;
    size_t walked = 0;
    for (size_t n = 1; refused; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, 0);
        hsight_snapshot *young =
            kit_snapshot(graph_text_build_on(&memory.allocator, "a>b"), "young");
        kit_join(young, _i);
        kit_save(old, path.path);
        size_t held = memory.live_blocks;
        memory.refuse_at = memory.requests + n;
        hsight_error err = {.message = ""};
        hsight_status status = hsight_store_save(young, path.path, &err);
        refused = memory.refused;
        ck_assert_int_eq(status, refused ? HSIGHT_ENOMEM : HSIGHT_OK);
        ck_assert_uint_eq(memory.live_blocks, held);
        ck_assert_int_eq(kit_entry_count(), 1);
        kit_assert_file(path.path, refused ? old : young);
        walked += refused;
        hsight_snapshot_free(young);
        ck_assert_uint_eq(memory.live_blocks, 0);
    }
    ck_assert_uint_ge(walked, 1);
    hsight_snapshot_free(old);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("store_memory");
    tcase_add_checked_fixture(tests, kit_open, kit_close);
    tcase_add_loop_test(tests, load_with_each_request_refused, 0, KIT_ALL);
    tcase_add_test(tests, refused_file_keeps_no_memory);
    tcase_add_loop_test(tests, refused_trace_keeps_no_memory, 0, 2);
    tcase_add_loop_test(tests, save_with_each_request_refused, 0, KIT_ALL);
    return run_tests("store_memory", tests);
}
