/* SPDX-License-Identifier: MIT */
/* check_huge_pages.c - which virtual machines report their free pages. */
#include "base/huge_pages.h"

#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__linux__)

enum { PATH_BYTES = 256 };

static char folder[64];

static void make_folder(void)
{
    strcpy(folder, "/tmp/check_huge_pages.XXXXXX"); /* mkdtemp() replaces the last six */
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void write_file(int device, const char *name, const char *text)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/virtio%d/%s", folder, device, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void add_device(int device, const char *kind, const char *features)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/virtio%d", folder, device);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    write_file(device, "device", kind);
    write_file(device, "features", features);
}

static void remove_folder(int devices)
{
    char path[PATH_BYTES];
    for (int device = 0; device < devices; device++) {
        const char *const names[] = {"/device", "/features", ""};
        for (int i = 0; i < 3; i++) {
            snprintf(path, sizeof path, "%s/virtio%d%s", folder, device, names[i]);
            ck_assert_int_eq(remove(path), 0);
        }
    }
    ck_assert_int_eq(rmdir(folder), 0);
}

/* A disk with the same bit, then a balloon: its bit alone counts. */
START_TEST(a_balloon_that_reports_is_known_by_its_bit)
{
    make_folder();
    add_device(0, "0x0002\n", "00100100000000000000\n");
    ck_assert(!hsight__free_pages_are_reported(folder));
    add_device(1, "0x0005\n", "01100101000000000000\n");
    ck_assert(hsight__free_pages_are_reported(folder));
    write_file(1, "features", "11111011111111111111\n");
    ck_assert(!hsight__free_pages_are_reported(folder));
    write_file(1, "features", "01100\n"); /* cut */
    ck_assert(!hsight__free_pages_are_reported(folder));
    remove_folder(2);
}
END_TEST

START_TEST(without_devices_nothing_is_reported)
{
    make_folder();
    ck_assert(!hsight__free_pages_are_reported(folder));
    remove_folder(0);
    ck_assert(!hsight__free_pages_are_reported(folder)); /* no such folder */
}
END_TEST

#endif

/* The same answer each time, and no where pages are large. */
START_TEST(the_answer_stays)
{
    bool pays = hsight_huge_pages_pay();
    ck_assert_int_eq(hsight_huge_pages_pay(), pays);
    ck_assert(!pays || sysconf(_SC_PAGESIZE) == 4096);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("huge pages");
#if defined(__linux__)
    tcase_add_test(tests, a_balloon_that_reports_is_known_by_its_bit);
    tcase_add_test(tests, without_devices_nothing_is_reported);
#endif
    tcase_add_test(tests, the_answer_stays);
    return run_tests("huge_pages", tests);
}
