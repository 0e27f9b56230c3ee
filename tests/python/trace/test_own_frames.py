# SPDX-License-Identifier: MIT
"""heapsight's own frames: they are in no stack, and the program's below them are in it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from textwrap import dedent

import heapsight
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def passes(python: Run, tmp_path) -> Callable[..., str]:
    """passes(source): the program ends well; its output."""

    def run(source: str) -> str:
        (tmp_path / "prog.py").write_text(dedent(source))
        done = python("prog.py")
        assert (done.returncode, done.stderr) == (0, ""), done.stderr[-3000:]
        return done.stdout

    return run


def test_what_constructors_allocate_under_a_class_tracker(passes) -> None:
    passes("""
        import heapsight
        class Base:
            def __init__(self):
                self.data = bytearray(100_000)
        class Slow(Base):
            pass
        class Slots:
            __slots__ = ("data",)
            def __init__(self):
                self.data = bytearray(100_000)
        tracker = heapsight.ClassTracker()
        for cls in (Base, Slow, Slots):
            tracker.track_class(cls)
        with heapsight.Tracer("exact") as tracer:
            for cls in (Base, Slow, Slots):
                before = sum(row.bytes for row in tracer.live(None))
                kept = [cls() for _ in range(50)]
                assert sum(row.bytes for row in tracer.live(None)) - before > 5_000_000, cls
                del kept
            made = Slow()
            site = heapsight.allocation_site(made.data)
            assert [frame.function for frame in site] == ["Base.__init__", "<module>"], site
            row = tracer.live(1)[0]
            assert [frame.function for frame in row.stack] == ["Base.__init__", "<module>"], row
            assert heapsight.allocation_site(made)[0].function == "<module>"
        """)


@pytest.mark.parametrize("frames", [6, 9, 12, 14])
def test_stacks_of_the_program_that_are_cut_within_runpy(python: Run, tmp_path, frames: int) -> None:
    """`python -m heapsight` is launched by runpy, too."""
    (tmp_path / "inner.py").write_text(dedent("""
        def deep(n):
            return deep(n - 1) if n else bytearray(1_000_000)
        kept = [deep(n) for n in range(14)]
    """))
    (tmp_path / "outer.py").write_text('import runpy\nkept = runpy.run_path("inner.py")\n')
    words = ("-m", "heapsight", "run", "--exact", "--frames", str(frames), "-o", "out", "outer.py")
    done = python(*words)
    assert done.returncode == 0, done.stderr
    with heapsight.load(tmp_path / "out" / "002-exit.hsnap") as heap:
        assert heap.trace is not None
        assert sum(row.bytes for row in heap.trace.live(None)) > 14_000_000


def test_what_a_finaliser_allocates_when_heapsight_collects(passes) -> None:
    passes("""
        import gc, heapsight
        gc.disable()
        kept = []
        class Loop:
            def __init__(self):
                self.me = self
            def __del__(self):
                kept.append(bytearray(300_000))
        Loop()
        with heapsight.Tracer("exact") as tracer:
            heapsight.snapshot("collects")
            assert len(kept) == 1
            row = tracer.live(1)[0]
            assert row.bytes > 300_000, row
            assert [frame.function for frame in row.stack] == ["Loop.__del__", "<module>"], row
        """)


def test_what_heapsight_imports_for_itself_is_left_out(passes) -> None:
    passes("""
        import heapsight
        from heapsight import reports
        with heapsight.Tracer("exact", frames=200) as tracer:
            tracer.trace().report("flame", "page.html")
            functions = {frame.file for row in tracer.total(None) for frame in row.stack}
            assert not [file for file in functions if "json" in file], functions
        """)


def test_a_site_ends_where_the_program_begins(write, heapsight) -> None:
    write(
        "prog.py",
        """
        import heapsight
        def make():
            return bytearray(1000)  # no type with a free list
        kept = make()
        site = heapsight.allocation_site(kept)
        assert [frame.function for frame in site][-2:] == ["make", "<module>"], site
        assert all(frame.file == __file__ for frame in site), site
        """,
    )
    done = heapsight("run", "--exact", "-o", "out", "prog.py")
    assert done.returncode == 0, done.stderr
    done = heapsight("types", "--by", "site", "--limit", "0", "out/002-exit.hsnap")
    assert "SourceFileLoader at (heapsight)" in done.stdout
    assert "heapsight/" not in done.stdout.replace("-heapsight/", "")


# ---- allocation_site() keeps the trace that it took last ------------------------------------------


def test_sites_of_stacks_that_are_newer_than_the_last_call(passes) -> None:
    passes("""
        import heapsight
        def make(number):
            namespace = {}
            exec(compile(f"def f{number}(): return bytes(1000)", "made.py", "exec"), namespace)
            return namespace[f"f{number}"]()
        first = []
        with heapsight.Tracer("exact"):
            for number in range(50):
                first.append(make(number))
                for at in (number, 0, number // 2):
                    site = heapsight.allocation_site(first[at])
                    assert site[0].function == f"f{at}", (number, at, site)
        assert heapsight.allocation_site(first[0]) is None
        with heapsight.Tracer("exact"):
            again = make(77)
            assert heapsight.allocation_site(first[0]) is None
            assert heapsight.allocation_site(again)[0].function == "f77"
        """)


def test_a_finaliser_that_asks_or_stops_meanwhile(passes) -> None:
    passes("""
        import gc, heapsight
        tracer = heapsight.Tracer("exact")
        def deep(n):
            return deep(n - 1) if n else bytes(1000)
        class Meddler:
            def __init__(self):
                self.me = self
            def __del__(self):
                heapsight.allocation_site(kept)
                if restarts:
                    tracer.stop()
                    tracer.start()
        gc.set_threshold(1)
        for restarts in (False, True):
            tracer.start()
            kept = deep(25)
            for _ in range(100):
                Meddler()
                site = heapsight.allocation_site(kept)
                assert site is None or site[0].function == "deep", site
            tracer.stop()
        """)


def test_many_questions_cost_less_than_a_trace_each(passes) -> None:
    """CPU time of 300 calls and of taking 30 traces of 20,000 stacks."""
    passes("""
        import heapsight, itertools, time
        def walk(path):
            if not path:
                return bytes(600)
            step, *rest = path
            if step == 0: return walk(rest)
            if step == 1: return walk(rest)
            return walk(rest)
        with heapsight.Tracer("exact") as tracer:
            kept = [walk(path) for path in itertools.product(range(3), repeat=9)]
            heapsight.allocation_site(kept[0])
            start = time.process_time()
            for one in kept[:300]:
                assert heapsight.allocation_site(one)[0].function == "walk"
            asking = time.process_time() - start
            start = time.process_time()
            for _ in range(30):
                tracer.trace()
            taking = time.process_time() - start
        assert asking < taking, (asking, taking)
        """)
