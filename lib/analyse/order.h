/* SPDX-License-Identifier: MIT */
/* order.h - how the rows of tables compare: names by their bytes, numbers largest first. */
#ifndef HEAPSIGHT_LIB_ANALYSE_ORDER_H
#define HEAPSIGHT_LIB_ANALYSE_ORDER_H

#include <heapsight/base.h>
#include <heapsight/sort.h>

#include <stdbool.h>
#include <string.h>

static inline int hsight__order_strings(hsight_string left, hsight_string right)
{
    size_t shorter = left.length < right.length ? left.length : right.length;
    int order = shorter > 0 ? memcmp(left.data, right.data, shorter) : 0;
    return order != 0 ? order : (left.length > right.length) - (left.length < right.length);
}

static inline int hsight__order_descending(uint64_t left, uint64_t right)
{
    return (left < right) - (left > right);
}

static inline int hsight__order_signed_descending(int64_t left, int64_t right)
{
    return (left < right) - (left > right);
}

/* The value may come from a caller in another language: any number is possible. */
static inline bool hsight__order_is_sort(hsight_sort sort)
{
    switch (sort) {
#define HSIGHT__ORDER_CASE(name, number, text) case HSIGHT_SORT_##name:
        HSIGHT_SORT_LIST(HSIGHT__ORDER_CASE)
#undef HSIGHT__ORDER_CASE
        return true;
    }
    return false;
}

#endif
