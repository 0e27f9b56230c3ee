/* SPDX-License-Identifier: MIT */
/* check_map.c - the hash map, against a plain array. */
#include "base/map.h"

#include "failing_allocator.h"
#include "random_graph.h"
#include "suite.h"

START_TEST(absent_keys_are_0)
{
    hsight__map map;
    hsight__map_init(&map, hsight_allocator_default());
    ck_assert_uint_eq(hsight__map_get(&map, 0), 0);
    ck_assert_uint_eq(hsight__map_get(&map, UINT64_MAX), 0);
    hsight__map_free(&map);
}
END_TEST

START_TEST(any_key_is_a_key)
{
    static const uint64_t keys[] = {0, 1, UINT64_MAX, UINT64_C(1) << 32, UINT64_C(1) << 63};
    hsight__map map;
    hsight__map_init(&map, hsight_allocator_default());
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t *value = hsight__map_put(&map, keys[i], NULL);
        ck_assert_ptr_nonnull(value);
        ck_assert_uint_eq(*value, 0);
        *value = i + 1;
    }
    for (uint32_t i = 0; i < 5; i++) {
        ck_assert_uint_eq(hsight__map_get(&map, keys[i]), i + 1);
    }
    ck_assert_uint_eq(hsight__map_get(&map, 2), 0);
    ck_assert_uint_eq(map.count, 5);
    hsight__map_free(&map);
}
END_TEST

enum { KEYS = 2000 };

/* Keys with a stride, as addresses have; each is put several times, and read back. */
START_TEST(agrees_with_an_array)
{
    static const uint64_t strides[] = {1, 8, 64, 4096, UINT64_C(1) << 32, UINT64_C(1) << 48};
    uint64_t stride = strides[_i];
    uint32_t expected[KEYS] = {0};
    uint64_t state = stride;
    hsight__map map;
    hsight__map_init(&map, hsight_allocator_default());
    for (uint32_t i = 1; i <= 3 * KEYS; i++) {
        uint32_t key = random_below(&state, KEYS);
        uint32_t *value = hsight__map_put(&map, key * stride, NULL);
        ck_assert_ptr_nonnull(value);
        ck_assert_uint_eq(*value, expected[key]);
        *value = expected[key] = i;
    }
    for (uint32_t key = 0; key < KEYS; key++) {
        ck_assert_uint_eq(hsight__map_get(&map, key * stride), expected[key]);
    }
    ck_assert_uint_le(map.count, map.slots.count / 3 * 2); /* I1 */
    hsight__map_free(&map);
}
END_TEST

START_TEST(refused_requests_change_nothing)
{
    for (size_t n = 1;; n++) {
        failing_allocator memory;
        failing_allocator_init(&memory, n);
        hsight__map map;
        hsight__map_init(&map, &memory.allocator);
        for (uint32_t key = 1; key <= 500; key++) {
            hsight_error err;
            uint32_t *value = hsight__map_put(&map, key, &err);
            if (value == NULL) {
                ck_assert_int_eq(err.status, HSIGHT_ENOMEM);
                ck_assert_uint_eq(map.count, key - 1);
                value = hsight__map_put(&map, key, &err);
            }
            *value = key;
        }
        for (uint32_t key = 1; key <= 500; key++) {
            ck_assert_uint_eq(hsight__map_get(&map, key), key);
        }
        hsight__map_free(&map);
        ck_assert_uint_eq(memory.live_blocks, 0);
        if (!memory.refused) {
            break;
        }
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("map");
    tcase_add_test(tests, absent_keys_are_0);
    tcase_add_test(tests, any_key_is_a_key);
    tcase_add_loop_test(tests, agrees_with_an_array, 0, 6);
    tcase_add_test(tests, refused_requests_change_nothing);
    return run_tests("map", tests);
}
