/* SPDX-License-Identifier: MIT */
/* load.c - map a .hsnap file and hand it out as a snapshot.
 *
 * The mapping is kept by a block of its own that the graph releases with itself. Cost: reader.c. */
#include "store/load.h"

#include <heapsight/store.h>

#include "base/error.h"
#include "store/display.h"
#include "store/mapping.h"
#include "store/reader.h"

typedef struct {
    const hsight_allocator *allocator;
    hsight__mapping mapping;
} keeper;

static void release_keeper(void *owner, const hsight__columns *columns)
{
    (void)columns; /* they lie in the mapping */
    keeper *kept = owner;
    hsight__mapping_close(&kept->mapping);
    kept->allocator->release(kept->allocator->state, kept, sizeof *kept);
}

/* Put the file's name before a message that names only the place inside. */
static hsight_status name_file(hsight_status status, const char *path, const hsight_error *inner,
                               hsight_error *err)
{
    if (status == HSIGHT_EFORMAT || status == HSIGHT_EVERSION) {
        return hsight__fail(err, status, "%s: %s", hsight__show_path(path).text, inner->message);
    }
    if (status != HSIGHT_OK && err != NULL) {
        *err = *inner;
    }
    return status;
}

hsight_status hsight__store_load_with(const hsight_allocator *allocator, const char *path,
                                      hsight_snapshot **out, hsight_error *err)
{
    if (allocator == NULL) {
        allocator = hsight_allocator_default();
    }
    keeper *kept = allocator->allocate(allocator->state, sizeof *kept);
    if (kept == NULL) {
        return hsight__fail_memory(err, sizeof *kept);
    }
    kept->allocator = allocator;
    hsight_status status = hsight__mapping_open(path, &kept->mapping, err);
    if (status != HSIGHT_OK) {
        allocator->release(allocator->state, kept, sizeof *kept);
        return status;
    }
    hsight_error inner;
    status = hsight__store_read(allocator, kept->mapping.bytes, kept->mapping.size, release_keeper,
                                kept, out, &inner);
    return name_file(status, path, &inner, err);
}

hsight_status hsight_store_load(const char *path, hsight_snapshot **out, hsight_error *err)
{
    return hsight__store_load_with(NULL, path, out, err);
}
