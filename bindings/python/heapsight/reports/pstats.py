# SPDX-License-Identifier: MIT
"""pstats: a file for pstats.Stats, SnakeViz and tuna.

Their words are about time. Here a call is a block, and a second is a byte:

    ncalls   blocks that a line allocated itself
    tottime  bytes of these
    cumtime  bytes of these and of all that was allocated by what the line called

An entry is a line of a function, not a function. All that is outermost hangs under one entry that
says what is counted, so the viewers have a place to start.
"""

from collections.abc import Iterable

from heapsight._text import printable
from heapsight._figures import TraceFigures
from heapsight._frames import Frame
from heapsight._trace_words import FIGURE_WORDS
from heapsight.reports._words import NO_CODE, is_estimated

__all__ = ["HELP", "NAME", "SUFFIXES", "make"]

NAME = "pstats"
SUFFIXES = (".pstats", ".prof")
HELP = "statistics for pstats, SnakeViz and tuna: calls are blocks, seconds are bytes"

Place = tuple[str, int, str]  # file, line, function
Figures = tuple[int, int, int, int]  # blocks twice (no call is counted as recursion), own, in all


def make(trace: TraceFigures, *, figure: str = "live") -> bytes:
    """The file. A line that is on a stack several times counts once.

    Cost: one pass over the stacks.
    """
    from marshal import dumps

    top = _top(trace, figure)
    entries = {top: _Entry()}
    for frames, size, blocks, _ in trace.stacks(figure):
        _add(entries, [top, *map(_place, frames or (NO_CODE,))], size, blocks)
    return dumps({place: (*entry.figures(), entry.called_by()) for place, entry in entries.items()})


class _Entry:
    """What a line allocated, and what of it under which caller."""

    def __init__(self) -> None:
        self.blocks = 0
        self.own_bytes = 0
        self.bytes = 0
        self.callers: dict[Place, _Entry] = {}

    def figures(self) -> Figures:
        return self.blocks, self.blocks, self.own_bytes, self.bytes

    def called_by(self) -> dict[Place, Figures]:
        return {caller: entry.figures() for caller, entry in self.callers.items()}

    def add_own(self, size: int, blocks: int) -> None:
        self.own_bytes += size
        self.blocks += blocks


def _add(entries: dict[Place, _Entry], stack: list[Place], size: int, blocks: int) -> None:
    """Add a stack, outermost first: once to every place, and once to every pair of two."""
    for place in dict.fromkeys(stack):
        entries.setdefault(place, _Entry()).bytes += size
    for caller, place in dict.fromkeys(_pairs(stack)):
        entries[place].callers.setdefault(caller, _Entry()).bytes += size
    entries[stack[-1]].add_own(size, blocks)
    entries[stack[-1]].callers[stack[-2]].add_own(size, blocks)


def _pairs(stack: list[Place]) -> Iterable[tuple[Place, Place]]:
    return zip(stack, stack[1:], strict=False)


def _place(frame: Frame) -> Place:
    return printable(frame.file) or "~", frame.line, printable(frame.function)


def _top(trace: TraceFigures, figure: str) -> Place:
    """An entry of a kind that the readers have for built-in functions: no file, the name alone."""
    words = FIGURE_WORDS.get(figure, figure)
    about = ", estimated" if is_estimated(trace) else ""
    return "~", 0, f"<{words[0].lower()}{words[1:]}, in bytes{about}>"
