# SPDX-License-Identifier: MIT
"""What is measured. An operation is prepared (imports, outside the measurement), then run once.

run() returns (what the user would keep, number of objects it looked at or None). Where somebody else
is still at it when run() returns, that number is a function: it waits, and returns the objects and
the most memory that the other one had to itself, in bytes or None.
"""

from __future__ import annotations

import gc
import io
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Rest = Callable[[], tuple[int, int | None]]
Run = Callable[[], tuple[object, int | Rest | None]]


def collect() -> Run:
    def run() -> tuple[object, int | Rest | None]:
        gc.collect()
        return None, None

    return run


def heapsight_snapshot(collect: bool) -> Run:
    import heapsight

    def run() -> tuple[object, int | Rest | None]:
        snapshot = heapsight.snapshot("bench", collect=collect)
        return snapshot, snapshot.object_count

    return run


def own_bytes(process: str) -> int | None:
    """Memory that a process shares with no other one; None where that cannot be read."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return None
    return sum(int(kib) for kib in re.findall(r"^Private_\w+:\s+(\d+) kB", text, re.M)) * 1024


def heapsight_fork() -> Run:
    """The call alone is measured; the child is watched until it is through."""
    import heapsight

    def run() -> tuple[object, int | Rest | None]:
        pending = heapsight.snapshot("bench", fork=True)

        def rest() -> tuple[int, int | None]:
            me = os.getpid()
            child = Path(f"/proc/self/task/{me}/children").read_text().split()[0]
            peak = None
            while not pending.done():
                peak = max(peak or 0, own_bytes(child) or 0)
                time.sleep(0.005)
            return pending.result().object_count, peak

        return pending, rest

    return run


def guppy_heap() -> Run:
    """The bare call; asking it for the count costs nothing."""
    from guppy import hpy

    session = hpy()

    def run() -> tuple[object, int | Rest | None]:
        heap = session.heap()
        return heap, heap.count

    return run


def guppy_table() -> Run:
    from guppy import hpy

    session = hpy()

    def run() -> tuple[object, int | Rest | None]:
        heap = session.heap()
        text = f"{heap.size} {heap}"
        return (heap, text), heap.count

    return run


def pympler_summary() -> Run:
    from pympler import muppy, summary

    def run() -> tuple[object, int | Rest | None]:
        objects = muppy.get_objects()
        return summary.summarize(objects), len(objects)

    return run


def objgraph_typestats() -> Run:
    import objgraph

    def run() -> tuple[object, int | Rest | None]:
        stats = objgraph.typestats()
        return stats, sum(stats.values())

    return run


def objgraph_growth() -> Run:
    import objgraph

    def run() -> tuple[object, int | Rest | None]:
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
FORK = "heapsight-fork"

OPERATIONS = {
    BASELINE: Operation("gc.collect()", None, collect),
    OURS: Operation("heapsight.snapshot()", "heapsight", lambda: heapsight_snapshot(True)),
    WALK: Operation("heapsight.snapshot(collect=False)", "heapsight",
                    lambda: heapsight_snapshot(False)),
    FORK: Operation("heapsight.snapshot(fork=True)", "heapsight", heapsight_fork),
    "guppy3": Operation("guppy3 hpy().heap()", "guppy3", guppy_heap),
    "guppy3-table": Operation("guppy3 hpy().heap(), size, str", "guppy3", guppy_table),
    "pympler": Operation("Pympler get_objects + summarize", "pympler", pympler_summary),
    "objgraph-typestats": Operation("objgraph typestats()", "objgraph", objgraph_typestats),
    "objgraph-growth": Operation("objgraph show_growth()", "objgraph", objgraph_growth),
}
