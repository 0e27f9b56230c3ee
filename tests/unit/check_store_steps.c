/* SPDX-License-Identifier: MIT */
/* check_store_steps.c - every system call of a save, refused once: nothing is lost, nothing is
 * left.
 *
 * The calls below take the place of the C library's in this program. They do the real work, except
 * that call number `fail_at` fails with EIO, or that writes are cut short and interrupted. What
 * real devices do is in check_store_replace.c; a failing sync or rename cannot be had from one. */
#include "check_store_kit.h"

#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fail_at; /* 0: none */
static int calls;
static int interrupted;
static bool in_pieces;
static char trace[200]; /* a letter a call */
static size_t traced;
static int created_flags;
static mode_t created_mode;

static bool refuse(char letter)
{
    if (traced < sizeof trace - 1) {
        trace[traced++] = letter;
        trace[traced] = '\0';
    }
    if (fail_at == 0 || ++calls != fail_at) {
        return false;
    }
    errno = EIO;
    return true;
}

ssize_t pwrite(int file, const void *data, size_t bytes, off_t offset)
{
    if (refuse('w')) {
        return -1;
    }
    if (in_pieces && ++interrupted % 3 == 0) {
        errno = EINTR;
        return -1;
    }
    return syscall(SYS_pwrite64, file, data, in_pieces && bytes > 7 ? 7 : bytes, offset);
}

int fsync(int file)
{
    if (in_pieces && ++interrupted % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    return refuse('s') ? -1 : (int)syscall(SYS_fsync, file);
}

int fchmod(int file, mode_t mode)
{
    return refuse('m') ? -1 : (int)syscall(SYS_fchmod, file, mode);
}

int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    return refuse('r') ? -1
                       : (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, 0);
}

int openat(int directory, const char *name, int flags, ...)
{
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
        created_flags = flags;
        created_mode = mode;
    }
    return refuse('o') ? -1 : (int)syscall(SYS_openat, directory, name, flags, mode);
}

int unlinkat(int directory, const char *name, int flags)
{
    return refuse('u') ? -1 : (int)syscall(SYS_unlinkat, directory, name, flags);
}

/* ------------------------------------------------------------------------------------------------
 */

/* The last step alone comes after the rename: then the new file is there, and the message says so.
 */
static void assert_old_or_new(const char *path, const hsight_snapshot *old,
                              const hsight_snapshot *young, const hsight_error *err)
{
    bool replaced = strstr(err->message, "is written, but its directory") != NULL;
    if (!replaced) {
        kit_assert_message(err, HSIGHT_EIO, "nothing was replaced");
    }
    kit_assert_message(err, HSIGHT_EIO, "steps.hsnap");
    kit_assert_message(err, HSIGHT_EIO, "Input/output error");
    ck_assert_int_eq(err->os_errno, EIO);
    kit_assert_file(path, replaced ? young : old);
}

START_TEST(each_call_refused_once)
{
    kit_path path = kit_file("steps.hsnap");
    hsight_snapshot *old = kit_sample("old");
    hsight_snapshot *young = kit_sample("young");
    int refused = 0;
    hsight_status status = HSIGHT_EIO;
    for (int n = 1; status != HSIGHT_OK; n++) {
        hsight_error err = {.message = ""};
        kit_save(old, path.path);
        calls = 0;
        fail_at = n;
        status = hsight_store_save(young, path.path, &err);
        fail_at = 0;
        ck_assert_int_eq(status == HSIGHT_OK, calls < n);
        if (status != HSIGHT_OK) {
            refused++;
            assert_old_or_new(path.path, old, young, &err);
        }
        ck_assert_int_eq(kit_entry_count(), 1);
    }
    kit_assert_file(path.path, young);
    ck_assert_int_ge(refused, 20); /* or the calls above are not the ones that are made */
    hsight_snapshot_free(old);
    hsight_snapshot_free(young);
}
END_TEST

/* Create, set the mode, write, sync, and only then rename; then open and sync the directory.
 * Nothing is unlinked: the name may be somebody else's by now. */
START_TEST(nothing_is_renamed_before_it_is_synced)
{
    kit_path path = kit_file("order.hsnap");
    hsight_snapshot *sample = kit_sample("order");
    traced = 0;
    kit_save(sample, path.path);
    ck_assert_int_eq(strspn(trace, "o"), 1);
    ck_assert_int_eq(trace[1], 'm');
    size_t writes = strspn(trace + 2, "w");
    ck_assert_uint_ge(writes, 19); /* front, chunks */
    ck_assert_str_eq(trace + 2 + writes, "sros");
    ck_assert_uint_eq(created_mode, 0600); /* from the first moment, not only after fchmod */
    ck_assert_int_eq(created_flags & (O_EXCL | O_NOFOLLOW), O_EXCL | O_NOFOLLOW);
    hsight_snapshot_free(sample);
}
END_TEST

START_TEST(short_and_interrupted_calls_are_continued)
{
    kit_path path = kit_file("pieces.hsnap");
    hsight_snapshot *large = kit_large(500);
    in_pieces = true;
    kit_save(large, path.path);
    in_pieces = false;
    ck_assert_int_gt(interrupted, 3);
    kit_assert_file(path.path, large);
    hsight_snapshot_free(large);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("store_steps");
    tcase_add_checked_fixture(tests, kit_open, kit_close);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, each_call_refused_once);
    tcase_add_test(tests, nothing_is_renamed_before_it_is_synced);
    tcase_add_test(tests, short_and_interrupted_calls_are_continued);
    return run_tests("store_steps", tests);
}
