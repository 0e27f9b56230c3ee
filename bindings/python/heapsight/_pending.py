# SPDX-License-Identifier: MIT
"""A snapshot that a forked child takes while the program goes on."""

import atexit
import os
from _thread import RLock
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from heapsight import _core
from heapsight._core import (
    HeapsightError,
    HeapsightOSError,
    HeapsightRuntimeError,
    HeapsightValueError,
)
from heapsight._errors import HeapsightTypeError
from heapsight._snapshot import Snapshot, load

__all__ = ["TIME_LIMIT_SECONDS", "PendingSnapshot", "begin"]

TIME_LIMIT_SECONDS = 600.0  # a hundred million objects or so take less
LONGEST_SECONDS = 1e9


class PendingSnapshot:
    """What snapshot(fork=True) returns: a snapshot that is being taken by a forked child.

    The child ends when its file is written, and is ended by cancel(), by the end of a with block,
    when this object goes, and with the program. Only the process that made it can ask it; in a
    copy that fork() made, cancel() does nothing. Any thread may, and signal handlers.
    """

    __slots__ = ("__weakref__", "_child", "_failure", "_is_kept", "_label", "_lock", "_path",
                 "_process", "_snapshot", "_temporary", "_was_written")

    def __init__(
        self, child: _core.Child, label: str, path: str | bytes, temporary: str, is_kept: bool
    ) -> None:
        self._child = child
        self._label = label
        self._path = path
        self._temporary = temporary
        self._is_kept = is_kept  # the file is the user's, and stays
        self._was_written = False
        self._failure: HeapsightError | None = None  # to be copied: who raises one gives it frames
        self._snapshot: Snapshot | None = None
        self._process = os.getpid()
        # Around the fields above and the file. A signal handler may come back to it. A copy in
        # another process may have it locked for good, and leaves it alone.
        self._lock = RLock()
        if not is_kept:
            _unkept.add(self)

    @property
    def label(self) -> str:
        """The name given when it was taken."""
        return self._label

    @property
    def path(self) -> str | bytes | None:
        """Where the file appears when it is complete; None for a temporary one."""
        return self._path if self._is_kept else None

    def done(self) -> bool:
        """Is there a file, or none to be expected any more? Never waits."""
        return self._is_over(0)

    def _is_over(self, seconds: float) -> bool:
        if self._failure is not None:
            return True
        try:
            return self.wait(seconds)
        except HeapsightError:
            return True

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the file, for `timeout` seconds at most; False when it takes longer.

        Other threads go on meanwhile. Raises what went wrong in the child, at each call:
        HeapsightMemoryError when it had no memory or reached its limit, HeapsightOSError when the
        file cannot be written or the time limit passed, HeapsightRuntimeError when it was killed or
        cancelled.
        """
        seconds = _check_number("timeout", LONGEST_SECONDS if timeout is None else timeout, 0)
        if not self._is_ours():
            raise HeapsightValueError(
                f"process {self._process} takes this snapshot, and only it can ask; take a new one"
            )
        if not self._was_written and self._failure is None:
            self._ask(seconds)
        self._raise_failure()
        return self._was_written

    def _is_ours(self) -> bool:
        return os.getpid() == self._process

    def _ask(self, seconds: float) -> None:
        try:
            was_written = self._child.wait(seconds)
        except HeapsightError as problem:
            with self._lock:
                if self._failure is None:
                    self._failure = _copy(problem)
                    self._remove_traces()
        else:
            with self._lock:  # another thread may have cancelled it
                self._was_written = self._failure is None and (was_written or self._was_written)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise _copy(self._failure)

    def result(self, timeout: float | None = None) -> Snapshot:
        """The snapshot, which is waited for; the same one at each call.

        It is mapped from the file, so it takes hardly any memory of the program. A temporary file
        is removed as soon as it is mapped. Raises as wait() and load() do, and HeapsightOSError
        when it takes longer than `timeout` seconds.
        """
        if not self.wait(timeout):
            raise HeapsightOSError(
                f"the forked snapshot {self._label!r} is not done after {timeout:g} s; wait longer"
                " or cancel() it"
            )
        with self._lock:
            if self._snapshot is None:
                self._raise_failure()
                self._load()
            assert self._snapshot is not None
            return self._snapshot

    def _load(self) -> None:
        try:
            loaded = load(self._path)
        except HeapsightError:
            if self._snapshot is not None:
                return  # a signal handler came in between, asked too, and removed the file
            self._raise_failure()  # or cancelled it
            raise
        if self._snapshot is None:
            self._snapshot = loaded
        self._drop_file()

    def cancel(self) -> None:
        """End the child, unless its file is there; a temporary file is removed.

        Returns when the child is gone. result() then raises HeapsightRuntimeError.
        """
        if not self._is_ours():
            return
        if not self.done():
            self._child.kill()
            while not self._is_over(LONGEST_SECONDS):
                pass
        with self._lock:
            if self._was_written and not self._is_kept and self._snapshot is None:
                self._drop_file()
                self._was_written = False
                self._failure = HeapsightRuntimeError(
                    "the forked snapshot was cancelled; take a new one"
                )

    def _drop_file(self) -> None:
        if not self._is_kept:
            self._remove(self._path)

    def _remove_traces(self) -> None:
        """After a failure. A child that was killed may have given its file the last name before."""
        self._remove(self._temporary_path())
        self._drop_file()

    def _temporary_path(self) -> str | bytes:
        folder, _ = os.path.split(os.fsdecode(self._path))
        return os.path.join(folder, self._temporary)

    @staticmethod
    def _remove(path: str | bytes) -> None:
        try:
            os.unlink(path)
        except OSError:
            pass  # it never came, or is gone

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cancel()

    def __del__(self) -> None:
        try:
            if self._snapshot is None:
                self.cancel()
        except (AttributeError, HeapsightError):
            pass  # never begun, or a copy in another process: nothing of it is ours

    def __repr__(self) -> str:
        state = "pending" if not self.done() else "failed" if self._failure else "written"
        return f"<heapsight.PendingSnapshot {self._label!r}, {state}>"


_unkept: WeakSet[PendingSnapshot] = WeakSet()  # those whose file is not the user's


@atexit.register
def _leave_no_file() -> None:
    """The interpreter does not collect what is still held at its end."""
    for pending in list(_unkept):
        if pending._snapshot is None:
            pending.cancel()


def _copy(problem: HeapsightError) -> HeapsightError:
    """The same, without the frames that the exception went through."""
    copied = type(problem)(*problem.args)
    if isinstance(problem, OSError) and isinstance(copied, OSError):
        copied.errno = problem.errno
    return copied


def begin(
    label: str,
    collect: bool,
    values: bool,
    path: str | bytes | os.PathLike[str] | os.PathLike[bytes] | None,
    memory_limit: int | None,
    time_limit: float,
) -> PendingSnapshot:
    """Fork the child. Raises as snapshot(fork=True)."""
    bytes_limit = 0 if memory_limit is None else _check_limit(memory_limit)
    seconds = _check_number("time_limit", time_limit, 0.001)
    unique = os.urandom(8).hex()
    place = _temporary_file(unique) if path is None else _absolute(path)
    temporary = f".heapsight-{unique}.tmp"
    child = _core.fork_capture(label, collect, values, place, temporary, bytes_limit, seconds)
    return PendingSnapshot(child, label, place, temporary, path is not None)


def _absolute(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> str | bytes:
    try:
        return os.path.abspath(os.fspath(path))
    except TypeError:
        raise HeapsightTypeError(f"path must be a path, not {type(path).__name__}") from None


def _temporary_file(unique: str) -> str:
    """tempfile would import a dozen modules into the program."""
    named = os.environ.get("TMPDIR", "")
    folder = named if os.path.isdir(named) else "/tmp"
    return os.path.join(os.path.abspath(folder), f"heapsight-{unique}.hsnap")


def _check_limit(limit: int) -> int:
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise HeapsightTypeError(
            f"memory_limit must be a number of bytes, not {type(limit).__name__}"
        )
    if not 0 < limit < 1 << 62:
        raise HeapsightValueError(f"memory_limit must be above 0 bytes, not {limit!r}")
    return limit


def _check_number(name: str, seconds: Any, least: float) -> float:
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
        raise HeapsightTypeError(f"{name} must be seconds, not {type(seconds).__name__}")
    if not least <= seconds <= LONGEST_SECONDS:
        raise HeapsightValueError(
            f"{name} must be {least:g} to {LONGEST_SECONDS:,.0f} seconds, not {seconds!r}"
        )
    return float(seconds)
