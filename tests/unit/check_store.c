/* SPDX-License-Identifier: MIT */
/* check_store.c - snapshots through a file and back, and what may not be loaded. */
#include "check_store_kit.h"

#include "graph_text.h"
#include "made_trace.h"
#include "random_graph.h"
#include "store/format.h"
#include "suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

START_TEST(random_graphs_come_back)
{
    kit_path path = kit_file("random.hsnap");
    for (uint64_t seed = 1; seed <= 100; seed++) {
        random_graph random = random_graph_make(seed);
        hsight_snapshot *snapshot = kit_snapshot(random.graph, "random");
        random.graph = NULL;
        kit_save(snapshot, path.path);
        kit_assert_file(path.path, snapshot);
        hsight_snapshot_free(snapshot);
        random_graph_free(&random);
    }
    ck_assert_int_eq(kit_entry_count(), 1);
}
END_TEST

START_TEST(random_traces_come_back)
{
    kit_path path = kit_file("random.hsnap");
    for (uint64_t seed = 1; seed <= 100; seed++) {
        random_graph random = random_graph_make(seed);
        hsight_snapshot *snapshot = kit_snapshot(random.graph, "random");
        random.graph = NULL;
        made_trace_join_random(snapshot, seed);
        kit_save(snapshot, path.path);
        kit_assert_file(path.path, snapshot);
        hsight_snapshot_free(snapshot);
        random_graph_free(&random);
    }
}
END_TEST

/* Without stacks and strings; in mode counts with totals of the domains instead. */
START_TEST(traces_of_every_mode_come_back)
{
    const made_block blocks[] = {{.address = 0x10100, .bytes = 100, .stack = "main:1"},
                                 {.address = 0x10200, .bytes = 200, .is_freed = true}};
    kit_path path = kit_file("mode.hsnap");
    hsight_snapshot *sample = kit_sample("mode");
    made_trace_join(sample, (hsight_trace_mode)(_i / 2), blocks, (size_t)(_i % 2 * 2));
    kit_save(sample, path.path);
    kit_assert_file(path.path, sample);
    hsight_snapshot *loaded = kit_load(path.path);
    const hsight_trace *trace = hsight_snapshot_trace(loaded);
    ck_assert_int_eq((int)hsight_trace_get_info(trace)->mode, _i / 2);
    ck_assert_uint_eq(hsight_trace_get_frame(trace, (hsight_frame_id){0}).file.length, 0);
    hsight_snapshot_free(loaded);
    hsight_snapshot_free(sample);
}
END_TEST

START_TEST(a_graph_without_objects_has_a_trace)
{
    kit_path path = kit_file("nothing.hsnap");
    hsight_snapshot *nothing = kit_snapshot(graph_text_build(""), "nothing");
    made_trace_join(nothing, HSIGHT_TRACE_EXACT, NULL, 0);
    kit_save(nothing, path.path);
    kit_assert_file(path.path, nothing);
    hsight_snapshot_free(nothing);
}
END_TEST

START_TEST(native_blocks_come_back)
{
    kit_path path = kit_file("native.hsnap");
    hsight_snapshot *sample = kit_sample_of(KIT_NATIVE, "native");
    kit_save(sample, path.path);
    hsight_snapshot *loaded = kit_load(path.path);
    hsight_snapshot_free(sample);
    const hsight_trace *trace = hsight_snapshot_trace(loaded);
    const hsight_native_row *rows = hsight_trace_native_rows(trace);
    const uint64_t bytes[] = {6442450944u, 100}, blocks[] = {1, 2};
    ck_assert(hsight_trace_knows_native(trace));
    ck_assert_uint_eq(hsight_trace_native_count(trace), 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(rows[i].bytes, bytes[i]);
        ck_assert_uint_eq(rows[i].blocks, blocks[i]);
        ck_assert_uint_eq(rows[i].reserved, 0);
    }
    hsight_stack_id of_object = hsight_snapshot_stack(loaded, (hsight_node_id){2});
    ck_assert_uint_eq(rows[0].stack.index, of_object.index);
    hsight_snapshot_free(loaded);
}
END_TEST

/* _i: 0 nobody looked for native blocks, 1 there are none; a file tells one from the other. */
START_TEST(no_native_blocks_are_not_unknown_ones)
{
    const made_block block = {.address = 0x10100, .bytes = 100, .stack = "main:1"};
    kit_path path = kit_file("none.hsnap");
    hsight_snapshot *sample = kit_sample("none");
    if (_i == 1) {
        made_trace_join_native(sample, &block, 1);
    } else {
        made_trace_join(sample, HSIGHT_TRACE_EXACT, &block, 1);
    }
    kit_save(sample, path.path);
    kit_assert_file(path.path, sample);
    hsight_snapshot *loaded = kit_load(path.path);
    ck_assert_int_eq(hsight_trace_knows_native(hsight_snapshot_trace(loaded)), _i);
    ck_assert_uint_eq(hsight_trace_native_count(hsight_snapshot_trace(loaded)), 0);
    hsight_snapshot_free(loaded);
    hsight_snapshot_free(sample);
}
END_TEST

/* _i: as kit_sample_of() */
START_TEST(what_was_loaded_can_be_saved_again)
{
    kit_path first = kit_file("first.hsnap");
    kit_path second = kit_file("second.hsnap");
    hsight_snapshot *sample = kit_sample_of(_i, "again");
    kit_save(sample, first.path);
    hsight_snapshot *loaded = kit_load(first.path);
    kit_save(loaded, second.path);
    kit_bytes a = kit_read(first.path);
    kit_bytes b = kit_read(second.path);
    ck_assert_uint_eq(a.size, b.size);
    ck_assert_int_eq(memcmp(a.data, b.data, a.size), 0);
    kit_free(&a);
    kit_free(&b);
    hsight_snapshot_free(loaded);
    hsight_snapshot_free(sample);
}
END_TEST

/* Larger than one slice of the writer. */
START_TEST(large_columns_come_back)
{
    kit_path path = kit_file("large.hsnap");
    hsight_snapshot *large = kit_large(300000);
    kit_save(large, path.path);
    kit_assert_file(path.path, large);
    hsight_snapshot_free(large);
}
END_TEST

/* Numbers that fit few bytes and that do not, from a builder and from a file. */
START_TEST(numbers_of_every_width_come_back)
{
    static const uint64_t numbers[] = {
        0,          UINT8_MAX - 1,  UINT8_MAX,      UINT8_MAX + 1, UINT16_MAX - 1,
        UINT16_MAX, UINT16_MAX + 1, UINT32_MAX - 1, UINT32_MAX,    (uint64_t)UINT32_MAX + 1,
        UINT64_MAX};
    kit_path path = kit_file("numbers.hsnap");
    hsight_snapshot *made = kit_numbers(numbers, sizeof numbers / sizeof *numbers);
    kit_save(made, path.path);
    kit_assert_file(path.path, made);
    hsight_snapshot *loaded = kit_load(path.path);
    kit_save(loaded, path.path);
    kit_assert_file(path.path, made);
    hsight_snapshot_free(loaded);
    hsight_snapshot_free(made);
}
END_TEST

START_TEST(long_texts_come_back)
{
    kit_path path = kit_file("long.hsnap");
    size_t length = 100003;
    char *label = malloc(length + 1);
    ck_assert_ptr_nonnull(label);
    memset(label, 'x', length);
    label[length] = '\0';
    hsight_snapshot *sample = kit_sample(label);
    kit_save(sample, path.path);
    kit_assert_file(path.path, sample);
    hsight_snapshot_free(sample);
    free(label);
}
END_TEST

START_TEST(a_mapping_outlives_its_name)
{
    kit_path path = kit_file("replaced.hsnap");
    hsight_snapshot *old = kit_sample("old");
    hsight_snapshot *young = kit_large(1000);
    kit_save(old, path.path);
    hsight_snapshot *loaded = kit_load(path.path);
    kit_save(young, path.path);
    kit_assert_same(loaded, old);
    kit_assert_file(path.path, young);
    ck_assert_int_eq(unlink(path.path), 0);
    kit_assert_same(loaded, old);
    hsight_snapshot_free(loaded);
    hsight_snapshot_free(old);
    hsight_snapshot_free(young);
}
END_TEST

/* Columns are used in place: each begins at a multiple of 64 in the file. Without a trace there are
 * no chunks of one, without native blocks there is none of them. */
START_TEST(chunks_are_aligned)
{
    kit_path path = kit_file("aligned.hsnap");
    hsight_snapshot *sample = kit_sample_of(_i, "aligned");
    kit_save(sample, path.path);
    kit_bytes file = kit_read(path.path);
    hsight__file_header header;
    memcpy(&header, file.data, sizeof header);
    ck_assert_uint_eq(header.minor, (unsigned)_i);
    ck_assert_uint_eq(header.file_bytes, file.size);
    uint32_t count = 0;
    for (int kind = 0; kind < HSIGHT__CHUNK_COUNT; kind++) {
        if (hsight__chunk_kinds[kind].part <= (hsight__part)_i) {
            hsight__file_entry entry;
            memcpy(&entry, file.data + sizeof header + count++ * sizeof entry, sizeof entry);
            ck_assert_uint_eq(entry.offset % HSIGHT__FORMAT_ALIGNMENT, 0);
            ck_assert_int_eq(memcmp(entry.id, hsight__chunk_kinds[kind].id, 4), 0);
        }
    }
    ck_assert_uint_eq(header.chunk_count, count);
    kit_free(&file);
    hsight_snapshot_free(sample);
}
END_TEST

/* ---- what is not a file that can be loaded -----------------------------------------------------
 */

START_TEST(an_error_is_filled_only_on_failure)
{
    kit_path path = kit_file("fine.hsnap");
    hsight_snapshot *sample = kit_sample_of(_i, "fine"), *loaded;
    hsight_error err = {.message = "as it was"};
    kit_save(sample, path.path);
    ck_assert_int_eq(hsight_store_load(path.path, &loaded, &err), HSIGHT_OK);
    ck_assert_str_eq(err.message, "as it was");
    hsight_snapshot_free(loaded);
    hsight_snapshot_free(sample);
}
END_TEST

static void assert_refused(const char *path, hsight_status status, int os_errno, const char *part)
{
    hsight_snapshot *snapshot = NULL;
    hsight_error err;
    ck_assert_int_eq(hsight_store_load(path, &snapshot, &err), status);
    ck_assert_ptr_null(snapshot);
    kit_assert_message(&err, status, part);
    ck_assert_int_eq(err.os_errno, os_errno);
    ck_assert_int_eq(hsight_store_load(path, &snapshot, NULL), status);
}

START_TEST(missing_file)
{
    kit_path path = kit_file("gone.hsnap");
    assert_refused(path.path, HSIGHT_EIO, ENOENT, "gone.hsnap: No such file or directory");
}
END_TEST

START_TEST(empty_path)
{
    assert_refused("", HSIGHT_EIO, ENOENT, "cannot open : No such file");
}
END_TEST

START_TEST(directory)
{
    assert_refused(kit_directory().path, HSIGHT_EIO, EISDIR, "it is a directory");
}
END_TEST

/* Nobody writes into it: opening it would wait for ever. */
START_TEST(pipe_without_writer)
{
    kit_path path = kit_file("pipe");
    ck_assert_int_eq(mkfifo(path.path, 0600), 0);
    assert_refused(path.path, HSIGHT_EIO, EINVAL, "only a regular file can be mapped");
}
END_TEST

START_TEST(device)
{
    assert_refused("/dev/zero", HSIGHT_EIO, EINVAL, "only a regular file can be mapped");
}
END_TEST

START_TEST(socket_file)
{
    kit_path path = kit_file("socket");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    ck_assert_uint_lt(strlen(path.path), sizeof address.sun_path);
    memcpy(address.sun_path, path.path, strlen(path.path));
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_ge(listener, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_refused(path.path, HSIGHT_EIO, EINVAL, "only a regular file can be mapped");
    close(listener);
}
END_TEST

START_TEST(empty_file)
{
    kit_path path = kit_file("empty.hsnap");
    kit_write(path.path, "", 0);
    assert_refused(path.path, HSIGHT_EFORMAT, 0, "empty.hsnap: the file is empty");
}
END_TEST

START_TEST(unreadable_file)
{
    kit_path path = kit_file("secret.hsnap");
    hsight_snapshot *sample = kit_sample("secret");
    kit_save(sample, path.path);
    ck_assert_int_eq(chmod(path.path, 0), 0);
    ck_assert_int_eq(chmod(kit_directory().path, 0755), 0);
    uid_t user = geteuid();
    if (user == 0) {
        ck_assert_int_eq(seteuid(65534), 0);
    }
    assert_refused(path.path, HSIGHT_EIO, EACCES, "secret.hsnap: Permission denied");
    ck_assert_int_eq(seteuid(user), 0);
    hsight_snapshot_free(sample);
}
END_TEST

/* The reason survives a path that is longer than the message. */
START_TEST(long_path)
{
    char path[2048];
    memset(path, 'd', sizeof path);
    for (size_t i = 0; i < sizeof path; i += 100) {
        path[i] = '/';
    }
    path[100] = '\n';
    memcpy(path + sizeof path - 10, "end.hsnap", 10);
    assert_refused(path, HSIGHT_EIO, ENOENT, "end.hsnap: No such file or directory");
    path[sizeof path - 10] = '\n';
    assert_refused(path, HSIGHT_EIO, ENOENT, "?nd.hsnap: No such file or directory");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("store");
    tcase_add_checked_fixture(tests, kit_open, kit_close);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, random_graphs_come_back);
    tcase_add_test(tests, random_traces_come_back);
    tcase_add_loop_test(tests, traces_of_every_mode_come_back, 2, 8);
    tcase_add_test(tests, a_graph_without_objects_has_a_trace);
    tcase_add_test(tests, native_blocks_come_back);
    tcase_add_loop_test(tests, no_native_blocks_are_not_unknown_ones, 0, 2);
    tcase_add_loop_test(tests, what_was_loaded_can_be_saved_again, 0, KIT_ALL);
    tcase_add_test(tests, large_columns_come_back);
    tcase_add_test(tests, numbers_of_every_width_come_back);
    tcase_add_test(tests, long_texts_come_back);
    tcase_add_test(tests, a_mapping_outlives_its_name);
    tcase_add_loop_test(tests, chunks_are_aligned, 0, KIT_ALL);
    tcase_add_loop_test(tests, an_error_is_filled_only_on_failure, 0, KIT_ALL);
    tcase_add_test(tests, missing_file);
    tcase_add_test(tests, empty_path);
    tcase_add_test(tests, directory);
    tcase_add_test(tests, pipe_without_writer);
    tcase_add_test(tests, device);
    tcase_add_test(tests, socket_file);
    tcase_add_test(tests, empty_file);
    tcase_add_test(tests, unreadable_file);
    tcase_add_test(tests, long_path);
    return run_tests("store", tests);
}
