# SPDX-License-Identifier: MIT
"""Has the main thread handle a SIGTERM that came just before it began to wait for something.

The interpreter notes a signal and handles it before the next step of the program. A wait for a lock
that begins in between knows nothing of it, and who sent the signal may wait for this process, as a
Pool does for its workers: without a handler of ours it would have ended at once. A helper thread
looks whether a signal that was noted is handled, and sends it once more, which interrupts the wait.

One at a time in a process. What it needs of the interpreter is the wakeup descriptor; where the
program uses that itself, it knows how to be woken up.
"""

import os
import signal
from _thread import get_ident

from heapsight import _signals
from heapsight._periodic import Periodic

__all__ = ["Nudge"]

LOOK_SECONDS = 0.2
FORK_SECONDS = 2.0  # that a fork waits for a look under way


class Nudge:
    """Begins when it is made, in the main thread. In a forked child there is none."""

    def __init__(self) -> None:
        global _current
        self._main = get_ident()
        self._was_noted = False
        self.timer = Periodic(LOOK_SECONDS, self._look)
        self._noted, self._notes = os.pipe()
        for descriptor in (self._noted, self._notes):
            os.set_blocking(descriptor, False)
        used = signal.set_wakeup_fd(self._notes, warn_on_full_buffer=False)
        if used != -1:
            signal.set_wakeup_fd(used)
            self._close()
            return
        _current = self
        self.timer.start()

    def _look(self) -> None:
        """In the helper thread: what was noted before the last look ought to be handled by now."""
        if self._was_noted:
            _signals.repeat_sigterm(self._main)
        try:
            self._was_noted |= signal.SIGTERM in os.read(self._noted, 1 << 16)
        except BlockingIOError:
            pass  # no signal came

    def forget(self) -> None:
        """In a forked child: the pipe is the parent's."""
        used = signal.set_wakeup_fd(-1)
        if used not in (-1, self._notes):
            signal.set_wakeup_fd(used)
        self._close()

    def _close(self) -> None:
        os.close(self._noted)
        os.close(self._notes)


_current: Nudge | None = None


def _before_fork() -> None:
    if _current is not None:
        _current.timer.pause(FORK_SECONDS)


def _after_fork() -> None:
    if _current is not None:
        _current.timer.resume()


def _forget() -> None:
    global _current
    if _current is not None:
        _current.forget()
        _current = None


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_forget)
