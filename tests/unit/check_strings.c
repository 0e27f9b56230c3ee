/* SPDX-License-Identifier: MIT */
/* check_strings.c - the interning string table. */
#include "base/strings.h"

#include "base/hash.h"

#include "failing_allocator.h"
#include "suite.h"

#include <stdio.h>
#include <string.h>

/* I1, and by interning again I2. I3 holds when interning ends at all. */
static void check_invariants(hsight__strings *strings)
{
    const uint64_t *offsets = strings->offsets.data;
    uint32_t count = hsight__strings_count(strings);
    ck_assert_uint_eq(offsets[0], 0);
    ck_assert_uint_eq(offsets[1], 0);
    ck_assert_uint_eq(offsets[count + 1], strings->bytes.count);
    for (uint32_t id = 1; id <= count; id++) {
        ck_assert_uint_lt(offsets[id], offsets[id + 1]);
        hsight_string text = hsight__strings_get(strings, id);
        uint32_t again;
        ck_assert_int_eq(hsight__strings_intern(strings, text.data, text.length, &again, NULL),
                         HSIGHT_OK);
        ck_assert_uint_eq(again, id);
    }
    ck_assert_uint_eq(hsight__strings_count(strings), count);
}

static uint32_t intern(hsight__strings *strings, const char *data, size_t length)
{
    uint32_t id;
    ck_assert_int_eq(hsight__strings_intern(strings, data, length, &id, NULL), HSIGHT_OK);
    return id;
}

START_TEST(equal_bytes_give_equal_ids)
{
    hsight__strings strings;
    ck_assert_int_eq(hsight__strings_init(&strings, hsight_allocator_default(), NULL), HSIGHT_OK);
    ck_assert_uint_eq(intern(&strings, "name", 4), 1);
    ck_assert_uint_eq(intern(&strings, "count", 5), 2);
    ck_assert_uint_eq(intern(&strings, "name", 4), 1);
    ck_assert_uint_eq(intern(&strings, "names", 5), 3);
    ck_assert_uint_eq(intern(&strings, "nam", 3), 4);
    hsight_string text = hsight__strings_get(&strings, 2);
    ck_assert_uint_eq(text.length, 5);
    ck_assert_mem_eq(text.data, "count", 5);
    check_invariants(&strings);
    hsight__strings_free(&strings);
}
END_TEST

START_TEST(the_empty_string_is_0)
{
    hsight__strings strings;
    ck_assert_int_eq(hsight__strings_init(&strings, hsight_allocator_default(), NULL), HSIGHT_OK);
    ck_assert_uint_eq(intern(&strings, "", 0), 0);
    ck_assert_uint_eq(intern(&strings, NULL, 0), 0);
    ck_assert_uint_eq(hsight__strings_count(&strings), 0);
    ck_assert_uint_eq(hsight__strings_get(&strings, 0).length, 0);
    ck_assert_ptr_nonnull(hsight__strings_get(&strings, 0).data);
    hsight__strings_free(&strings);
}
END_TEST

START_TEST(nul_bytes_are_bytes)
{
    hsight__strings strings;
    ck_assert_int_eq(hsight__strings_init(&strings, hsight_allocator_default(), NULL), HSIGHT_OK);
    uint32_t previous = 0;
    for (size_t length = 1; length <= 20; length++) {
        static const char zeros[20];
        uint32_t id = intern(&strings, zeros, length);
        ck_assert_uint_eq(id, ++previous);
    }
    check_invariants(&strings);
    hsight__strings_free(&strings);
}
END_TEST

/* Texts whose hash with seed 1 is the same in all bits that are kept, found by trying. */
START_TEST(equal_hashes_are_told_apart)
{
    static const char *const pairs[2][2] = {{"name", "nameymuykzza"}, /* one begins the other */
                                            {"attribute_01", "attrlrnpvifa"}};
    for (int i = 0; i < 2; i++) {
        const char *one = pairs[i][0];
        const char *other = pairs[i][1];
        ck_assert_uint_eq((uint32_t)hsight__hash_bytes(1, one, strlen(one)),
                          (uint32_t)hsight__hash_bytes(1, other, strlen(other)));
        hsight__strings strings;
        ck_assert_int_eq(hsight__strings_init(&strings, hsight_allocator_default(), NULL),
                         HSIGHT_OK);
        strings.seed = 1;
        ck_assert_uint_eq(intern(&strings, other, strlen(other)), 1);
        ck_assert_uint_eq(intern(&strings, one, strlen(one)), 2);
        check_invariants(&strings);
        hsight__strings_free(&strings);
    }
}
END_TEST

START_TEST(many_strings)
{
    hsight__strings strings;
    ck_assert_int_eq(hsight__strings_init(&strings, hsight_allocator_default(), NULL), HSIGHT_OK);
    for (uint32_t i = 1; i <= 5000; i++) {
        char text[32];
        int length = snprintf(text, sizeof text, "attribute_%u", i);
        ck_assert_uint_eq(intern(&strings, text, (size_t)length), i);
    }
    check_invariants(&strings);
    hsight__strings_shrink(&strings);
    check_invariants(&strings);
    hsight__strings_freeze(&strings);
    ck_assert_ptr_null(strings.slots.data);
    ck_assert_mem_eq(hsight__strings_get(&strings, 5000).data, "attribute_5000", 14);
    hsight__strings_free(&strings);
}
END_TEST

START_TEST(seeds_differ)
{
    hsight__strings a;
    hsight__strings b;
    ck_assert_int_eq(hsight__strings_init(&a, hsight_allocator_default(), NULL), HSIGHT_OK);
    ck_assert_int_eq(hsight__strings_init(&b, hsight_allocator_default(), NULL), HSIGHT_OK);
    ck_assert_uint_ne(a.seed, b.seed);
    hsight__strings_free(&a);
    hsight__strings_free(&b);
}
END_TEST

START_TEST(labels_cannot_name_more_strings)
{
    hsight__strings strings;
    ck_assert_int_eq(hsight__strings_init(&strings, hsight_allocator_default(), NULL), HSIGHT_OK);
    size_t honest = strings.offsets.count;
    strings.offsets.count = (size_t)HSIGHT__STRING_COUNT_MAX + 2; /* as if it were full */
    uint32_t id = 77;
    hsight_error err;
    ck_assert_int_eq(hsight__strings_intern(&strings, "one more", 8, &id, &err), HSIGHT_ELIMIT);
    ck_assert_uint_eq(id, 77);
    ck_assert_ptr_nonnull(strstr(err.message, "268435454"));
    strings.offsets.count = honest;
    hsight__strings_free(&strings);
}
END_TEST

/* Every request is refused once; the string is then interned all the same, with the same id. */
START_TEST(refused_requests_change_nothing)
{
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        hsight__strings strings;
        if (hsight__strings_init(&strings, &memory.allocator, NULL) != HSIGHT_OK) {
            ck_assert_uint_eq(memory.live_blocks, 0);
            continue;
        }
        for (uint32_t i = 1; i <= 400; i++) {
            char text[32];
            size_t length = (size_t)snprintf(text, sizeof text, "%u", i);
            uint32_t id;
            hsight_status status = hsight__strings_intern(&strings, text, length, &id, NULL);
            if (status != HSIGHT_OK) {
                ck_assert_int_eq(status, HSIGHT_ENOMEM);
                check_invariants(&strings);
                ck_assert_int_eq(hsight__strings_intern(&strings, text, length, &id, NULL),
                                 HSIGHT_OK);
            }
            ck_assert_uint_eq(id, i);
        }
        check_invariants(&strings);
        hsight__strings_free(&strings);
        ck_assert_uint_eq(memory.live_blocks, 0);
        if (!memory.refused) {
            break;
        }
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("strings");
    tcase_add_test(tests, equal_bytes_give_equal_ids);
    tcase_add_test(tests, the_empty_string_is_0);
    tcase_add_test(tests, nul_bytes_are_bytes);
    tcase_add_test(tests, equal_hashes_are_told_apart);
    tcase_add_test(tests, many_strings);
    tcase_add_test(tests, seeds_differ);
    tcase_add_test(tests, labels_cannot_name_more_strings);
    tcase_add_test(tests, refused_requests_change_nothing);
    return run_tests("strings", tests);
}
