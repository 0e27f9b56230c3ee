# SPDX-License-Identifier: MIT
"""How a forked child ends: limits, a full disk, signals, the end of the program. Nothing is left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from forked_program import BEGIN, built

Passes = Callable[..., str]


def test_a_memory_limit_ends_it(passes: Passes) -> None:
    passes("""
        kept = heap(100_000)
        for limit in (1, 100_000, 1 << 20, 8 << 20):
            problem = refusal(heapsight.snapshot("x", fork=True, memory_limit=limit))
            assert type(problem) is heapsight.HeapsightMemoryError
            assert f"memory limit of {limit} bytes" in str(problem), problem
            assert "200 bytes an object" in str(problem)
        count = heapsight.snapshot("x", fork=True).result().object_count
        enough = heapsight.snapshot("x", fork=True, memory_limit=200 * count + (16 << 20))
        assert enough.result().object_count > 100_000
        assert children() == [] and left_over() == []
        """)


@pytest.mark.parametrize("count", [140_000, 270_000])
def test_what_the_refusal_says_is_enough(passes: Passes, count: int) -> None:
    """Of many tracked objects, for which columns are reserved at once where nothing is limited."""
    passes(f"""
        kept = [[] for _ in range({count})]
        count = heapsight.snapshot("x", fork=True).result().object_count
        enough = heapsight.snapshot("x", fork=True, memory_limit=200 * count)
        assert enough.result().object_count > {count}
        """)


def test_a_full_disk_is_an_error_with_its_number(passes: Passes) -> None:
    passes("""
        import errno, resource
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
        for path in ("full.hsnap", None):
            pending = heapsight.snapshot("x", fork=True, path=path)
            problem = refusal(pending)
            assert isinstance(problem, OSError) and problem.errno == errno.EFBIG, problem
            assert "after " in str(problem) and "nothing was replaced" in str(problem), problem
            again = refusal(pending)
            assert (type(again), str(again)) == (type(problem), str(problem)), "at each call"
            assert again.errno == problem.errno
            assert pending.done()
        assert os.listdir(".") == []
        """)


def test_a_file_that_cannot_be_made(passes: Passes) -> None:
    passes("""
        os.mkdir("folder")
        for path in ("no/where.hsnap", "folder", "/dev/null", ""):
            problem = refusal(heapsight.snapshot("x", fork=True, path=path))
            assert isinstance(problem, OSError), problem
            assert "cannot write" in str(problem), problem
        assert os.listdir(".") == ["folder"]
        """)


@pytest.mark.parametrize("number", ["SIGKILL", "SIGSEGV", "SIGBUS"])
def test_a_child_that_is_killed(passes: Passes, number: str) -> None:
    """A fault cannot be blocked; sent from outside it is, so here only SIGKILL ends the child."""
    passes(f"""
        kept = heap(300_000)
        pending = heapsight.snapshot("x", fork=True, path="x.hsnap")
        (child,) = children()
        while not left_over() and not pending.done():
            time.sleep(0.001)
        os.kill(int(child), signal.{number})
        if {number!r} == "SIGKILL":
            problem = refusal(pending)
            assert type(problem) is heapsight.HeapsightRuntimeError, problem
            assert "killed (signal 9)" in str(problem) and "without fork" in str(problem)
            assert os.listdir(".") == []
        else:
            assert pending.result().object_count > 300_000
        assert children() == []
        """)


def test_a_child_that_is_killed_after_its_file_is_there(passes: Passes) -> None:
    """Between the file's last name and the report: here the test gives it that name."""
    passes("""
        kept = heap(300_000)
        for path in (None, "x.hsnap"):
            pending = heapsight.snapshot("x", fork=True, path=path)
            (child,) = children()
            os.kill(int(child), signal.SIGSTOP)
            with open(pending._path, "w"):
                pass
            os.kill(int(child), signal.SIGKILL)
            problem = refusal(pending)
            assert "there may be no file" in str(problem), problem
            assert os.listdir(".") == ([] if path is None else [path]), os.listdir(".")
        """)


def test_a_failure_keeps_nothing_alive(passes: Passes) -> None:
    passes("""
        import weakref
        pending = heapsight.snapshot("x", fork=True, path="no/where.hsnap")

        def asks():
            local = Item(1)
            try:
                pending.result()
            except heapsight.HeapsightOSError:
                return weakref.ref(local)

        def frame_count(problem):
            at, count = problem.__traceback__, 0
            while at is not None:
                at, count = at.tb_next, count + 1
            return count

        assert asks()() is None and asks()() is None
        first = frame_count(refusal(pending))
        for _ in range(1000):
            assert pending.done()
        last = refusal(pending)
        assert frame_count(last) == first and last.__context__ is None
        """)


def test_a_crash_in_the_child_does_not_harm_the_program(passes: Passes, tmp_path: Path) -> None:
    """Not even a handler of the program runs, as that of faulthandler would be one."""
    library = built("crashing.c", tmp_path.parent)
    passes(f"""
        import ctypes
        make = ctypes.PyDLL({str(library)!r}).make
        make.restype = ctypes.py_object
        kept = make()
        problem = refusal(heapsight.snapshot("x", fork=True, path="x.hsnap"))
        assert type(problem) is heapsight.HeapsightRuntimeError, problem
        assert f"(signal {{signal.SIGSEGV:d}})" in str(problem), problem
        assert children() == [] and os.listdir(".") == []
        assert heapsight.snapshot("x").object_count > 1000
        """)


WATCHER = """
import os, sys, time

def state():
    return open(f"/proc/{sys.argv[1]}/stat").read().rsplit(")", 1)[1].split()[0]

deadline = time.monotonic() + 20
while state() != "Z" and time.monotonic() < deadline:
    time.sleep(0.01)
print(state(), os.listdir("."))
"""


def test_a_program_that_becomes_another_one_ends_it(passes: Passes) -> None:
    """The other one has it as a child, which nobody waits for: it is to be through at once."""
    said = passes(f"""
        kept = heap(600_000)
        pending = heapsight.snapshot("x", fork=True, path="x.hsnap")
        os.execv(sys.executable, [sys.executable, "-c", {WATCHER!r}, *children()])
        """)
    assert said == "Z []\n"


def test_cancel(passes: Passes) -> None:
    passes("""
        kept = heap(300_000)
        for path in ("x.hsnap", None):
            pending = heapsight.snapshot("x", fork=True, path=path)
            assert not pending.done() and "pending" in repr(pending)
            pending.cancel()
            assert pending.done() and children() == []
            assert "cancelled" in str(refusal(pending)) and "failed" in repr(pending)
            with heapsight.snapshot("y", fork=True, path=path):
                pass
            dropped = heapsight.snapshot("z", fork=True, path=path)
            del dropped
            assert children() == [] and os.listdir(".") == []
        done = heapsight.snapshot("x", fork=True)
        assert done.wait()
        done.cancel()
        assert "cancelled" in str(refusal(done)) and os.listdir(".") == []
        stays = heapsight.snapshot("x", fork=True, path="x.hsnap")
        assert stays.wait() and "written" in repr(stays)
        stays.cancel()
        assert stays.result().object_count > 300_000 and os.listdir(".") == ["x.hsnap"]
        """)


def test_a_time_limit_ends_it(passes: Passes) -> None:
    passes("""
        kept = heap(500_000)
        problem = refusal(heapsight.snapshot("x", fork=True, path="x.hsnap", time_limit=0.03))
        assert type(problem) is heapsight.HeapsightOSError
        assert "not done within 0.03 s" in str(problem), problem
        assert os.listdir(".") == [] and children() == []
        """)


def test_waiting_has_a_limit_and_ends_with_a_signal(passes: Passes) -> None:
    passes("""
        kept = heap(500_000)
        pending = heapsight.snapshot("x", fork=True)
        assert pending.wait(0.01) is False
        problem = refusal(pending, timeout=0.01)
        assert "not done after 0.01 s" in str(problem), problem

        class Stop(Exception):
            pass

        def stop(*_):
            raise Stop

        (child,) = children()
        os.kill(int(child), signal.SIGSTOP)
        signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            pending.result()
            raise AssertionError("the wait cannot be interrupted")
        except Stop:
            pass
        os.kill(int(child), signal.SIGCONT)
        waiting = [threading.Thread(target=pending.result) for _ in range(4)]
        for thread in waiting:
            thread.start()
        for thread in waiting:
            thread.join()
        assert pending.result() is pending.result()
        """)


def test_a_copy_in_another_process_is_told_so(passes: Passes) -> None:
    passes("""
        kept = heap(300_000)
        pending = heapsight.snapshot("x", fork=True)
        child = os.fork()
        if child == 0:
            text = str(refusal(pending))
            pending.cancel()
            del pending
            os._exit(0 if "only it can ask" in text else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert pending.result().object_count > 300_000
        """)


@pytest.mark.parametrize("path", ["None", "'x.hsnap'"])
def test_a_copy_does_not_touch_a_file_that_is_there(passes: Passes, path: str) -> None:
    passes(f"""
        pending = heapsight.snapshot("x", fork=True, path={path})
        assert pending.wait()
        child = os.fork()
        if child == 0:
            text = str(refusal(pending))
            try:
                pending.wait()
            except ValueError as problem:
                text += str(problem)
            pending.cancel()
            del pending
            os._exit(0 if text.count(f"process {{os.getppid()}} takes this") == 2 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert pending.result().object_count > 1000
        """)


def test_threads_ask_and_cancel_at_once(passes: Passes) -> None:
    """All get the same snapshot, or all that come after the cancel are told of it."""
    passes("""
        sys.setswitchinterval(1e-6)

        def at_once(works):
            answers, barrier = [], threading.Barrier(len(works))
            def work(ask):
                barrier.wait()
                try:
                    answers.append(ask())
                except Exception as problem:
                    answers.append(problem)
            threads = [threading.Thread(target=work, args=(ask,)) for ask in works]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return [answer for answer in answers if answer is not None]

        for number in range(60):
            pending = heapsight.snapshot("x", fork=True)
            assert pending.wait()
            with_cancel = number % 2 == 1
            answers = at_once([pending.result] * 7 + [pending.cancel if with_cancel else pending.result])
            snapshots = {id(answer) for answer in answers if isinstance(answer, heapsight.Snapshot)}
            assert len(snapshots) <= 1, "several snapshots"
            refused = [a for a in answers if not isinstance(a, heapsight.Snapshot)]
            assert all("was cancelled" in str(problem) for problem in refused), refused
            assert with_cancel or not refused
            assert not (snapshots and refused), "cancelled, and yet there is one"
            assert left_over() == []
        """)


def test_a_signal_handler_asks_while_the_program_does(passes: Passes) -> None:
    passes("""
        from heapsight import _pending
        load = _pending.load
        def load_and_be_interrupted(path):
            _pending.load = load
            signal.raise_signal(signal.SIGUSR1)
            return load(path)

        inner = []
        for asked in ("result", "cancel"):
            pending = heapsight.snapshot("x", fork=True)
            assert pending.wait()
            signal.signal(signal.SIGUSR1, lambda *_: inner.append(getattr(pending, asked)()))
            _pending.load = load_and_be_interrupted
            if asked == "result":
                assert pending.result() is inner[0] is pending.result()
            else:
                assert "was cancelled" in str(refusal(pending))
            assert left_over() == []
        """)


@pytest.mark.parametrize("end", ["sys.exit()", "os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_it_ends_with_the_program(tmp_path: Path, end: str) -> None:
    """Also where a child of the program lives on, with a copy of what the program had open."""
    source = BEGIN + dedent(f"""
        kept = heap(400_000)
        pending = heapsight.snapshot("x", fork=True, path="x.hsnap")
        (child,) = children()
        os.kill(int(child), signal.SIGSTOP)
        own = os.fork()
        if own == 0:
            time.sleep(60)
            os._exit(0)
        print(child, own, flush=True)
        {end}
        """)
    told = tmp_path.with_name(f"{tmp_path.name}-child")  # a stopped child may hold a pipe
    with told.open("w") as out:
        subprocess.run([sys.executable, "-c", source], cwd=tmp_path, stdout=out, timeout=60,
                       check=False)
    child, own = map(int, told.read_text().split())
    if os.path.exists(f"/proc/{child}"):
        os.kill(child, signal.SIGCONT)
    deadline = time.monotonic() + 20
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert is_alive(own)
    os.kill(own, signal.SIGKILL)
    assert not is_alive(child)
    assert os.listdir(tmp_path) == []


def is_alive(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("waits", ["pending.wait()", "pass"])
def test_a_temporary_file_does_not_outlive_the_program(passes: Passes, tmp_path: Path, waits: str) -> None:
    """Whoever holds the handle at the end: here a module does, and a thread that goes on."""
    passes(f"""
        kept = heap(100_000)
        pending = heapsight.snapshot("x", fork=True)
        {waits}
        heapsight.held_at_the_end = [pending]
        heapsight.held_at_the_end.append(heapsight.held_at_the_end)
        threading.Thread(target=lambda handle: time.sleep(60), args=(pending,), daemon=True).start()
        """)
    assert os.listdir(tmp_path) == []


def test_the_thread_that_began_it_may_end(passes: Passes) -> None:
    passes("""
        kept, begun = heap(100_000), []
        thread = threading.Thread(
            target=lambda: begun.append(heapsight.snapshot("x", fork=True)))
        thread.start()
        thread.join()
        assert begun[0].result().object_count > 100_000
        """)


def test_bad_arguments_are_refused(passes: Passes) -> None:
    passes("""
        for more, error, words in (
            ({"memory_limit": 0}, ValueError, "memory_limit must be above 0 bytes"),
            ({"memory_limit": 1.5}, TypeError, "memory_limit must be a number of bytes"),
            ({"time_limit": 0}, ValueError, "time_limit must be"),
            ({"time_limit": float("nan")}, ValueError, "time_limit must be"),
            ({"time_limit": "1"}, TypeError, "time_limit must be seconds"),
            ({"path": 3.5}, TypeError, "path must be a path"),
            ({"path": "a\\0b"}, ValueError, "null"),
            ({"label": "\\ud800"}, ValueError, "cannot be stored"),
            ({"path": "x.hsnap", "fork": False}, ValueError, "go with fork=True"),
            ({"memory_limit": 1, "fork": False}, ValueError, "go with fork=True"),
        ):
            try:
                heapsight.snapshot(**{"fork": True, **more})
                raise AssertionError(more)
            except error as problem:
                assert words in str(problem), problem
        assert os.listdir(".") == []
        """)


def test_no_descriptor_and_no_process_to_be_had(passes: Passes) -> None:
    passes("""
        import resource
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
        try:
            heapsight.snapshot("x", fork=True)
            raise AssertionError("no pipe was needed")
        except heapsight.HeapsightOSError as problem:
            assert "too many open files" in str(problem), problem
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        heapsight.snapshot("x", fork=True).result()
        """)
