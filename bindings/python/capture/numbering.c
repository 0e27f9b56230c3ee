/* SPDX-License-Identifier: MIT */
/* numbering.c - from an object to its node and back: what all phases of the walk stand
 * on. Memory: the map belongs to the walk. Cost: amortised O(1) a call. */
#include "walk.h"

#include "process_memory.h"

#if defined(__unix__) || defined(__APPLE__)
#include <sys/resource.h>
#endif

/* Under a limit, address space that is only held may be missing elsewhere. Since Linux 4.7 what a
 * process has to itself and may write to counts as data. */
static bool is_memory_limited(void)
{
#if defined(__unix__) || defined(__APPLE__)
    struct rlimit space, data;
    return getrlimit(RLIMIT_AS, &space) != 0 || space.rlim_cur != RLIM_INFINITY ||
           getrlimit(RLIMIT_DATA, &data) != 0 || data.rlim_cur != RLIM_INFINITY;
#else
    return false;
#endif
}

/* In so much memory of a process a few more huge pages do not matter, however few objects it has.
 */
static const uint64_t LARGE_BYTES = UINT64_C(128) << 20;

void hsight__walk_expect_many(hsight__walk *walk)
{
    const size_t items = (size_t)1 << 20;
    walk->is_large =
        hsight__process_memory_now().resident_bytes >= LARGE_BYTES && !is_memory_limited();
    if (walk->is_large) {
        hsight__pointers_hold(&walk->tracked, items);
        hsight__pointers_hold(&walk->tracked_last, items);
    }
}

void hsight__walk_reserve(hsight__walk *walk, uint32_t node_count, uint32_t edge_count)
{
    if (!is_memory_limited() &&
        hsight_builder_reserve(walk->visit.builder, node_count, edge_count, NULL) == HSIGHT_OK) {
        uint8_t *found = hsight__room_hold(&walk->found_room, walk->found, sizeof *walk->found,
                                           (size_t)node_count + 2);
        walk->found = found != NULL ? found : walk->found;
    }
}

void hsight__walk_free_found(hsight__walk *walk)
{
    hsight__room_free(&walk->found_room, walk->found, sizeof *walk->found);
    walk->found = NULL;
    hsight__tally_free(&walk->found_full);
}

void hsight__walk_note_full(hsight__walk *walk, const PyObject *object)
{
    if (hsight__tally_add(&walk->found_full, object) == 0) {
        hsight__visit_fail(&walk->visit, HSIGHT_ENOMEM,
                           "out of memory while references were counted");
    }
}

static bool grow_found(hsight__walk *walk, size_t need)
{
    uint8_t *found = hsight__room_grow(&walk->found_room, walk->found, sizeof *walk->found, need);
    walk->found = found != NULL ? found : walk->found;
    return found != NULL;
}

bool hsight__walk_make_room(hsight__walk *walk, uint32_t count)
{
    uint32_t last = hsight_builder_node_count(walk->visit.builder);
    if (count > HSIGHT__NODE_MAX - last) {
        hsight__visit_fail(&walk->visit, HSIGHT_ELIMIT, "more than 2,147,483,645 objects");
        return false;
    }
    size_t need = (size_t)last + count + 1;
    if (need > walk->found_room.capacity && !grow_found(walk, need)) {
        hsight__visit_fail(&walk->visit, HSIGHT_ENOMEM,
                           "out of memory while objects were numbered");
        return false;
    }
    return true;
}

/* Number an object whose map slot is empty; 0 when that fails. */
static uint32_t number(hsight__walk *walk, uint32_t *slot, PyObject *object)
{
    hsight_node_id node;
    if (!hsight__walk_make_room(walk, 1)) {
        return 0;
    }
    hsight_status status = hsight_builder_add_address(
        walk->visit.builder, (uint64_t)(uintptr_t)object, &node, walk->visit.err);
    if (status != HSIGHT_OK) {
        hsight__visit_keep_failure(&walk->visit, status);
        return 0;
    }
    *slot = node.index | hsight__pointer_map_half(object);
    walk->found[node.index] = 0;
    return node.index;
}

uint32_t *hsight__walk_own_slot(hsight__walk *walk, uint32_t *slot, const void *object)
{
    slot = slot != NULL ? hsight__pointer_map_own(&walk->map, slot, object) : NULL;
    if (slot == NULL) {
        hsight__visit_fail(&walk->visit, HSIGHT_ENOMEM,
                           "out of memory while objects were numbered");
    }
    return slot;
}

uint32_t hsight__walk_node(hsight__walk *walk, PyObject *object)
{
    uint32_t *slot = hsight__pointer_map_slot(&walk->map, object);
    slot = hsight__walk_own_slot(walk, slot, object);
    uint32_t known = slot != NULL ? *slot & HSIGHT__NUMBER_MAX : HSIGHT__HIDDEN;
    if (known == HSIGHT__HIDDEN) {
        return 0;
    }
    return known != 0 ? known : number(walk, slot, object);
}

uint32_t hsight__walk_find(hsight__walk *walk, const void *address)
{
    uint32_t node = hsight__pointer_map_get(&walk->map, address);
    if (node == 0 || node > HSIGHT__NODE_MAX) {
        return 0;
    }
    const uint64_t *addresses = hsight_builder_addresses(walk->visit.builder);
    return addresses[node] == (uint64_t)(uintptr_t)address ? node : 0;
}

bool hsight__is_hidden(hsight__walk *walk, const void *address)
{
    return hsight__pointer_map_get(&walk->map, address) == HSIGHT__HIDDEN;
}
