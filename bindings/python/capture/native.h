/* SPDX-License-Identifier: MIT */
/* native.h - the search for native blocks: those that no object of a graph leads to. */
#ifndef HEAPSIGHT_CAPTURE_NATIVE_H
#define HEAPSIGHT_CAPTURE_NATIVE_H

#include <heapsight/graph.h>
#include <heapsight/reach.h>

/* Follow all objects of a graph that was made just now. The GIL must be held, and nothing may have
 * run since.
 * @param out  for hsight_tracer_take(); NULL where there is no such search: in other modes than
 *             exact, and where the system does not let a process read its own memory */
hsight_status hsight__search_native(const hsight_graph *graph, hsight_tracer *tracer,
                                    hsight_reach **out, hsight_error *err);

#endif
