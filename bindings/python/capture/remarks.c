/* SPDX-License-Identifier: MIT */
/* remarks.c - what a walk found to be odd, as numbers and the names of the types it was met in.
 *
 * Types count while they are walked (hsight__type_info); here the sums are taken, and the most
 * frequent types named. Owns nothing; O(types) for each remark. */
#include "remarks.h"

#include "type_table.h"

#include <stddef.h>
#include <stdio.h>

#define TYPES_NAMED 4

typedef struct {
    size_t place; /* of the counter in hsight__type_info */
    uint64_t count;
    uint32_t type_count;
    struct {
        const hsight__type_info *info;
        uint64_t count;
    } most[TYPES_NAMED]; /* descending; the rest NULL */
} tally;

static void add_type(void *state, const hsight__type_info *info)
{
    tally *all = state;
    uint64_t count = *(const uint64_t *)((const char *)info + all->place);
    if (count == 0) {
        return;
    }
    all->count += count;
    all->type_count++;
    int at = TYPES_NAMED;
    while (at > 0 && all->most[at - 1].count < count) {
        if (at < TYPES_NAMED) {
            all->most[at] = all->most[at - 1];
        }
        at--;
    }
    if (at < TYPES_NAMED) {
        all->most[at].info = info;
        all->most[at].count = count;
    }
}

/* Names that are longer than their share of the text are cut. */
static void name_types(const tally *all, char *out, size_t size)
{
    size_t length = 0, share = size / (TYPES_NAMED + 1) - 24;
    for (int i = 0; i < TYPES_NAMED && all->most[i].info != NULL; i++) {
        char name[128];
        hsight__type_name(all->most[i].info->type, name,
                          share < sizeof(name) ? share : sizeof(name));
        length += (size_t)snprintf(out + length, size - length, "%s%s %llu", i > 0 ? ", " : "",
                                   name, (unsigned long long)all->most[i].count);
    }
    if (all->type_count > TYPES_NAMED) {
        snprintf(out + length, size - length, ", and %u more types", all->type_count - TYPES_NAMED);
    }
}

static void take(hsight__visit *visit, size_t place, hsight_capture_remark *out)
{
    tally all = {.place = place};
    hsight__type_table_each_info(visit, add_type, &all);
    out->count = all.count;
    out->types[0] = 0;
    name_types(&all, out->types, sizeof(out->types));
}

void hsight__remarks_take(hsight__visit *visit, hsight_capture_remarks *out)
{
    take(visit, offsetof(hsight__type_info, overcounted_count), &out->overcounted);
    take(visit, offsetof(hsight__type_info, doubted_count), &out->doubted);
    take(visit, offsetof(hsight__type_info, invalid_count), &out->invalid);
}
