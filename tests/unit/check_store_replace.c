/* SPDX-License-Identifier: MIT */
/* check_store_replace.c - saving over what is there: completely or not at all, on real file
 * systems. */
#include "check_store_kit.h"

#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void assert_not_saved(const hsight_snapshot *snapshot, const char *path, int os_errno,
                             const char *part)
{
    hsight_error err;
    errno = 4242;
    ck_assert_int_eq(hsight_store_save(snapshot, path, &err), HSIGHT_EIO);
    kit_assert_message(&err, HSIGHT_EIO, part);
    ck_assert_int_eq(err.os_errno, os_errno);
    ck_assert_int_eq(hsight_store_save(snapshot, path, NULL), HSIGHT_EIO);
}

static void assert_mode(const char *path, mode_t mode)
{
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, mode);
}

START_TEST(mode_is_0600_whatever_the_mask)
{
    static const mode_t masks[] = {0, 022, 077, 0777};
    kit_path path = kit_file("mode.hsnap");
    hsight_snapshot *sample = kit_sample("mode");
    mode_t before = umask(masks[_i]);
    kit_save(sample, path.path);
    umask(before);
    assert_mode(path.path, 0600);
    ck_assert_int_eq(chmod(path.path, 0644), 0);
    kit_save(sample, path.path);
    assert_mode(path.path, 0600);
    ck_assert_int_eq(kit_entry_count(), 1);
    hsight_snapshot_free(sample);
}
END_TEST

START_TEST(through_a_name_that_was_given)
{
    kit_path path = kit_file("given.hsnap"), taken = kit_file(".taken.tmp");
    hsight_snapshot *sample = kit_sample("given");
    hsight_error err;
    ck_assert_int_eq(hsight_store_save_through(sample, path.path, ".mine.tmp", &err), HSIGHT_OK);
    kit_assert_file(path.path, sample);
    ck_assert_int_eq(kit_entry_count(), 1);
    kit_save(sample, taken.path);
    ck_assert_int_eq(hsight_store_save_through(sample, path.path, ".taken.tmp", &err), HSIGHT_EIO);
    kit_assert_message(&err, HSIGHT_EIO, "File exists (creating a file beside it)");
    kit_assert_file(taken.path, sample);
    const char *longest = ".23456789012345678901234567890123456789";
    ck_assert_int_eq(hsight_store_save_through(sample, path.path, longest, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_store_save_through(sample, path.path,
                                               ".234567890123456789012345678901234567890", &err),
                     HSIGHT_EINVAL);
    kit_assert_message(&err, HSIGHT_EINVAL, "longer than 39 bytes");
    hsight_snapshot_free(sample);
}
END_TEST

START_TEST(names_without_a_directory)
{
    hsight_snapshot *sample = kit_sample("name");
    ck_assert_int_eq(chdir(kit_directory().path), 0);
    kit_save(sample, "plain.hsnap");
    kit_save(sample, "./dotted.hsnap");
    kit_assert_file("plain.hsnap", sample);
    kit_assert_file("dotted.hsnap", sample);
    hsight_snapshot_free(sample);
}
END_TEST

START_TEST(missing_directory)
{
    hsight_snapshot *sample = kit_sample("missing");
    assert_not_saved(sample, kit_file("gone/x.hsnap").path, ENOENT,
                     "x.hsnap: No such file or directory (opening its directory)");
    assert_not_saved(sample, "/dev/null/x.hsnap", ENOTDIR, "Not a directory");
    hsight_snapshot_free(sample);
}
END_TEST

START_TEST(paths_that_name_no_file)
{
    hsight_snapshot *sample = kit_sample("no file");
    kit_path slash = kit_file("");
    assert_not_saved(sample, "", ENOENT, "an empty path");
    assert_not_saved(sample, slash.path, EISDIR, "it is a directory");
    assert_not_saved(sample, kit_directory().path, EISDIR, "it is a directory");
    assert_not_saved(sample, kit_file("..").path, EISDIR, "it is a directory");
    ck_assert_int_eq(kit_entry_count(), 0);
    hsight_snapshot_free(sample);
}
END_TEST

START_TEST(names_that_are_too_long)
{
    hsight_snapshot *sample = kit_sample("long");
    char name[300];
    memset(name, 'n', sizeof name);
    name[256] = '\0';
    ck_assert_int_eq(chdir(kit_directory().path), 0);
    assert_not_saved(sample, name, ENAMETOOLONG, "File name too long");
    name[255] = '\0';
    kit_save(sample, name);
    char path[5000];
    memset(path, '/', sizeof path);
    memcpy(path + 4990, "x.hsnap", 8);
    assert_not_saved(sample, path, ENAMETOOLONG, "File name too long (opening its directory)");
    hsight_snapshot_free(sample);
}
END_TEST

/* A rename would put a file in the place of the pipe, and another over the device. */
START_TEST(what_is_not_a_file_stays)
{
    hsight_snapshot *sample = kit_sample("special");
    kit_path pipe = kit_file("pipe");
    struct stat status;
    ck_assert_int_eq(mkfifo(pipe.path, 0600), 0);
    assert_not_saved(sample, pipe.path, EINVAL, "not a regular file");
    ck_assert_int_eq(stat(pipe.path, &status), 0);
    ck_assert(S_ISFIFO(status.st_mode));
    assert_not_saved(sample, "/dev/null", EINVAL, "not a regular file");
    ck_assert_int_eq(stat("/dev/null", &status), 0);
    ck_assert(S_ISCHR(status.st_mode));
    ck_assert_int_eq(kit_entry_count(), 1);
    hsight_snapshot_free(sample);
}
END_TEST

START_TEST(links_are_neither_followed_nor_replaced)
{
    hsight_snapshot *old = kit_sample("old");
    hsight_snapshot *young = kit_sample("young");
    kit_path target = kit_file("target.hsnap");
    kit_path link = kit_file("link.hsnap");
    kit_path lost = kit_file("lost.hsnap");
    char where[512];
    kit_save(old, target.path);
    ck_assert_int_eq(symlink("target.hsnap", link.path), 0);
    ck_assert_int_eq(symlink("nowhere", lost.path), 0);
    assert_not_saved(young, link.path, ELOOP, "a symbolic link, which is not followed");
    assert_not_saved(young, lost.path, ELOOP, "a symbolic link, which is not followed");
    ck_assert_int_eq(readlink(link.path, where, sizeof where), 12);
    kit_assert_file(target.path, old);
    kit_assert_file(link.path, old); /* reading through one is fine */
    ck_assert_int_eq(kit_entry_count(), 3);
    hsight_snapshot_free(old);
    hsight_snapshot_free(young);
}
END_TEST

/* Run as an ordinary user also when the tests run as root, whom modes do not stop. */
START_TEST(unwritable_directory)
{
    hsight_snapshot *sample = kit_sample("unwritable");
    kit_path path = kit_file("x.hsnap");
    ck_assert_int_eq(chmod(kit_directory().path, 0555), 0);
    uid_t user = geteuid();
    if (user == 0) {
        ck_assert_int_eq(seteuid(65534), 0);
    }
    assert_not_saved(
        sample, path.path, EACCES,
        "x.hsnap: Permission denied (creating a file beside it); nothing was replaced");
    ck_assert_int_eq(seteuid(user), 0);
    ck_assert_int_eq(chmod(kit_directory().path, 0700), 0);
    ck_assert_int_eq(kit_entry_count(), 0);
    hsight_snapshot_free(sample);
}
END_TEST

/* Such a directory cannot be synced, which is no reason not to save. */
START_TEST(directory_that_cannot_be_read)
{
    hsight_snapshot *sample = kit_sample("write only");
    kit_path path = kit_file("x.hsnap");
    ck_assert_int_eq(chmod(kit_directory().path, 0333), 0);
    uid_t user = geteuid();
    if (user == 0) {
        ck_assert_int_eq(seteuid(65534), 0);
    }
    kit_save(sample, path.path);
    ck_assert_int_eq(seteuid(user), 0);
    ck_assert_int_eq(chmod(kit_directory().path, 0700), 0);
    kit_assert_file(path.path, sample);
    ck_assert_int_eq(kit_entry_count(), 1);
    hsight_snapshot_free(sample);
}
END_TEST

/* ---- no room -----------------------------------------------------------------------------------
 */

/* An older, small file stays and the large one leaves nothing. `step`: what the message ends with.
 */
static void assert_no_room(const char *path, int os_errno, const char *part)
{
    hsight_snapshot *small = kit_sample("small");
    hsight_snapshot *large = kit_large(100000);
    kit_save(small, path);
    assert_not_saved(large, path, os_errno, part);
    kit_assert_file(path, small);
    hsight_snapshot_free(large);
    hsight_snapshot_free(small);
}

/* The first write that passes the limit is cut short by the system, the next one fails. */
START_TEST(file_size_limit)
{
    kit_path path = kit_file("limit.hsnap");
    struct rlimit usual;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &usual), 0);
    const struct rlimit limit = {.rlim_cur = 1500000, .rlim_max = usual.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_no_room(path.path, EFBIG,
                   "limit.hsnap: File too large (after 1,500,000 bytes); nothing was replaced");
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &usual), 0);
    ck_assert_int_eq(kit_entry_count(), 1);
}
END_TEST

static bool write_text(const char *path, const char *text)
{
    ssize_t length = (ssize_t)strlen(text);
    int file = open(path, O_WRONLY);
    bool good = file >= 0 && write(file, text, (size_t)length) == length;
    if (file >= 0) {
        close(file);
    }
    return good;
}

/* Without root: a user namespace in which we are root, and can make files. */
static bool become_root(void)
{
    char users[40];
    char groups[40];
    snprintf(users, sizeof users, "0 %u 1", (unsigned)geteuid());
    snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getegid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_text("/proc/self/uid_map", users) &&
           write_text("/proc/self/setgroups", "deny") && write_text("/proc/self/gid_map", groups);
}

/* A file system of 1 MiB in a mount namespace of our own. */
static bool mount_small(const char *place)
{
    bool alone = geteuid() == 0 ? unshare(CLONE_NEWNS) == 0 : become_root();
    if (alone && mount("none", "/", "none", MS_REC | MS_PRIVATE, "") == 0 &&
        mount("none", place, "tmpfs", 0, "size=1m") == 0) {
        return true;
    }
    printf("# full_disk skipped: no mount namespace with a tmpfs: %s; run as root, or allow user "
           "namespaces\n",
           strerror(errno));
    return false;
}

START_TEST(full_disk)
{
    kit_path place = kit_file("disk");
    kit_path path = kit_file("disk/full.hsnap");
    ck_assert_int_eq(mkdir(place.path, 0700), 0);
    if (!mount_small(place.path)) {
        return;
    }
    assert_no_room(path.path, ENOSPC, "full.hsnap: No space left on device (after 1,0");
    hsight_snapshot *again = kit_sample("again");
    kit_save(again, path.path); /* the room was given back */
    kit_assert_file(path.path, again);
    hsight_snapshot_free(again);
    ck_assert_int_eq(umount(place.path), 0);
}
END_TEST

/* ---- several at once ---------------------------------------------------------------------------
 */

enum { WRITERS = 3, ROUNDS = 25 };

static void save_many(const char *path, int number)
{
    hsight_snapshot *mine = kit_large(100 * (uint32_t)(number + 1));
    for (int i = 0; i < ROUNDS; i++) {
        if (hsight_store_save(mine, path, NULL) != HSIGHT_OK) {
            _exit(1);
        }
    }
    _exit(0);
}

static bool all_done(int *finished)
{
    int status;
    while (waitpid(-1, &status, WNOHANG) > 0) {
        ck_assert_int_eq(status, 0);
        ++*finished;
    }
    return *finished == WRITERS;
}

/* Whoever reads meanwhile finds one of the files, whole. */
START_TEST(concurrent_saves)
{
    kit_path path = kit_file("shared.hsnap");
    hsight_snapshot *first = kit_large(100);
    kit_save(first, path.path);
    hsight_snapshot_free(first);
    for (int i = 0; i < WRITERS; i++) {
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            save_many(path.path, i);
        }
    }
    for (int finished = 0; !all_done(&finished);) {
        hsight_snapshot *loaded = kit_load(path.path);
        uint32_t count = hsight_graph_node_count(hsight_snapshot_graph(loaded));
        ck_assert(count == 100 || count == 200 || count == 300);
        hsight_snapshot_free(loaded);
    }
    ck_assert_int_eq(kit_entry_count(), 1);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("store_replace");
    tcase_add_checked_fixture(tests, kit_open, kit_close);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, mode_is_0600_whatever_the_mask, 0, 4);
    tcase_add_test(tests, through_a_name_that_was_given);
    tcase_add_test(tests, names_without_a_directory);
    tcase_add_test(tests, missing_directory);
    tcase_add_test(tests, paths_that_name_no_file);
    tcase_add_test(tests, names_that_are_too_long);
    tcase_add_test(tests, what_is_not_a_file_stays);
    tcase_add_test(tests, links_are_neither_followed_nor_replaced);
    tcase_add_test(tests, unwritable_directory);
    tcase_add_test(tests, directory_that_cannot_be_read);
    tcase_add_test(tests, file_size_limit);
    tcase_add_test(tests, full_disk);
    tcase_add_test(tests, concurrent_saves);
    return run_tests("store_replace", tests);
}
