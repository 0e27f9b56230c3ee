# SPDX-License-Identifier: MIT
"""Writes snapshots of this process when there is an occasion, for `heapsight run` and dump_on().

Snapshots are taken by the thread that has the occasion: the main one at the start, at the end and
in signal handlers, a helper thread on the timer and when memory grows. Only one is taken at a time;
an occasion that comes while one is under way, in another thread or in the code that a signal
handler interrupted, is served by that one when it is through. Those of the helper threads are not:
they look again soon, and where a snapshot lasts longer than their interval, whoever takes one would
never be through.

On the timer, on a signal and when memory grew, a program with a large heap does not wait for its
snapshot: a forked child takes it, one child at a time. What it wrote, or why it wrote nothing, is
found at the next occasion, at the next look at the memory, or at the end.

Nothing here may harm the program: a snapshot that fails is a sentence on stderr; an exception that
a signal handler of the program raises meanwhile reaches the program; SIGTERM ends it, whatever
happens to the last snapshot. The helper thread does not collect garbage first: that would run
finalisers of the program in a thread that the program does not know.

Several processes may share a folder, and one process may have several recorders: each removes only
files that it wrote itself.
"""

import atexit
import os
import shlex
import sys
from _thread import get_ident
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from signal import SIGTERM
from time import monotonic
from typing import NamedTuple

from heapsight import _core, _signals
from heapsight._core import HeapsightError, HeapsightOSError
from heapsight._live import snapshot
from heapsight._numbers import Claim
from heapsight._pending import PendingSnapshot
from heapsight._periodic import Periodic
from heapsight._say import say, sentence

__all__ = ["Forking", "Occasions", "Recorder"]

LISTED = 8  # files that are named one by one at the end
SLOW_SECONDS = 1.0
FORK_SECONDS = 2.0  # that a fork waits for a snapshot under way
WATCH_SECONDS = 0.5  # between two looks at the resident memory
REFUSAL_SECONDS = 5.0  # between two snapshots because memory was refused
REARMED_AT = 0.9  # of the threshold: below, passing it again is a new occasion
CHILD_SECONDS = 30.0  # that the next snapshot, or the end of the program, waits for a child
FORK_BLOCKS = 1_000_000  # allocated; from here on a child does it
FORK_BYTES_PER_BLOCK = 2048  # resident; with more than that, copying page tables takes longer
FORKING = ("timer", "signal", "rss", "growth")  # occasions while the program is at its work
LONGEST_REST_SECONDS = 600.0  # of the look at the memory, after many snapshots that failed


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


class Forking(NamedTuple):
    """Whether a child takes a snapshot: wanted, or None for large heaps; and how much memory it may
    take on top, None for any."""

    wanted: bool | None = None
    memory_limit: int | None = None

    def is_due(self, occasion: str) -> bool:
        """Is a child to take the snapshot of this occasion?"""
        if occasion not in FORKING:
            return False
        return _is_large() if self.wanted is None else self.wanted


def _is_large() -> bool:
    """Is the heap so large that the walk would hold the program up for long, and a fork not?

    tools/bench: the walk takes a tenth of a second for a million objects, the fork some 3 ms for 100
    MiB, whatever is in them.
    """
    blocks = sys.getallocatedblocks()
    resident = _core.resident_bytes()
    fits = FORK_BLOCKS <= blocks and resident <= blocks * FORK_BYTES_PER_BLOCK
    return fits and sys.platform == "linux"


class Pending(NamedTuple):
    """What a child is about to write."""

    snapshot: PendingSnapshot
    claim: Claim
    name: str


class Recorder:
    """The snapshots of one process; children made by fork leave it alone.

    keep: files of its own to keep at most; the first one stays, of the others the newest. at_end:
    called before the last snapshot; at_last: after it; both return a line to say, or "". main: the
    main thread, if another one calls this.
    """

    def __init__(
        self,
        folder: str | None,
        occasions: Occasions = Occasions(),
        values: bool = False,
        keep: int | None = None,
        at_end: Callable[[], str] | None = None,
        at_last: Callable[[], str] = str,
        remedy: str = "folder= names another folder",
        main: int | None = None,
        forking: Forking = Forking(),
    ) -> None:
        self._folder = folder or f"heapsight-{os.getpid()}"
        self._path = os.path.abspath(self._folder)  # the program may change its directory
        self._occasions = occasions
        self._values = values
        self._keep = keep
        self._at_end = at_end
        self._at_last = at_last
        self._remedy = remedy
        self._forking = forking
        self._pending: Pending | None = None  # at most one child at a time
        self._words: list[str] = []  # to say at the end
        self._settled_bytes = 0  # resident when the last snapshot was taken
        self._is_above = False  # the threshold of the resident memory
        self._refused_at = -REFUSAL_SECONDS
        self._failure_count = 0  # since a snapshot could be written
        self._rests_until = 0.0  # the look at the memory
        self._removed_count = 0
        self._process = os.getpid()
        self._main = get_ident() if main is None else main
        self._timers: list[Periodic] = []
        self._number = 0
        self._has_begun = False
        self._files: list[str] = []
        self._wanted: deque[str] = deque()
        self._turn: dict[str, tuple[int]] = {}  # "holder": the thread that takes snapshots now
        self._failed = False  # the program died of an exception
        self._ending = False  # no snapshot after those that are wanted
        self._ended = False

    def begin(self) -> None:
        """Take the first snapshot and wait for occasions.

        Raises HeapsightOSError when the folder cannot be had.
        """
        occasions = self._occasions
        self._has_begun = True
        if any(occasions) or self._at_end is None:  # a report alone needs no folder
            self._make_folder()
        atexit.register(self._finish)
        _active.append(self)
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
    def files(self) -> list[str]:
        """What was written and kept, oldest first."""
        self._serve()
        return list(self._files)

    def stop(self) -> None:
        """No more occasions. A snapshot under way is finished."""
        self._ending = True
        atexit.unregister(self._finish)
        with suppress(ValueError):  # stopped before
            _active.remove(self)
        if self._occasions.memory_error:
            _ignore_refusals(self._take_on_refusal)
        for timer in self._timers:
            timer.stop()
        if self._occasions.signal is not None:
            _signals.ignore(self._occasions.signal, self._take_on_signal)
        self._settle()
        _signals.through(self._finish)

    def note_failure(self) -> None:
        """The program is dying of an exception: look at it now, while its frames are there."""
        if self._has_begun and self._occasions.exception:
            self._failed = True
            self.take("exception")

    def _make_folder(self) -> None:
        """Make it if missing, and see that it is one."""
        try:
            os.makedirs(self._path, exist_ok=True)
            os.listdir(self._path)
        except OSError as problem:
            raise HeapsightOSError(
                f"cannot use {self._folder} for snapshots: {problem.strerror}; {self._remedy}"
            ) from problem

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
            while self._has_work() and self._turn.setdefault("holder", mine) is mine:
                if not self._is_child_at_work():
                    self._settle()
                while self._wanted:
                    self._write(self._wanted.popleft())
                del self._turn["holder"]
        finally:  # a signal handler can raise anywhere, also where the turn was taken just now
            if self._turn.get("holder") is mine:
                del self._turn["holder"]

    def _has_work(self) -> bool:
        child_is_through = self._pending is not None and not self._is_child_at_work()
        return bool(self._wanted) or child_is_through

    def _is_child_at_work(self) -> bool:
        pending = self._pending
        return pending is not None and not pending.snapshot.done()

    def _write(self, occasion: str) -> None:
        self._settle()
        self._number += 1  # also that of one which fails
        try:
            if self._forking.is_due(occasion):
                self._begin_child(occasion)
            else:
                self._write_now(occasion)
        except (HeapsightError, MemoryError) as problem:
            self._note_problem(self._name(occasion), problem)
        finally:  # a failure, too: the same memory is no occasion for another attempt
            self._settled_bytes = _core.resident_bytes()

    def _write_now(self, occasion: str) -> None:
        started = monotonic()
        with (
            snapshot(occasion, get_ident() == self._main, self._values) as heap,
            Claim(self._path, self._number) as self._number,
        ):
            heap.save(os.path.join(self._path, self._name(occasion)))
        self._note_file(self._name(occasion))
        seconds = monotonic() - started
        if seconds > SLOW_SECONDS:
            say(f"{self._name(occasion)} took {seconds:.1f} s")

    def _begin_child(self, occasion: str) -> None:
        """Without a collection, which takes as long as the walk."""
        claim = Claim(self._path, self._number)
        self._number = claim.__enter__()
        name = self._name(occasion)
        try:
            begun = snapshot(
                occasion,
                values=self._values,
                fork=True,
                path=os.path.join(self._path, name),
                memory_limit=self._forking.memory_limit,
            )
            self._pending = Pending(begun, claim, name)
        finally:
            if self._pending is None:
                claim.__exit__(None, None, None)

    def _settle(self) -> None:
        """See the child through that is at work, if there is one, or end it after CHILD_SECONDS: who
        waits may be a signal handler of the program."""
        pending, self._pending = self._pending, None
        if pending is None or os.getpid() != self._process:
            return
        try:
            if pending.snapshot.wait(CHILD_SECONDS):
                self._note_file(pending.name)
            else:
                pending.snapshot.cancel()
                say(
                    f"could not write {pending.name}: its child was not done {CHILD_SECONDS:g} s "
                    "after the next snapshot or the end asked for it"
                )
        except (HeapsightError, MemoryError) as problem:
            self._note_problem(pending.name, problem)
        finally:
            pending.claim.__exit__(None, None, None)

    def _note_file(self, name: str) -> None:
        self._failure_count = 0
        self._files.append(os.path.join(self._folder, name))
        self._drop_old()

    def _note_problem(self, name: str, problem: Exception) -> None:
        say(f"could not write {name}: {sentence(problem)}")
        self._rest()

    def _name(self, occasion: str) -> str:
        return f"{self._number:03d}-{occasion}.hsnap"

    def _rest(self) -> None:
        """A snapshot failed: look at the memory later, and later each time that it does."""
        self._failure_count += 1
        seconds = min(WATCH_SECONDS * 2**self._failure_count, LONGEST_REST_SECONDS)
        self._rests_until = monotonic() + seconds

    def _drop_old(self) -> None:
        while self._keep is not None and len(self._files) > self._keep:
            old = self._files.pop(1 if self._keep > 1 else 0)
            with suppress(OSError):
                os.unlink(os.path.join(self._path, os.path.basename(old)))
            self._removed_count += 1

    # ---- occasions ------------------------------------------------------------------------------

    def _take_on_timer(self) -> None:
        """In a helper thread."""
        if not self._turn and not self._is_child_at_work():
            self.take("timer")

    def _watch_memory(self) -> None:
        """In a helper thread: has the resident memory passed a threshold, or grown?"""
        if self._turn or self._is_child_at_work() or monotonic() < self._rests_until:
            return
        self._serve()
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
            _signals.listen(SIGTERM, self._finish)
        number = self._occasions.signal
        if number is not None and not _signals.listen(number, self._take_on_signal):
            name = _signals.name_of(number)
            say(f"the program handles or ignores {name} itself: it brings no snapshot")

    def _take_on_signal(self) -> None:
        self.take("signal")

    def _finish(self) -> None:
        """The last snapshot: at the exit of the program or on SIGTERM.

        Where this interrupted a snapshot, the last one follows that one.
        """
        if os.getpid() != self._process or self._ending:
            return
        self._ending = True
        try:
            if not all([timer.stop() for timer in self._timers]):
                late = "the snapshot of the timer does not end: there is none of the exit"
                say(late)
            elif not self._failed and self._occasions.exit:
                self._wanted.append("exit")
            self._note_end()
            self._serve()
        except KeyboardInterrupt:
            say("the exit snapshot was interrupted")
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
        """Say what there is, and let SIGTERM end the program if that asked for it."""
        try:
            if not self._ended:
                self._ended = True
                self._settle()
                for line in self._closing_words():
                    say(line)
        finally:
            _signals.through(self._finish)

    def _closing_words(self) -> list[str]:
        words = [*self._words, *self._words_on_files(), self._at_last()]
        return [word for word in words if word]

    def _words_on_files(self) -> list[str]:
        files = [shlex.quote(file) for file in self._files]
        if not files:
            expected = self._occasions.start or self._occasions.exit
            return ["no snapshot was written"] if expected and not any(self._words) else []
        listed = files if len(files) <= LISTED else [files[0], "...", files[-1]]
        command = ["diff", files[0], files[-1]] if len(files) > 1 else ["types", files[0]]
        counted = "1 snapshot" if len(files) == 1 else f"{len(files):,} snapshots"
        removed = f" ({self._removed_count:,} older ones removed)" if self._removed_count else ""
        return [
            f"wrote {counted}: {' '.join(listed)}{removed}",
            f"next: heapsight {' '.join(command)}",
        ]

    def pause_timers(self) -> None:
        """No snapshot is under way when the program forks, and there is no thread more than it has
        itself: the interpreter warns of those (3.13 counts when the timer is back)."""
        for timer in self._timers:
            timer.pause(FORK_SECONDS)

    def resume_timers(self) -> None:
        """Undo pause_timers()."""
        if not self._ending:
            for timer in self._timers:
                timer.resume()


# ---- what there is once for all recorders --------------------------------------------------------

_active: list[Recorder] = []  # begun and not stopped, by this process


def _before_fork() -> None:
    for recorder in list(_active):
        recorder.pause_timers()


def _after_fork() -> None:
    for recorder in list(_active):
        recorder.resume_timers()


def _abandon() -> None:
    """In a forked child: heapsight is not there."""
    _active.clear()
    if _refusal_calls:
        _refusal_calls.clear()
        _core.trace_on_memory_error(None)


os.register_at_fork(  # which cannot be undone
    before=_before_fork, after_in_parent=_after_fork, after_in_child=_abandon
)

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
