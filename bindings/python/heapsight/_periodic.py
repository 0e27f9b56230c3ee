# SPDX-License-Identifier: MIT
"""An action that repeats in the background."""

import os
from _thread import LockType, RLock, allocate_lock, get_ident, get_native_id, start_new_thread
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, sleep

__all__ = ["Periodic"]

PATIENCE_SECONDS = 30.0  # for a call under way when the repetition is to end
ENDING_SECONDS = 0.1  # that a thread which has nothing left to do is given to disappear


class Periodic:
    """Calls `action` every `interval` seconds, counted from the end of one call to the next.

    at_once: make the first call now, not after an interval.
    The thread is not a threading.Thread: the program does not see it in threading.enumerate(), does
    not wait for it at its end, and heapsight leaves it out of snapshots. An action that raises ends
    the repetition. After stop() it can be started again and goes on where it was.

    No wait in here is without limit. Whoever stops it may hold a lock of the program, and the
    action may run into a garbage collection, with a finaliser that wants that lock.
    """

    def __init__(self, interval: float, action: Callable[[], None], at_once: bool = False) -> None:
        self.interval = interval
        self._action = action
        self._due = monotonic() + (0.0 if at_once else interval)
        self._stopping = allocate_lock()  # held while it repeats, until stop()
        self._running = allocate_lock()  # held while the thread lives
        self._process = 0
        self._thread = 0
        self._native = 0
        self._pausing = RLock()  # a signal handler that forks comes at any time
        self._pause_count = 0

    def start(self) -> None:
        """Begin, in a new thread."""
        self._stopping = allocate_lock()
        self._running = allocate_lock()
        self._stopping.acquire()
        self._running.acquire()
        self._process = os.getpid()
        self._thread = start_new_thread(self._repeat, (self._stopping, self._running))

    def _repeat(self, stopping: LockType, running: LockType) -> None:
        self._native = get_native_id()
        try:
            while not stopping.acquire(timeout=max(0.0, self._due - monotonic())):
                self._action()
                self._due = monotonic() + self.interval
        finally:
            running.release()

    def stop(self, seconds: float = PATIENCE_SECONDS) -> bool:
        """End the repetition and wait for a call under way, unless this is called by the action.

        False: that call did not end within `seconds`; it is the last one, and is left to itself.
        """
        with suppress(RuntimeError):  # it was stopped before
            self._stopping.release()
        forked = os.getpid() != self._process  # the thread stayed in the parent
        if forked or get_ident() == self._thread:
            return True
        if not self._running.acquire(timeout=seconds):
            return False
        self._running.release()
        self._wait_for_the_system()
        return True

    def pause(self, seconds: float) -> None:
        """Stop until resume() was called as often as this was, by any number of threads."""
        exclusive = self._pausing.acquire(timeout=seconds)
        try:
            self._pause_count += 1
            if self._pause_count == 1:
                self.stop(seconds)
        finally:
            if exclusive:
                self._pausing.release()

    def resume(self) -> None:
        """Undo one pause(); the last one starts it again."""
        exclusive = self._pausing.acquire(timeout=ENDING_SECONDS)
        try:
            self._pause_count -= 1
            if self._pause_count == 0:
                self.start()
        finally:
            if exclusive:
                self._pausing.release()

    def _wait_for_the_system(self) -> None:
        """The system's thread ends a moment after the interpreter's; who forks wants it gone."""
        deadline = monotonic() + ENDING_SECONDS
        while os.path.exists(f"/proc/self/task/{self._native}") and monotonic() < deadline:
            sleep(0.0001)
