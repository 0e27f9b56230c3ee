# SPDX-License-Identifier: MIT
"""Writes the snapshots of a program under `heapsight run`.

Snapshots are taken by the thread that has the occasion: the main one at the start, at the end and
in signal handlers, a helper thread on the timer. Only one is taken at a time; an occasion that
comes while one is under way, in another thread or in the code that a signal handler interrupted, is
served by that one when it is through.

Nothing here may harm the program: a snapshot that fails is a sentence on stderr; an exception that a
signal handler of the program raises meanwhile reaches the program; SIGTERM ends it, whatever
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
from time import monotonic
from types import FrameType

from heapsight import HeapsightError, HeapsightOSError, snapshot
from heapsight._periodic import Periodic
from heapsight.cli._exit import say, sentence

__all__ = ["Recorder"]

LISTED = 8  # files that are named one by one at the end
SLOW_SECONDS = 1.0
FORK_SECONDS = 2.0  # that a fork waits for a snapshot under way
STDERR_SECONDS = 2.0  # that a line waits for somebody who does not read stderr
Handler = Callable[[int, FrameType | None], None]
NAME = re.compile(r"(\d+)-\w+\.hsnap")


class Recorder:
    """The snapshots of one process; children made by fork leave it alone."""

    def __init__(
        self,
        folder: str | None,
        every: float | None = None,
        on_signal: int | None = None,
        values: bool = False,
    ) -> None:
        self._folder = folder or f"heapsight-{os.getpid()}"
        self._path = os.path.abspath(self._folder)  # the program may change its directory
        self._every = every
        self._on_signal = on_signal
        self._values = values
        self._process = os.getpid()
        self._main = get_ident()
        self._handlers: dict[int, Handler] = {}
        self._timer: Periodic | None = None
        self._number = 0
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
        try:
            os.makedirs(self._path, exist_ok=True)
            taken = [NAME.fullmatch(name) for name in os.listdir(self._path)]
        except OSError as problem:
            raise HeapsightOSError(
                f"cannot use {self._folder} for snapshots: {problem.strerror}; "
                "-o names another folder"
            ) from problem
        self._number = max((int(match[1]) for match in taken if match), default=0)
        atexit.register(self._finish)
        os.register_at_fork(
            before=self._pause_timer,
            after_in_parent=self._resume_timer,
            after_in_child=self._abandon,
        )
        self.take("start")
        self._install(signal.SIGTERM, self._terminate)
        if self._on_signal is not None:
            self._install(self._on_signal, self._take_on_signal)
        if self._every is not None:
            self._timer = Periodic(self._every, lambda: self.take("timer"))
            self._timer.start()

    def note_failure(self) -> None:
        """The program is dying of an exception: look at it now, while its frames are there."""
        if self._number:
            self._failed = True
            self.take("exception")

    def take(self, occasion: str) -> None:
        """Write a snapshot now, or have the one under way followed by it."""
        if os.getpid() != self._process or self._ending:
            return
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
        seconds = monotonic() - started
        if seconds > SLOW_SECONDS:
            say(f"{name} took {seconds:.1f} s", STDERR_SECONDS)

    # ---- occasions ------------------------------------------------------------------------------

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
            if self._timer is not None and not self._timer.stop():
                late = "the snapshot of the timer does not end: there is none of the exit"
                say(late, STDERR_SECONDS)
            elif not self._failed:
                self._wanted.append("exit")
            self._serve()
        except KeyboardInterrupt:
            say("the exit snapshot was interrupted", STDERR_SECONDS)
        finally:
            self._end_if_due()

    def _is_interrupted(self) -> bool:
        """Whether this is a signal handler that interrupted a snapshot, which will be gone on with."""
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
        if not files:
            return ["no snapshot was written"]
        listed = files if len(files) <= LISTED else [files[0], "...", files[-1]]
        command = ["diff", files[0], files[-1]] if len(files) > 1 else ["types", files[0]]
        counted = "1 snapshot" if len(files) == 1 else f"{len(files):,} snapshots"
        return [f"wrote {counted}: {' '.join(listed)}", f"next: heapsight {' '.join(command)}"]

    def _pause_timer(self) -> None:
        """No snapshot is under way when the program forks, and there is no thread more than it has
        itself: the interpreter warns of those (3.13 counts when the timer is back)."""
        if self._timer is not None and os.getpid() == self._process:
            self._timer.pause(FORK_SECONDS)

    def _resume_timer(self) -> None:
        if self._timer is not None and os.getpid() == self._process and not self._ending:
            self._timer.resume()

    def _abandon(self) -> None:
        """In a forked child: handle signals as if heapsight were not there."""
        for number, handler in self._handlers.items():
            if signal.getsignal(number) == handler:
                signal.signal(number, signal.SIG_DFL)
