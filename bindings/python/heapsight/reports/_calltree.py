# SPDX-License-Identifier: MIT
"""The stacks of a trace as one tree of calls."""

from heapsight._figures import TraceFigures
from heapsight._frames import Frame
from heapsight.reports._words import NO_CODE

__all__ = ["Call", "call_tree"]


class Call:
    """One frame under its callers.

    `bytes` and `blocks` count what was allocated in it and in all it called; `own_bytes` and
    `own_blocks` only what it allocated itself. Calls below it are never larger than itself.
    """

    __slots__ = ("blocks", "bytes", "calls", "frame", "own_blocks", "own_bytes")

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.bytes = 0
        self.blocks = 0
        self.own_bytes = 0
        self.own_blocks = 0
        self.calls: dict[Frame, Call] = {}

    def sorted_calls(self) -> "list[Call]":
        """The calls below, most bytes first; frames decide between equal ones."""
        return sorted(self.calls.values(), key=lambda call: (-call.bytes, -call.blocks, call.frame))


def call_tree(trace: TraceFigures, figure: str) -> Call:
    """The calls of one figure under a call that stands for all.

    Blocks without Python code are under a frame of their own. Cost: one pass over the frames of
    all stacks.
    """
    root = Call(Frame("", "", 0))
    for frames, size, blocks, _ in trace.stacks(figure):
        call = root
        _add(call, size, blocks)
        for frame in frames or (NO_CODE,):
            below = call.calls.get(frame)
            if below is None:
                below = call.calls[frame] = Call(frame)
            call = below
            _add(call, size, blocks)
        call.own_bytes += size
        call.own_blocks += blocks
    return root


def _add(call: Call, size: int, blocks: int) -> None:
    call.bytes += size
    call.blocks += blocks
