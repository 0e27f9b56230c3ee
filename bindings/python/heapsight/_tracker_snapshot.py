# SPDX-License-Identifier: MIT
"""The sums that the class tracker keeps of one moment."""

import os
from collections.abc import Iterable
from typing import NamedTuple

from heapsight import _core

__all__ = ["ProcessMemory", "TrackerSnapshot", "empty_row", "process_memory"]


class ProcessMemory(NamedTuple):
    """Memory of this process in bytes; 0 where the system does not tell."""

    rss: int
    vsz: int


class TrackerSnapshot:
    """The sums over all tracked objects at one moment. Sizes are bytes.

    timestamp: seconds on the tracker's axis. desc: the description given. tracked_total: all
    tracked objects with what they keep. asizeof_total: the whole heap, 0 if not asked for.
    overhead: the tracker's own records. system_total: the process as the system sees it.
    classes: for each name a dict of active (objects alive), sum, avg and pct (percent of total).
    """

    def __init__(self, timestamp: float, desc: str = "") -> None:
        self.timestamp = timestamp
        self.desc = desc
        self.tracked_total = 0
        self.asizeof_total = 0
        self.overhead = 0
        self.system_total = ProcessMemory(0, 0)
        self.classes: dict[str, dict[str, float]] = {}

    @property
    def total(self) -> int:
        """Resident memory of the process, or the tracked objects where that is not known."""
        return self.system_total.rss or self.tracked_total

    @property
    def label(self) -> str:
        """The description with the time."""
        moment = f"{self.timestamp:.3f}s"
        return f"{self.desc} ({moment})" if self.desc else moment

    def add(self, sizes: Iterable[tuple[str, int]]) -> None:
        """Sum up objects given as name and size."""
        for name, size in sizes:
            row = self.classes.setdefault(name, empty_row())
            row["active"] += 1
            row["sum"] += size
            self.tracked_total += size
        for row in self.classes.values():
            row["avg"] = row["sum"] / row["active"]
            row["pct"] = 100.0 * row["sum"] / self.total if self.total else 0.0


def empty_row() -> dict[str, float]:
    """The numbers of a class without objects."""
    return {"sum": 0, "avg": 0, "pct": 0.0, "active": 0}


def process_memory() -> ProcessMemory:
    """What the system says about this process now."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        pages = 0
    return ProcessMemory(_core.resident_bytes(), pages * os.sysconf("SC_PAGESIZE"))
