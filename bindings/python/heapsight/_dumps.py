# SPDX-License-Identifier: MIT
"""Snapshots of a running program that write themselves when there is an occasion."""

import sys
import threading
from os import PathLike, fspath
from types import TracebackType
from typing import Any, Self

from heapsight._core import HeapsightValueError
from heapsight._recorder import Occasions, Recorder
from heapsight._rows import check_limit

__all__ = ["Dumps", "dump_on"]


class Dumps:
    """What dump_on() has set up; stop() ends it, and so does the end of a with block."""

    def __init__(self, recorder: Recorder, watches_exceptions: bool) -> None:
        self._recorder = recorder
        self._hooks: tuple[Any, Any] | None = None
        recorder.begin()
        if watches_exceptions:
            self._watch_exceptions()

    @property
    def files(self) -> list[str]:
        """What was written and kept, oldest first."""
        return self._recorder.files

    def take(self, occasion: str = "code") -> None:
        """Write a snapshot now. `occasion` is part of its name: letters, digits and "_"."""
        if not (occasion.isidentifier() and occasion.isascii()):
            raise HeapsightValueError(f"an occasion is named like a variable, not {occasion!r}")
        self._recorder.take(occasion)

    def stop(self) -> None:
        """No more occasions. No effect when stopped already."""
        self._recorder.stop()
        if self._hooks is not None and sys.excepthook == self._on_exception:
            sys.excepthook = self._hooks[0]
        if self._hooks is not None and threading.excepthook == self._on_thread_exception:
            threading.excepthook = self._hooks[1]
        self._hooks = None

    def _watch_exceptions(self) -> None:
        self._hooks = sys.excepthook, threading.excepthook
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception

    def _on_exception(
        self, kind: type[BaseException], problem: BaseException, trace: TracebackType | None
    ) -> None:
        if self._hooks is not None:
            self._recorder.note_failure()
            self._hooks[0](kind, problem, trace)

    def _on_thread_exception(self, args: Any) -> None:
        if self._hooks is not None:
            self._recorder.take("exception")
            self._hooks[1](args)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def dump_on(
    folder: str | PathLike[str] | None = None,
    *,
    signal: int | None = None,
    every: float | None = None,
    rss: int | None = None,
    growth: int | None = None,
    memory_error: bool = False,
    exception: bool = False,
    exit: bool = False,
    keep: int | None = None,
    values: bool = False,
) -> Dumps:
    """Write snapshots into a folder on occasions, each into a file of its own.

    folder: made if missing; heapsight-PID by default. signal: a number, such as signal.SIGUSR1;
    only in the main thread, and not where the program handles it already. every: seconds. rss: when
    the resident memory passes so many bytes. growth: when it grew by so many since the last
    snapshot. memory_error: when an allocator of the interpreter has no memory, while a Tracer runs.
    exception: when one ends the program or a thread. exit: at the end. keep: files at most; the
    first one stays, of the others the newest. values: as in snapshot().
    With a Tracer running, each snapshot knows who allocated its objects.
    Raises HeapsightOSError when the folder cannot be had, HeapsightValueError for a number out of
    range. A snapshot that fails is one sentence on stderr; the program goes on.
    """
    _check(every=every, rss=rss, growth=growth)
    check_limit(keep, "keep")
    occasions = Occasions(
        start=False,
        exit=exit,
        every=every,
        signal=signal,
        rss=rss,
        growth=growth,
        memory_error=memory_error,
        exception=exception,
    )
    place = None if folder is None else fspath(folder)
    return Dumps(Recorder(place, occasions, values, keep), exception)


def _check(**numbers: float | None) -> None:
    for name, number in numbers.items():
        if number is not None and not 0 < number < 1 << 62:
            raise HeapsightValueError(f"{name} must be above 0, not {number!r}")
