# SPDX-License-Identifier: MIT
"""Snapshots of a running program that write themselves when there is an occasion."""

import os
import sys
from _thread import TIMEOUT_MAX, get_ident
from signal import valid_signals
from types import TracebackType
from typing import Any, Self

from heapsight import _core, _signals
from heapsight._core import HeapsightValueError
from heapsight._errors import HeapsightTypeError
from heapsight._recorder import Forking, Occasions, Recorder
from heapsight._rows import check_limit
from heapsight._say import say

__all__ = ["Dumps", "dump_on"]


class Dumps:
    """What dump_on() has set up; stop() ends it, and so does the end of a with block."""

    def __init__(self, recorder: Recorder, watches_exceptions: bool) -> None:
        self._recorder = recorder
        recorder.begin()
        self._watches_exceptions = watches_exceptions
        if watches_exceptions:
            self._watch_exceptions()

    @property
    def files(self) -> list[str]:
        """What was written and kept, oldest first."""
        return self._recorder.files

    def take(self, occasion: str = "code") -> None:
        """Write a snapshot now. `occasion` is part of its name: letters, digits and "_"."""
        if not isinstance(occasion, str):
            raise HeapsightTypeError(f"an occasion must be a str, not {type(occasion).__name__}")
        if not (occasion.isidentifier() and occasion.isascii()):
            raise HeapsightValueError(f"an occasion is named like a variable, not {occasion!r}")
        self._recorder.take(occasion)

    def stop(self) -> None:
        """No more occasions. No effect when stopped already."""
        self._recorder.stop()
        if self._watches_exceptions:
            self._restore_hooks()

    def _watch_exceptions(self) -> None:
        import threading  # takes its time, and few programs come here

        self._hook: Any = sys.excepthook
        self._thread_hook: Any = threading.excepthook
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception

    def _restore_hooks(self) -> None:
        """Where the program put a hook of its own on top, ours stays and passes on."""
        import threading

        if sys.excepthook == self._on_exception:
            sys.excepthook = self._hook
        if threading.excepthook == self._on_thread_exception:
            threading.excepthook = self._thread_hook

    def _on_exception(
        self, kind: type[BaseException], problem: BaseException, trace: TracebackType | None
    ) -> None:
        try:
            if issubclass(kind, Exception):  # Ctrl-C is none
                self._recorder.note_failure()
        finally:  # a signal handler of the program can raise meanwhile
            self._hook(kind, problem, trace)

    def _on_thread_exception(self, args: Any) -> None:
        try:
            if issubclass(args.exc_type, Exception):  # sys.exit() ends a thread as well
                self._recorder.take("exception")
        finally:
            self._thread_hook(args)

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
    folder: str | bytes | os.PathLike[str] | None = None,
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
    fork: bool | None = None,
    memory_limit: int | None = None,
) -> Dumps:
    """Write snapshots into a folder on occasions, each into a file of its own.

    folder: made if missing; heapsight-PID by default; several processes may share one. signal: a
    number, such as signal.SIGUSR1; no effect where the program handles it already. every: seconds.
    rss: when the resident memory passes so many bytes. growth: when it grew by so many since the
    last snapshot. memory_error: when an allocator of the interpreter has no memory, while a Tracer
    runs. exception: when one ends the program or a thread. exit: at the end, SIGTERM included where
    the program does not handle it. keep: files of this call at most; the first one stays, of the
    others the newest; those of other processes and of earlier runs are neither counted nor removed.
    values: as in snapshot(). fork: have a forked child take the snapshots of signal, every, rss and
    growth, one child at a time and without a collection before; None: with a million
    allocated blocks and more. memory_limit: bytes that such a child may take on top, as in snapshot(). Children made
    by fork leave it alone. With a Tracer running, each
    snapshot knows who allocated its objects.
    Raises HeapsightOSError when the folder cannot be had, HeapsightValueError for a number out of
    range and, outside of the main thread, for signal and exit. A snapshot that fails is one
    sentence on stderr; the program goes on.
    """
    place = _folder(folder)
    _check_number("every", every, TIMEOUT_MAX, (int, float))
    _check_number("rss", rss, 1 << 62)
    _check_number("growth", growth, 1 << 62)
    _check_number("memory_limit", memory_limit, 1 << 62)
    check_limit(keep, "keep")
    main = _main_thread()
    if signal is not None:
        _check_signal(signal)
    if (signal is not None or exit) and get_ident() != main:
        raise HeapsightValueError("signal= and exit= take the main thread: only it gets signals")
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
    forking = Forking(fork, memory_limit)
    recorder = Recorder(place, occasions, values, keep, main=main, forking=forking)
    dumps = Dumps(recorder, exception)
    if memory_error and not _core.trace_is_running():
        say("memory_error= has no effect before a Tracer runs, whose hook sees the refusals")
    return dumps


def _main_thread() -> int | None:
    import threading

    return threading.main_thread().ident


def _folder(folder: str | bytes | os.PathLike[str] | None) -> str | None:
    try:
        return None if folder is None else os.fsdecode(folder)
    except TypeError:
        raise HeapsightTypeError(f"folder must be a path, not {type(folder).__name__}") from None


def _check_number(
    name: str, number: float | None, highest: float, kinds: tuple[type, ...] = (int,)
) -> None:
    if number is None:
        return
    if not isinstance(number, kinds) or isinstance(number, bool):
        what = "a number" if float in kinds else "a whole number"
        raise HeapsightTypeError(f"{name} must be {what}, not {type(number).__name__}")
    if not 0 < number <= highest:
        raise HeapsightValueError(f"{name} must be above 0 and at most {highest:,}, not {number!r}")


def _check_signal(number: int) -> None:
    if not isinstance(number, int) or isinstance(number, bool):
        raise HeapsightTypeError(
            f"signal must be a number such as signal.SIGUSR1, not {type(number).__name__}"
        )
    if number not in valid_signals():
        raise HeapsightValueError(f"signal must be one such as SIGUSR1 (10), not {number!r}")
    if number in _signals.UNUSABLE:
        raise HeapsightValueError(
            f"signal must be one such as SIGUSR1 (10): {_signals.name_of(number)}"
            f" {_signals.UNUSABLE[number]}"
        )
