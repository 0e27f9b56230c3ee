# SPDX-License-Identifier: MIT
"""How a program is traced while its CPU time is taken, and how two traces are compared.

A mode is prepared (imports, outside the measurement); then it begins, the program runs, it ends.
end() returns (bytes of the tracer's own tables, live blocks at the peak), None where it cannot tell.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Facts = tuple[int | None, int | None]
Begin = Callable[[], Callable[[], Facts]]
NOTHING: Facts = (None, None)


def plain() -> Begin:
    return lambda: lambda: NOTHING


def heapsight_tracer(mode: str, frames: int) -> Begin:
    import heapsight

    def begin() -> Callable[[], Facts]:
        tracer = heapsight.Tracer(mode, frames=frames)
        tracer.start()

        def end() -> Facts:
            trace = tracer.trace()
            blocks = sum(row.blocks for row in trace.peak(None)) if mode == "exact" else None
            return trace.info["memory_bytes"], blocks

        return end

    return begin


def tracemalloc_tracer(frames: int) -> Begin:
    import tracemalloc

    def begin() -> Callable[[], Facts]:
        tracemalloc.start(frames)
        return lambda: (tracemalloc.get_tracemalloc_memory(), None)

    return begin


def memray_tracker(python_allocators: bool) -> Begin:
    import memray

    def begin() -> Callable[[], Facts]:
        folder = tempfile.TemporaryDirectory(prefix="bench-")
        place = os.path.join(folder.name, "memray.bin")
        tracker = memray.Tracker(place, trace_python_allocators=python_allocators)
        tracker.__enter__()

        def end() -> Facts:
            tracker.__exit__(None, None, None)
            folder.cleanup()
            return NOTHING

        return end

    return begin


@dataclass(frozen=True)
class Mode:
    """One row of the table. package: what PyPI calls its tool. most_rounds: of a slow one."""

    title: str
    package: str | None
    prepare: Callable[[], Begin]
    most_rounds: int = 99


DEPTHS = (1, 10, 25)
PLAIN = "plain"
FRAMES = 32  # what a Tracer takes by default

MODES = {
    PLAIN: Mode("plain", None, plain),
    "sampled": Mode("heapsight sampled (32 frames)", "heapsight",
                    lambda: heapsight_tracer("sampled", 32)),
    **{f"exact-{depth}": Mode(f"heapsight exact, {depth} frames", "heapsight",
                              lambda depth=depth: heapsight_tracer("exact", depth))
       for depth in DEPTHS},
    "tracemalloc-1": Mode("tracemalloc, 1 frame", None, lambda: tracemalloc_tracer(1)),
    "tracemalloc-10": Mode("tracemalloc, 10 frames", None, lambda: tracemalloc_tracer(10), 3),
    "tracemalloc-25": Mode("tracemalloc, 25 frames", None, lambda: tracemalloc_tracer(25), 1),
    "memray": Mode("memray, malloc only", "memray", lambda: memray_tracker(False)),
    "memray-python": Mode("memray, Python allocators", "memray", lambda: memray_tracker(True)),
}


# ---- two traces compared ----

DIFF_FRAMES = 10


def heapsight_diff(build: Callable[[], Any], grow: Callable[[], Any]) -> tuple[Callable[[], Any], Any]:
    """(what is timed, what must stay alive meanwhile)."""
    import heapsight

    tracer = heapsight.Tracer("exact", frames=DIFF_FRAMES)
    tracer.start()
    kept = [build()]
    before = tracer.trace()
    kept.append(grow())
    return lambda: tracer.trace().since(before), (tracer, kept)


def tracemalloc_diff(build: Callable[[], Any], grow: Callable[[], Any]) -> tuple[Callable[[], Any], Any]:
    import tracemalloc

    tracemalloc.start(DIFF_FRAMES)
    kept = [build()]
    before = tracemalloc.take_snapshot()
    kept.append(grow())
    return lambda: tracemalloc.take_snapshot().compare_to(before, "lineno"), kept


DIFFS = {"heapsight-diff": heapsight_diff, "tracemalloc-diff": tracemalloc_diff}
SLOW_DIFF = "tracemalloc-diff"
