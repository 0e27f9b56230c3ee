/* SPDX-License-Identifier: MIT */
/* suite.h - run one libcheck test case and print TAP, which meson counts test by test. */
#ifndef HEAPSIGHT_TESTS_SUITE_H
#define HEAPSIGHT_TESTS_SUITE_H

#include <check.h>

/* Takes over `tests`. @return the exit code for main() */
int run_tests(const char *name, TCase *tests);

#endif
