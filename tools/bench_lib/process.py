# SPDX-License-Identifier: MIT
"""One measurement in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

Fail = Callable[[str], Exception]


def measure(command: list[str | Path], title: str, seconds: float, fail: Fail) -> dict[str, Any]:
    """What the command prints in its last line, as JSON; a program may print something before."""
    try:
        done = subprocess.run(command, env=dict(os.environ) | {"PYTHONHASHSEED": "0"},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise fail(f"{title} took over {seconds:g} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise fail(f"{title} failed: {lines[-1]}")
    measurement: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measurement
