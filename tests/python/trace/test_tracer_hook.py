# SPDX-License-Identifier: MIT
"""The hook beside a C library that hooks into allocators and fork() itself: neighbour.c."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from building import built

Run = Callable[..., subprocess.CompletedProcess[str]]
Passes = Callable[[str], str]


@pytest.fixture(scope="session")
def neighbour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library, built for the interpreter of the tests."""
    library = tmp_path_factory.mktemp("neighbour") / "neighbour.so"
    return built(Path(__file__).with_name("neighbour.c"), library)


@pytest.fixture
def passes(python: Run, neighbour: Path) -> Passes:
    """Run a program that has the library as `neighbour`; what it printed. It must end well."""

    def run(source: str) -> str:
        prelude = f"import ctypes, heapsight\nneighbour = ctypes.PyDLL({str(neighbour)!r})\n"
        done = python("-X", "faulthandler", "-c", prelude + dedent(source))
        assert (done.returncode, done.stderr) == (0, ""), (done.returncode, done.stderr[-3000:])
        return done.stdout

    return run


@pytest.mark.parametrize("which", [1, 2, 4, 7])
@pytest.mark.parametrize("first", ["neighbour", "heapsight"])
@pytest.mark.parametrize("follow", [False, True])
def test_fork_handlers_of_others_may_allocate(
    python: Run, neighbour: Path, which: int, first: str, follow: bool
) -> None:
    """Handlers before fork() run last registered first, those after it first registered first."""
    imports = {
        "heapsight": "import heapsight",
        "neighbour": f"import ctypes; assert ctypes.PyDLL({str(neighbour)!r})"
                     f".handle_forks({which}) == 0",
    }
    order = [first, *sorted(imports.keys() - {first})]
    source = "\n".join(imports[name] for name in order) + dedent(f"""
        import os
        with heapsight.Tracer("exact", follow_children={follow}) as tracer:
            for _ in range(3):
                pid = os.fork()
                if pid == 0:
                    os._exit(0 if tracer.running == {follow} else 3)
                assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            assert tracer.trace().info["dropped_count"] == 0
        """)
    done = python("-X", "faulthandler", "-c", source)  # a time limit ends a hang
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-3000:]


def test_a_refused_probe_is_a_sentence(passes: Passes) -> None:
    """Whether the hook is in its place cannot be told without memory: it is not put in twice."""
    passes("""
        refuses = ctypes.c_int.in_dll(neighbour, "refuses_next")
        tracer = heapsight.Tracer("exact")
        tracer.start()
        neighbour.hook(2)
        tracer.stop()
        refuses.value = 1
        try:
            tracer.start()
        except MemoryError as problem:
            assert "hook" in str(problem), problem
        else:
            raise AssertionError("started")
        kept = [bytes(100) for _ in range(10)]
        tracer.start()
        kept = [bytes(100) for _ in range(1000)]
        assert not tracer.removed
        assert sum(row.blocks for row in tracer.live(None)) >= 1000
        tracer.stop()
        """)


def test_blocks_of_no_bytes_count_once(passes: Passes) -> None:
    """The object allocator takes them from the raw domain."""
    passes("""
        allocate, free = ctypes.pythonapi.PyMem_Malloc, ctypes.pythonapi.PyMem_Free
        allocate.restype, allocate.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
        free.restype, free.argtypes = None, [ctypes.c_void_p]
        for size in 0, 1:
            with heapsight.Tracer("counts") as tracer:
                for _ in range(1000):
                    free(allocate(size))
            raw, mem, _ = tracer.trace().info["domains"]
            assert mem[0] >= 1000 and mem[0] - mem[2] < 10, (size, mem)
            assert raw[0] < 100, (size, raw)
        """)


@pytest.mark.parametrize("mode", ["exact", "counts"])
def test_an_allocator_that_passes_small_blocks_on(passes: Passes, mode: str) -> None:
    """They are met once, in the domain that was asked, with the size that was asked for."""
    passes(f"""
        neighbour.take_objects_from_raw()
        def allocate():
            return [bytes(67) for _ in range(10_000)]
        with heapsight.Tracer({mode!r}, frames=1) as tracer:
            kept = allocate()
            info = tracer.trace().info
            del kept
        if {mode!r} == "counts":
            raw, _, obj = info["domains"]
            assert raw[0] < 1000 and obj[0] >= 10_000, info
        else:
            assert 1_000_000 < info["live_bytes"] < 1_300_000, info
            assert 10_000 <= info["live_blocks"] < 11_000, info
            assert tracer.trace().info["live_bytes"] < 100_000
        """)


def test_a_thread_inside_while_what_lies_below_changes(passes: Passes) -> None:
    """It calls the wrapper that it read, with the ctx that it read: of what lay there before."""
    passes("""
        tracer = heapsight.Tracer("exact")
        tracer.start()
        neighbour.read_raw_allocator()
        tracer.stop()
        neighbour.hook(0)
        tracer.start()
        kept = [bytes(1000) for _ in range(100)]
        assert neighbour.call_what_was_read() == 0
        tracer.stop()
        """)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="births are told of since Python 3.13")
def test_each_reuse_of_a_free_list_gets_its_own_stack(python: Run) -> None:
    """However often a block is reused without an allocation between."""
    source = dedent("""
        import heapsight
        number = 1.25
        def one(): return 1.5 * number
        def two(): return 2.5 * number
        with heapsight.Tracer("exact", frames=3) as tracer:
            fills = [number * 3.3 for _ in range(300)]  # the free list of floats is empty
            for _ in range(1000):
                one()
                two()
            for make in two, one, one, two:
                made = make()
                assert heapsight.allocation_site(made)[0].function == make.__name__, make
                del made
        blocks = {row.stack[0].function: row.blocks for row in tracer.total(None, by="function")
                  if row.stack}
        assert blocks["one"] >= 1000 and blocks["two"] >= 1000, blocks
        """)
    done = python("-c", source)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-3000:]


@pytest.mark.parametrize("other", ["before", "after", "none"])
def test_births_that_another_tool_hears_of(python: Run, other: str) -> None:
    """tracemalloc takes the interpreter's only reference tracer: that is told, and remembered."""
    source = dedent(f"""
        import heapsight, sys, tracemalloc
        if "{other}" == "before":
            tracemalloc.start()
        for mode in "exact", "sampled":
            with heapsight.Tracer(mode) as tracer:
                if "{other}" == "after":
                    tracemalloc.start()
                tracer.trace()
                lost = mode == "exact" and "{other}" != "none" and sys.version_info >= (3, 13)
                assert tracer.births_lost == lost, (mode, tracer.births_lost)
                tracemalloc.stop()
                assert tracer.births_lost == lost, (mode, tracer.births_lost)
        """)
    done = python("-c", source)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-3000:]


MANY_LINES = """
import heapsight, sys
LINES = 20_000
source = "kept = []\\n" + "kept.append(bytearray(50))\\n" * LINES
code = compile(source, "lines.py", "exec")
tracer = heapsight.Tracer("exact", frames=2)
tracer.start()
names = {}
exec(code, names)
"""


def test_every_line_of_a_long_module(python: Run) -> None:
    """A table of lines is decoded in one pass: as many as 20,000 places of one code object."""
    source = MANY_LINES + dedent("""
        lines = [row.stack[0].line for row in tracer.live(None, by="line", file="lines.py")]
        missing = set(range(2, LINES + 2)) - set(lines)
        assert not missing and len(lines) <= LINES + 1, (len(missing), len(lines))
        for at in 0, 1, 7777, LINES - 1:
            site = heapsight.allocation_site(names["kept"][at])
            assert (site[0].file, site[0].line) == ("lines.py", at + 2), site
        """)
    done = python("-c", source)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-3000:]


def test_other_threads_run_while_a_trace_is_taken(python: Run) -> None:
    source = MANY_LINES + dedent("""
        import threading, time
        sys.setswitchinterval(100)  # a thread with the GIL has it until it gives it up
        runs, goes_on = [], True
        def run():
            while goes_on:
                runs.append(None)
                time.sleep(0.0001)
        thread = threading.Thread(target=run)
        thread.start()
        before = len(runs)
        trace = tracer.trace()
        after = len(runs)
        goes_on = False
        thread.join()
        assert after > before, (before, after)
        """)
    done = python("-c", source)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-3000:]


def test_text_that_is_compiled_again_and_again_costs_no_memory(python: Run) -> None:
    """Each code object dies soon; a stack through it is the one that is known."""
    source = dedent("""
        import heapsight
        with heapsight.Tracer("exact", frames=10) as tracer:
            def work(count):
                for number in range(count):
                    eval("[number, str(number), (number, number + 1000)]")
                    exec("def made(number):\\n    return [number, bytearray(20)]", names := {})
                    names["made"](number)
                return tracer.trace().info["memory_bytes"]
            work(2000)
            before = work(2000)
            assert work(20_000) - before < 1_000_000, (before, work(0))  # else some 30 MB
        """)
    done = python("-c", source)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-3000:]
