# SPDX-License-Identifier: MIT
"""Programs that take snapshots by forked children."""

import subprocess
import sys
from collections.abc import Callable
from textwrap import dedent

import pytest
from forked_program import BEGIN

Run = Callable[..., subprocess.CompletedProcess[str]]

@pytest.fixture
def passes(python: Run, monkeypatch: pytest.MonkeyPatch, tmp_path) -> Callable[..., str]:
    """passes(source): run it, after BEGIN, in the test's folder, which is TMPDIR as well; it must
    end well. What it printed."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def run(source: str, **environment: str) -> str:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        done = python("-X", "faulthandler", "-c", BEGIN + dedent(source))
        assert (done.returncode, done.stderr) == (0, ""), (done.returncode, done.stderr[-3000:])
        return done.stdout

    return run


if not sys.platform.startswith("linux"):
    collect_ignore_glob = ["test_*"]
