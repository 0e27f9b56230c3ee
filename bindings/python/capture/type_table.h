/* SPDX-License-Identifier: MIT */
/* type_table.h - every type met in a visit, found by its address. The hot half is inline: one
 * compare with a type met before. */
#ifndef HEAPSIGHT_CAPTURE_TYPE_TABLE_H
#define HEAPSIGHT_CAPTURE_TYPE_TABLE_H

#include "visit.h"

typedef struct hsight__type_table hsight__type_table;

hsight__type_table *hsight__type_table_new(void); /* NULL: out of memory */
void hsight__type_table_free(hsight__type_table *table);

/* Never NULL: when memory runs out the visit fails and a spare entry is handed out. */
hsight__type_info *hsight__type_info_find(hsight__visit *visit, PyTypeObject *type);
static inline hsight__type_info *hsight__type_info_of(hsight__visit *visit, PyTypeObject *type)
{
    uintptr_t word = (uintptr_t)type;
    hsight__type_info **recent =
        &visit->recent_types[(word >> 4 ^ word >> 11) % HSIGHT__RECENT_TYPES];
    if (*recent == NULL || (*recent)->type != type) {
        *recent = hsight__type_info_find(visit, type);
    }
    return *recent;
}
/* Bytes from the begin of an object's block to the object. */
static inline size_t hsight__type_preheader_bytes(const hsight__type_info *info)
{
    return info->fixed_bytes - (size_t)info->type->tp_basicsize;
}
/* The type whose rules and size an object goes by: its own, or a base written in C. */
static inline PyTypeObject *hsight__type_root(const hsight__type_info *info)
{
    return info->base != NULL ? info->base->type : info->type;
}
/* The engine's id, made on first use. */
hsight_type_id hsight__type_id_make(hsight__visit *visit, hsight__type_info *info);
static inline hsight_type_id hsight__type_id(hsight__visit *visit, hsight__type_info *info)
{
    return info->id.index != 0 ? info->id : hsight__type_id_make(visit, info);
}
/* Module-qualified name, builtins bare. Returns the length, truncated to size - 1. */
size_t hsight__type_name(PyTypeObject *type, char *out, size_t size);
PyObject *hsight__type_own_attribute(PyTypeObject *type, const char *key);
/* Is it a class of the package heapsight? */
bool hsight__type_is_own(PyTypeObject *type);
/* The highest type id so far. */
uint32_t hsight__type_table_last_id(hsight__visit *visit);
/* Every type that has an id, by it, and NULL for 0. malloc, owned by the caller; the infos are the
 * visit's. NULL: out of memory. */
hsight__type_info **hsight__type_table_by_id(hsight__visit *visit);
/* Number the types that were met only as types of objects; `add` numbers an object. */
void hsight__type_table_each(hsight__visit *visit, void (*each)(void *state, PyTypeObject *type),
                             void *state);
/* Every type the visit knows, met or only a base. */
void hsight__type_table_each_info(hsight__visit *visit,
                                  void (*each)(void *state, const hsight__type_info *info),
                                  void *state);
/* Tell the builder which node is which type; `node_of` maps an address to its node or 0. */
typedef uint32_t (*hsight__node_lookup)(void *state, const void *address);
void hsight__type_table_set_nodes(hsight__visit *visit, hsight__node_lookup node_of, void *state);

#endif
