# SPDX-License-Identifier: MIT
"""Writes snapshots of this process when there is an occasion, for `heapsight run` and dump_on().

Snapshots are taken by the thread that has the occasion: the main one at the start, at the end and
in signal handlers, a helper thread on the timer and when memory grows. Only one is taken at a time;
an occasion that comes while one is under way, in another thread or in the code that a signal
handler interrupted, is served by that one when it is through. Those of the helper threads are not:
they look again soon, and where a snapshot lasts longer than their interval, whoever takes one would
never be through.

Nothing here may harm the program: a snapshot that fails is a sentence on stderr; an exception that
a signal handler of the program raises meanwhile reaches the program; SIGTERM ends it, whatever
happens to the last snapshot. The helper thread does not collect garbage first: that would run
finalisers of the program in a thread that the program does not know.
"""

import atexit
import os
import re
import shlex
import signal
from _thread import get_ident
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from types import FrameType
from typing import NamedTuple

from heapsight import _core
from heapsight._core import HeapsightError, HeapsightOSError
from heapsight._live import snapshot
from heapsight._periodic import Periodic
from heapsight._say import say, sentence

__all__ = ["Occasions", "Recorder"]

LISTED = 8  # files that are named one by one at the end
SLOW_SECONDS = 1.0
FORK_SECONDS = 2.0  # that a fork waits for a snapshot under way
STDERR_SECONDS = 2.0  # that a line waits for somebody who does not read stderr
WATCH_SECONDS = 0.5  # between two looks at the resident memory
REFUSAL_SECONDS = 5.0  # between two snapshots because memory was refused
REARMED_AT = 0.9  # of the threshold: below, passing it again is a new occasion
Handler = Callable[[int, FrameType | None], None]
NAME = re.compile(r"(\d+)-\w+\.hsnap")


class Occasions(NamedTuple):
    """When to take a snapshot. `every` in seconds, `rss` and `growth` in bytes."""

    start: bool = True
    exit: bool = True
    every: float | None = None
    signal: int | None = None
    rss: int | None = None  # resident memory passes it
    growth: int | None = None  # resident memory since the last snapshot
    memory_error: bool = False
    exception: bool = True  # the program dies of one


class Recorder:
    """The snapshots of one process; children made by fork leave it alone.

    keep: files to keep at most; the first one stays, of the others the newest. at_end: called
    before the last snapshot; returns a line to say, or "". main: the main thread, if another one
    calls this.
    """

    def __init__(
        self,
        folder: str | None,
        occasions: Occasions = Occasions(),
        values: bool = False,
        keep: int | None = None,
        at_end: Callable[[], str] | None = None,
        remedy: str = "folder= names another folder",
        main: int | None = None,
    ) -> None:
        self._folder = folder or f"heapsight-{os.getpid()}"
        self._path = os.path.abspath(self._folder)  # the program may change its directory
        self._occasions = occasions
        self._values = values
        self._keep = keep
        self._at_end = at_end
        self._remedy = remedy
        self._words: list[str] = []  # to say at the end
        self._settled_bytes = 0  # resident when the last snapshot was taken
        self._is_above = False  # the threshold of the resident memory
        self._refused_at = -REFUSAL_SECONDS
        self._removed_count = 0
        self._process = os.getpid()
        self._main = get_ident() if main is None else main
        self._handlers: dict[int, Handler] = {}
        self._timers: list[Periodic] = []
        self._number = 0
        self._has_begun = False
        self._files: list[str] = []
        self._wanted: deque[str] = deque()
        self._turn: dict[str, tuple[int]] = {}  # "holder": the thread that takes snapshots now
        self._failed = False  # the program died of an exception
        self._ending = False  # no snapshot after those that are wanted
        self._ended = False
        self._killed_by = 0

    def begin(self) -> None:
        """Take the first snapshot and wait for occasions.

        Raises HeapsightOSError when the folder cannot be had.
        """
        occasions = self._occasions
        self._has_begun = True
        if any(occasions) or self._at_end is None:  # a report alone needs no folder
            self._number = self._last_number()
        atexit.register(self._finish)
        os.register_at_fork(
            before=self._pause_timer,
            after_in_parent=self._resume_timer,
            after_in_child=self._abandon,
        )
        self._settled_bytes = _core.resident_bytes()
        if occasions.start:
            self.take("start")
        self._install_signals()
        if occasions.every is not None:
            self._timers.append(Periodic(occasions.every, self._take_on_timer))
        if occasions.rss is not None or occasions.growth is not None:
            self._timers.append(Periodic(WATCH_SECONDS, self._watch_memory))
        for timer in self._timers:
            timer.start()
        if occasions.memory_error:
            _listen_to_refusals(self._take_on_refusal)

    @property
    def folder(self) -> str:
        """Where the files go, from the root."""
        return self._path

    @property
    def files(self) -> list[str]:
        """What was written and kept, oldest first."""
        return list(self._files)

    def stop(self) -> None:
        """No more occasions. A snapshot under way is finished."""
        self._ending = True
        atexit.unregister(self._finish)
        if self._occasions.memory_error:
            _ignore_refusals(self._take_on_refusal)
        for timer in self._timers:
            timer.stop()
        self._restore_signals()

    def note_failure(self) -> None:
        """The program is dying of an exception: look at it now, while its frames are there."""
        if self._has_begun and self._occasions.exception:
            self._failed = True
            self.take("exception")

    def _last_number(self) -> int:
        """Of the snapshots that are in the folder, which is made if missing."""
        try:
            os.makedirs(self._path, exist_ok=True)
            taken = [NAME.fullmatch(name) for name in os.listdir(self._path)]
        except OSError as problem:
            raise HeapsightOSError(
                f"cannot use {self._folder} for snapshots: {problem.strerror}; {self._remedy}"
            ) from problem
        return max((int(match[1]) for match in taken if match), default=0)

    def take(self, occasion: str) -> None:
        """Write a snapshot now, or have the one under way followed by it."""
        if os.getpid() != self._process or self._ending:
            return
        if occasion not in self._wanted:
            self._wanted.append(occasion)
        try:
            self._serve()
        finally:
            self._end_if_due()

    def _serve(self) -> None:
        """Write what is wanted, unless somebody is at it: then nothing is left to do here."""
        mine = (get_ident(),)
        try:
            while self._wanted and self._turn.setdefault("holder", mine) is mine:
                while self._wanted:
                    self._write(self._wanted.popleft())
                del self._turn["holder"]
        finally:  # a signal handler can raise anywhere, also where the turn was taken just now
            if self._turn.get("holder") is mine:
                del self._turn["holder"]

    def _write(self, occasion: str) -> None:
        self._number += 1
        name = f"{self._number:03d}-{occasion}.hsnap"
        started = monotonic()
        try:
            with snapshot(occasion, get_ident() == self._main, self._values) as heap:
                heap.save(os.path.join(self._path, name))
        except (HeapsightError, MemoryError) as problem:
            say(f"could not write {name}: {sentence(problem)}", STDERR_SECONDS)
            return
        self._files.append(os.path.join(self._folder, name))
        self._drop_old()
        self._settled_bytes = _core.resident_bytes()
        seconds = monotonic() - started
        if seconds > SLOW_SECONDS:
            say(f"{name} took {seconds:.1f} s", STDERR_SECONDS)

    def _drop_old(self) -> None:
        while self._keep is not None and len(self._files) > self._keep:
            old = self._files.pop(1 if self._keep > 1 else 0)
            with suppress(OSError):
                os.unlink(os.path.join(self._path, os.path.basename(old)))
            self._removed_count += 1

    # ---- occasions ------------------------------------------------------------------------------

    def _take_on_timer(self) -> None:
        """In a helper thread."""
        if not self._turn:
            self.take("timer")

    def _watch_memory(self) -> None:
        """In a helper thread: has the resident memory passed a threshold, or grown?"""
        if self._turn:
            return
        resident = _core.resident_bytes()
        limit, growth = self._occasions.rss, self._occasions.growth
        if limit is not None:
            was_above = self._is_above
            self._is_above = resident >= limit * (REARMED_AT if was_above else 1)
            if self._is_above and not was_above:
                self.take("rss")
                return
        if growth is not None and resident - self._settled_bytes >= growth:
            self.take("growth")

    def _take_on_refusal(self) -> None:
        """In the main thread: an allocator had no memory for somebody."""
        if monotonic() - self._refused_at >= REFUSAL_SECONDS:
            self._refused_at = monotonic()
            self.take("memory_error")

    def _install_signals(self) -> None:
        if self._occasions.exit or self._at_end is not None:
            self._install(signal.SIGTERM, self._terminate)
        if self._occasions.signal is not None:
            self._install(self._occasions.signal, self._take_on_signal)

    def _install(self, number: int, handler: Handler) -> None:
        """Handle a signal that the program has not been told to ignore."""
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, handler)
            self._handlers[number] = handler

    def _take_on_signal(self, number: int, frame: FrameType | None) -> None:
        self.take("signal")

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        """End as the signal would have ended the program, after a last snapshot.

        A second signal ends it at once, and so does what a handler of the program raises meanwhile.
        """
        at_once = self._killed_by != 0 or os.getpid() != self._process
        self._killed_by = number
        try:
            if not at_once:
                self._finish()
        finally:
            if at_once or not self._is_interrupted():
                self._die()

    def _finish(self) -> None:
        """The last snapshot: at the exit of the program or on SIGTERM."""
        if os.getpid() != self._process or self._ending:
            return
        self._ending = True
        try:
            if not all([timer.stop() for timer in self._timers]):
                late = "the snapshot of the timer does not end: there is none of the exit"
                say(late, STDERR_SECONDS)
            elif not self._failed and self._occasions.exit:
                self._wanted.append("exit")
            self._note_end()
            self._serve()
        except KeyboardInterrupt:
            say("the exit snapshot was interrupted", STDERR_SECONDS)
        finally:
            self._end_if_due()

    def _note_end(self) -> None:
        if self._at_end is not None:
            try:
                self._words.append(self._at_end())
            except (HeapsightError, MemoryError) as problem:
                self._words.append(f"could not write the report: {sentence(problem)}")

    def _is_interrupted(self) -> bool:
        """Is this a signal handler that interrupted a snapshot, which will be gone on with?"""
        return self._turn.get("holder") == (self._main,)

    def _end_if_due(self) -> None:
        if self._ending and get_ident() == self._main and not self._is_interrupted():
            self._end()

    def _end(self) -> None:
        """Say what there is, and die of the signal that asked for it."""
        try:
            if not self._ended:
                self._ended = True
                for line in self._closing_words():
                    say(line, STDERR_SECONDS if self._killed_by else None)
        finally:
            if self._killed_by:
                self._die()

    def _die(self) -> None:
        try:
            signal.signal(self._killed_by, signal.SIG_DFL)
        finally:
            os.kill(os.getpid(), self._killed_by)

    def _closing_words(self) -> list[str]:
        files = [shlex.quote(file) for file in self._files]
        words = [word for word in self._words if word]
        if not files:
            expected = self._occasions.start or self._occasions.exit
            return words or (["no snapshot was written"] if expected else [])
        listed = files if len(files) <= LISTED else [files[0], "...", files[-1]]
        command = ["diff", files[0], files[-1]] if len(files) > 1 else ["types", files[0]]
        counted = "1 snapshot" if len(files) == 1 else f"{len(files):,} snapshots"
        removed = f" ({self._removed_count:,} older ones removed)" if self._removed_count else ""
        return [
            *words,
            f"wrote {counted}: {' '.join(listed)}{removed}",
            f"next: heapsight {' '.join(command)}",
        ]

    def _pause_timer(self) -> None:
        """No snapshot is under way when the program forks, and there is no thread more than it has
        itself: the interpreter warns of those (3.13 counts when the timer is back)."""
        if os.getpid() == self._process:
            for timer in self._timers:
                timer.pause(FORK_SECONDS)

    def _resume_timer(self) -> None:
        if os.getpid() == self._process and not self._ending:
            for timer in self._timers:
                timer.resume()

    def _abandon(self) -> None:
        """In a forked child: handle signals as if heapsight were not there."""
        if self._occasions.memory_error:
            _ignore_refusals(self._take_on_refusal)
        self._restore_signals()

    def _restore_signals(self) -> None:
        for number, handler in self._handlers.items():
            if signal.getsignal(number) == handler:
                signal.signal(number, signal.SIG_DFL)


_refusal_calls: list[Callable[[], None]] = []  # the extension knows one call


def _listen_to_refusals(call: Callable[[], None]) -> None:
    """Have it called after an allocator had no memory, beside those of other recorders."""
    _refusal_calls.append(call)
    _core.trace_on_memory_error(_tell_of_refusal)


def _ignore_refusals(call: Callable[[], None]) -> None:
    with suppress(ValueError):
        _refusal_calls.remove(call)
    if not _refusal_calls:
        _core.trace_on_memory_error(None)


def _tell_of_refusal() -> None:
    for call in list(_refusal_calls):
        call()
