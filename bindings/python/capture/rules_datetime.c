/* SPDX-License-Identifier: MIT */
/* rules_datetime.c - date and time objects: the collector does not know them, and no members tell
 * what they own.
 *
 *   datetime, time   public structs of datetime.h; tzinfo is there only when hastzinfo says so
 *   timezone         a private struct: offset, then name or NULL; timezone_is_known() looks at one
 *
 * A type whose layout is another one gets no rule. Cost: O(1) an object. */
#include "rules.h"
#include "type_table.h"

#include <string.h>
#define _PY_DATETIME_IMPL /* the structs alone, not the pointer to the module's C API */
#include <datetime.h>

typedef struct {
    PyObject_HEAD PyObject *offset;
    PyObject *name;
} timezone_fields;

static void rule_datetime(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    (void)info;
    const PyDateTime_DateTime *moment = (const PyDateTime_DateTime *)object;
    if (moment->hastzinfo) {
        hsight__emit_named(visit, moment->tzinfo, HSIGHT_LABEL_ATTRIBUTE, HSIGHT__NAME_tzinfo);
    }
}

static void rule_time(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    (void)info;
    const PyDateTime_Time *time = (const PyDateTime_Time *)object;
    if (time->hastzinfo) {
        hsight__emit_named(visit, time->tzinfo, HSIGHT_LABEL_ATTRIBUTE, HSIGHT__NAME_tzinfo);
    }
}

static void rule_timezone(hsight__visit *visit, PyObject *object, hsight__type_info *info)
{
    (void)info;
    const timezone_fields *zone = (const timezone_fields *)object;
    hsight__emit_named(visit, zone->offset, HSIGHT_LABEL_ATTRIBUTE, HSIGHT__NAME_offset);
    hsight__emit_named(visit, zone->name, HSIGHT_LABEL_ATTRIBUTE, HSIGHT__NAME_zone_name);
}

/* ---- the private layout ---- */

/* What utcoffset(None), when it is written in C, answers for a zone; borrowed, or NULL. */
static PyObject *utc_offset(PyTypeObject *type, PyObject *zone)
{
    PyObject *value = hsight__type_own_attribute(type, "utcoffset");
    if (value == NULL || !Py_IS_TYPE(value, &PyMethodDescr_Type)) {
        return NULL;
    }
    const PyMethodDef *method = ((PyMethodDescrObject *)value)->d_method;
    PyObject *answer = method->ml_flags == METH_O ? method->ml_meth(zone, Py_None) : NULL;
    PyErr_Clear();
    Py_XDECREF(answer); /* the zone keeps it */
    return answer;
}

/* Two words after the head: the first is the offset, the second is empty where there is no name. */
static bool timezone_is_known(PyTypeObject *type)
{
    PyObject *utc = hsight__type_own_attribute(type, "utc");
    if (type->tp_basicsize != (Py_ssize_t)sizeof(timezone_fields) || utc == NULL ||
        !Py_IS_TYPE(utc, type)) {
        return false;
    }
    const timezone_fields *zone = (const timezone_fields *)utc;
    return zone->offset != NULL && zone->name == NULL && zone->offset == utc_offset(type, utc);
}

hsight__rule hsight__datetime_rule(PyTypeObject *type)
{
    if (strcmp(type->tp_name, "datetime.datetime") == 0) {
        return type->tp_basicsize == sizeof(PyDateTime_DateTime) ? rule_datetime : NULL;
    }
    if (strcmp(type->tp_name, "datetime.time") == 0) {
        return type->tp_basicsize == sizeof(PyDateTime_Time) ? rule_time : NULL;
    }
    if (strcmp(type->tp_name, "datetime.timezone") == 0) {
        return timezone_is_known(type) ? rule_timezone : NULL;
    }
    return NULL;
}
