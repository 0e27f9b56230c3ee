/* SPDX-License-Identifier: MIT */
/* check_without_graphviz.c - in a build without libcgraph pictures are refused with the remedy, and
 * no file is left behind. Built only there; check_dot.c and check_draw.c are its other half. */
#include "check_draw_kit.h"

#include "suite.h"

#include <string.h>

static int refuse(void *state, const char *data, size_t length)
{
    (void)state;
    (void)data;
    (void)length;
    ck_abort_msg("nothing is to be written");
    return 1;
}

START_TEST(dot_source_is_refused)
{
    hsight_sink sink = {refuse, NULL};
    ck_assert_int_eq(hsight_report_dot(subgraph, &sink, &err), HSIGHT_ENOTSUP);
    must_say("this build has no libcgraph");
    must_say("apt install libgraphviz-dev");
}
END_TEST

START_TEST(pictures_are_refused_and_leave_nothing)
{
    ck_assert_int_eq(draw("leak.png", 0), HSIGHT_ENOTSUP);
    ck_assert_int_eq(draw("leak.dot", 0), HSIGHT_ENOTSUP);
    ck_assert_str_eq(files(), "");
    ck_assert_int_eq(draw("leak.gif", 0), HSIGHT_EINVAL);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("without_graphviz");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, dot_source_is_refused);
    tcase_add_test(tests, pictures_are_refused_and_leave_nothing);
    return run_tests("without_graphviz", tests);
}
