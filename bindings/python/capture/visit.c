/* SPDX-License-Identifier: MIT */
/* visit.c - begin and end of a visit, and the small ways to emit.
 * Memory: everything a visit owns is freed by hsight__visit_end(). */
#include "visit.h"

#include "type_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const name_texts[HSIGHT__NAME_COUNT] = {
#define HSIGHT__NAME_TEXT(identifier, text) text,
    HSIGHT__NAME_LIST(HSIGHT__NAME_TEXT)
#undef HSIGHT__NAME_TEXT
};

void hsight__visit_fail(hsight__visit *visit, hsight_status status, const char *message)
{
    if (visit->status != HSIGHT_OK) {
        return;
    }
    visit->status = status;
    if (visit->err != NULL) {
        visit->err->status = status;
        visit->err->os_errno = 0;
        snprintf(visit->err->message, sizeof(visit->err->message), "%s", message);
    }
}

hsight_status hsight__visit_begin(hsight__visit *visit, hsight_builder *builder, hsight_error *err)
{
    visit->builder = builder;
    visit->flush = NULL;
    visit->state = NULL;
    visit->source = 0;
    visit->pending_count = 0;
    visit->status = HSIGHT_OK;
    visit->err = err;
    visit->values = false;
    visit->scratch = NULL;
    visit->scratch_labels = NULL;
    visit->scratch_count = visit->scratch_capacity = 0;
    visit->dropped_count = 0;
    memset(visit->recent_names, 0, sizeof(visit->recent_names));
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

static void emit_interned(hsight__visit *visit, const char *name, PyObject *target,
                          hsight_label_kind kind)
{
    hsight_string_id id = hsight__visit_name(visit, name);
    hsight__emit(visit, target, hsight_label_make(kind, id.index));
}

/* Names given here must be string literals: the visit remembers them by address. */
void hsight__emit_part(const char *name, PyObject *target, void *visit)
{
    emit_interned(visit, name, target, HSIGHT_LABEL_ATTRIBUTE);
}

void hsight__emit_type_part(const char *name, PyObject *target, void *visit)
{
    emit_interned(visit, name, target, HSIGHT_LABEL_TYPE_PART);
}
