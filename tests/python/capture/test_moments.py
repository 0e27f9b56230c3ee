# SPDX-License-Identifier: MIT
"""Snapshots at awkward moments: from the destructor of an object that is half gone, while a collection is due,
from an __init__ that the interpreter entered by a frame of its own."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest


def _python(program: str, *arguments: str) -> list[str]:
    """What a program of its own prints, which may crash; a crash fails with the place it happened at."""
    result = subprocess.run([sys.executable, "-X", "faulthandler", "-c", dedent(program), *arguments],
                            capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr[:2000]
    return result.stdout.splitlines()


DYING = """
    import sys
    import heapsight

    class Destructor:
        def __del__(self):
            if armed:
                heapsight.snapshot(collect=False)
                print("walked")

    class Callable(list):
        def __call__(self):
            return 1

    def rows():
        return [Destructor(), b"x" * 10_000_000]  # the second item is freed first

    calls = {
        "argument": lambda: repr(rows())[:0],
        "callable": lambda: Callable(rows())(),
        "iterated": lambda: [None for row in rows()],
        "compared": lambda: rows() == 5,
    }
    call = calls[sys.argv[1]]
    armed = False
    for _ in range(20):
        call()  # until it is specialised
    armed = True
    call()
"""


@pytest.mark.parametrize("call", ["argument", "callable", "iterated", "compared"])
def test_a_dying_object_that_an_operand_still_names_is_left_out(call: str) -> None:
    assert _python(DYING, call) == ["walked"]
