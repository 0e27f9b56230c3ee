# SPDX-License-Identifier: MIT
"""Flame graph: one HTML file that any browser shows, without a network."""

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Any

from heapsight._rows import check_limit
from heapsight._text import printable
from heapsight._figures import TraceFigures
from heapsight._frames import Frame
from heapsight._trace_words import FIGURE_WORDS
from heapsight.reports._calltree import Call, call_tree
from heapsight.reports._page import page
from heapsight.reports._words import NO_CODE, how, is_estimated, nothing

__all__ = ["HELP", "NAME", "SUFFIXES", "make"]

NAME = "flame"
SUFFIXES = (".html", ".htm")
HELP = "flame graph in one HTML file: click zooms, search highlights"

FIGURES = ("live", "peak", "total")
TITLES = {"live": "Still alive", "peak": "At the peak", "total": "Allocated in all"}
LIBRARY_FOLDERS = ("/site-packages/", "/dist-packages/")


def make(
    trace: TraceFigures, *, title: str = "Memory by call stack", boxes: int | None = 10_000
) -> str:
    """The page, with the figures live, peak and total to switch between.

    boxes: how many calls of each figure to keep, the largest, None for all; what is smaller is
    added up under its caller. Cost: three passes over the stacks; a page is about 170 KB and 25
    bytes a box and figure.
    """
    numbers: dict[Frame, int] = {}
    end = check_limit(boxes, "boxes")
    figures = [_figure(trace, name, end or None, numbers) for name in FIGURES]
    data = {
        "estimated": is_estimated(trace),
        "how": f"The numbers are {how(trace)}.",
        "frames": [_described(frame) for frame in numbers],
        "figures": figures,
    }
    return page(printable(title), data)


def _figure(
    trace: TraceFigures, name: str, end: int | None, numbers: dict[Frame, int]
) -> dict[str, Any]:
    """One tree as columns, callers first: number of the frame, place of the caller, figures."""
    root = call_tree(trace, name)
    columns: dict[str, Any] = {"frame": [], "parent": [], "bytes": [], "blocks": []}
    places: dict[Call, int] = {}
    for call, caller in _kept(root, end):
        places[call] = len(columns["frame"])
        frame = call.frame if caller else Frame("everything", "", 0)
        columns["frame"].append(numbers.setdefault(frame, len(numbers)))
        columns["parent"].append(places[caller] if caller else 0)
        columns["bytes"].append(call.bytes)
        columns["blocks"].append(call.blocks)
    words = FIGURE_WORDS[name]
    return {
        "name": name,
        "title": TITLES[name],
        "meaning": words[0].lower() + words[1:],
        "empty": nothing(trace, name),
        **columns,
    }


def _kept(root: Call, end: int | None) -> Iterator[tuple[Call, Call | None]]:
    """The largest calls with their callers; what else a caller has is one call more.

    No call is larger than its caller: taking the largest that is known, then what it called, finds
    them in their order. Cost: O(n log n) of what is kept, not of all.
    """
    serial = count()  # decides between equal ones
    waiting: list[tuple[int, int, Call, Call | None]] = [(0, next(serial), root, None)]
    taken = 0
    while waiting and taken != end:
        _, _, call, caller = heappop(waiting)
        yield call, caller
        taken += 1
        for below in call.sorted_calls():
            heappush(waiting, (-below.bytes, next(serial), below, call))
    small: dict[Call | None, list[Call]] = {}
    for _, _, call, caller in waiting:
        small.setdefault(caller, []).append(call)
    yield from ((_sum(calls), caller) for caller, calls in small.items())


def _sum(calls: list[Call]) -> Call:
    total = Call(Frame(f"({len(calls):,} smaller)", "", 0))
    total.bytes = sum(call.bytes for call in calls)
    total.blocks = sum(call.blocks for call in calls)
    return total


def _described(frame: Frame) -> tuple[str, str, int, str]:
    return printable(frame.function), printable(frame.file), frame.line, _kind(frame)


def _kind(frame: Frame) -> str:
    """Whose code a frame is: its colour."""
    if frame == NO_CODE or not frame.file:
        return "other"
    if any(folder in frame.file for folder in LIBRARY_FOLDERS):
        return "library"
    if frame.file.startswith("<frozen ") or "/lib/python3." in frame.file:
        return "standard"
    return "program"
