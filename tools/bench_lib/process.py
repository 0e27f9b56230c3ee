# SPDX-License-Identifier: MIT
"""Measurements in processes of their own, one by one or by turns."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

Fail = Callable[[str], Exception]


def environment() -> dict[str, str]:
    return dict(os.environ) | {"PYTHONHASHSEED": "0"}


def measure(command: list[str | Path], title: str, seconds: float, fail: Fail) -> dict[str, Any]:
    """What the command prints in its last line, as JSON; a program may print something before."""
    try:
        done = subprocess.run(command, env=environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise fail(f"{title} took over {seconds:g} s") from None
    if done.returncode:
        raise fail(failure(title, done.stderr))
    measurement: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measurement


def failure(title: str, stderr: str) -> str:
    lines = stderr.strip().splitlines() or ["no message"]
    return f"{title} failed: {lines[-1]}"


class Alternating:
    """A process that does a turn of its work for each line that it is sent."""

    def __init__(self, command: list[str | Path], title: str, seconds: float, fail: Fail) -> None:
        self.title, self._fail, self._seconds = title, fail, seconds
        self._stderr = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(command, bufsize=0, env=environment(),
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=self._stderr)
        self._is_late = False
        self._watch = threading.Timer(seconds, self._stop)
        self._watch.daemon = True
        self._watch.start()

    def _stop(self) -> None:
        self._is_late = True
        self._process.kill()

    def turn(self) -> dict[str, Any] | None:
        """What it prints as JSON once its work is done, None before."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(b"go\n")
        except BrokenPipeError:  # its end is told below
            pass
        line = self._process.stdout.readline()
        if line == b"turn\n":
            return None
        if self._process.wait() == 0:
            measurement: dict[str, Any] = json.loads(line)
            return measurement
        if self._is_late:
            raise self._fail(f"{self.title} took over {self._seconds:g} s")
        self._stderr.seek(0)
        raise self._fail(failure(self.title, self._stderr.read()))

    def __enter__(self) -> Alternating:
        return self

    def __exit__(self, *problem: object) -> None:
        self._watch.cancel()
        with self._process:
            self._process.kill()
        self._stderr.close()


def take_turns(commands: Mapping[str, list[str | Path]], seconds: float,
               fail: Fail) -> dict[str, dict[str, Any]]:
    """What each process prints. A slow phase of the machine, if it is longer than a turn, hits all."""
    found: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        running = {name: stack.enter_context(Alternating(command, name, seconds, fail))
                   for name, command in commands.items()}
        while len(found) < len(running):
            for name, process in running.items():
                measurement = None if name in found else process.turn()
                if measurement is not None:
                    found[name] = measurement
    return found
