# SPDX-License-Identifier: MIT
"""Lines on stderr that cannot harm the program."""

import os
import select
import sys
from contextlib import suppress
from time import monotonic, sleep

__all__ = ["say", "sentence"]

STDERR_SECONDS = 2.0  # that a line waits for somebody who does not read stderr
FULL_SECONDS = 0.01  # between two attempts to write to something that is not ready after all


def sentence(problem: BaseException) -> str:
    """An exception as one line for people."""
    text = str(problem) or type(problem).__name__
    if isinstance(problem, OSError) and problem.strerror:
        place = f"{os.fsdecode(problem.filename)}: " if problem.filename else ""
        text = f"{place}{problem.strerror}"
    return " ".join(text.split())


def say(text: str) -> None:
    """Write a line to stderr, or nowhere; give up when nobody reads it for STDERR_SECONDS.

    It goes past sys.stderr: the program may have replaced that, and a signal handler that
    interrupts a write to it must not write to it.
    """
    stream = sys.__stderr__
    if stream is None or stream.closed:
        return
    line = f"heapsight: {text}\n".encode(stream.encoding, "backslashreplace")
    with suppress(OSError, ValueError):
        _write_all(stream.fileno(), line)


def _write_all(fd: int, data: bytes) -> None:
    """Where poll() finds room, PIPE_BUF bytes are written without waiting."""
    deadline = monotonic() + STDERR_SECONDS
    writable = select.poll()
    writable.register(fd, select.POLLOUT)
    while data:
        if not writable.poll(max(0.0, deadline - monotonic()) * 1000):
            return
        try:
            data = data[os.write(fd, data[: select.PIPE_BUF]) :]
        except BlockingIOError:
            sleep(FULL_SECONDS)
