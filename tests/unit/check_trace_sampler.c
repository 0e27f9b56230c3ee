/* SPDX-License-Identifier: MIT */
/* check_trace_sampler.c - distances and weights, against what a Poisson process promises. */
#include "trace/sampler.h"

#include "suite.h"

#include <math.h>
#include <stdbool.h>

START_TEST(a_seed_gives_the_same_distances)
{
    uint64_t a = 42, b = 42, c = 43;
    bool differs = false;
    for (int i = 0; i < 100; i++) {
        int64_t distance = hsight__sample_distance(&a, 1000);
        ck_assert_int_eq(distance, hsight__sample_distance(&b, 1000));
        differs |= distance != hsight__sample_distance(&c, 1000);
    }
    ck_assert(differs);
}
END_TEST

/* Mean and variance of an exponential distribution are m and m * m; of 100,000, the mean has a
 * standard deviation of 0.32 %, the variance of some 0.9 %. */
START_TEST(distances_are_exponential)
{
    static const uint64_t means[] = {50, 4096, 524288, UINT64_C(1) << 40};
    enum { COUNT = 100000 };
    uint64_t mean = means[_i], state = 7 + (uint64_t)_i;
    double sum = 0, squares = 0;
    int longer = 0, wrong = 0; /* an assertion each would take most of the time */
    for (int i = 0; i < COUNT; i++) {
        int64_t distance = hsight__sample_distance(&state, mean);
        wrong += distance < 1;
        double scaled = (double)distance / (double)mean;
        sum += scaled;
        squares += scaled * scaled;
        longer += distance > (int64_t)mean;
    }
    ck_assert_int_eq(wrong, 0);
    double found = sum / COUNT, variance = squares / COUNT - found * found;
    double rounding = 1.0 / (double)mean; /* distances are whole */
    ck_assert(fabs(found - 1) < 0.015 + rounding);
    ck_assert(fabs(variance - 1) < 0.05 + rounding);
    ck_assert(fabs(longer / (double)COUNT - exp(-1)) < 0.01 + rounding);
}
END_TEST

/* The generator is SplitMix64: its published outputs for the state 1234567. */
START_TEST(distances_come_from_splitmix)
{
    static const uint64_t outputs[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                       UINT64_C(9817491932198370423)};
    uint64_t state = 1234567, mean = UINT64_C(1) << 40;
    for (size_t i = 0; i < 3; i++) {
        double uniform = ((double)(outputs[i] >> 11) + 0.5) * 0x1p-53;
        int64_t expected = (int64_t)ceil(-log(uniform) * (double)mean);
        ck_assert_int_eq(hsight__sample_distance(&state, mean), expected);
    }
}
END_TEST

/* Near the mean a kept block stands for 1 to 2 blocks: rounded to whole ones, sums would be off by
 * 26 % at the mean and by 30 % a little above. 60,000 blocks, 40,000 samples or so: a deviation of
 * 0.3 %. */
START_TEST(blocks_near_the_mean_add_up)
{
    static const double sizes[] = {0.5, 0.8, 1, 1.1, 1.2, 1.5, 2};
    uint64_t mean = 65536, bytes = (uint64_t)(sizes[_i] * (double)mean), state = 9, blocks = 0;
    int64_t countdown = hsight__sample_distance(&state, mean);
    for (int i = 0; i < 60000; i++) {
        countdown -= (int64_t)bytes;
        if (countdown <= 0) {
            blocks += hsight__sample_weight(bytes, mean).blocks;
            countdown = hsight__sample_distance(&state, mean);
        }
    }
    double ratio = (double)blocks / HSIGHT__BLOCK_UNITS / 60000;
    ck_assert_msg(fabs(ratio - 1) < 0.015, "%g of the mean: %g", sizes[_i], ratio);
}
END_TEST

/* Distances are whole, blocks too: a distance that was rounded down would draw too many of them. */
START_TEST(small_blocks_under_a_small_mean_add_up)
{
    uint64_t state = 5, blocks = 0;
    int64_t countdown = hsight__sample_distance(&state, 10);
    for (int i = 0; i < 200000; i++) {
        countdown -= 1;
        if (countdown <= 0) {
            blocks += hsight__sample_weight(1, 10).blocks;
            countdown = hsight__sample_distance(&state, 10);
        }
    }
    double ratio = (double)blocks / HSIGHT__BLOCK_UNITS / 200000; /* a deviation of 0.7 % */
    ck_assert_msg(fabs(ratio - 1) < 0.03, "%g", ratio);
}
END_TEST

START_TEST(extreme_means_stay_in_range)
{
    uint64_t state = 1;
    int wrong = 0;
    for (int i = 0; i < 10000; i++) {
        wrong += hsight__sample_distance(&state, 1) < 1;
        int64_t far = hsight__sample_distance(&state, INT64_MAX);
        wrong += far < 1 || far > INT64_MAX / 2; /* a countdown of it cannot overflow */
    }
    ck_assert_int_eq(wrong, 0);
}
END_TEST

/* Sum of weight times chance is the block itself: no bias, for any size. */
START_TEST(weights_are_unbiased)
{
    static const uint64_t sizes[] = {1, 16, 56, 1000, 4096, 524288, 10000000};
    static const uint64_t means[] = {1, 100, 4096, 524288};
    for (size_t i = 0; i < 7; i++) {
        for (size_t j = 0; j < 4; j++) {
            hsight__weight weight = hsight__sample_weight(sizes[i], means[j]);
            double chance = 1 - exp(-(double)sizes[i] / (double)means[j]);
            double blocks = (double)weight.blocks / HSIGHT__BLOCK_UNITS;
            ck_assert(fabs((double)weight.bytes * chance - (double)sizes[i]) <=
                      0.001 * (double)sizes[i] + 0.5);
            ck_assert(fabs(blocks * chance - 1) <= 0.0001);
            ck_assert(weight.bytes >= sizes[i] && blocks >= 1);
        }
    }
    ck_assert_uint_eq(hsight__sample_weight(0, 4096).bytes, 0);
    ck_assert_uint_ge(hsight__sample_weight(0, 4096).blocks, HSIGHT__BLOCK_UNITS);
    ck_assert_uint_eq(hsight__sample_weight(1, INT64_MAX).blocks, UINT64_C(1) << 62);
}
END_TEST

/* The whole procedure, as the tracer does it: count down, keep, draw anew. 40,000 blocks of a mix
 * of sizes under a mean of 2,048 bytes: some 8,000 samples, a deviation of about 1 %. */
START_TEST(a_sampled_stream_adds_up)
{
    static const uint64_t mix[] = {16, 48, 56, 120, 600, 3000, 20, 64};
    uint64_t state = 100 + (uint64_t)_i, true_bytes = 0, true_blocks = 0;
    double bytes = 0, blocks = 0;
    int64_t countdown = hsight__sample_distance(&state, 2048);
    for (int i = 0; i < 40000; i++) {
        uint64_t size = mix[i % 8];
        true_bytes += size;
        true_blocks++;
        countdown -= (int64_t)size;
        if (countdown <= 0) {
            hsight__weight weight = hsight__sample_weight(size, 2048);
            bytes += (double)weight.bytes;
            blocks += (double)weight.blocks / HSIGHT__BLOCK_UNITS;
            countdown = hsight__sample_distance(&state, 2048);
        }
    }
    ck_assert(fabs(bytes / (double)true_bytes - 1) < 0.05);
    ck_assert(fabs(blocks / (double)true_blocks - 1) < 0.15); /* small blocks are rare samples */
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("trace_sampler");
    tcase_add_test(tests, a_seed_gives_the_same_distances);
    tcase_add_loop_test(tests, distances_are_exponential, 0, 4);
    tcase_add_test(tests, distances_come_from_splitmix);
    tcase_add_loop_test(tests, blocks_near_the_mean_add_up, 0, 7);
    tcase_add_test(tests, small_blocks_under_a_small_mean_add_up);
    tcase_add_test(tests, extreme_means_stay_in_range);
    tcase_add_test(tests, weights_are_unbiased);
    tcase_add_loop_test(tests, a_sampled_stream_adds_up, 0, 5);
    return run_tests("trace_sampler", tests);
}
