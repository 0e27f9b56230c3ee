/* SPDX-License-Identifier: MIT */
/* random_graph.c - random texts in the grammar of graph_text.h, and their graphs. */
#include "random_graph.h"

#include "graph_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_BYTES = 1 << 14 };

typedef struct {
    char *text;
    size_t used;
    uint64_t state;
} writer;

uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

uint32_t random_below(uint64_t *state, uint32_t bound)
{
    return (uint32_t)((random_next(state) >> 32) * bound >> 32);
}

HSIGHT_PRINTF(2, 3) static void put(writer *w, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(w->text + w->used, TEXT_BYTES - w->used, format, arguments);
    va_end(arguments);
    ck_assert_int_ge(length, 0);
    w->used += (size_t)length;
    ck_assert_uint_lt(w->used, TEXT_BYTES);
}

static void put_object(writer *w, uint32_t number)
{
    static const char *const types[] = {"list", "dict", "app.Session", "str"};
    static const char *const flags[] = {"", "!g", "!gn", "!gt", "!i", "!gm"};
    put(w, "n%u:%s=%u*%u%s ", number, types[random_below(&w->state, 4)],
        16 + 8 * random_below(&w->state, 20), 1 + random_below(&w->state, 3),
        flags[random_below(&w->state, 6)]);
}

static void put_edge(writer *w, uint32_t count)
{
    uint32_t source = 1 + random_below(&w->state, count);
    uint32_t target = 1 + random_below(&w->state, count);
    uint32_t other = 1 + random_below(&w->state, count);
    static const char *const plain[] = {"",   "{}", "#",  "%",  "~",
                                        ".x", ".y", "|v", "^c", "@__mro__"};
    uint32_t kind = random_below(&w->state, 13);
    if (kind < 10) {
        put(w, "n%u%s>n%u ", source, plain[kind], target);
    } else if (kind == 10) {
        put(w, "n%u{n%u}>n%u ", source, other, target);
    } else {
        put(w, "n%u%s%u%s>n%u ", source, kind == 11 ? "[" : "$", other, kind == 11 ? "]" : "",
            target);
    }
}

static void put_root(writer *w, uint32_t count)
{
    static const char *const kinds[] = {"module:service",
                                        "frame:job:worker:pin:service.py:41",
                                        "interpreter:builtins",
                                        "static:list",
                                        "c:2",
                                        "profiler"};
    put(w, "%s>>n%u ", kinds[random_below(&w->state, 6)], 1 + random_below(&w->state, count));
}

random_graph random_graph_make(uint64_t seed)
{
    writer w = {.text = calloc(1, TEXT_BYTES), .state = seed};
    ck_assert_ptr_nonnull(w.text);
    uint32_t nodes = random_below(&w.state, 8) * random_below(&w.state, 7);
    uint32_t edges = nodes > 0 ? random_below(&w.state, 3 * nodes + 1) : 0;
    uint32_t roots = nodes > 0 ? random_below(&w.state, 4) : 0;
    for (uint32_t number = 1; number <= nodes; number++) {
        put_object(&w, number);
    }
    for (uint32_t i = 0; i < edges; i++) {
        put_edge(&w, nodes);
    }
    for (uint32_t i = 0; i < roots; i++) {
        put_root(&w, nodes);
    }
    return (random_graph){seed, w.text, graph_text_build(w.text)};
}

void random_graph_free(random_graph *random)
{
    hsight_graph_free(random->graph);
    free(random->text);
    *random = (random_graph){0};
}
