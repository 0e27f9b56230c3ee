# SPDX-License-Identifier: MIT
"""Collapsed stacks: a line a stack, for flamegraph.pl, inferno and speedscope."""

from heapsight._figures import TraceFigures
from heapsight._frames import Frame
from heapsight.reports._words import NO_CODE, label

__all__ = ["HELP", "NAME", "SUFFIXES", "make"]

NAME = "collapsed"
SUFFIXES = (".collapsed", ".folded")
HELP = "a line a stack with its bytes, for flamegraph.pl"


def make(trace: TraceFigures, *, figure: str = "live") -> str:
    """Frames, outermost first, parted by semicolons; a blank; bytes. Nothing seen, no line.

    A semicolon in a name becomes a colon. Cost: one pass over the stacks.
    """
    sums: dict[str, int] = {}
    for frames, size, _, _ in trace.stacks(figure):
        if size:
            line = ";".join(map(_name, frames or (NO_CODE,)))
            sums[line] = sums.get(line, 0) + size
    return "".join(f"{line} {sums[line]}\n" for line in sorted(sums))


def _name(frame: Frame) -> str:
    return label(frame).replace(";", ":")
