/* SPDX-License-Identifier: MIT */
/* check_store_damage.c - a small file, cut at every byte and with every byte changed: always
 * refused, with the place named. */
#include "check_store_kit.h"

#include "store/reader.h"
#include "suite.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Each test: as kit_sample_of(). */
static kit_bytes sample_file(const char *path, int minor)
{
    hsight_snapshot *sample = kit_sample_of(minor, "damage");
    kit_save(sample, path);
    hsight_snapshot_free(sample);
    return kit_read(path);
}

/* Where: an offset in the file, the length it ends at, or its first bytes. */
static bool names_place(const hsight_error *err)
{
    return strchr(err->message, '\n') == NULL &&
           (strstr(err->message, "at offset ") != NULL ||
            strstr(err->message, "file ends at ") != NULL ||
            strstr(err->message, "the file is empty") != NULL ||
            strstr(err->message, "the first 8 bytes") != NULL);
}

/* One record of libcheck at the end of a loop, not millions in it. */
static void assert_refusal(hsight_status status, const hsight_snapshot *snapshot,
                           const hsight_error *err, size_t at)
{
    if (status != HSIGHT_EFORMAT || snapshot != NULL || !names_place(err)) {
        ck_abort_msg("byte %zu: status %d: %s", at, (int)status, err->message);
    }
}

static void count_release(void *owner, const hsight__columns *columns)
{
    (void)columns;
    ++*(int *)owner;
}

/* From memory, where no system call makes it slow. */
static void assert_refused(const uint8_t *data, size_t size, size_t at)
{
    hsight_snapshot *snapshot = NULL;
    hsight_error err = {.message = ""};
    int released = 0;
    hsight_status status =
        hsight__store_read(NULL, data, size, count_release, &released, &snapshot, &err);
    assert_refusal(status, snapshot, &err, at);
    if (released != 1) {
        ck_abort_msg("byte %zu: the file was released %d times", at, released);
    }
}

START_TEST(every_change_of_a_byte_is_refused)
{
    kit_path path = kit_file("damage.hsnap");
    kit_bytes file = sample_file(path.path, _i);
    for (size_t at = 0; at < file.size; at++) {
        uint8_t right = file.data[at];
        const uint8_t others[] = {right ^ 1,  right ^ 2,  right ^ 4,      right ^ 8,
                                  right ^ 16, right ^ 32, right ^ 64,     right ^ 128,
                                  right + 1,  right - 1,  (uint8_t)~right};
        for (size_t i = 0; i < sizeof others; i++) {
            file.data[at] = others[i];
            assert_refused(file.data, file.size, at);
        }
        file.data[at] = right;
    }
    hsight_snapshot *snapshot;
    int released = 0;
    ck_assert_int_eq(
        hsight__store_read(NULL, file.data, file.size, count_release, &released, &snapshot, NULL),
        HSIGHT_OK);
    hsight_snapshot_free(snapshot);
    ck_assert_int_eq(released, 1);
    kit_free(&file);
}
END_TEST

/* Each in a block of its own length, so that AddressSanitizer sees a read behind the cut. */
START_TEST(every_cut_is_refused)
{
    kit_path path = kit_file("damage.hsnap");
    kit_bytes file = sample_file(path.path, _i);
    for (size_t size = 0; size < file.size; size++) {
        void *block = NULL;
        ck_assert_int_eq(posix_memalign(&block, 64, size > 0 ? size : 1), 0);
        memcpy(block, file.data, size);
        assert_refused(block, size, size);
        free(block);
    }
    kit_free(&file);
}
END_TEST

static void assert_file_refused(const char *path, size_t at)
{
    hsight_snapshot *snapshot = NULL;
    hsight_error err = {.message = ""};
    hsight_status status = hsight_store_load(path, &snapshot, &err);
    assert_refusal(status, snapshot, &err, at);
    if (strstr(err.message, "damage.hsnap: ") == NULL) {
        ck_abort_msg("byte %zu: no file name in: %s", at, err.message);
    }
}

/* The same through the public door: a file with one byte inverted, then put right again. */
START_TEST(every_change_in_a_file_is_refused)
{
    kit_path path = kit_file("damage.hsnap");
    kit_bytes file = sample_file(path.path, _i);
    int descriptor = open(path.path, O_WRONLY);
    ck_assert_int_ge(descriptor, 0);
    for (size_t at = 0; at < file.size; at++) {
        uint8_t wrong = (uint8_t)~file.data[at];
        ck_assert_int_eq(pwrite(descriptor, &wrong, 1, (off_t)at), 1);
        assert_file_refused(path.path, at);
        ck_assert_int_eq(pwrite(descriptor, &file.data[at], 1, (off_t)at), 1);
    }
    close(descriptor);
    hsight_snapshot_free(kit_load(path.path));
    kit_free(&file);
}
END_TEST

START_TEST(every_cut_of_a_file_is_refused)
{
    kit_path path = kit_file("damage.hsnap");
    kit_bytes file = sample_file(path.path, _i);
    for (size_t size = file.size; size > 0; size--) {
        ck_assert_int_eq(truncate(path.path, (off_t)size - 1), 0);
        assert_file_refused(path.path, size - 1);
    }
    kit_free(&file);
}
END_TEST

START_TEST(every_longer_file_is_refused)
{
    kit_path path = kit_file("damage.hsnap");
    kit_bytes file = sample_file(path.path, _i);
    for (size_t more = 1; more <= 130; more++) {
        ck_assert_int_eq(truncate(path.path, (off_t)(file.size + more)), 0);
        assert_file_refused(path.path, file.size + more);
    }
    kit_free(&file);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("store_damage");
    tcase_add_checked_fixture(tests, kit_open, kit_close);
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, every_change_of_a_byte_is_refused, 0, KIT_ALL);
    tcase_add_loop_test(tests, every_cut_is_refused, 0, KIT_ALL);
    tcase_add_loop_test(tests, every_change_in_a_file_is_refused, 0, KIT_ALL);
    tcase_add_loop_test(tests, every_cut_of_a_file_is_refused, 0, KIT_ALL);
    tcase_add_loop_test(tests, every_longer_file_is_refused, 0, KIT_ALL);
    return run_tests("store_damage", tests);
}
