# SPDX-License-Identifier: MIT
"""What the Python tests share: programs in temporary folders and the heapsight command."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from running import finished

if TYPE_CHECKING:
    from heapsight import ClassTracker

settings.register_profile("heapsight", deadline=None)  # the machine may be busy
settings.load_profile("heapsight")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells start what runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # programs would inherit it

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def python(tmp_path: Path) -> Run:
    """python(*words): the interpreter of the tests, run in the test's folder."""
    return lambda *words, **more: finished([sys.executable, *words], tmp_path, **more)


@pytest.fixture
def heapsight(python: Run) -> Run:
    """heapsight(*words): the command, run in the test's folder."""
    return lambda *words, **more: python("-m", "heapsight", *words, **more)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """write(name, source): a file in the test's folder."""

    def write_file(name: str, source: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(source))
        return path

    return write_file


BEGIN = """
import heapsight, os, signal, sys, time

def wait_for(dumps, count):
    deadline = time.monotonic() + 60
    while len(dumps.files) < count and time.monotonic() < deadline:
        time.sleep(0.02)
"""


@pytest.fixture
def program(write: Callable[[str, str], Path], python: Run) -> Run:
    """program(source): run it, after BEGIN, in the test's folder."""

    def run(source: str, **more: object) -> subprocess.CompletedProcess[str]:
        path = write("prog.py", source)
        path.write_text(BEGIN + path.read_text())
        return python("prog.py", **more)

    return run


@pytest.fixture
def tracker() -> Iterator["ClassTracker"]:
    """A ClassTracker that lets go of its classes after the test."""
    from heapsight import ClassTracker

    made = ClassTracker()
    yield made
    made.stop_periodic_snapshots()
    made.clear()


@pytest.fixture(scope="session")
def leak(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two snapshots of a program that leaked 500 sessions into a cache."""
    folder = tmp_path_factory.mktemp("leak")
    source = """
        import heapsight

        class Session:
            def __init__(self, number):
                self.number = number

        class Registry:
            cache = {}

        heapsight.snapshot("before").save("before.hsnap")
        for number in range(500):
            Registry.cache[number] = Session(number)
        heapsight.snapshot("after").save("after.hsnap")
        """
    (folder / "app.py").write_text(dedent(source))
    done = finished([sys.executable, "-c", "import app"], folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def ask(
    traced: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """ask(*words): the command in the folder of the module's fixture traced(), without a process of
    its own."""
    from heapsight.cli import main

    monkeypatch.chdir(traced)
    capfd.readouterr()

    def call(*words: object) -> subprocess.CompletedProcess[str]:
        try:
            code = main([str(word) for word in words])
        except SystemExit as refused:
            code = refused.code
        return subprocess.CompletedProcess(words, code, *capfd.readouterr())

    return call
