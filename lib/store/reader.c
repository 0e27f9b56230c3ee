/* SPDX-License-Identifier: MIT */
/* reader.c - bytes of a .hsnap file -> snapshot.
 *
 *     container   header, table of contents, checksums        container.c
 *     columns     counts and lengths fit together             column_chunks.c
 *     meta        where it came from                          meta.c
 *     graph       every value of every column in its bounds   hsight__columns_check()
 *     trace       the same for allocations, where there are   trace_chunks.c
 *
 * I1  each step uses only what the steps before it have verified
 * I2  the snapshot is handed out only after the last
 * I3  `owner` is released exactly once: by the graph as soon as there is one, by us before that
 *
 * Cost: one pass for the checksums, one for the check. The snapshot owns the graph, the graph owns
 * what keeps the bytes. */
#include "store/reader.h"

#include "store/column_chunks.h"
#include "store/container.h"
#include "store/damage.h"
#include "store/meta.h"
#include "store/trace_chunks.h"

static hsight_status check_values(const hsight__columns *columns,
                                  const hsight__container *container, hsight_error *err)
{
    hsight_error fault;
    hsight_status status = hsight__columns_check(columns, &fault);
    return status == HSIGHT_OK ? HSIGHT_OK : hsight__fail_contents(container->minor, &fault, err);
}

/* Everything but the objects that own something. */
static hsight_status read_parts(const void *bytes, uint64_t size, hsight__container *container,
                                hsight_snapshot_info *info, hsight__columns *columns,
                                hsight_error *err)
{
    hsight_status status = hsight__format_check_host(err);
    if (status == HSIGHT_OK) {
        status = hsight__container_open(bytes, size, container, err);
    }
    if (status == HSIGHT_OK) {
        status = hsight__meta_decode(&container->chunks[HSIGHT__CHUNK_META], info, err);
    }
    if (status == HSIGHT_OK) {
        status = hsight__columns_of_chunks(container->chunks, columns, err);
    }
    if (status == HSIGHT_OK) {
        status = check_values(columns, container, err);
    }
    return status;
}

hsight_status hsight__store_read(const hsight_allocator *allocator, const void *bytes,
                                 uint64_t size, hsight__columns_release release, void *owner,
                                 hsight_snapshot **out, hsight_error *err)
{
    hsight__container container;
    hsight_snapshot_info info;
    hsight__columns columns;
    hsight_graph *graph = NULL;
    hsight_status status = read_parts(bytes, size, &container, &info, &columns, err);
    if (status == HSIGHT_OK) {
        status = hsight__graph_wrap(allocator, &columns, release, owner, &graph, err);
    }
    if (status != HSIGHT_OK) {
        release(owner, NULL);
        return status;
    }
    hsight_snapshot *snapshot;
    status = hsight_snapshot_new(graph, &info, &snapshot, err);
    if (status != HSIGHT_OK) {
        hsight_graph_free(graph);
        return status;
    }
    if (container.last_part != HSIGHT__PART_HEAP) {
        status = hsight__trace_of_chunks(&container, snapshot, err);
        if (status != HSIGHT_OK) {
            hsight_snapshot_free(snapshot);
            return status;
        }
    }
    *out = snapshot;
    return HSIGHT_OK;
}
