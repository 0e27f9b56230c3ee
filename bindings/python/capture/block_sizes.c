/* SPDX-License-Identifier: MIT */
/* block_sizes.c - where the tracer saw the blocks, the blocks decide.
 *
 * An exact size stays what it is, and so does what a type's own __sizeof__ says: such objects have
 * words in unused places that lead anywhere. What has no other measure than its own block is given
 * the blocks it led to, which a stale word or a number may be among, too: a formula, not exact.
 * Owns nothing. O(1) an object, or as hsight_builder_set_shallow_bytes(). */
#include "block_sizes.h"

/* Requests of less than a word more or less are the same to every allocator: some of the
 * interpreter are rounded up, those for numbers of one digit and for code. */
static bool is_equal(uint64_t size_bytes, uint64_t bytes)
{
    return (size_bytes > bytes ? size_bytes - bytes : bytes - size_bytes) < sizeof(void *);
}

static void count(hsight_capture_size_row *row, uint64_t size_bytes, uint64_t bytes)
{
    bool equal = is_equal(size_bytes, bytes);
    row->count++;
    row->block_bytes += bytes;
    row->size_bytes += size_bytes;
    row->equal_count += equal;
    row->equal_bytes += equal ? bytes : 0;
}

/* Instances of a class have room for the attributes that it expected when they were made. How many
 * that were is not known exactly before 3.13, and for the first ones after it: their blocks tell.
 * Returns how much is to be added to the size. */
static int64_t correction(PyObject *object, hsight_reach *reach, const hsight__type_info *info,
                          uint64_t own_bytes)
{
    const void *begin;
    size_t apart = hsight__compat_values_block(object, info->type, &begin);
    if (apart != 0) {
        uint64_t bytes = hsight_reach_block_bytes(reach, begin);
        return bytes != 0 ? (int64_t)bytes - (int64_t)apart : 0;
    }
    if (!info->managed_dict || (info->node_flags & HSIGHT_NODE_TYPE) != 0) {
        return 0;
    }
    size_t inside = hsight__compat_following_values_bytes(object, info->type);
    return inside != 0 && own_bytes > info->fixed_bytes + inside
               ? (int64_t)(own_bytes - info->fixed_bytes - inside)
               : 0;
}

static void set_size(const hsight__block_sizes *sizes, hsight_node_id node, uint64_t bytes)
{
    hsight__visit *visit = sizes->visit;
    hsight__visit_keep_failure(
        visit, hsight_builder_set_shallow_bytes(visit->builder, node, bytes, visit->err));
}

static void set_mark(const hsight__block_sizes *sizes, hsight_node_id node, uint32_t mark)
{
    const uint32_t marks = HSIGHT_NODE_SIZE_FORMULA | HSIGHT_NODE_SIZE_LOWER_BOUND;
    hsight_builder *builder = sizes->visit->builder;
    uint32_t flags = hsight_builder_flags(builder, node) & ~marks;
    hsight_builder_set_flags(builder, node, flags | mark);
}

/* Of a type that tells no more than its own block: what it led to, if that is anything. Else its
 * block alone, and still nobody knows. Where a buffer is older than the tracer, its type may know
 * more. */
static uint64_t give(const hsight__block_sizes *sizes, hsight_node_id node,
                     const hsight__block_bytes *blocks, uint64_t size_bytes)
{
    uint64_t beside = blocks->buffer_bytes + blocks->other_bytes;
    uint64_t bytes = blocks->own_bytes + beside;
    if (!blocks->is_whole && bytes < size_bytes) {
        return size_bytes;
    }
    set_size(sizes, node, bytes);
    if (beside != 0) {
        set_mark(sizes, node, HSIGHT_NODE_SIZE_FORMULA);
    }
    return bytes;
}

void hsight__block_sizes_note(void *block_sizes, hsight_reach *reach, hsight_node_id node,
                              const hsight__type_info *info, const hsight__block_bytes *blocks)
{
    hsight__block_sizes *sizes = block_sizes;
    const uint64_t *addresses = hsight_builder_addresses(sizes->visit->builder);
    PyObject *object = (PyObject *)(uintptr_t)addresses[node.index];
    uint64_t size_bytes = hsight_builder_shallow_bytes(sizes->visit->builder, node);
    uint64_t bytes = blocks->own_bytes + blocks->buffer_bytes + blocks->other_bytes;
    if (size_bytes >= UINT32_MAX) {
        return; /* the tracer leaves out blocks of 4 GiB and more */
    }
    bool is_given = (info->size_flags & HSIGHT_NODE_SIZE_LOWER_BOUND) != 0;
    if (is_given) {
        size_bytes = give(sizes, node, blocks, size_bytes);
    } else if ((info->size_flags & HSIGHT_NODE_SIZE_FORMULA) != 0) {
        if (is_equal(size_bytes, bytes)) {
            set_mark(sizes, node, 0);
        }
    } else {
        int64_t change = correction(object, reach, info, blocks->own_bytes);
        if (change != 0) {
            size_bytes += (uint64_t)change;
            set_size(sizes, node, size_bytes);
        }
    }
    if (sizes->rows != NULL && blocks->is_whole) {
        count(&sizes->rows[info->id.index], size_bytes, bytes);
        sizes->rows[info->id.index].given_count += is_given;
    }
}
