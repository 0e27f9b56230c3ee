# SPDX-License-Identifier: MIT
"""Objects that a C function of a thread holds in a variable: named by that thread's C stack."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/syscall").exists(), reason="this system does not tell stack pointers"
)

Run = Callable[..., subprocess.CompletedProcess[str]]

# What a thread that waits in C code holds: the object, its class and where it seems to be.
PROGRAM = """\
import os, sys, threading, time
import heapsight, waiter

class Row:
    pass

ready, go = os.pipe()
function = getattr(waiter, sys.argv[1])
made = threading.Event()

def make():
    row = Row()
    made.set()
    return row

def in_c_code(native_id):
    with open(f"/proc/self/task/{native_id}/syscall") as file:
        state = file.read()
    if sys.argv[1] == "hold_and_spin":  # who waits for the GIL, which this thread has, does not run
        return state == "running\\n"
    return state.startswith(("0 ", "63 "))  # read() of the two machines

thread = threading.Thread(target=function, args=(make, ready), name="worker-1")
before = heapsight.snapshot()
thread.start()
made.wait()
seen = 0
while seen < 3:
    time.sleep(0.01)
    seen = seen + 1 if in_c_code(thread.native_id) else 0
with heapsight.snapshot() as after:
    for row in heapsight.native_references(before, after).types():
        if row.type == "__main__.Row":
            print(row.count_delta, row.holders)
os.write(go, b"x")
waiter.stop()
thread.join()
with heapsight.snapshot() as after:
    print([row.count_delta for row in heapsight.native_references(before, after).types()
           if row.type == "__main__.Row"])
"""


def holders(python: Run, environment: dict[str, str], function: str) -> tuple[str, str]:
    done = python("-c", PROGRAM, function, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    held, left = done.stdout.splitlines()
    return held, left


@pytest.mark.parametrize("function", ["hold", "hold_and_spin"])
def test_a_variable_of_a_thread_that_runs_c_code_is_named(
    python: Run, environment: dict[str, str], function: str
) -> None:
    """Of one that waits the system tells the stack pointer, of one that is busy it does not."""
    held, left = holders(python, environment, function)
    name = rf"'C stack of thread worker-1 in (keep|{function}) of waiter\.[^']*'"
    assert re.fullmatch(rf"1 \(\({name}, 1\),\)", held), held
    assert left == "[]"


def test_what_a_call_left_behind_names_nothing(python: Run, environment: dict[str, str]) -> None:
    held, left = holders(python, environment, "lose_and_wait")
    assert (held, left) == ("1 ()", "[1]")


def test_a_function_under_the_snapshot_is_named(python: Run, environment: dict[str, str]) -> None:
    program = """\
import heapsight, waiter
class Row: pass
before = heapsight.snapshot()
def look():
    with heapsight.snapshot() as after:
        (row,) = [row for row in heapsight.native_references(before, after).types()
                  if row.type == "__main__.Row"]
        (path,) = after.why(row.examples[0][0]).paths()
        assert path.root.startswith("held by C code (1 reference; "), path
        assert path.root_name == row.holders[0][0], path
        print(row.count_delta, row.holders)
waiter.hold_and_call(Row, look)
"""
    done = python("-c", program, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    name = r"'C stack of thread MainThread in hold_and_call of waiter\.[^']*'"
    assert re.fullmatch(rf"1 \(\({name}, 1\),\)\n", done.stdout), done.stdout


def test_a_forked_child_looks_at_no_stack(python: Run, environment: dict[str, str]) -> None:
    """It has no other threads, and cannot ask the loader for libraries."""
    program = """\
import heapsight, waiter
class Row: pass
before = heapsight.snapshot()
def look():
    with heapsight.snapshot(fork=True).result() as after:
        print([(row.count_delta, row.holders)
               for row in heapsight.native_references(before, after).types()
               if row.type == "__main__.Row"])
waiter.hold_and_call(Row, look)
"""
    done = python("-c", program, env=environment)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "[(1, ())]\n")
