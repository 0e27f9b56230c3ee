/* SPDX-License-Identifier: MIT */
/* holder_blocks.c - live blocks that belong to no object and seem to hold some.
 *
 * With an exact tracer the search for native blocks (native.c) is over: what is left may be an
 * array or a table of C code that nobody but C code knows. The name tells its size and where it was
 * allocated, as the tracer's tables know that now. Blocks of the domain raw may be freed meanwhile,
 * so each is read as a copy.
 * Cost: O(native bytes), and a look at a table of lines for each block with something that has
 * another stack or size than the one before. Owns nothing. */
#include "holders.h"
#include "hook.h"

#include <stdio.h>
#include <string.h>

enum { WORDS_AT_ONCE = 512 };

typedef struct {
    hsight__holder_search *all;
    hsight_tracer *tracer;
    uint32_t stack; /* of the name made last */
    uint64_t bytes;
    hsight_string_id name;
} search;

/* "a native block of 800 bytes, allocated at app.py:12 in load". */
static void make_name(search *s, uint32_t stack, uint64_t bytes)
{
    char text[HSIGHT_STACK_TEXT_BYTES + 80], place[HSIGHT_STACK_TEXT_BYTES];
    size_t length = hsight_tracer_stack_text(s->tracer, stack, place);
    snprintf(text, sizeof text, "a native block of %llu byte%s%s%s", (unsigned long long)bytes,
             bytes == 1 ? "" : "s", length > 0 ? ", allocated " : "", place);
    s->name = hsight__holder_name(s->all, text);
    s->stack = stack;
    s->bytes = bytes;
}

static hsight_string_id name_of(search *s, uint64_t address, uint64_t bytes)
{
    uint32_t stack = hsight_tracer_stack_of(s->tracer, (const void *)(uintptr_t)address);
    if (s->name.index == 0 || stack != s->stack || bytes != s->bytes) {
        make_name(s, stack, bytes);
    }
    return s->name;
}

typedef struct {
    search *all;
    uint64_t address;
    uint64_t bytes;
    uint32_t found; /* words that lead to held objects */
    bool names;
} block_look;

static void look_at_words(block_look *look, const uintptr_t *words, size_t count)
{
    hsight__holder_search *all = look->all->all;
    for (size_t i = 0; i < count; i++) {
        hsight__held_object *held = hsight__held_by_word(all, words[i]);
        if (held == NULL) {
            continue;
        }
        if (!look->names) {
            look->found += look->found < HSIGHT__EVIDENCE_STATIC - 1;
        } else if (held->evidence < look->found) {
            hsight_string_id name = name_of(look->all, look->address, look->bytes);
            hsight__holder_found(all, held, name, look->found);
        }
    }
}

static void look_at_all(block_look *look, const hsight_block_reader *reader)
{
    uintptr_t words[WORDS_AT_ONCE];
    uint64_t at = 0, step;
    for (; look->bytes - at >= sizeof *words; at += step) {
        uint64_t left = look->bytes - at;
        step = (left < sizeof words ? left : sizeof words) & ~(uint64_t)(sizeof *words - 1);
        if (!hsight_block_read(reader, look->address + at, words, (size_t)step)) {
            return;
        }
        look_at_words(look, words, (size_t)step / sizeof *words);
    }
}

/* First how many held objects it leads to, then their names. */
static void look_at_block(const hsight_block_reader *reader, uint64_t address, uint64_t bytes,
                          void *state)
{
    block_look look = {.all = state, .address = address, .bytes = bytes};
    look_at_all(&look, reader);
    if (look.found > 0) {
        look.names = true;
        look_at_all(&look, reader);
    }
}

void hsight__find_block_holders(hsight__holder_search *all, hsight_reach *reach)
{
    if (reach != NULL) {
        search s = {.all = all, .tracer = hsight_hook_tracer()};
        hsight_reach_each_native(reach, look_at_block, &s);
    }
}
