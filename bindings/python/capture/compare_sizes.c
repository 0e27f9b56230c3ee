/* SPDX-License-Identifier: MIT */
/* compare_sizes.c - sizes of all objects beside the blocks that the tracer saw of them. The walk
 * does the work; here it is asked for, and its graph is frozen for the names of the types. */
#include "capture.h"

#include <heapsight/builder.h>

#include <stdlib.h>

hsight_status hsight_capture_compare_sizes(PyObject *interned_probe, hsight_graph **graph,
                                           hsight_capture_size_row **rows, hsight_error *err)
{
    hsight_capture_counts counts = {.wants_size_rows = true};
    hsight_builder *builder = NULL;
    hsight_status status = hsight_builder_new(NULL, &builder, err);
    if (status == HSIGHT_OK) {
        status = hsight_capture_walk(builder, false, interned_probe, &counts, err);
    }
    if (status == HSIGHT_OK) {
        status = hsight_builder_finish(builder, graph, err);
    }
    hsight_capture_blocks_free(&counts.blocks);
    if (status == HSIGHT_OK) {
        *rows = counts.size_rows;
    } else {
        hsight_builder_free(builder);
        free(counts.size_rows);
    }
    return status;
}
