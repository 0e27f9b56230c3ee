# SPDX-License-Identifier: MIT
"""The hook comes and goes while threads allocate, with and without the GIL; and over fork()."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from textwrap import dedent

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def passes(python: Run, source: str, **environment: str) -> str:
    done = python("-X", "faulthandler", "-c", dedent(source), env=os.environ | environment)
    assert (done.returncode, done.stderr) == (0, ""), (done.returncode, done.stderr[-3000:])
    return done.stdout


# Eight threads: three allocate objects; hashlib, zlib and ctypes free and allocate raw blocks,
# two of them while another thread has the GIL (CDLL gives it up, PyDLL would not).
CHURN = """
import ctypes, hashlib, heapsight, sys, threading, time, zlib
sys.setswitchinterval(0.0005)
raw = ctypes.CDLL(None)
raw.PyMem_RawMalloc.restype, raw.PyMem_RawMalloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
raw.PyMem_RawRealloc.restype = ctypes.c_void_p
raw.PyMem_RawRealloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
raw.PyMem_RawFree.restype, raw.PyMem_RawFree.argtypes = None, [ctypes.c_void_p]
going, calls, problems = True, [0] * 8, []

def objects(number):
    return [str(number) for number in range(50)], {"a": [number]}, (lambda: number)

def native(number):
    blocks = [raw.PyMem_RawMalloc(100 + number % 900) for _ in range(20)]
    blocks = [raw.PyMem_RawRealloc(block, 2000) for block in blocks]
    for block in blocks:
        raw.PyMem_RawFree(block)

def digests(number):
    hashlib.sha256(bytes(4000)).hexdigest()

def packed(number):
    zlib.decompress(zlib.compress(bytes(5000)))

def churn(place, work):
    try:
        while going:
            calls[place] += 1
            work(calls[place])
    except BaseException as problem:
        problems.append(repr(problem))

works = [objects, native, digests, packed, objects, native, objects, packed]
threads = [threading.Thread(target=churn, args=pair, name=f"churn-{pair[0]}")
           for pair in enumerate(works)]

def begin():
    for thread in threads:
        thread.start()

def end():
    global going
    going = False
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert not problems, problems
    assert min(calls) > 0, calls
"""


@pytest.mark.parametrize(("allocator", "rounds"),
                         [("pymalloc", 1000), ("malloc", 100), ("debug", 100)])
def test_on_and_off_many_times(python: Run, allocator: str, rounds: int) -> None:
    out = passes(python, f"ROUNDS = {rounds}\n" + CHURN + dedent("""
        begin()
        seen = 0
        for round in range(ROUNDS):
            mode = ("exact", "sampled", "counts")[round % 3]
            tracer = heapsight.Tracer(mode, frames=1 + round % 40, sample_bytes=1000)
            tracer.start()
            kept = [bytearray(100) for _ in range(10)]
            if round % 10 == 0:
                time.sleep(0.001)
            tracer.stop()
            info = tracer.trace().info
            assert not info["dropped_count"], info
            seen += info["total_blocks"]
        end()
        print(seen)
        """), PYTHONMALLOC=allocator)
    assert int(out) > 10 * rounds


def test_raw_blocks_without_the_gil_are_kept_and_go(python: Run) -> None:
    """They are met in the raw domain, where the thread that calls may have no stack."""
    passes(python, CHURN + dedent("""
        with heapsight.Tracer("exact") as tracer:
            before = tracer.trace().info
            begin()
            time.sleep(0.7)
            end()
            info = tracer.trace().info
            assert info["total_blocks"] - before["total_blocks"] > 10_000, info
            assert info["live_bytes"] < 2_000_000, info
            assert info["dropped_count"] == 0, info
        block = None
        with heapsight.Tracer("exact") as tracer:
            block = raw.PyMem_RawMalloc(123_456)
            known = tracer.trace().info["live_bytes"]
            raw.PyMem_RawFree(block)
            assert known - tracer.trace().info["live_bytes"] > 123_000
        """))


@pytest.mark.parametrize(("follow", "rounds"), [(False, 200), (True, 50)])
def test_fork_in_a_loop_with_threads(python: Run, follow: bool, rounds: int) -> None:
    """Children that allocate and exit. A lock held over fork() would hang one of them."""
    passes(python, CHURN + dedent(f"""
        import os, select, signal, warnings
        warnings.simplefilter("ignore")  # of fork() with threads
        follow = {follow}
        tracer = heapsight.Tracer("exact", frames=8, follow_children=follow)
        tracer.start()
        del threads[4:], calls[4:]
        begin()

        def child():
            kept = [str(number) for number in range(2000)]
            native(1)
            if tracer.running != follow:
                return 3
            if follow and tracer.trace().info["live_blocks"] < 2000:
                return 4
            if not follow:
                again = heapsight.Tracer("exact")
                with again:
                    kept = [str(number) for number in range(2000)]
                if again.trace().info["live_blocks"] < 2000:
                    return 5
            return 0

        def wait(pid):
            ends = os.pidfd_open(pid)
            hangs = not select.select([ends], [], [], 20)[0]
            if hangs:
                os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            os.close(ends)
            return "hangs" if hangs else os.waitstatus_to_exitcode(status)

        for round in range({rounds}):
            pid = os.fork()
            if pid == 0:
                code = 9
                try:
                    code = child()
                finally:
                    os._exit(code)
            answer = wait(pid)
            assert answer == 0, (round, answer)
        assert tracer.running
        end()
        tracer.stop()
        """))


def test_multiprocessing_with_tracing(python: Run, tmp_path: object) -> None:
    passes(python, """
        import heapsight, multiprocessing, warnings
        warnings.simplefilter("ignore")
        def square(number):
            return number * number
        with heapsight.Tracer("exact") as tracer:
            with multiprocessing.get_context("fork").Pool(2) as pool:
                assert pool.map(square, range(500)) == [number * number for number in range(500)]
        assert tracer.trace().info["total_blocks"] > 1000
        """)


def test_threads_that_allocate_little_have_their_names(python: Run) -> None:
    """They end after some dozen blocks, most of which come from lists that earlier threads filled."""
    named = passes(
        python,
        """
        import heapsight, threading
        kept = []

        def run(count):
            for number in range(count):
                thread = threading.Thread(target=lambda: kept.append(bytearray(3000)), name=f"short-{number}")
                thread.start()
                thread.join()

        run(50)
        tracer = heapsight.Tracer("exact")
        tracer.start()
        run(100)
        rows = tracer.live(None, by="thread")
        print(len({row.thread for row in rows if row.thread.startswith("short-")}))
        """,
    )
    assert int(named) == 100
