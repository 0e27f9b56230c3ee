/* SPDX-License-Identifier: MIT */
/* holders.c - who seems to hold the objects that the heap does not explain.
 *
 *   static variables of libraries -> native blocks (with an exact tracer) -> bodies of objects
 *   -> C stacks
 *
 * Words there are compared with the addresses of the objects that have a surplus, and the first
 * that is one names the root; of two native blocks the one that has more of them does, since a
 * stale word is mostly alone. That is weak evidence: the word may be stale, or a number. So it is
 * the name of a root and never a reference, and it takes nothing off the surplus. What changes
 * least comes first.
 *
 * Bodies are those of objects whose types tell no collector what they refer to, and states of
 * modules. Cost: O(roots + objects) and what is looked at; at most 20 bytes an object with a
 * surplus, at least 8 KiB, freed before return. */
#include "holders.h"

#include "type_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILTER_LOG2_LEAST = 16 }; /* bits: 8 KiB, for the objects that most programs have */

/* ---- what is looked for ---- */

static size_t hash_of(const hsight__holder_search *s, uintptr_t address)
{
    return (size_t)((uint64_t)address * 0x9E3779B97F4A7C15u >> (64 - s->filter_log2));
}

static size_t count_held(const hsight_builder *builder)
{
    size_t count = 0;
    for (uint32_t i = 0; i < hsight_builder_root_count(builder); i++) {
        count += hsight_builder_root(builder, i).kind == HSIGHT_ROOT_C_HELD;
    }
    return count;
}

static int compare_addresses(const void *a, const void *b)
{
    uintptr_t first = ((const hsight__held_object *)a)->address;
    uintptr_t second = ((const hsight__held_object *)b)->address;
    return (first > second) - (first < second);
}

static void add_held(hsight__holder_search *s, uintptr_t address, uint32_t root)
{
    size_t hash = hash_of(s, address);
    s->filter[hash / 64] |= UINT64_C(1) << hash % 64;
    s->objects[s->count++] = (hsight__held_object){address, root, 0};
}

/* With 16 bits and more an object, a word that is none of them passes one time in 16. */
static bool make_room(hsight__holder_search *s, size_t count)
{
    s->filter_log2 = FILTER_LOG2_LEAST;
    while ((UINT64_C(1) << s->filter_log2) < 16 * (uint64_t)count) {
        s->filter_log2++;
    }
    s->filter = calloc((size_t)1 << (s->filter_log2 - 6), sizeof *s->filter);
    s->objects = calloc(count, sizeof *s->objects);
    return s->filter != NULL && s->objects != NULL;
}

/* False: there is nothing to look for. */
static bool know_held(hsight__holder_search *s)
{
    const hsight_builder *builder = s->walk->visit.builder;
    const uint64_t *addresses = hsight_builder_addresses(builder);
    size_t count = count_held(builder);
    if (count == 0 || !make_room(s, count)) {
        s->walk->visit.dropped_count += count > 0;
        return false;
    }
    for (uint32_t i = 0; i < hsight_builder_root_count(builder); i++) {
        hsight_root root = hsight_builder_root(builder, i);
        if (root.kind == HSIGHT_ROOT_C_HELD) {
            add_held(s, (uintptr_t)addresses[root.node.index], i);
        }
    }
    qsort(s->objects, s->count, sizeof *s->objects, compare_addresses);
    return true;
}

static hsight__held_object *find_held(hsight__holder_search *s, uintptr_t address)
{
    hsight__held_object wanted = {.address = address};
    return bsearch(&wanted, s->objects, s->count, sizeof wanted, compare_addresses);
}

hsight__held_object *hsight__held_by_word(hsight__holder_search *s, uintptr_t word)
{
    uintptr_t address = word & ~(uintptr_t)7;
    if (address < s->objects[0].address || address > s->objects[s->count - 1].address) {
        return NULL;
    }
    size_t hash = hash_of(s, address);
    if ((s->filter[hash / 64] >> hash % 64 & 1) == 0) {
        return NULL;
    }
    return find_held(s, address);
}

hsight_string_id hsight__holder_name(hsight__holder_search *s, const char *text)
{
    hsight_string_id name = {0};
    if (hsight_builder_string(s->walk->visit.builder, text, strlen(text), &name, NULL) !=
        HSIGHT_OK) {
        s->walk->visit.dropped_count++;
    }
    return name;
}

void hsight__holder_found(hsight__holder_search *s, hsight__held_object *object,
                          hsight_string_id name, uint32_t evidence)
{
    if (evidence > object->evidence) {
        object->evidence = evidence;
        (void)hsight_builder_set_root_name(s->walk->visit.builder, object->root, name, NULL);
    }
}

bool hsight__library_name_add(hsight__library_name **names, uint32_t *count, uint64_t bias,
                              const char *path)
{
    hsight__library_name *grown = realloc(*names, (*count + (size_t)1) * sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    *names = grown;
    hsight__library_name *made = &grown[(*count)++];
    made->bias = bias;
    snprintf(made->path, sizeof made->path, "%s", path);
    return true;
}

const char *hsight__library_path(const hsight__library_name *library, char *buffer, size_t size)
{
    if (library->path[0] != 0) {
        return library->path;
    }
    ssize_t length = readlink("/proc/self/exe", buffer, size - 1);
    buffer[length > 0 ? length : 0] = 0;
    return buffer;
}

const char *hsight__base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* ---- bodies ---- */

static bool refers_to(const hsight_builder *builder, uint32_t source, uint32_t target)
{
    hsight_references edges = hsight_builder_references(builder, (hsight_node_id){source});
    for (uint32_t i = 0; i < edges.count; i++) {
        if (edges.targets[i].index == target) {
            return true;
        }
    }
    return false;
}

/* "a rows.Keeper object", or "state of module rows". */
static hsight_string_id name_of_body(hsight__holder_search *s, PyObject *object, bool is_state)
{
    char text[256], name[200];
    if (is_state) {
        PyObject *known = hsight__compat_module_name(object);
        bool is_text = known != NULL && PyUnicode_Check(known);
        name[is_text ? hsight__copy_unicode(known, name, sizeof name) : 0] = 0;
        snprintf(text, sizeof text, "state of module %s", name);
    } else {
        hsight__type_name(Py_TYPE(object), name, sizeof name);
        snprintf(text, sizeof text, "a %s object", name);
    }
    return hsight__holder_name(s, text);
}

/* Memory of an object that may have more references than it tells of. */
static void look_at_body(hsight__holder_search *s, uint32_t node, const void *begin, size_t bytes)
{
    const hsight_builder *builder = s->walk->visit.builder;
    PyObject *object = (PyObject *)(uintptr_t)hsight_builder_addresses(builder)[node];
    const uintptr_t *words = begin;
    for (size_t i = 0; i < bytes / sizeof *words; i++) {
        hsight__held_object *held = hsight__held_by_word(s, words[i]);
        uint32_t target = held != NULL ? hsight_builder_root(builder, held->root).node.index : node;
        if (target != node && held->evidence == 0 && !refers_to(builder, node, target)) {
            hsight_string_id name = name_of_body(s, object, PyModule_Check(object));
            hsight__holder_found(s, held, name, HSIGHT__EVIDENCE_WORD);
        }
    }
}

static void look_at_object(hsight__holder_search *s, uint32_t node, PyTypeObject *type)
{
    char *object = (char *)(uintptr_t)hsight_builder_addresses(s->walk->visit.builder)[node];
    if (PyModule_Check((PyObject *)object)) {
        look_at_body(s, node, PyModule_GetState((PyObject *)object),
                     hsight__compat_module_state_bytes((PyObject *)object));
    } else if ((size_t)type->tp_basicsize > sizeof(PyObject)) {
        look_at_body(s, node, object + sizeof(PyObject),
                     (size_t)type->tp_basicsize - sizeof(PyObject));
    }
}

/* Types of which nobody knows what they keep beside their block may keep references untold, too.
 * Not classes: static ones are shorter than their metaclass says. And modules may, in their state;
 * what an m_traverse tells of is a reference, and so passed over. */
static bool may_hold(const hsight__type_info *info)
{
    bool is_unknown = (info->size_flags & HSIGHT_NODE_SIZE_LOWER_BOUND) != 0 &&
                      (info->node_flags & HSIGHT_NODE_TYPE) == 0;
    return is_unknown || hsight__type_root(info) == &PyModule_Type;
}

/* Few objects can be of such a type: their flags tell, and those of many are looked at together.
 * With a tracer, what the blocks say may have made a formula of a lower bound. */
static bool any_may_hold(const uint8_t *flags, uint32_t count)
{
    const uint8_t marks =
        HSIGHT_NODE_SIZE_LOWER_BOUND | HSIGHT_NODE_SIZE_FORMULA | HSIGHT_NODE_MODULE;
    uint8_t seen = 0;
    for (uint32_t i = 0; i < count; i++) {
        seen |= flags[i];
    }
    return (seen & marks) != 0;
}

static void look_at_bodies_of(hsight__holder_search *s, hsight__type_info *const *infos,
                              bool *is_looked_at)
{
    enum { AT_ONCE = 64 };
    const hsight_builder *builder = s->walk->visit.builder;
    const uint8_t *flags = hsight_builder_flags_column(builder);
    uint32_t count = hsight_builder_node_count(builder);
    uint32_t last_type = hsight__type_table_last_id(&s->walk->visit);
    for (uint32_t type = 1; type <= last_type; type++) {
        is_looked_at[type] = infos[type] != NULL && may_hold(infos[type]);
    }
    for (uint32_t first = 1; first <= count; first += AT_ONCE) {
        uint32_t rest = count - first + 1, end = first + (rest < AT_ONCE ? rest : AT_ONCE);
        uint32_t node = any_may_hold(flags + first, end - first) ? first : end;
        for (; node < end; node++) {
            hsight_type_id type = hsight_builder_type(builder, (hsight_node_id){node});
            if (is_looked_at[type.index]) {
                look_at_object(s, node, infos[type.index]->type);
            }
        }
    }
}

static void look_at_bodies(hsight__holder_search *s)
{
    hsight__type_info **infos = hsight__type_table_by_id(&s->walk->visit);
    bool *is_looked_at = calloc((size_t)hsight__type_table_last_id(&s->walk->visit) + 1, 1);
    if (infos == NULL || is_looked_at == NULL) {
        s->walk->visit.dropped_count++;
    } else {
        look_at_bodies_of(s, infos, is_looked_at);
    }
    free(is_looked_at);
    free(infos);
}

/* ---- all of it ---- */

void hsight__find_holders(hsight__walk *walk, hsight_reach *reach)
{
    hsight__holder_search *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        walk->visit.dropped_count++;
        return;
    }
    s->walk = walk;
    if (know_held(s)) {
        hsight__find_static_holders(s);
        hsight__find_block_holders(s, reach);
        look_at_bodies(s);
        hsight__find_stack_holders(s);
    }
    free(s->filter);
    free(s->objects);
    free(s);
}
