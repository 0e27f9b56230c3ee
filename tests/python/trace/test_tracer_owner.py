# SPDX-License-Identifier: MIT
"""Who has the one tracer of a process: refusals say it, and what to do."""

import os
import subprocess
import sys

import heapsight
import pytest
from heapsight import HeapsightValueError, Tracer

ASKS = """
import heapsight
try:
    with heapsight.Tracer("exact"):
        pass
except heapsight.HeapsightValueError as problem:
    print(problem)
"""


def test_a_tracer_of_the_program_is_named_by_its_place():
    with Tracer("exact") as running:
        for other in (Tracer(), running):
            with pytest.raises(HeapsightValueError) as caught:
                other.start()
            assert str(caught.value) == (
                f"a tracer is running already, started at {__file__}:{started_line()}:"
                " stop it first"
            )
        assert running.running


def started_line():
    with open(__file__, encoding="utf-8") as file:
        return 1 + [" as running" in line for line in file].index(True)


def test_a_tracer_of_the_command_line(write, heapsight):
    write("prog.py", ASKS)
    done = heapsight("run", "-o", "out", "prog.py")
    assert done.stdout == (
        "heapsight run has a tracer running already: give it --exact to watch every allocation,"
        " or --off to start one here\n"
    )


def test_a_tracer_of_the_environment():
    done = subprocess.run(
        [sys.executable, "-c", ASKS],
        env={**os.environ, "HEAPSIGHT": "sampled"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.stdout == (
        "the environment variable HEAPSIGHT has a tracer running already: unset it to start one"
        " here\n"
    )


def test_a_tracer_that_has_not_run():
    with pytest.raises(HeapsightValueError, match="has not run; call start"):
        Tracer().live()


CHILD = """
import heapsight, os
tracer = heapsight.Tracer("exact")
tracer.start()
if os.fork() == 0:
    assert not tracer.running
    try:
        tracer.live()
    except heapsight.HeapsightValueError as problem:
        print(problem, flush=True)
    with heapsight.Tracer("exact") as other:
        made = bytearray(100)
        assert other.running and not tracer.running
        assert heapsight.allocation_site(made)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
assert tracer.running
"""


def test_a_child_that_is_not_followed_says_so(python):
    done = python("-c", CHILD)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "this tracer ended with the fork() that made this process: call start() here, or give it"
        " follow_children=True to have it go on in children\n"
    )


def test_stopping_lets_another_begin():
    first, second = Tracer("exact"), Tracer("exact")
    for tracer in (first, second, first):
        with tracer:
            assert tracer.running and not (second if tracer is first else first).running
            kept = bytearray(1_000_000)
            assert heapsight.allocation_site(kept)
        assert tracer.live(1)[0].bytes > 1_000_000
