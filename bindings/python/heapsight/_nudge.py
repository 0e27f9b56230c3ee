# SPDX-License-Identifier: MIT
"""Has the main thread handle a SIGTERM that came just before it began to wait for something.

The interpreter notes a signal and handles it before the next step of the program. A wait for a lock
that begins in between knows nothing of it, and who sent the signal may wait for this process, as a
Pool does for its workers: without a handler of ours it would have ended at once. A helper thread
looks whether a signal that came is handled, and sends it once more, which interrupts the wait.

One at a time in a process; in a forked child there is none.
"""

import os
from _thread import get_ident

from heapsight import _core, _signals
from heapsight._periodic import Periodic

__all__ = ["begin"]

LOOK_SECONDS = 0.2
FORK_SECONDS = 2.0  # that a fork waits for a look under way


class _Nudge:
    """Begins when it is made, in the main thread."""

    def __init__(self) -> None:
        self._main = get_ident()
        self._had_come = False
        self.timer = Periodic(LOOK_SECONDS, self._look)
        self.timer.start()

    def _look(self) -> None:
        """In the helper thread: what had come at the last look ought to be handled by now."""
        if self._had_come:
            _signals.repeat_sigterm(self._main)
        self._had_come = _core.sigterm_has_come()


_current: _Nudge | None = None


def begin() -> None:
    """In the main thread, after a handler of ours was set for SIGTERM."""
    global _current
    if _current is None and _core.sigterm_watch():
        _current = _Nudge()


def _before_fork() -> None:
    if _current is not None:
        _current.timer.pause(FORK_SECONDS)


def _after_fork() -> None:
    if _current is not None:
        _current.timer.resume()


def _forget() -> None:
    global _current
    _current = None


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_forget)
