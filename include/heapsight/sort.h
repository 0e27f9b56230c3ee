/* SPDX-License-Identifier: MIT */
/* sort.h - how the rows of a table are ordered. */
#ifndef HEAPSIGHT_SORT_H
#define HEAPSIGHT_SORT_H

/** X(NAME, number, text) */
#define HSIGHT_SORT_LIST(X) X(BYTES, 0, "size") X(COUNT, 1, "count") X(NAME, 2, "type")
typedef enum {
#define HSIGHT_SORT_ENUM(name, number, text) HSIGHT_SORT_##name = number,
    HSIGHT_SORT_LIST(HSIGHT_SORT_ENUM)
#undef HSIGHT_SORT_ENUM
} hsight_sort;

#endif
