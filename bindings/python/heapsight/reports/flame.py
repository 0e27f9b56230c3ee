# SPDX-License-Identifier: MIT
"""Flame graph: one HTML file that any browser shows, without a network."""

from collections.abc import Iterable
from typing import Any

from heapsight._rows import check_limit
from heapsight._trace import FIGURE_WORDS, Frame, Trace
from heapsight.reports._calltree import Call, call_tree, preorder
from heapsight.reports._page import page
from heapsight.reports._words import NO_CODE, how, is_estimated, nothing, printable

__all__ = ["HELP", "NAME", "SUFFIXES", "make"]

NAME = "flame"
SUFFIXES = (".html", ".htm")
HELP = "flame graph in one HTML file: click zooms, search highlights"

FIGURES = ("live", "peak", "total")
TITLES = {"live": "Still alive", "peak": "At the peak", "total": "Allocated in all"}
LIBRARY_FOLDERS = ("/site-packages/", "/dist-packages/")


def make(trace: Trace, *, title: str = "Memory by call stack", boxes: int | None = 10_000) -> str:
    """The page, with the figures live, peak and total to switch between.

    boxes: how many calls of each figure to keep, the largest, None for all; what is smaller is
    added up under its caller. Cost: three passes over the stacks; a page is about 170 KB and 25
    bytes a box.
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


def _figure(trace: Trace, name: str, end: int | None, numbers: dict[Frame, int]) -> dict[str, Any]:
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


def _kept(root: Call, end: int | None) -> Iterable[tuple[Call, Call | None]]:
    """The largest calls with their callers; what else a caller has is one call more.

    No call is larger than its caller and callers come first, so the callers of what is kept are
    kept.
    """
    order = list(preorder(root))
    largest = sorted(range(len(order)), key=lambda place: (-order[place].bytes, place))
    kept = {order[place] for place in largest[:end]}
    yield root, None
    for call in order:
        if call not in kept:
            continue
        small = [below for below in call.calls.values() if below not in kept]
        yield from ((below, call) for below in call.sorted_calls() if below in kept)
        if small:
            yield _sum(small), call


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
