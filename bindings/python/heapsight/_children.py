# SPDX-License-Identifier: MIT
"""Children of a program that write a snapshot of their own at their end.

A forked child is this process once more, hook and tables included. Interpreters that
multiprocessing starts anew (spawn, forkserver) find heapsight by a sitecustomize of ours in front
of PYTHONPATH and are told by the environment variable HEAPSIGHT what to do.
"""

import atexit
import os
import sys
from contextlib import suppress

from heapsight._core import HeapsightError
from heapsight._live import snapshot
from heapsight._say import say, sentence

__all__ = ["follow_forks", "follow_started", "write_at_exit"]

ARMED: list["_Exit"] = []  # multiprocessing keeps weak references, and clears atexit's since 3.13
STARTUP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_startup")


class _Exit:
    """The snapshot of one process at its end, child-PID.hsnap, taken once."""

    def __init__(self, folder: str) -> None:
        self.folder = os.path.abspath(folder)
        self.process = 0

    def arm(self) -> None:
        """This process is to write one. Where multiprocessing runs it, no atexit is called."""
        self.process = os.getpid()
        ARMED.append(self)
        atexit.register(self.write)
        if "multiprocessing.util" in sys.modules:
            from multiprocessing import util

            util.register_after_fork(self, _Exit._arm_finalizer)
            self._arm_finalizer()

    def _arm_finalizer(self) -> None:
        """multiprocessing forgets the finalizers of the parent when a child begins."""
        from multiprocessing import util

        util.Finalize(None, self.write, exitpriority=-100)

    def write(self) -> None:
        if os.getpid() != self.process:
            return
        self.process = 0
        name = f"child-{os.getpid()}.hsnap"
        try:
            os.makedirs(self.folder, exist_ok=True)
            with snapshot("child") as heap:
                heap.save(os.path.join(self.folder, name))
        except (HeapsightError, MemoryError, OSError) as problem:
            say(f"could not write {name}: {sentence(problem)}")


def write_at_exit(folder: str) -> None:
    """This process writes a snapshot at its end, and so does every child that it forks."""
    _Exit(folder).arm()
    follow_forks(folder)


def follow_forks(folder: str) -> None:
    """Every child that this process forks writes a snapshot at its end."""
    os.register_at_fork(after_in_child=lambda: _Exit(folder).arm())


def follow_started(settings: str) -> None:
    """Interpreters that multiprocessing starts from now on begin with HEAPSIGHT=settings."""
    os.environ["HEAPSIGHT"] = settings
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    with suppress(ValueError):
        paths.remove(STARTUP)
    home = os.path.dirname(os.path.dirname(STARTUP))  # where `import heapsight` finds us
    os.environ["PYTHONPATH"] = os.pathsep.join([STARTUP, *filter(None, paths), home])
