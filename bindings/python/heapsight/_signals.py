# SPDX-License-Identifier: MIT
"""Signals that several parts of heapsight wait for: the interpreter knows one handler for each.

A signal that the program handles or ignores is left to it. In a forked child nobody waits any more,
and the signals do there what they do without heapsight; so they do when the last one that waited
has gone.

SIGTERM ends the program once everybody who waits for it is through, which may be later than the
handler: what it interrupted goes on first. A second one ends the program at once, and so does an
exception that comes in between.

A forked child clears what its inherited handlers noted before it forgets them: a signal that is sent
to it at once would be lost, and who sent it may wait for its end. So they are blocked meanwhile.
"""

import os
import signal
from _thread import get_ident
from collections.abc import Callable
from contextlib import suppress
from math import inf
from time import monotonic
from types import FrameType

__all__ = ["UNUSABLE", "ignore", "listen", "name_of", "repeat_sigterm", "through"]

Call = Callable[[], None]

ENDS = "ends the program"
FAULT = "reports a fault in the program"
UNCAUGHT = "cannot be caught"
IGNORED = "is ignored by Python, which tells of it by an error"
UNUSABLE: dict[int, str] = {
    signal.SIGKILL: UNCAUGHT,
    signal.SIGSTOP: UNCAUGHT,
    signal.SIGTERM: ENDS,
    signal.SIGINT: ENDS,
    signal.SIGSEGV: FAULT,
    signal.SIGBUS: FAULT,
    signal.SIGFPE: FAULT,
    signal.SIGILL: FAULT,
    signal.SIGABRT: FAULT,
    signal.SIGPIPE: IGNORED,
    signal.SIGXFSZ: IGNORED,
}
"""Why a signal cannot be an occasion for a snapshot."""

REPEAT_SECONDS = 1.0  # within which one that we sent again is handled, or never

_calls: dict[int, list[Call]] = {}
_killed_by = 0
_repeated_at = -inf  # by us: that is no second one
_process = os.getpid()
_masks: dict[int, set[int]] = {}  # of the threads that fork now, as they were before


def name_of(number: int) -> str:
    """SIGUSR1, or "signal 40" for one that has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def listen(number: int, call: Call) -> bool:
    """Have it called on a signal, in the main thread, which this must be called by, too.

    Whoever is called on SIGTERM says through() when it is. False: the program handles or ignores
    that signal, and goes on so.
    """
    if signal.getsignal(number) is signal.SIG_DFL:
        signal.signal(number, _on_signal)
    if signal.getsignal(number) is not _on_signal:
        return False
    _calls.setdefault(number, []).append(call)
    return True


def ignore(number: int, call: Call) -> None:
    """Undo listen(); no effect where there was none."""
    calls = _calls.get(number, [])
    with suppress(ValueError):
        calls.remove(call)
    if not calls:
        _release(number)


def through(call: Call) -> None:
    """This one has done what it does before the end. The last one ends the program if it is due."""
    ignore(signal.SIGTERM, call)
    if _killed_by and not _calls.get(_killed_by):
        _die(_killed_by)


def repeat_sigterm(thread: int) -> None:
    """Send it to the main thread once more; no effect when it is handled, or not by us."""
    global _repeated_at
    if not _killed_by and signal.getsignal(signal.SIGTERM) is _on_signal:
        _repeated_at = monotonic()
        signal.pthread_kill(thread, signal.SIGTERM)


def _release(number: int) -> None:
    _calls.pop(number, None)
    if signal.getsignal(number) is _on_signal:
        with suppress(ValueError):  # not the main thread: the handler finds nobody, and does it
            signal.signal(number, signal.SIG_DFL)


def _on_signal(number: int, frame: FrameType | None) -> None:
    calls = list(_calls.get(number, ()))
    if not calls or os.getpid() != _process:
        _die(number)
    elif number == signal.SIGTERM:
        _end(calls)
    else:
        for call in calls:
            call()


def _end(calls: list[Call]) -> None:
    global _killed_by, _repeated_at
    if _killed_by and monotonic() - _repeated_at < REPEAT_SECONDS:
        _repeated_at = -inf
        return
    if _killed_by:
        _die(_killed_by)
    _killed_by = signal.SIGTERM
    try:
        for call in calls:
            call()
    except BaseException:
        _die(_killed_by)
        raise


def _die(number: int) -> None:
    try:
        signal.signal(number, signal.SIG_DFL)
    except ValueError:
        pass  # not the main thread, whose handler will do it
    finally:
        os.kill(os.getpid(), number)


def _block() -> None:
    """Before a fork: a signal of ours waits until it is clear whose it is."""
    ours = [number for number in _calls if signal.getsignal(number) is _on_signal]
    if ours:
        # Asked first: the second call may handle a signal that came before, which may raise.
        _masks.setdefault(get_ident(), signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        signal.pthread_sigmask(signal.SIG_BLOCK, ours)


def _unblock() -> None:
    mask = _masks.pop(get_ident(), None)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _forget() -> None:
    """In a forked child."""
    global _killed_by, _repeated_at, _process
    _killed_by = 0
    _repeated_at = -inf
    _process = os.getpid()
    try:
        for number in list(_calls):
            _release(number)
    finally:
        _unblock()
        _masks.clear()  # of other threads, which are not here


os.register_at_fork(before=_block, after_in_parent=_unblock, after_in_child=_forget)
