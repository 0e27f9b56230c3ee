/* SPDX-License-Identifier: MIT */
/* near_name.c - type names that somebody may have meant.
 *
 * Distance of a type name to the name asked for, ignoring case, smaller is nearer:
 *   0        the same name
 *   1        the same last component: "session" and app.Session
 *   2..      1 + single-character edits (insert, drop, replace) between the names, or between their
 *            last components; about a third of what was asked for may differ
 * Where there is a 0 or a 1, nothing farther is offered.
 *
 * O(types * LONGEST^2), nothing allocated. Names and components longer than LONGEST are near
 * nothing. */
#include "analyse/near_name.h"

#include "analyse/order.h"

enum { LONGEST = 64, OFFERED = 3, SAME_CLASS = 1 };

typedef struct {
    hsight_string name;
    uint32_t distance;
} candidate;

/* ASCII only: module and class names of other alphabets are compared as they are. */
static unsigned char fold(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte - 'A' + 'a') : (unsigned char)byte;
}

static hsight_string last_component(hsight_string name)
{
    for (size_t i = name.length; i > 0; i--) {
        if (name.data[i - 1] == '.') {
            return (hsight_string){name.data + i, name.length - i};
        }
    }
    return name;
}

/* Levenshtein distance, one row of the table at a time; UINT32_MAX when a name is too long. */
static uint32_t edits(hsight_string a, hsight_string b)
{
    if (a.length > LONGEST || b.length > LONGEST) {
        return UINT32_MAX;
    }
    uint32_t row[LONGEST + 1];
    for (uint32_t j = 0; j <= b.length; j++) {
        row[j] = j;
    }
    for (size_t i = 0; i < a.length; i++) {
        uint32_t diagonal = row[0];
        row[0] = (uint32_t)i + 1;
        for (size_t j = 0; j < b.length; j++) {
            uint32_t replaced = diagonal + (fold(a.data[i]) != fold(b.data[j]));
            uint32_t nearest = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            diagonal = row[j + 1];
            row[j + 1] = replaced < nearest ? replaced : nearest;
        }
    }
    return row[b.length];
}

/* UINT32_MAX: nobody meant that. */
static uint32_t distance(hsight_string asked, hsight_string name)
{
    hsight_string asked_last = last_component(asked);
    uint32_t by_last = edits(asked_last, last_component(name));
    uint32_t by_name = edits(asked, name);
    if (by_last == 0) {
        return by_name == 0 ? 0 : SAME_CLASS;
    }
    uint32_t nearest = by_last < by_name ? by_last : by_name;
    uint32_t allowed = (uint32_t)(asked_last.length + 2) / 3;
    return nearest <= allowed ? SAME_CLASS + nearest : UINT32_MAX;
}

static bool comes_before(candidate a, candidate b)
{
    return a.distance != b.distance ? a.distance < b.distance
                                    : hsight__order_strings(a.name, b.name) < 0;
}

static bool is_offered(const candidate *best, uint32_t count, hsight_string name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (hsight__order_strings(best[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Put `fresh` where it belongs; what falls off the end is forgotten. @return the new count */
static uint32_t insert(candidate *best, uint32_t count, candidate fresh)
{
    if (count == OFFERED && !comes_before(fresh, best[OFFERED - 1])) {
        return count;
    }
    uint32_t at = count < OFFERED ? count : OFFERED - 1;
    for (; at > 0 && comes_before(fresh, best[at - 1]); at--) {
        best[at] = best[at - 1];
    }
    best[at] = fresh;
    return count < OFFERED ? count + 1 : OFFERED;
}

/* Fill `best`, nearest first. @return how many there are */
static uint32_t find_best(const hsight_graph *graph, hsight_string asked, candidate *best)
{
    uint32_t type_count = hsight_graph_type_count(graph);
    uint32_t count = 0;
    for (uint32_t type = 1; type <= type_count; type++) {
        hsight_string name = hsight_graph_type_name(graph, (hsight_type_id){type});
        candidate fresh = {name, distance(asked, name)};
        if (fresh.distance != UINT32_MAX && !is_offered(best, count, name)) {
            count = insert(best, count, fresh);
        }
    }
    while (count > 1 && best[0].distance <= SAME_CLASS && best[count - 1].distance > SAME_CLASS) {
        count--;
    }
    return count;
}

/* A name as a message shows it: at most 100 bytes of whole characters, none of them control. */
typedef struct {
    char text[101];
} shown_name;

static shown_name show(hsight_string name)
{
    shown_name shown;
    size_t length = name.length < sizeof shown.text ? name.length : sizeof shown.text - 1;
    while (length < name.length && length > 0 &&
           ((unsigned char)name.data[length] & 0xC0) == 0x80) {
        length--;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)name.data[i];
        shown.text[i] = byte < ' ' || byte == 0x7F ? '?' : (char)byte;
    }
    shown.text[length] = '\0';
    return shown;
}

hsight_status hsight__fail_near_name(const hsight_graph *graph, hsight_string name,
                                     hsight_error *err)
{
    candidate best[OFFERED] = {{{"", 0}, 0}};
    uint32_t count = find_best(graph, name, best);
    shown_name asked = show(name);
    shown_name first = show(best[0].name), second = show(best[1].name), third = show(best[2].name);
    switch (count) {
    case 0:
        return hsight__fail(err, HSIGHT_ENOTFOUND,
                            "no type named '%s' among the %u types of this snapshot; names are "
                            "module.Class, and builtins go without module",
                            asked.text, hsight_graph_type_count(graph));
    case 1:
        return hsight__fail(err, HSIGHT_ENOTFOUND, "no type named '%s'; did you mean '%s'?",
                            asked.text, first.text);
    case 2:
        return hsight__fail(err, HSIGHT_ENOTFOUND, "no type named '%s'; did you mean '%s' or '%s'?",
                            asked.text, first.text, second.text);
    default:
        return hsight__fail(err, HSIGHT_ENOTFOUND,
                            "no type named '%s'; did you mean '%s', '%s' or '%s'?", asked.text,
                            first.text, second.text, third.text);
    }
}
