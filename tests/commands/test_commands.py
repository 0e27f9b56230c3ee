# SPDX-License-Identifier: MIT
"""The commands that work on the checkout itself, run as a user types them.

Not part of tools/test, which they would call again; .ci/run runs them after it.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tests/docs"))

from fences import blocks  # noqa: E402

PATH = f"{CHECKOUT}/.venv/bin{os.pathsep}{os.environ.get('PATH', '')}"
PNG = b"\x89PNG\r\n\x1a\n"
TITLE = "3. The same three paths as pictures"
DOCUMENTS = ("README.md", "CONTRIBUTING.md")
# How each command they tell is run here, in this order. tools/test and .ci/run run this file.
RUN = {
    "tools/demo": "tools/demo",
    "tools/test": "tools/test --help",
    "tools/bench": "tools/bench --quick --rounds 1 --workload W3"
                   " --only collect,heapsight,objgraph-growth",
    "pip install .": "python -m pip install --quiet .",
    ".venv/bin/python -m pytest tests/lint -k shell":
        ".venv/bin/python -m pytest tests/lint -k shell",
    "meson setup build/lib -Dpython=disabled":
        "meson setup --reconfigure build/lib -Dpython=disabled",
    "meson compile -C build/lib": "meson compile -C build/lib",
    "meson install -C build/lib": "meson install -C build/lib --destdir image",
    ".venv/bin/meson test -C build/c --list": ".venv/bin/meson test -C build/lib --list",
}


def run(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(shlex.split(command), cwd=CHECKOUT, stdin=subprocess.DEVNULL,
                          env=dict(os.environ) | {"PYTHON": sys.executable, "PATH": PATH},
                          capture_output=True, text=True, timeout=900)


@pytest.fixture(scope="module")
def demo() -> str:
    """What tools/demo prints."""
    done = run("tools/demo")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("holder", ["service.CACHE[", "service.EVENTS.listeners[", "outbox["])
def test_the_demo_names_what_holds_each_leak(demo: str, holder: str) -> None:
    assert holder in demo


def test_the_demo_names_thread_and_function(demo: str) -> None:
    assert "thread 'mailer'" in demo
    assert "mail_receipts" in demo


def test_the_pictures_that_the_demo_names_are_there(demo: str) -> None:
    names = re.findall(r"\S+\.png", demo.partition(TITLE)[2])
    assert len(names) == 3
    for name in names:
        assert (CHECKOUT / name).read_bytes().startswith(PNG)


def test_no_document_tells_a_command_that_nobody_runs() -> None:
    told = {command for name in DOCUMENTS for block in blocks(CHECKOUT / name)
            for command in block.commands if not command.startswith("heapsight ")}
    assert {"tools/demo", "tools/test"} <= told
    assert told - RUN.keys() == set()


@pytest.mark.parametrize("command", [c for name, c in RUN.items() if name != "tools/demo"])
def test_the_command_succeeds(command: str) -> None:
    done = run(command)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("tool", ["tools/demo", "tools/test", "tools/bench", "tools/pythons"])
def test_a_wrong_argument_is_one_sentence_and_exit_code_2(tool: str) -> None:
    done = run(f"{tool} --nonsense")
    assert done.returncode == 2
    assert "--nonsense" in done.stderr
