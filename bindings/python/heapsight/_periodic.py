# SPDX-License-Identifier: MIT
"""An action that repeats in the background."""

import os
from _thread import allocate_lock, get_ident, start_new_thread
from collections.abc import Callable

__all__ = ["Periodic"]


class Periodic:
    """Calls `action` every `interval` seconds, counted from the end of one call to the next.

    The thread is not a threading.Thread: the program does not see it in threading.enumerate(), does
    not wait for it at its end, and heapsight leaves it out of snapshots. An action that raises ends
    the repetition.
    """

    def __init__(self, interval: float, action: Callable[[], None]) -> None:
        self.interval = interval
        self._action = action
        self._stopping = allocate_lock()  # held until stop()
        self._running = allocate_lock()  # held while the thread lives
        self._process = os.getpid()
        self._thread = 0

    def start(self) -> None:
        """Begin; the first call comes after one interval. A Periodic is started once."""
        self._stopping.acquire()
        self._running.acquire()
        self._thread = start_new_thread(self._repeat, ())

    def _repeat(self) -> None:
        try:
            while not self._stopping.acquire(timeout=self.interval):
                self._action()
        finally:
            self._running.release()

    def stop(self) -> None:
        """End the repetition and wait for a call under way, unless this is called by the action."""
        if self._stopping.locked():
            self._stopping.release()
        forked = os.getpid() != self._process  # the thread stayed in the parent
        if not forked and get_ident() != self._thread:
            with self._running:
                pass
