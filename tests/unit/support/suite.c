/* SPDX-License-Identifier: MIT */
/* suite.c - run one libcheck test case and print TAP.
 *
 * Every test runs in a process of its own unless CK_FORK=no, so that a crash fails one test. */
#include "suite.h"

int run_tests(const char *name, TCase *tests)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
