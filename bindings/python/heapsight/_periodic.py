# SPDX-License-Identifier: MIT
"""An action that repeats in the background."""

import os
from _thread import LockType, allocate_lock, get_ident, get_native_id, start_new_thread
from collections.abc import Callable
from time import monotonic, sleep

__all__ = ["Periodic"]

ENDING_SECONDS = 0.1  # that a thread which has nothing left to do is given to disappear


class Periodic:
    """Calls `action` every `interval` seconds, counted from the end of one call to the next.

    The thread is not a threading.Thread: the program does not see it in threading.enumerate(), does
    not wait for it at its end, and heapsight leaves it out of snapshots. An action that raises ends
    the repetition. After stop() it can be started again and goes on where it was.
    """

    def __init__(self, interval: float, action: Callable[[], None]) -> None:
        self.interval = interval
        self._action = action
        self._due = monotonic() + interval
        self._stopping = allocate_lock()  # held while it repeats, until stop()
        self._running = allocate_lock()  # held while the thread lives
        self._process = 0
        self._thread = 0
        self._native = 0

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

    def stop(self) -> None:
        """End the repetition and wait for a call under way, unless this is called by the action."""
        if self._stopping.locked():
            self._stopping.release()
        forked = os.getpid() != self._process  # the thread stayed in the parent
        if not forked and get_ident() != self._thread:
            with self._running:
                pass
            self._wait_for_the_system()

    def _wait_for_the_system(self) -> None:
        """The system's thread ends a moment after the interpreter's; who forks wants it gone."""
        deadline = monotonic() + ENDING_SECONDS
        while os.path.exists(f"/proc/self/task/{self._native}") and monotonic() < deadline:
            sleep(0.0001)
