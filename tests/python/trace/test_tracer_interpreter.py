# SPDX-License-Identifier: MIT
"""Tracing while an interpreter begins or ends: exit, daemon threads, subinterpreters, allocators."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from textwrap import dedent

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def passes(python: Run, source: str, *words: str, **environment: str) -> str:
    """Run a program that must end well and say nothing on stderr; what it printed."""
    done = python("-c", dedent(source), *words, env=os.environ | environment)
    assert (done.returncode, done.stderr) == (0, ""), (done.returncode, done.stderr[-2000:])
    return done.stdout


MODES = ("exact", "sampled", "counts")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("imported", ["sys", "threading"])
def test_exit_while_tracing(python: Run, mode: str, imported: str) -> None:
    passes(python, f"import {imported}, heapsight; heapsight.Tracer('{mode}', sample_bytes=1).start()")


@pytest.mark.parametrize("events", [0, 1, 7, 100, 1000])
def test_exit_soon_after_the_start(python: Run, events: int) -> None:
    """The name of a thread is looked up after 8, 16, ... events: at exit no module is there."""
    passes(python, f"""
        import atexit, heapsight

        @atexit.register
        def last():
            heapsight.Tracer("exact").start()
            for number in range({events}):
                bytearray(1)
        """)


def test_a_trace_is_taken_when_modules_are_gone(python: Run) -> None:
    out = passes(python, """
        import heapsight, os

        class Last:
            def __init__(self):
                self.tracer = heapsight.Tracer("exact")
                self.tracer.start()
                self.write = os.write

            def __del__(self):
                trace = self.tracer._last or self.tracer.trace()
                self.write(1, str(trace.info["live_blocks"] > 0).encode())

        last = Last()
        last.cycle = last
        """)
    assert out == "True"


def test_exit_with_daemon_threads_that_allocate(python: Run) -> None:
    passes(python, """
        import threading, time, zlib, heapsight

        def churn():
            while True:
                zlib.decompress(zlib.compress(bytes(20_000)))
                [object() for _ in range(50)]

        heapsight.Tracer("exact").start()
        for _ in range(6):
            threading.Thread(target=churn, daemon=True).start()
        time.sleep(0.2)
        """)


def test_subinterpreters_come_and_go(python: Run) -> None:
    """They allocate before they have modules, and since 3.12 may have a GIL of their own."""
    passes(python, """
        import heapsight
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters

        for mode in ("exact", "sampled") * 3:
            tracer = heapsight.Tracer(mode, sample_bytes=100)
            tracer.start()
            number = interpreters.create()
            interpreters.run_string(number, "kept = [str(n) for n in range(3000)]")
            here = [bytearray(1000) for _ in range(100)]
            interpreters.destroy(number)
            tracer.stop()
            total = tracer.trace().info["total_blocks"]
            assert total > 3000, total
        """)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="one GIL for all interpreters before 3.12")
def test_subinterpreters_allocate_at_the_same_time(python: Run) -> None:
    passes(python, """
        import sys, threading, heapsight
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters

        source = "for round in range(40): kept = [str(n) for n in range(2000)]"

        def work():
            number = interpreters.create()
            interpreters.run_string(number, source)
            interpreters.destroy(number)

        with heapsight.Tracer("exact") as tracer:
            threads = [threading.Thread(target=work) for _ in range(3)]
            for thread in threads:
                thread.start()
            for _ in range(20):
                tracer.trace()
            for thread in threads:
                thread.join()
            info = tracer.trace().info
        assert info["total_blocks"] > 3 * 40 * 2000, info
        assert info["live_blocks"] < 50_000, info
        """)


@pytest.mark.parametrize("allocator", ["malloc", "debug", "malloc_debug", "pymalloc"])
def test_allocators_that_python_offers(python: Run, allocator: str) -> None:
    out = passes(python, """
        import heapsight
        with heapsight.Tracer("exact", frames=2) as tracer:
            kept = [bytearray(1000 + number) for number in range(100)]
            gone = [bytearray(10) for number in range(100)]
            del gone
        row = tracer.live(1, by="line")[0]
        print(row.stack[0].line, row.blocks, row.bytes, tracer.trace().info["dropped_count"])
        """, PYTHONMALLOC=allocator)
    line, blocks, size, dropped = map(int, out.split())
    assert (line, dropped) == (4, 0)
    objects = 2 if sys.version_info < (3, 15) else 1
    assert blocks >= 100 * objects
    assert 104_950 <= size <= 104_950 + 100 * 100 + 2000, "each block counts once"
