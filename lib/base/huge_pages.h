/* SPDX-License-Identifier: MIT */
/* huge_pages.h - what hsight_huge_pages_pay() asks the system, for its test. */
#ifndef HEAPSIGHT_LIB_BASE_HUGE_PAGES_H
#define HEAPSIGHT_LIB_BASE_HUGE_PAGES_H

#include <heapsight/base.h>

#if defined(__linux__)
/* Does this virtual machine tell its host which pages are free? `folder` has one folder for each
 * virtio device, as /sys/bus/virtio/devices; where it cannot be read, the answer is no. */
bool hsight__free_pages_are_reported(const char *folder);
#endif

#endif
