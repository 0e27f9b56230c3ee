# SPDX-License-Identifier: MIT
"""Running commands and looking at how they end."""

import os
import subprocess
from pathlib import Path

SECONDS = 120

# Of a program that imports threading: the least stack that its interpreter and C library allow a thread.
LITTLE_STACK = """
for kib in (48, 64, 128, 256, 1024):
    try:
        threading.stack_size(kib << 10)
    except ValueError:
        continue
    break
"""


def finished(
    command: list[object], folder: Path, **more: object
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with its output as text."""
    words = [os.fspath(word) if isinstance(word, os.PathLike) else str(word) for word in command]
    return subprocess.run(
        words, cwd=folder, text=True, capture_output=True, timeout=SECONDS, check=False, **more
    )


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The message of a command that refused its input; asserts that it is one, with exit code 2."""
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("heapsight"), lines[0]
    assert "Traceback" not in lines[0]
    return lines[0]


def without_us(text: str) -> str:
    """What the program itself wrote to stderr."""
    return "".join(line for line in text.splitlines(True) if not line.startswith("heapsight: "))
