# SPDX-License-Identifier: MIT
"""A web program under `heapsight run`: start it, send it requests, ask for snapshots, stop it.

The program prints the port it listens on as its first line, and ends on SIGINT. Used by the demo
and by the tests of whole programs.
"""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

PATIENCE_SECONDS = 60.0
HEAPSIGHT = (sys.executable, "-m", "heapsight")


class ProgramError(RuntimeError):
    """The program or a heapsight command did not do what it should; the message says what."""


def heapsight(*arguments: str | os.PathLike[str]) -> str:
    """What a heapsight command prints. Raises ProgramError when it fails."""
    command = [str(argument) for argument in arguments]
    done = subprocess.run([*HEAPSIGHT, *command], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=PATIENCE_SECONDS, check=False)
    if done.returncode:
        raise ProgramError(f"heapsight {' '.join(command)}: exit code {done.returncode}\n"
                           + done.stderr)
    return done.stdout


class Running:
    """One program under `heapsight run`, as a context manager; leaving it ends the program.

    folder: where the snapshots go. options: more of `heapsight run`. Raises ProgramError when the
    program does not start.
    """

    def __init__(self, script: Path, *arguments: str, folder: Path,
                 options: Sequence[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._seen = set(folder.glob("*.hsnap"))
        self._errors = open(folder / "stderr.txt", "w+", encoding="utf-8")
        self._process = subprocess.Popen(
            [*HEAPSIGHT, "run", "-o", str(folder), "--signal", "USR1", *options, str(script),
             *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors, text=True,
        )
        try:
            self.port = self._read_port()
            self._wait_for_snapshot()  # the one that `run` takes at start
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Running:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._end()

    def request(self, method: str, path: str) -> bytes:
        """Send one real HTTP request; the body of the answer. Raises ProgramError unless 2xx."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise ProgramError(f"{method} {path} was answered {answer.status}\n{self._words()}")
        return body

    def snapshot(self) -> Path:
        """Ask for a snapshot by SIGUSR1 and wait for its file."""
        self._process.send_signal(signal.SIGUSR1)
        return self._wait_for_snapshot()

    def stop(self) -> Path:
        """End the program by SIGINT; the snapshot that `run` takes at exit."""
        self._process.send_signal(signal.SIGINT)
        return self._wait_for_snapshot()

    def _read_port(self) -> int:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.strip().isdigit():
            self._process.wait(PATIENCE_SECONDS)
            raise ProgramError(f"the program printed {line!r}, not its port\n{self._words()}")
        return int(line)

    def _wait_for_snapshot(self) -> Path:
        deadline = time.monotonic() + PATIENCE_SECONDS
        ended = False
        while not ended and time.monotonic() < deadline:
            ended = self._process.poll() is not None
            new = set(self.folder.glob("*.hsnap")) - self._seen
            if new:
                self._seen |= new
                return max(new, key=lambda path: path.stat().st_mtime_ns)
            time.sleep(0.02)
        reason = "the program ended" if ended else f"{PATIENCE_SECONDS:.0f} s passed"
        raise ProgramError(f"no new snapshot in {self.folder}: {reason}\n{self._words()}")

    def _words(self) -> str:
        """The last lines the program wrote to stderr."""
        self._errors.flush()
        self._errors.seek(0)
        return "".join(self._errors.readlines()[-20:])

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self._errors.close()


def snapshot_pair(program: Running, warm_up: Sequence[tuple[str, str]],
                  load: Sequence[tuple[str, str]]) -> tuple[Path, Path]:
    """Snapshots before and after `load`, requests of (method, path), once `warm_up` has filled
    whatever a healthy program fills once."""
    for method, path in warm_up:
        program.request(method, path)
    before = program.snapshot()
    for method, path in load:
        program.request(method, path)
    return before, program.snapshot()
