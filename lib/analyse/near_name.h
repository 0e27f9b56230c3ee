/* SPDX-License-Identifier: MIT */
/* near_name.h - "no type named 'Session'; did you mean 'app.Session'?" */
#ifndef HEAPSIGHT_LIB_ANALYSE_NEAR_NAME_H
#define HEAPSIGHT_LIB_ANALYSE_NEAR_NAME_H

#include "base/error.h"

#include <heapsight/graph.h>

/* HSIGHT_ENOTFOUND, with up to three type names of the graph that are near `name`. Allocates
 * nothing. */
hsight_status hsight__fail_near_name(const hsight_graph *graph, hsight_string name,
                                     hsight_error *err);

#endif
