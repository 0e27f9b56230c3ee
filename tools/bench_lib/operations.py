# SPDX-License-Identifier: MIT
"""What is measured. An operation is prepared (imports, outside the measurement), then run once.

run() returns (what the user would keep, number of objects it looked at or None).
"""

from __future__ import annotations

import gc
import io
from collections.abc import Callable
from dataclasses import dataclass

Run = Callable[[], tuple[object, int | None]]


def collect() -> Run:
    def run() -> tuple[object, int | None]:
        gc.collect()
        return None, None

    return run


def heapsight_snapshot(collect: bool) -> Run:
    import heapsight

    def run() -> tuple[object, int | None]:
        snapshot = heapsight.snapshot("bench", collect=collect)
        return snapshot, snapshot.object_count

    return run


def guppy_heap() -> Run:
    """The bare call; asking it for the count costs nothing."""
    from guppy import hpy

    session = hpy()

    def run() -> tuple[object, int | None]:
        heap = session.heap()
        return heap, heap.count

    return run


def guppy_table() -> Run:
    from guppy import hpy

    session = hpy()

    def run() -> tuple[object, int | None]:
        heap = session.heap()
        text = f"{heap.size} {heap}"
        return (heap, text), heap.count

    return run


def pympler_summary() -> Run:
    from pympler import muppy, summary

    def run() -> tuple[object, int | None]:
        objects = muppy.get_objects()
        return summary.summarize(objects), len(objects)

    return run


def objgraph_typestats() -> Run:
    import objgraph

    def run() -> tuple[object, int | None]:
        stats = objgraph.typestats()
        return stats, sum(stats.values())

    return run


def objgraph_growth() -> Run:
    import objgraph

    def run() -> tuple[object, int | None]:
        peaks: dict[str, int] = {}
        objgraph.show_growth(peak_stats=peaks, file=io.StringIO())
        return peaks, sum(peaks.values())

    return run


@dataclass(frozen=True)
class Operation:
    """One row of the table. package: what PyPI calls its tool, None for the standard library."""

    title: str
    package: str | None
    prepare: Callable[[], Run]


BASELINE = "collect"
OURS = "heapsight"
WALK = "heapsight-walk"

OPERATIONS = {
    BASELINE: Operation("gc.collect()", None, collect),
    OURS: Operation("heapsight.snapshot()", "heapsight", lambda: heapsight_snapshot(True)),
    WALK: Operation("heapsight.snapshot(collect=False)", "heapsight",
                    lambda: heapsight_snapshot(False)),
    "guppy3": Operation("guppy3 hpy().heap()", "guppy3", guppy_heap),
    "guppy3-table": Operation("guppy3 hpy().heap(), size, str", "guppy3", guppy_table),
    "pympler": Operation("Pympler get_objects + summarize", "pympler", pympler_summary),
    "objgraph-typestats": Operation("objgraph typestats()", "objgraph", objgraph_typestats),
    "objgraph-growth": Operation("objgraph show_growth()", "objgraph", objgraph_growth),
}
