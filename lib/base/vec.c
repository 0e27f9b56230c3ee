/* SPDX-License-Identifier: MIT */
/* vec.c - growable columns.
 *
 * I1  data == NULL exactly when held == 0
 * I2  count <= capacity <= held, and held * item_bytes does not overflow
 * I3  the allocator was last asked for exactly held * item_bytes bytes
 *
 * The block belongs to the vector. Growth asks the allocator first and commits pointer and number
 * together afterwards. */
#include "base/vec.h"

#include "base/checked.h"

#include <assert.h>
#include <string.h>

enum { FIRST_BYTES = 64 };

void hsight__vec_init(hsight__vec *vec, const hsight_allocator *allocator, size_t item_bytes)
{
    assert(item_bytes > 0);
    *vec = (hsight__vec){.allocator = allocator, .item_bytes = item_bytes};
}

void hsight__vec_free(hsight__vec *vec)
{
    if (vec->data != NULL) {
        vec->allocator->release(vec->allocator->state, vec->data, vec->held * vec->item_bytes);
    }
    hsight__vec_init(vec, vec->allocator, vec->item_bytes);
}

/* Ask for a block of `held` items; the contents stay. */
static hsight_status set_held(hsight__vec *vec, size_t held, hsight_error *err)
{
    const hsight_allocator *allocator = vec->allocator;
    size_t bytes;
    if (!hsight__multiply_size(held, vec->item_bytes, &bytes)) {
        return hsight__fail_memory(err, SIZE_MAX);
    }
    void *data = vec->data == NULL ? allocator->allocate(allocator->state, bytes)
                                   : allocator->resize(allocator->state, vec->data,
                                                       vec->held * vec->item_bytes, bytes);
    if (data == NULL) {
        return hsight__fail_memory(err, bytes);
    }
    vec->data = data;
    vec->held = held;
    vec->capacity = vec->capacity < held ? vec->capacity : held;
    return HSIGHT_OK;
}

/* Have memory behind `need` items of those that are held. */
static void back(hsight__vec *vec, size_t need)
{
    const hsight_allocator *allocator = vec->allocator;
    size_t item = vec->item_bytes;
    if (allocator->prefault == NULL) {
        vec->capacity = vec->held;
    } else {
        size_t bytes = allocator->prefault(allocator->state, vec->data, vec->held * item,
                                           vec->capacity * item, need * item);
        assert(bytes >= need * item && bytes <= vec->held * item);
        vec->capacity = bytes / item;
    }
}

static hsight_status hold(hsight__vec *vec, size_t need, hsight_error *err)
{
    size_t doubled = vec->held > SIZE_MAX / 2 ? SIZE_MAX : vec->held * 2;
    size_t held = doubled > need ? doubled : need;
    size_t first = FIRST_BYTES / vec->item_bytes;
    return set_held(vec, held > first ? held : first, err);
}

hsight_status hsight__vec_hold(hsight__vec *vec, size_t extra, hsight_error *err)
{
    size_t need;
    if (!hsight__add_size(vec->count, extra, &need)) {
        return hsight__fail_memory(err, SIZE_MAX);
    }
    return need <= vec->held ? HSIGHT_OK : hold(vec, need, err);
}

hsight_status hsight__vec_grow(hsight__vec *vec, size_t extra, hsight_error *err)
{
    hsight_status status = hsight__vec_hold(vec, extra, err);
    if (status == HSIGHT_OK) {
        back(vec, vec->count + extra);
    }
    return status;
}

hsight_status hsight__vec_append(hsight__vec *vec, const void *items, size_t count,
                                 hsight_error *err)
{
    hsight_status status = hsight__vec_reserve(vec, count, err);
    if (status == HSIGHT_OK && count > 0) {
        memcpy((char *)vec->data + vec->count * vec->item_bytes, items, count * vec->item_bytes);
        vec->count += count;
    }
    return status;
}

hsight_status hsight__vec_append_zeros(hsight__vec *vec, size_t count, hsight_error *err)
{
    hsight_status status = hsight__vec_reserve(vec, count, err);
    if (status == HSIGHT_OK && count > 0) {
        memset((char *)vec->data + vec->count * vec->item_bytes, 0, count * vec->item_bytes);
        vec->count += count;
    }
    return status;
}

void hsight__vec_shrink(hsight__vec *vec)
{
    if (vec->count == 0) {
        hsight__vec_free(vec);
    } else if (vec->count < vec->held) {
        (void)set_held(vec, vec->count, NULL); /* refused: the larger block serves as well */
    }
}
