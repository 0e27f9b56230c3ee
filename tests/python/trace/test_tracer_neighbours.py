# SPDX-License-Identifier: MIT
"""Other tools that hook into the interpreter, beside the tracer: each still does its work."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from textwrap import dedent

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def passes(python: Run, source: str) -> str:
    done = python("-X", "faulthandler", "-c", dedent(source))
    assert (done.returncode, done.stderr) == (0, ""), (done.returncode, done.stderr[-3000:])
    return done.stdout


PAIR = """
import heapsight, tracemalloc
tracer = heapsight.Tracer("exact", frames=3)
kept = []

def allocate():
    kept.append([bytes(1000) for _ in range(100)])

def ours():
    return sum(row.bytes for row in tracer.live(None, by="line") if row.stack
               and "allocate" in row.stack[0].function) // 100_000

def theirs():
    return sum(row.size for row in tracemalloc.take_snapshot().statistics("lineno")
               if row.traceback[0].lineno == 7) // 100_000
"""


def test_tracemalloc_after_us_stopped_first(python: Run) -> None:
    passes(python, PAIR + dedent("""
        tracer.start(); allocate()
        tracemalloc.start(); allocate()
        assert (ours(), theirs()) == (2, 1), (ours(), theirs())
        assert not tracer.removed
        tracemalloc.stop(); allocate()
        assert not tracer.removed and ours() == 3
        tracer.stop(); allocate()
        assert ours() == 3
        """))


def test_tracemalloc_after_us_stopped_last(python: Run) -> None:
    """The hook cannot leave from below: it passes through, and works again on the next start."""
    passes(python, PAIR + dedent("""
        tracer.start(); allocate()
        tracemalloc.start(); allocate()
        tracer.stop(); allocate()
        assert (ours(), theirs()) == (2, 2), (ours(), theirs())
        tracer.start(); allocate()
        assert (ours(), theirs()) == (1, 3), (ours(), theirs())
        assert not tracer.removed
        tracemalloc.stop(); allocate()
        assert ours() == 2 and not tracer.removed
        tracer.stop(); allocate()
        for _ in range(3):
            tracer.start(); allocate()
            assert ours() == 1 and not tracer.removed
            tracer.stop()
        """))


def test_tracemalloc_before_us_stopped_last(python: Run) -> None:
    passes(python, PAIR + dedent("""
        tracemalloc.start(); allocate()
        tracer.start(); allocate()
        assert (ours(), theirs()) == (1, 2), (ours(), theirs())
        tracer.stop(); allocate()
        assert (ours(), theirs()) == (1, 3), (ours(), theirs())
        tracemalloc.stop(); allocate()
        """))


def test_tracemalloc_before_us_stopped_first_takes_the_hook_out(python: Run) -> None:
    """It puts back the allocators that it found, and the tracer says that it sees nothing more."""
    passes(python, PAIR + dedent("""
        tracemalloc.start(); allocate()
        tracer.start(); allocate()
        assert not tracer.removed
        tracemalloc.stop(); allocate()
        assert tracer.removed and tracer.running and ours() == 1
        tracer.stop(); allocate()
        assert not tracer.removed
        tracer.start(); allocate()
        assert ours() == 1 and not tracer.removed
        tracer.stop()
        for _ in range(20):
            tracemalloc.start(); tracer.start(); allocate(); tracemalloc.stop(); tracer.stop()
            tracer.start(); allocate(); assert ours() == 1; tracer.stop()
        """))


@pytest.mark.parametrize("order", ["before", "after"])
def test_tracing_and_profiling_functions(python: Run, order: str) -> None:
    """cProfile, sys.settrace and sys.setprofile see every call, and the tracer every block."""
    passes(python, f"""
        import cProfile, heapsight, pstats, sys, threading
        kept, calls = [], {{"trace": 0, "profile": 0}}
        def work(depth):
            kept.append(bytes(1000))
            return work(depth - 1) if depth else None
        def tracing(frame, event, argument):
            calls["trace"] += frame.f_code is work.__code__ and event == "call"
            return tracing
        def profiling(frame, event, argument):
            calls["profile"] += frame.f_code is work.__code__ and event == "call"
        tracer = heapsight.Tracer("exact", frames=60)
        def inside():
            sys.settrace(tracing)
            sys.setprofile(profiling)
            work(49)
            sys.setprofile(None)
            sys.settrace(None)
            profile = cProfile.Profile()
            profile.enable()
            work(49)
            profile.disable()
            return profile
        if "{order}" == "before":
            with tracer:
                profile = inside()
        else:
            sys.settrace(tracing)
            with tracer:
                profile = inside()
        assert calls["trace"] == calls["profile"] == 50, calls
        rows = [row for row in tracer.live(None) if row.stack and row.stack[0].function == "work"]
        depths = {{sum(frame.function == "work" for frame in row.stack) for row in rows}}
        assert depths == set(range(1, 51)), depths
        assert sum(row.bytes // 1000 for row in rows) >= 100
        stats = pstats.Stats(profile).stats
        (counted,) = [value for key, value in stats.items() if key[2] == "work"]
        assert counted[1] == 50, counted
        """)


def test_generators_coroutines_and_exceptions_keep_the_stack_right(python: Run) -> None:
    passes(python, """
        import asyncio, heapsight
        def produce():
            for number in range(5):
                yield bytes(3000 + number)
        def outer():
            yield from produce()
        async def leaf():
            await asyncio.sleep(0)
            return bytes(5000)
        async def branch():
            return [await leaf() for _ in range(3)]
        def fails(depth):
            if depth:
                return fails(depth - 1)
            block = bytes(7000)
            raise ValueError(block)
        with heapsight.Tracer("exact", frames=20) as tracer:
            kept = list(outer())
            results = asyncio.run(branch())
            try:
                fails(5)
            except ValueError as problem:
                error = problem
            site = lambda thing: [frame.function for frame in heapsight.allocation_site(thing)]
            assert site(kept[2])[:3] == ["produce", "outer", "<module>"], site(kept[2])
            inner = [name for name in site(results[1]) if "<listcomp>" not in name]  # before 3.12
            assert inner[:2] == ["leaf", "branch"], inner
            assert site(error.args[0])[:7] == ["fails"] * 6 + ["<module>"], site(error.args[0])
        """)


def test_greenlets_switch_stacks(python: Run) -> None:
    pytest.importorskip("greenlet")
    passes(python, """
        import greenlet, heapsight
        kept = []
        def deep(depth, name):
            if depth:
                return deep(depth - 1, name)
            for number in range(20):
                kept.append((name, bytes(2000)))
                others[name].switch()
        def first(): deep(5, "first")
        def second(): deep(9, "second")
        with heapsight.Tracer("exact", frames=30) as tracer:
            one, two = greenlet.greenlet(first), greenlet.greenlet(second)
            others = {"first": two, "second": one}
            one.switch()
            for name, block in kept:
                site = [frame.function for frame in heapsight.allocation_site(block)]
                depth = 6 if name == "first" else 10
                assert site[:depth + 1] == ["deep"] * depth + [name], (name, site)
        assert len(kept) >= 39
        """)


def test_gevent(python: Run) -> None:
    pytest.importorskip("gevent")
    passes(python, """
        import gevent, heapsight
        def work(number):
            kept = []
            for _ in range(30):
                kept.append(bytes(1000))
                gevent.sleep(0)
            return kept
        with heapsight.Tracer("exact") as tracer:
            jobs = [gevent.spawn(work, number) for number in range(20)]
            gevent.joinall(jobs)
        rows = [row for row in tracer.live(None, by="function")
                if row.stack and row.stack[0].function == "work"]
        assert rows[0].bytes > 600_000, rows
        """)
