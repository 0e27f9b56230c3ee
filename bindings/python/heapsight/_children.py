# SPDX-License-Identifier: MIT
"""Children of a program that write a snapshot of their own at their end.

A forked child is this process once more, hook and tables included. Interpreters that
multiprocessing starts anew (spawn, forkserver) begin with a sitecustomize of ours in front of
PYTHONPATH, which finds this heapsight by its own place and calls begin_followed(); the environment
variable HEAPSIGHT_CHILDREN tells what to do. Other interpreters that the program starts run as
without: the sitecustomize takes both out of their environment.
"""

import atexit
import os
import re
import shlex
import sys
from collections.abc import Callable
from signal import SIGTERM
from typing import NamedTuple

from heapsight import _core, _nudge, _signals
from heapsight._core import HeapsightError
from heapsight._environment import start_tracer
from heapsight._live import snapshot
from heapsight._say import say, sentence

__all__ = ["Following", "begin_followed"]

NAME = "HEAPSIGHT_CHILDREN"
ARMED: list["_Exit"] = []  # multiprocessing keeps weak references, and clears atexit's since 3.13
STARTUP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_startup")
FILE = re.compile(r"child-[0-9]+\.hsnap")


class Following(NamedTuple):
    """What children are to do. tracing: for start_tracer(); folder: from the root."""

    tracing: str
    values: bool
    folder: str

    def begin(self, shown: str) -> Callable[[], str]:
        """Follow children from now on; what it returns tells, at the end, which files they wrote.

        shown: the folder as the user named it.
        """
        self.follow_forks()
        self._follow_started()
        before = self._files()

        def words() -> str:
            count = len(self._files() - before)
            made = "1 child wrote" if count == 1 else f"{count:,} children wrote"
            return f"{made} child-PID.hsnap into {shlex.quote(shown)}" if count else ""

        return words

    def follow_forks(self) -> None:
        """Every child that this process forks writes a snapshot at its end."""
        os.register_at_fork(after_in_child=self.arm)

    def arm(self) -> None:
        """This process writes one at its end."""
        _Exit(self.folder, self.values).arm()

    def _follow_started(self) -> None:
        os.environ[NAME] = f"{self.tracing};{int(self.values)};{self.folder}"
        paths = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = f"{STARTUP}{os.pathsep}{paths}" if paths else STARTUP

    def _files(self) -> set[str]:
        if not os.path.isdir(self.folder):
            return set()
        return {name for name in os.listdir(self.folder) if FILE.fullmatch(name)}


def begin_followed(is_server: bool) -> None:
    """Do in an interpreter that multiprocessing started what HEAPSIGHT_CHILDREN says.

    is_server: it forks the children, and is none itself.
    """
    tracing, values, folder = os.environ[NAME].split(";", 2)
    following = Following(tracing, values == "1", folder)
    _core.trace_stop()  # one that HEAPSIGHT started: the command line says more
    try:
        start_tracer(tracing, follow_children=True)
    except HeapsightError as problem:
        say(f"this child is not traced: {sentence(problem)}")
    following.follow_forks()
    if not is_server:
        following.arm()


class _Exit:
    """The snapshot of one process at its end, SIGTERM included: child-PID.hsnap, taken once."""

    def __init__(self, folder: str, values: bool) -> None:
        self._folder = folder
        self._values = values
        self._process = 0

    def arm(self) -> None:
        """This process is to write one. Where multiprocessing runs it, no atexit is called."""
        self._process = os.getpid()
        ARMED.append(self)
        atexit.register(self._write)
        if _signals.listen(SIGTERM, self._write):  # by which a Pool ends its workers
            _nudge.begin()
        if "multiprocessing.util" in sys.modules:
            from multiprocessing import util

            util.register_after_fork(self, _Exit._arm_finalizer)
            self._arm_finalizer()

    def _arm_finalizer(self) -> None:
        """multiprocessing forgets the finalizers of the parent when a child begins."""
        from multiprocessing import util

        util.Finalize(None, self._write, exitpriority=-100)

    def _write(self) -> None:
        """Where SIGTERM interrupts it, it goes on, and the signal ends the process after it."""
        if os.getpid() != self._process:
            return
        self._process = 0
        name = f"child-{os.getpid()}.hsnap"
        try:
            os.makedirs(self._folder, exist_ok=True)
            with snapshot("child", values=self._values) as heap:
                heap.save(os.path.join(self._folder, name))
        except (HeapsightError, MemoryError, OSError) as problem:
            say(f"could not write {name}: {sentence(problem)}")
        finally:
            _signals.through(self._write)
