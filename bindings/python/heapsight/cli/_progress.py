# SPDX-License-Identifier: MIT
"""A line on stderr for work that takes longer than a second."""

from _thread import allocate_lock, start_new_thread
from types import TracebackType
from typing import Self

from heapsight._say import say

__all__ = ["Progress"]

QUIET_SECONDS = 1.0


class Progress:
    """Says what is being done when the with block is not over after a second."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._done = allocate_lock()

    def _watch(self) -> None:
        if not self._done.acquire(timeout=QUIET_SECONDS):
            say(f"{self._doing} ...")

    def __enter__(self) -> Self:
        self._done.acquire()
        start_new_thread(self._watch, ())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.release()
