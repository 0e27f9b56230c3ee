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
            ck_assert(fabs((double)weight.bytes * chance - (double)sizes[i]) <=
                      0.001 * (double)sizes[i] + 0.5);
            ck_assert(fabs((double)weight.blocks * chance - 1) <= 0.001 + 0.5 * chance);
            ck_assert(weight.bytes >= sizes[i] && weight.blocks >= 1);
        }
    }
    ck_assert_uint_eq(hsight__sample_weight(0, 4096).bytes, 0);
    ck_assert_uint_ge(hsight__sample_weight(0, 4096).blocks, 1);
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
            blocks += (double)weight.blocks;
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
    tcase_add_test(tests, extreme_means_stay_in_range);
    tcase_add_test(tests, weights_are_unbiased);
    tcase_add_loop_test(tests, a_sampled_stream_adds_up, 0, 5);
    return run_tests("trace_sampler", tests);
}
