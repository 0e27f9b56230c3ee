/* SPDX-License-Identifier: MIT */
/* check_text_diff.c - the table of what changed between two snapshots. */
#include "check_text_kit.h"

#include "graph_text.h"
#include "suite.h"

#include <string.h>

static void check_diff(const char *before_text, const char *after_text, uint32_t limit,
                       const char *expected)
{
    hsight_graph *before = graph_text_build(before_text), *after = graph_text_build(after_text);
    hsight_diff *diff;
    hsight_sink sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_diff_new(before, after, HSIGHT_SORT_BYTES, &diff, &err), HSIGHT_OK);
    ck_assert_int_eq(hsight_report_diff(diff, limit, &sink, &err), HSIGHT_OK);
    ck_assert_str_eq(collected.text, expected);
    hsight_diff_free(diff);
    hsight_graph_free(before);
    hsight_graph_free(after);
}

START_TEST(a_diff_is_a_table_with_signs)
{
    check_diff("a:list=100 b:dict=2048 f:int=5",
               "a:list=100 c:app.S=1500000 d:app.S=1 e:str=50 f:int=4", 0,
               "What changed, by type\n"
               "\n"
               "    objects +/-     size +/-    objects now     size now  type\n"
               "             +2     +1.4 MiB              2      1.4 MiB  app.S\n"
               "             +1        +50 B              1         50 B  str\n"
               "              0         -1 B              1          4 B  int\n"
               "             -1     -2.0 KiB              0          0 B  dict\n"
               "             +2     +1.4 MiB              4      1.4 MiB  total of the types that "
               "changed\n");
    check_diff("", "a:x=1000 b:y=100 c:z=10", 1,
               "What changed, by type\n"
               "\n"
               "    objects +/-     size +/-    objects now     size now  type\n"
               "             +1      +1000 B              1       1000 B  x\n"
               "             +2       +110 B              2        110 B  ... 2 more types\n"
               "             +3     +1.1 KiB              3      1.1 KiB  total of the types that "
               "changed\n");
    check_diff("a:x=1", "b:x=1", 0,
               "Nothing changed: each type has as many objects and bytes as before.\n");
}
END_TEST

/* The sums of the last lines are more than their types hold; 8.0 EiB is where sizes end. */
START_TEST(sums_of_foreign_sizes_stay_in_range)
{
    static const char huge[] = "a:x=0xffffffffffffffff b:y=0xffffffffffffffff c:z=8";
    check_diff("", huge, 1,
               "What changed, by type\n"
               "\n"
               "    objects +/-     size +/-    objects now     size now  type\n"
               "             +1     +8.0 EiB              1      8.0 EiB  x\n"
               "             +2     +8.0 EiB              2      8.0 EiB  ... 2 more types\n"
               "             +3     +8.0 EiB              3      8.0 EiB  total of the types that "
               "changed\n");
    check_diff(huge, "", 1,
               "What changed, by type\n"
               "\n"
               "    objects +/-     size +/-    objects now     size now  type\n"
               "             -1         -8 B              0          0 B  z\n"
               "             -2     -8.0 EiB              0          0 B  ... 2 more types\n"
               "             -3     -8.0 EiB              0          0 B  total of the types that "
               "changed\n");
    hsight_snapshot_info info = {0};
    hsight_snapshot *snapshot = snapshot_of(huge, &info);
    hsight_sink sink = sink_for(SIZE_MAX);
    ck_assert_int_eq(hsight_report_types(snapshot, HSIGHT_SORT_NAME, 1, &sink, &err), HSIGHT_OK);
    ck_assert_ptr_nonnull(strstr(collected.text, "     8.0 EiB  100.0%  ... 2 more types\n"));
    hsight_snapshot_free(snapshot);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("text_diff");
    tcase_add_test(tests, a_diff_is_a_table_with_signs);
    tcase_add_test(tests, sums_of_foreign_sizes_stay_in_range);
    return run_tests("text_diff", tests);
}
