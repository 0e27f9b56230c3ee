# SPDX-License-Identifier: MIT
"""Tracing the allocations of this process."""

import os
import sys
from types import FrameType, TracebackType
from typing import Any, ClassVar, Self

from heapsight import _core
from heapsight._core import HeapsightValueError
from heapsight._errors import HeapsightTypeError
from heapsight._frames import RUNNER, Frame, own_folders
from heapsight._trace import AllocationRow, Trace

__all__ = ["Tracer", "allocation_site"]


class Tracer:
    """Watches the interpreter's allocators: who allocated what, and what of it stayed.

    mode: "sampled" draws blocks by their bytes, one in `sample_bytes` on average, cheap enough to
    leave on; its numbers are estimates without bias. "exact" keeps every block. "counts" keeps
    totals only. frames: of a stack, the innermost, 1 to 1024. seed: for samples that can be drawn
    again; None for a new one. follow_children: go on in children made by fork().

    One tracer runs at a time. Blocks allocated before start() are not known. Use it in a with
    block, or call start() and stop(); what was seen last can be asked for after stop().
    """

    _current: ClassVar["Tracer | None"] = None  # the last one that was started

    def __init__(
        self,
        mode: str = "sampled",
        frames: int = 32,
        sample_bytes: int = 524288,
        *,
        seed: int | None = None,
        follow_children: bool = False,
    ) -> None:
        if mode not in ("sampled", "exact", "counts"):
            raise HeapsightValueError(f'mode must be "sampled", "exact" or "counts", not {mode!r}')
        self._mode = mode
        self._frames = _whole("frames", frames, 1024)
        self._sample_bytes = _whole("sample_bytes", sample_bytes, 1 << 62)
        self._seed = 0 if seed is None else _whole("seed", seed, (1 << 64) - 1)
        self._follow = follow_children
        self._last: Trace | None = None
        self._process = 0  # that start() was called in
        self._file = ""  # the caller of start()
        self._line = 0

    @property
    def running(self) -> bool:
        """Is it recording?"""
        return Tracer._current is self and _core.trace_is_running()

    @property
    def removed(self) -> bool:
        """Did another tool take the hook out of the allocators? Figures are then incomplete."""
        return self.running and _core.trace_is_removed()

    @property
    def births_lost(self) -> bool:
        """Does another tool, tracemalloc for one, hear of objects from free lists instead?

        They then keep the stack that their block had before. In mode "exact", Python 3.13 and later;
        before, no tool can hear of them.
        """
        return self.running and _core.trace_births_are_lost()

    def start(self) -> None:
        """Begin. Raises HeapsightValueError while a tracer is running already."""
        if _core.trace_is_running():
            raise HeapsightValueError(_running_text(Tracer._current))
        caller = _caller(sys._getframe(1))  # before: the program's first blocks are then its own
        self._file = caller.f_code.co_filename
        self._line = caller.f_lineno
        self._process = os.getpid()
        _core.trace_start(self._mode, self._frames, self._sample_bytes, self._seed, self._follow)
        self._last = None
        Tracer._current = self

    def stop(self) -> None:
        """End, keep what was seen and give the tables back. No effect while stopped."""
        if self.running:
            self._last = self.trace()
            _core.trace_stop()
            Tracer._current = None

    def trace(self) -> Trace:
        """What was seen up to now, or up to stop(). Cost: one pass over the stacks.

        Raises HeapsightValueError before start(), and in a child made by fork() unless it is
        followed.
        """
        if self.running:
            return Trace(_core.trace_take())
        if self._last is None:
            raise HeapsightValueError(self._unknown_text())
        return self._last

    def _unknown_text(self) -> str:
        """Why there is nothing to be asked for."""
        if self._process == 0:
            return "this tracer has not run; call start() or use a with block"
        if self._process != os.getpid():
            return (
                "this tracer ended with the fork() that made this process: call start() here, or"
                " give it follow_children=True to have it go on in children"
            )
        return "this tracer was ended by heapsight run; call start() again"

    def live(
        self, limit: int | None = 10, sort: str = "size", **chosen: Any
    ) -> list[AllocationRow]:
        """What was allocated and not freed yet; as Trace.rows()."""
        return self.trace().live(limit, sort, **chosen)

    def peak(
        self, limit: int | None = 10, sort: str = "size", **chosen: Any
    ) -> list[AllocationRow]:
        """What was alive when most bytes were; as Trace.rows()."""
        return self.trace().peak(limit, sort, **chosen)

    def total(
        self, limit: int | None = 10, sort: str = "size", **chosen: Any
    ) -> list[AllocationRow]:
        """All that was allocated; as Trace.rows()."""
        return self.trace().total(limit, sort, **chosen)

    def temporary(
        self, limit: int | None = 10, sort: str = "size", **chosen: Any
    ) -> list[AllocationRow]:
        """What was freed before the next allocation of its thread; as Trace.rows()."""
        return self.trace().temporary(limit, sort, **chosen)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<heapsight.Tracer {self._mode}, {'running' if self.running else 'stopped'}>"


def allocation_site(obj: object) -> tuple[Frame, ...] | None:
    """The stack that allocated an object, innermost frame first.

    None where it is not known: no tracer is running, or none was when the object was made, or the
    object was not sampled. heapsight's own frames are left out. Cost: the frames of the stack; for
    one that is newer than the last call's, one pass over the stacks.
    """
    frames = _core.trace_site(obj)
    if frames is None:
        return None
    return _of_program([Frame(*frame[:3]) for frame in frames if not frame[3]])


def _of_program(frames: list[Frame]) -> tuple[Frame, ...]:
    """The frames inside of heapsight's runner that are not its own."""
    own = own_folders(frame.file for frame in frames)
    runners = [at for at, frame in enumerate(frames) if frame.file in [f + RUNNER for f in own]]
    inside = frames[: runners[0]] if runners else frames
    return tuple(frame for frame in inside if not frame.file.startswith(own))


def _caller(frame: FrameType) -> FrameType:
    """The first frame outside of this file. Leaves nothing on the interpreter's free lists."""
    while frame.f_code.co_filename == __file__ and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _running_text(tracer: Tracer | None) -> str:
    """Who has a tracer running, and what to do about it."""
    if tracer is None:
        return "a tracer is running already: stop it first"
    for folder in own_folders([tracer._file]):
        if tracer._file == folder + "cli/run.py":
            return (
                "heapsight run has a tracer running already: give it --exact to watch every"
                " allocation, or --off to start one here"
            )
        return (
            "the environment variable HEAPSIGHT has a tracer running already: unset it to start"
            " one here"
        )
    return f"a tracer is running already, started at {tracer._file}:{tracer._line}: stop it first"


def _whole(what: str, value: int, highest: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise HeapsightTypeError(f"{what} must be a whole number, not {type(value).__name__}")
    if not 1 <= value <= highest:
        raise HeapsightValueError(f"{what} must be 1 to {highest:,}, not {value:,}")
    return value
