/* SPDX-License-Identifier: MIT */
/* visit_session.c - begin and end of a visit.
 * Memory: everything a visit owns is freed by hsight__visit_end(). */
#include "visit_session.h"

#include "type_table.h"

#include <stdlib.h>
#include <string.h>

static const char *const name_texts[HSIGHT__NAME_COUNT] = {
#define HSIGHT__NAME_TEXT(identifier, text) text,
    HSIGHT__NAME_LIST(HSIGHT__NAME_TEXT)
#undef HSIGHT__NAME_TEXT
};

static void assign(hsight__visit *visit, hsight__type_info *info)
{
    hsight__rules_assign(visit, info);
    hsight__sizes_assign(info);
}

hsight_status hsight__visit_begin(hsight__visit *visit, hsight_builder *builder, hsight_error *err)
{
    visit->builder = builder;
    visit->flush = NULL;
    visit->state = NULL;
    visit->source.index = 0;
    visit->pending_count = 0;
    visit->status = HSIGHT_OK;
    visit->err = err;
    visit->assign = assign;
    visit->values = false;
    visit->scratch = NULL;
    visit->scratch_labels = NULL;
    visit->scratch_count = visit->scratch_capacity = 0;
    visit->dropped_count = 0;
    memset(visit->recent_names, 0, sizeof(visit->recent_names));
    memset(visit->recent_types, 0, sizeof(visit->recent_types));
    visit->types = hsight__type_table_new();
    visit->cells = calloc(1, sizeof(*visit->cells));
    if (visit->types == NULL || visit->cells == NULL) {
        hsight__visit_fail(visit, HSIGHT_ENOMEM, "out of memory before the walk began");
        hsight__visit_end(visit);
        return HSIGHT_ENOMEM;
    }
    for (int i = 0; i < HSIGHT__NAME_COUNT; i++) {
        visit->names[i] = hsight__visit_name(visit, name_texts[i]);
    }
    return HSIGHT_OK;
}

void hsight__visit_end(hsight__visit *visit)
{
    hsight__type_table_free(visit->types);
    if (visit->cells != NULL) {
        free(visit->cells->items);
    }
    free(visit->cells);
    free(visit->scratch);
    free(visit->scratch_labels);
    visit->types = NULL;
    visit->cells = NULL;
    visit->scratch = NULL;
    visit->scratch_labels = NULL;
}
