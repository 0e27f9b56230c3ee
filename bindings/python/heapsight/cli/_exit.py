# SPDX-License-Identifier: MIT
"""How the command ends: the one table from exception to exit code."""

import os
import sys

from heapsight import HeapsightError
from heapsight._say import say, sentence

__all__ = ["ProgramFailed", "report"]

EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (KeyboardInterrupt, 130),
    (BrokenPipeError, 141),
    (MemoryError, 1),
    (HeapsightError, 2),
    (OSError, 2),
)
SILENT = (KeyboardInterrupt, BrokenPipeError)


class ProgramFailed(BaseException):
    """Carries an exception of a program under `heapsight run` past the table."""

    def __init__(self, failure: BaseException) -> None:
        super().__init__(failure)
        self.failure = failure


def report(problem: BaseException) -> int:
    """Say what went wrong in one sentence and return the exit code.

    An exception that is not in the table is a defect of heapsight and is raised again.
    """
    for kind, code in EXIT_CODES:
        if isinstance(problem, kind):
            if not isinstance(problem, SILENT):
                say(sentence(problem))
            if isinstance(problem, BrokenPipeError):
                _drop_output()
            return code
    raise problem


def _drop_output() -> None:
    """Nobody reads stdout any more: keep the interpreter from complaining at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
