/* SPDX-License-Identifier: MIT */
/* type_table.h - every type met in a visit, found by its address. Private to the walk. */
#ifndef HEAPSIGHT_CAPTURE_TYPE_TABLE_H
#define HEAPSIGHT_CAPTURE_TYPE_TABLE_H

#include "visit.h"

typedef struct hsight__type_table hsight__type_table;

hsight__type_table *hsight__type_table_new(void); /* NULL: out of memory */
void hsight__type_table_free(hsight__type_table *table);

#endif
