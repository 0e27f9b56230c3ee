# SPDX-License-Identifier: MIT
"""Traces made of given stacks, for what a program that is traced cannot show on demand."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from heapsight import Frame, Trace
from hypothesis import settings
from hypothesis import strategies as st

FIGURES = ("live", "total", "peak", "temporary")  # in the order of the extension's rows


class Stack(NamedTuple):
    """Frames, outermost first; bytes and blocks by figure, in the order of FIGURES."""

    frames: tuple[Frame, ...]
    thread: str
    figures: tuple[tuple[int, int], ...]


class Held:
    """What Trace asks its part in C for. Items 0 stand for "none"."""

    def __init__(self, stacks: Sequence[Stack], **info: Any) -> None:
        self._frames = [("", "", 0, 0)]
        self._stacks = [(0, 0)]
        self._rows = [self._row(stack) for stack in stacks]
        self.info = {
            "mode": "exact",
            "frame_limit": 32,
            "sample_bytes": 0,
            "live_bytes": sum(stack.figures[0][0] for stack in stacks),
            "dropped_count": 0,
            "duration_ns": 1_000_000,
            **info,
        }

    def frames(self) -> list[tuple[str, str, int, int]]:
        return self._frames

    def stacks(self) -> list[tuple[int, int]]:
        return self._stacks

    def rows(self) -> list[tuple[int, ...]]:
        return self._rows

    def _row(self, stack: Stack) -> tuple[int, ...]:
        number = 0
        if stack.thread:
            known = {name: thread for name, _, _, thread in self._frames if thread}
            thread = known.get(stack.thread, len(known) + 1)
            number = self._stack(number, (stack.thread, "", 0, thread))
        for frame in stack.frames:
            number = self._stack(number, (*frame, 0))
        return number, *(value for pair in stack.figures for value in pair)

    def _stack(self, caller: int, frame: tuple[str, str, int, int]) -> int:
        self._frames.append(frame)
        self._stacks.append((caller, len(self._frames) - 1))
        return len(self._stacks) - 1


def made_trace(stacks: Sequence[Stack], **info: Any) -> Trace:
    """A Trace of these stacks."""
    return Trace(Held(stacks, **info))


def stack(*frames: tuple[str, str, int], size: int = 100, blocks: int = 1) -> Stack:
    """One stack of the main thread with the same in every figure."""
    return Stack(tuple(Frame(*frame) for frame in frames), "MainThread", ((size, blocks),) * 4)


HOSTILE = (
    "</script><script>x()</script>",
    "a;b c",
    "<b>&amp;\n\x1b[31m",
    "caf\xe9\u2028",
    "\udc80",
)
NAMES = st.one_of(
    st.sampled_from(("main", "load", "Session.__init__", *HOSTILE)), st.text(max_size=8)
)
FILES = st.sampled_from(("/srv/app.py", "/srv/site-packages/lib.py", "<frozen os>", "/x/a;b\n.py"))
FRAMES = st.builds(Frame, NAMES.filter(bool), FILES, st.integers(0, 9))
AMOUNTS = st.tuples(st.integers(0, 1 << 40), st.integers(0, 1 << 20))
STACKS = st.builds(
    Stack,
    st.lists(FRAMES, max_size=4).map(tuple),
    st.sampled_from(("", "MainThread", "worker;</script>")),
    st.tuples(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS),
)
TRACES = st.lists(STACKS, max_size=8).map(made_trace)
FEW = settings(max_examples=25)  # drawing a trace takes longer than looking at it


def sums(trace: Trace, figure: str) -> tuple[int, int]:
    """Bytes and blocks of a figure, over all stacks."""
    rows = list(trace.stacks(figure))
    return sum(row[1] for row in rows), sum(row[2] for row in rows)
