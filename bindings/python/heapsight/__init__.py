# SPDX-License-Identifier: MIT
"""Memory profiler and leak finder for CPython.

Three questions, three calls:

    >>> import heapsight
    >>> before = heapsight.snapshot("before")
    >>> leak = [bytearray(100) for _ in range(1000)]
    >>> after = heapsight.snapshot("after")
    >>> [row for row in heapsight.diff(before, after).types() if row.type == "bytearray"]
    [DiffRow(type='bytearray', count_delta=1000, bytes_delta=...)]
    >>> answer = heapsight.why(leak)              # print(answer) names what keeps it alive
    >>> "leak" in answer.paths()[0].expression
    True
    >>> picture = heapsight.graph(leak)           # picture.render("leak.png") draws it

Sizes are bytes as the allocator holds them, headers and native buffers included. Every error that
heapsight raises is a HeapsightError and also the builtin that fits (ValueError, OSError, ...).
"""

from heapsight._core import (
    HeapsightError,
    HeapsightLookupError,
    HeapsightMemoryError,
    HeapsightOSError,
    HeapsightRuntimeError,
    HeapsightValueError,
    __version__,
)
from heapsight._diff import Diff, diff
from heapsight._dumps import Dumps, dump_on
from heapsight._environment import start_from_environment
from heapsight._errors import HeapsightKeyError, HeapsightTypeError
from heapsight._graph import Graph
from heapsight._labels import get_include, register_fields
from heapsight._live import graph, snapshot, why
from heapsight._native import NativeReferences, native_references
from heapsight._pending import PendingSnapshot
from heapsight._rows import (
    DiffRow,
    NativeReferenceRow,
    PathRow,
    PathStep,
    SiteDiffRow,
    SiteRow,
    TypeRow,
)
from heapsight._snapshot import Snapshot, load
from heapsight._trace import AllocationRow, Frame, GrowthRow, Trace
from heapsight._tracer import Tracer, allocation_site
from heapsight._why import Why
from heapsight.classtracker import ClassTracker

__all__ = [
    "AllocationRow",
    "ClassTracker",
    "Diff",
    "DiffRow",
    "Dumps",
    "Frame",
    "Graph",
    "GrowthRow",
    "HeapsightError",
    "HeapsightKeyError",
    "HeapsightLookupError",
    "HeapsightMemoryError",
    "HeapsightOSError",
    "HeapsightRuntimeError",
    "HeapsightTypeError",
    "HeapsightValueError",
    "NativeReferenceRow",
    "NativeReferences",
    "PathRow",
    "PathStep",
    "PendingSnapshot",
    "SiteDiffRow",
    "SiteRow",
    "Snapshot",
    "Trace",
    "Tracer",
    "TypeRow",
    "Why",
    "__version__",
    "allocation_site",
    "diff",
    "dump_on",
    "get_include",
    "graph",
    "load",
    "native_references",
    "register_fields",
    "snapshot",
    "why",
]

_started = start_from_environment()
