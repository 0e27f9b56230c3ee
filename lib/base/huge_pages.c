/* SPDX-License-Identifier: MIT */
/* huge_pages.c - whether it pays to ask the system for huge pages.
 *
 * The first touch of a huge page takes as long as 2 MiB take to be cleared: far less than 512
 * faults for small ones. Not in a virtual machine that reports its free pages to the host, which
 * takes them back: from 2 MiB on they are reported, so the host has to find the memory of each huge
 * page anew, for ten times as long and more, while the small pages that programs free and get again
 * are mostly still there. Linux says so in the features of the balloon device: device 5, feature 5
 * (Virtual I/O Device 1.2, 5.5 Traditional Memory Balloon Device, VIRTIO_BALLOON_F_PAGE_REPORTING).
 *
 * Cost: some files read for the first question, a load for the others. Safe from any thread: two
 * that ask first both look. Owns one word. */
#include "base/huge_pages.h"

#if defined(__linux__)

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DEVICES = 64, BALLOON = 5, PAGE_REPORTING = 5, PATH_BYTES = 4096 };

/* The begin of a file of one device, ended by a NUL; empty: none. Without malloc. */
static void read_begin(const char *folder, int device, const char *name, char *out, size_t size)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/virtio%d/%s", folder, device, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file >= 0 ? read(file, out, size - 1) : -1;
    out[length > 0 ? length : 0] = 0;
    if (file >= 0) {
        close(file);
    }
}

bool hsight__free_pages_are_reported(const char *folder)
{
    for (int device = 0; device < DEVICES; device++) {
        char kind[16], features[16];
        read_begin(folder, device, "device", kind, sizeof kind);
        if (kind[0] != 0 && strtol(kind, NULL, 16) == BALLOON) {
            read_begin(folder, device, "features", features, sizeof features);
            for (int bit = 0; features[bit] != 0; bit++) {
                if (bit == PAGE_REPORTING && features[bit] == '1') {
                    return true;
                }
            }
        }
    }
    return false;
}

bool hsight_huge_pages_pay(void)
{
    enum { UNKNOWN, YES, NO };
    static atomic_int answer = UNKNOWN;
    int known = atomic_load_explicit(&answer, memory_order_relaxed);
    if (known == UNKNOWN) {
        bool pays = sysconf(_SC_PAGESIZE) == 4096 && /* with 64 KiB a huge page is 512 MiB */
                    !hsight__free_pages_are_reported("/sys/bus/virtio/devices");
        known = pays ? YES : NO;
        atomic_store_explicit(&answer, known, memory_order_relaxed);
    }
    return known == YES;
}

#else

bool hsight_huge_pages_pay(void)
{
    return false;
}

#endif
