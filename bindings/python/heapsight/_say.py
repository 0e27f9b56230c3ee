# SPDX-License-Identifier: MIT
"""Lines on stderr that cannot harm the program."""

import os
import select
import sys
from contextlib import suppress
from time import monotonic, sleep

__all__ = ["say", "sentence"]

FULL_SECONDS = 0.01  # between two attempts to write to something that is not ready after all


def sentence(problem: BaseException) -> str:
    """An exception as one line for people."""
    text = str(problem) or type(problem).__name__
    if isinstance(problem, OSError) and problem.strerror:
        place = f"{os.fsdecode(problem.filename)}: " if problem.filename else ""
        text = f"{place}{problem.strerror}"
    return " ".join(text.split())


def say(text: str, seconds: float | None = None) -> None:
    """Write a line to stderr, or nowhere; give up when nobody reads it for so many `seconds`.

    It goes past sys.stderr: the program may have replaced that, and a signal handler that
    interrupts a write to it must not write to it.
    """
    stream = sys.__stderr__
    if stream is None or stream.closed:
        return
    line = f"heapsight: {text}\n".encode(stream.encoding, "backslashreplace")
    with suppress(OSError, ValueError):
        _write_all(stream.fileno(), line, seconds)


def _write_all(fd: int, data: bytes, seconds: float | None) -> None:
    """Where poll() finds room, PIPE_BUF bytes are written without waiting."""
    deadline = None if seconds is None else monotonic() + seconds
    writable = select.poll()
    writable.register(fd, select.POLLOUT)
    while data:
        if not writable.poll(None if deadline is None else max(0.0, deadline - monotonic()) * 1000):
            return
        try:
            data = data[os.write(fd, data[: select.PIPE_BUF]) :]
        except BlockingIOError:
            sleep(FULL_SECONDS)
