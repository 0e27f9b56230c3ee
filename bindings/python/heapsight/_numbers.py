# SPDX-License-Identifier: MIT
"""Numbers for the snapshots in a folder that several processes may write into.

Whoever is about to write NNN-occasion.hsnap holds the file .heapsight-claim-NNN.tmp meanwhile,
which only one process can create. A claim that a killed process left costs its number.
"""

import os
import re
from types import TracebackType

from heapsight._core import HeapsightOSError

__all__ = ["Claim"]

FINISHED = re.compile(r"([0-9]+)-\w+\.hsnap")
CLAIMED = re.compile(r"\.heapsight-claim-([0-9]+)\.tmp")


class Claim:
    """A number that no other process uses, in a with block; behind all that are in the folder.

    least: the lowest that will do. Raises HeapsightOSError when the folder cannot be had. Cost: two
    passes over the names in the folder.
    """

    def __init__(self, folder: str, least: int) -> None:
        self._folder = folder
        self._least = least
        self._path = ""

    def __enter__(self) -> int:
        try:
            while not self._try():
                pass
        except OSError as problem:
            raise HeapsightOSError(
                f"cannot use {self._folder}: {problem.strerror or problem}"
            ) from problem
        return self._least

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._give_back()

    def _try(self) -> bool:
        taken = self._taken(FINISHED) | self._taken(CLAIMED)
        self._least = max(self._least, *(number + 1 for number in taken), 0)
        path = os.path.join(self._folder, f".heapsight-claim-{self._least}.tmp")
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            return False
        self._path = path
        if self._least in self._taken(FINISHED):  # written since the folder was looked at
            self._give_back()
            return False
        return True

    def _taken(self, pattern: re.Pattern[str]) -> set[int]:
        matches = [pattern.fullmatch(name) for name in os.listdir(self._folder)]
        return {int(match[1]) for match in matches if match}

    def _give_back(self) -> None:
        try:
            os.unlink(self._path)
        except OSError:
            pass  # the folder is gone, and the claim with it
