/* SPDX-License-Identifier: MIT */
/* heapsight.h - everything at once. */
#ifndef HEAPSIGHT_HEAPSIGHT_H
#define HEAPSIGHT_HEAPSIGHT_H

#include "base.h"
#include "builder.h"
#include "diff.h"
#include "error.h"
#include "graph.h"
#include "histogram.h"
#include "native_references.h"
#include "path.h"
#include "reach.h"
#include "report.h"
#include "site.h"
#include "snapshot.h"
#include "sort.h"
#include "store.h"
#include "subgraph.h"
#include "trace.h"
#include "tracer.h"

#endif
