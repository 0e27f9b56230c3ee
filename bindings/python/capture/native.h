/* SPDX-License-Identifier: MIT */
/* native.h - the search for native blocks: those that no object of a graph leads to. */
#ifndef HEAPSIGHT_CAPTURE_NATIVE_H
#define HEAPSIGHT_CAPTURE_NATIVE_H

#include <heapsight/graph.h>
#include <heapsight/reach.h>

/* Follow all objects of a graph that was made just now. The GIL must be held, and nothing may have
 * run since. `preheaders` are as hsight__join() takes them.
 * @return for hsight_tracer_take(), owned by the caller; NULL where native blocks stay unknown: in
 *         other modes than exact, where memory is refused or the system does not let a process read
 *         its own, and beside subinterpreters */
hsight_reach *hsight__search_native(const hsight_graph *graph, const uint8_t *preheaders,
                                    uint32_t preheader_count, hsight_tracer *tracer);

#endif
