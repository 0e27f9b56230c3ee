# SPDX-License-Identifier: MIT
"""dump_on(): every occasion writes its snapshot, and the program never suffers from it."""

import math
import random
import re
import signal
import subprocess
import sys
import threading
import time

import heapsight as package
import pytest

BEGIN = """
import heapsight, os, signal, sys, time

def wait_for(dumps, count):
    deadline = time.monotonic() + 60
    while len(dumps.files) < count and time.monotonic() < deadline:
        time.sleep(0.02)
"""
MEGABYTE = 1 << 20


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def occasions(folder):
    """The occasions of the snapshots in a folder, which load and say the same."""
    found = []
    for name in names(folder):
        with package.load(folder / name) as heap:
            assert name.endswith(f"-{heap.label}.hsnap")
            found.append(heap.label)
    return found


@pytest.fixture
def program(write, python):
    """program(source): run it in the test's folder."""

    def run(source, **more):
        path = write("prog.py", source)
        path.write_text(BEGIN + path.read_text())
        return python("prog.py", **more)

    return run


# ---- occasions ----------------------------------------------------------------------------------


def test_the_signal(program, tmp_path):
    done = program(
        """
        dumps = heapsight.dump_on("out", signal=signal.SIGUSR1)
        class Culprit: pass
        def working():
            request = Culprit()
            os.kill(os.getpid(), signal.SIGUSR1)
            return request
        working()
        print(*dumps.files)
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "out/001-signal.hsnap\n"
    assert "wrote 1 snapshot: out/001-signal.hsnap" in done.stderr
    with package.load(tmp_path / "out" / "001-signal.hsnap") as heap:
        assert "request" in heap.why("__main__.Culprit").paths()[0].expression


def test_the_timer(program, tmp_path):
    done = program(
        """
        dumps = heapsight.dump_on("out", every=0.1)
        wait_for(dumps, 2)
        """
    )
    assert done.returncode == 0, done.stderr
    assert set(occasions(tmp_path / "out")) == {"timer"}
    assert len(names(tmp_path / "out")) >= 2


def test_resident_memory_passes_a_threshold_and_again(program, tmp_path):
    done = program(
        """
        from heapsight._core import resident_bytes
        limit = resident_bytes() + (60 << 20)
        dumps = heapsight.dump_on("out", rss=limit)
        for number in range(2):
            time.sleep(1.2)  # far below: nothing happens, and the threshold is armed again
            assert len(dumps.files) == number, dumps.files
            kept = [bytearray(2 << 20) for _ in range(100)]
            wait_for(dumps, number + 1)
            time.sleep(1.2)  # still above: that is no new occasion
            assert len(dumps.files) == number + 1, dumps.files
            del kept
        """
    )
    assert done.returncode == 0, done.stderr
    assert occasions(tmp_path / "out") == ["rss", "rss"]
    with package.load(tmp_path / "out" / "001-rss.hsnap") as heap:
        assert heap.types(1)[0].type == "bytearray"
        assert heap.types(1)[0].bytes >= 50 * MEGABYTE


def test_resident_memory_grows_since_the_last_snapshot(program, tmp_path):
    done = program(
        """
        dumps = heapsight.dump_on("out", growth=40 << 20)
        kept = []
        for number in range(1, 4):
            kept.append(bytearray(100 << 20))
            wait_for(dumps, number)
        time.sleep(0.7)
        """
    )
    assert done.returncode == 0, done.stderr
    assert occasions(tmp_path / "out") == ["growth", "growth", "growth"]


def test_an_allocator_has_no_memory(program, tmp_path):
    done = program(
        """
        dumps = heapsight.dump_on("out", memory_error=True)
        other = heapsight.dump_on("other", memory_error=True)
        def refused():
            try:
                bytes(1 << 62)
            except MemoryError:
                return
            raise AssertionError
        refused()  # no tracer watches the allocators
        assert dumps.files == []
        with heapsight.Tracer("exact"):
            kept = [bytearray(10) for _ in range(100)]
            refused()
            refused()  # the same occasion: one snapshot is enough
            sum(range(1000))
        print(*dumps.files, *other.files)
        other.stop()
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "out/001-memory_error.hsnap other/001-memory_error.hsnap\n"
    with package.load(tmp_path / "out" / "001-memory_error.hsnap") as heap:
        sites = {row.site for row in heap.types(None, by="site", only="bytearray")}
    assert any("prog.py" in site for site in sites), sites


def test_memory_errors_without_a_tracer_are_a_sentence(program):
    done = program(
        """
        heapsight.dump_on("out", memory_error=True)
        with heapsight.Tracer():
            heapsight.dump_on("out", memory_error=True)
        """
    )
    (said,) = done.stderr.splitlines()
    assert said.startswith("heapsight: memory_error= has no effect before a Tracer runs")


def test_an_allocator_cannot_make_a_block_larger(program, tmp_path):
    done = program(
        """
        dumps = heapsight.dump_on("out", memory_error=True)
        with heapsight.Tracer("counts"):
            grown = bytearray(100)
            try:
                grown.__init__(1 << 60)
            except MemoryError:
                sum(range(1000))
        print(*dumps.files)
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "out/001-memory_error.hsnap\n"


def test_stopping_one_leaves_the_other_to_memory_errors(program):
    done = program(
        """
        first, second = (heapsight.dump_on(name, memory_error=True) for name in ("a", "b"))
        first.stop()
        with heapsight.Tracer():
            try:
                bytes(1 << 62)
            except MemoryError:
                pass
            sum(range(1000))
        print(first.files, second.files)
        """
    )
    assert done.stdout == "[] ['b/001-memory_error.hsnap']\n", done.stderr


def test_a_real_lack_of_memory(program, tmp_path):
    done = program(
        """
        import resource
        dumps = heapsight.dump_on("out", memory_error=True)
        with heapsight.Tracer(sample_bytes=4096):
            with open("/proc/self/statm") as file:
                in_use = int(file.read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (in_use + (100 << 20), -1))
            kept = []
            try:
                while True:
                    kept.append(bytes(1 << 20))
            except MemoryError:
                del kept[50:]
            sum(range(1000))
        print("goes on", len(kept))
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "goes on 50\n"
    assert "Traceback" not in done.stderr
    assert occasions(tmp_path / "out") in (["memory_error"], [])
    if not names(tmp_path / "out"):
        assert "could not write 001-memory_error.hsnap" in done.stderr


def test_an_exception_ends_the_program(program, tmp_path):
    done = program(
        """
        def own_hook(kind, problem, trace):
            print("own hook:", problem, trace is problem.__traceback__)
        sys.excepthook = own_hook
        heapsight.dump_on("out", exception=True, exit=True)
        class Culprit: pass
        def handle():
            request = Culprit()
            raise ValueError("boom")
        handle()
        """
    )
    assert done.returncode == 1
    assert done.stdout == "own hook: boom True\n"
    assert occasions(tmp_path / "out") == ["exception"]
    with package.load(tmp_path / "out" / "001-exception.hsnap") as heap:
        assert heap.why("__main__.Culprit").paths()


def test_the_interpreters_own_hook_prints_the_exception(program):
    done = program("heapsight.dump_on('out', exception=True)\n1 / 0")
    assert done.returncode == 1
    assert done.stderr.count("ZeroDivisionError: division by zero") == 1
    assert "_dumps.py" not in done.stderr


def test_an_exception_ends_a_thread(program, tmp_path):
    done = program(
        """
        import threading
        threading.excepthook = lambda args: print("own hook:", args.exc_value)
        heapsight.dump_on("out", exception=True)
        class Culprit: pass
        def handle():
            request = Culprit()
            raise ValueError("boom")
        thread = threading.Thread(target=handle)
        thread.start()
        thread.join()
        print("goes on")
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "own hook: boom\ngoes on\n"
    assert occasions(tmp_path / "out") == ["exception"]
    with package.load(tmp_path / "out" / "001-exception.hsnap") as heap:
        assert heap.why("__main__.Culprit").paths()


@pytest.mark.parametrize("end", ["sys.exit(0)", "raise KeyboardInterrupt", "raise GeneratorExit"])
@pytest.mark.parametrize("where", ["main", "thread"])
def test_what_is_no_error_is_no_occasion(program, tmp_path, end, where):
    done = program(
        f"""
        import threading
        heapsight.dump_on("out", exception=True, exit=True)
        def work():
            {end}
        if "{where}" == "main":
            work()
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        """
    )
    assert occasions(tmp_path / "out") == ["exit"], done.stderr


def test_sys_exit_is_no_exception(program, tmp_path):
    done = program("heapsight.dump_on('out', exception=True)\nsys.exit(3)")
    assert (done.returncode, done.stderr, names(tmp_path / "out")) == (3, "", [])


def test_the_exit(program, tmp_path):
    done = program("heapsight.dump_on('out', exit=True)\nsys.exit(5)")
    assert done.returncode == 5
    assert occasions(tmp_path / "out") == ["exit"]
    assert "next: heapsight types out/001-exit.hsnap" in done.stderr


def test_sigterm_is_an_exit(program, tmp_path):
    done = program(
        """
        heapsight.dump_on("out", exit=True)
        os.kill(os.getpid(), signal.SIGTERM)
        sum(range(1000))
        print("never here")
        """
    )
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "")
    assert occasions(tmp_path / "out") == ["exit"]


def test_take(program, tmp_path):
    done = program(
        """
        with heapsight.dump_on("out") as dumps:
            dumps.take()
            dumps.take("after_login")
            for wrong in ("", "two words", "../up", "\u00e9", "a-b", 3):
                try:
                    dumps.take(wrong)
                except heapsight.HeapsightError as problem:
                    print(isinstance(problem, TypeError), "an occasion" in str(problem))
        dumps.take("too_late")
        print(*dumps.files)
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        *(5 * ["False True"]),
        "True True",
        "out/001-code.hsnap out/002-after_login.hsnap",
    ]
    assert occasions(tmp_path / "out") == ["code", "after_login"]


def test_nothing_is_said_where_nothing_happened(program, tmp_path):
    done = program(
        "heapsight.dump_on('out', rss=1 << 50, growth=1 << 50, every=1000, signal=signal.SIGUSR2)"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert names(tmp_path / "out") == []


def test_a_snapshot_while_tracing_knows_who_allocated(program, tmp_path):
    done = program(
        """
        with heapsight.Tracer("exact"), heapsight.dump_on("out") as dumps:
            kept = [bytearray(100) for _ in range(50)]
            dumps.take()
        """
    )
    assert done.returncode == 0, done.stderr
    with package.load(tmp_path / "out" / "001-code.hsnap") as heap:
        row = heap.types(1, only="bytearray", by="site")[0]
    assert row.count == 50
    assert "prog.py" in row.site


GROWING = """
import shutil
from heapsight._core import resident_bytes
dumps = heapsight.dump_on("out", growth=20 << 20)
shutil.rmtree("out")
kept = []
def grow():
    kept.append(b"x" * (30 << 20))
"""


def test_growth_that_cannot_be_written_is_tried_once(program):
    done = program(f"{GROWING}\ngrow()\ntime.sleep(4)\n")
    assert done.stderr.count("could not write") == 1, done.stderr


def test_growth_that_goes_on_is_tried_less_and_less_often(program, tmp_path):
    done = program(
        GROWING
        + """
began = time.monotonic()
for _ in range(17):
    grow()
    time.sleep(0.2)
print("over", time.monotonic() - began)
os.mkdir("out")
grow()
wait_for(dumps, 1)
"""
    )
    seconds = float(re.search(r"^over (.+)", done.stdout, re.M)[1])
    most = 2 + math.log2(1 + seconds)  # rests of 1, 2, 4... seconds
    assert 1 <= done.stderr.count("could not write") <= most, (done.stderr, seconds)
    assert occasions(tmp_path / "out") == ["growth"]


# ---- several of them ----------------------------------------------------------------------------


def test_processes_that_share_a_folder_leave_the_files_of_the_others(program, tmp_path):
    done = program(
        """
        import multiprocessing

        def work(keep, barrier):
            dumps = heapsight.dump_on("out", keep=keep)
            barrier.wait()
            for occasion in ("a", "b", "c", "d"):
                dumps.take(occasion)
            sys.stdout.write(f"{os.getpid()} {' '.join(dumps.files)}\\n")

        if __name__ == "__main__":
            context = multiprocessing.get_context("fork")
            barrier = context.Barrier(4)
            workers = [
                context.Process(target=work, args=(keep, barrier)) for keep in (None, None, 2, 2)
            ]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        """
    )
    assert done.returncode == 0, done.stderr
    reported = [line.split() for line in done.stdout.splitlines()]
    files = [file for _, *files in reported for file in files]
    assert len(files) == 4 + 4 + 2 + 2
    assert sorted(files) == [f"out/{name}" for name in names(tmp_path / "out")]
    assert len({file.partition("-")[0] for file in files}) == 12, "each has a number of its own"
    for process, *files in reported:
        for file in files:
            with package.load(tmp_path / file) as heap:
                assert heap.info["process_id"] == int(process)


def test_a_number_that_is_claimed_is_left_to_who_claims_it(program, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".heapsight-claim-4.tmp").touch()
    program("heapsight.dump_on('out').take()")
    assert names(tmp_path / "out") == [".heapsight-claim-4.tmp", "005-code.hsnap"]


def test_stopping_one_leaves_the_other_to_the_signal(program, tmp_path):
    done = program(
        """
        first, second = (heapsight.dump_on(name, signal=signal.SIGUSR1) for name in ("a", "b"))
        os.kill(os.getpid(), signal.SIGUSR1)
        first.stop()
        os.kill(os.getpid(), signal.SIGUSR1)
        second.stop()
        print(len(first.files), len(second.files), flush=True)
        os.kill(os.getpid(), signal.SIGUSR1)
        """
    )
    assert (done.returncode, done.stdout) == (-signal.SIGUSR1, "1 2\n"), done.stderr


@pytest.mark.parametrize("stop", [False, True])
def test_all_that_wait_for_the_exit_get_it_before_sigterm(program, tmp_path, stop):
    done = program(
        f"""
        first, second, third = (heapsight.dump_on(name, exit=True) for name in ("a", "b", "c"))
        if {stop}:
            first.stop()
        os.kill(os.getpid(), signal.SIGTERM)
        sum(range(1000))
        print("never here")
        """
    )
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, ""), done.stderr
    assert occasions(tmp_path / "a") == ([] if stop else ["exit"])
    assert occasions(tmp_path / "b") == occasions(tmp_path / "c") == ["exit"]


def test_sigterm_in_one_snapshot_waits_for_it_and_for_the_others(program, tmp_path):
    """The finaliser runs inside the garbage collection of a snapshot of the first one."""
    done = program(
        """
        import gc
        gc.disable()
        first, second = (heapsight.dump_on(name, exit=True) for name in ("a", "b"))
        class Late:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGTERM)
                for _ in range(100_000): pass
        cycle = Late()
        cycle.me = cycle
        del cycle
        first.take()
        print("never here")
        """
    )
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, ""), done.stderr
    assert occasions(tmp_path / "a") == ["code", "exit"]
    assert occasions(tmp_path / "b") == ["exit"]
    assert done.stderr.count("heapsight: wrote") == 2


def test_one_that_is_stopped_in_a_thread_leaves_the_signals_as_they_were(program):
    done = program(
        """
        import threading
        dumps = heapsight.dump_on("out", signal=signal.SIGUSR1, exit=True)
        thread = threading.Thread(target=dumps.stop)
        thread.start()
        thread.join()
        print("stopped", flush=True)
        os.kill(os.getpid(), signal.SIGUSR1)
        sum(range(1000))
        print("never here")
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGUSR1, "stopped\n", "")


def test_one_that_is_stopped_leaves_nothing_behind(program):
    done = program(
        """
        import gc, threading, weakref  # threading calls it, too
        calls = []
        os.register_at_fork = lambda **functions: calls.append(functions)
        dumps = heapsight.dump_on("out", every=50, signal=signal.SIGUSR1, exit=True, exception=True)
        recorder = weakref.ref(dumps._recorder)
        dumps.stop()
        del dumps
        gc.collect()
        print(calls, recorder())
        """
    )
    assert (done.returncode, done.stdout) == (0, "[] None\n"), done.stderr


# ---- how many files -----------------------------------------------------------------------------


def test_the_first_and_the_newest_files_are_kept(program, tmp_path):
    done = program(
        """
        for keep in (1, 3, 4, None):
            with heapsight.dump_on(f"keep-{keep}", keep=keep) as dumps:
                for _ in range(4):
                    dumps.take()
            kept = sorted(os.listdir(f"keep-{keep}"))
            assert kept == [os.path.basename(file) for file in dumps.files]
            print(keep, *[int(name[:3]) for name in kept])
        """
    )
    assert done.stdout.splitlines() == [
        "1 4",
        "3 1 3 4",
        "4 1 2 3 4",
        "None 1 2 3 4",
    ], done.stderr


def test_files_that_are_not_ours_or_gone_do_not_matter(program, tmp_path):
    done = program(
        """
        with heapsight.dump_on("out") as dumps:
            dumps.take("old")
        with heapsight.dump_on("out", keep=1) as dumps:
            dumps.take("new")
            dumps.take("newer")
            os.unlink("out/003-newer.hsnap")
            dumps.take("newest")
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert names(tmp_path / "out") == ["001-old.hsnap", "004-newest.hsnap"]


def test_a_timer_that_is_faster_than_the_snapshots_holds_nobody_up(program, tmp_path):
    done = program(
        """
        dumps = heapsight.dump_on("out", every=0.001, keep=3)
        for _ in range(5):
            dumps.take()
        print("goes on")
        """,
    )
    assert (done.returncode, done.stdout) == (0, "goes on\n"), done.stderr
    assert len(names(tmp_path / "out")) == 3


# ---- the end of it ------------------------------------------------------------------------------


def test_stop_puts_everything_back(tmp_path):
    before = sys.excepthook, threading.excepthook
    dumps = package.dump_on(
        tmp_path, signal=signal.SIGUSR1, every=50, growth=1 << 50, exception=True, exit=True
    )
    assert sys.excepthook != before[0]
    assert threading.excepthook != before[1]
    assert signal.getsignal(signal.SIGUSR1) is not signal.SIG_DFL
    dumps.stop()
    dumps.stop()
    assert (sys.excepthook, threading.excepthook) == before
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert names(tmp_path) == []


def test_stop_leaves_hooks_of_others(program):
    done = program(
        """
        import threading
        dumps = heapsight.dump_on("out", exception=True, signal=signal.SIGUSR1)
        below, thread_below = sys.excepthook, threading.excepthook
        def on_top(*words):
            print("on top", len(words))
            below(*words)
        def thread_on_top(args):
            print("thread on top")
            thread_below(args)
        sys.excepthook, threading.excepthook = on_top, thread_on_top
        handler = lambda *_: print("own handler")
        signal.signal(signal.SIGUSR1, handler)
        dumps.stop()
        assert sys.excepthook is on_top and threading.excepthook is thread_on_top
        assert signal.getsignal(signal.SIGUSR1) is handler
        def fail():
            raise ValueError("in a thread")
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        raise ValueError("in the main one")
        """
    )
    assert done.returncode == 1
    assert done.stdout == "thread on top\non top 3\n"
    assert "ValueError: in a thread" in done.stderr, "a hook that is stopped passes on"
    assert "ValueError: in the main one" in done.stderr


def test_a_signal_that_the_program_handles_is_left_alone(program, tmp_path):
    done = program(
        """
        signal.signal(signal.SIGUSR1, lambda *_: print("own handler"))
        with heapsight.dump_on("out", signal=signal.SIGUSR1):
            os.kill(os.getpid(), signal.SIGUSR1)
        """
    )
    assert (done.returncode, done.stdout) == (0, "own handler\n")
    (said,) = done.stderr.splitlines()
    assert "the program handles or ignores SIGUSR1 itself" in said
    assert names(tmp_path / "out") == []


def test_the_end_waits_for_nobody_who_does_not_read_stderr(write, tmp_path):
    write(
        "prog.py",
        """
        import heapsight, os
        heapsight.dump_on("out", exit=True)
        os.set_blocking(2, False)
        for size in (1 << 16, 1):
            try:
                while True:
                    os.write(2, b"x" * size)
            except BlockingIOError:
                pass
        os.set_blocking(2, True)
        """,
    )
    with subprocess.Popen(
        [sys.executable, "prog.py"], cwd=tmp_path, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()
    assert names(tmp_path / "out") == ["001-exit.hsnap"]


def test_what_a_signal_handler_raises_does_not_hide_the_exception(program):
    done = program(
        """
        import heapsight._recorder as recorder
        def interrupted(*words):
            raise KeyboardInterrupt
        recorder.snapshot = interrupted
        heapsight.dump_on("out", exception=True)
        raise ValueError("boom")
        """
    )
    assert "ValueError: boom" in done.stderr
    assert done.returncode != 0


def test_a_thread_may_call_it(program, tmp_path):
    done = program(
        """
        import threading
        def work():
            with heapsight.dump_on("out", every=0.05, exception=True) as dumps:
                wait_for(dumps, 1)
            for more in ({"signal": signal.SIGUSR1}, {"exit": True}):
                try:
                    heapsight.dump_on("out", **more)
                except heapsight.HeapsightValueError as problem:
                    print(problem)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        """
    )
    assert done.returncode == 0, done.stderr
    sentence = "signal= and exit= take the main thread: only it gets signals\n"
    assert done.stdout == 2 * sentence
    assert "timer" in occasions(tmp_path / "out")


def test_children_leave_it_alone(program, tmp_path):
    done = program(
        """
        dumps = heapsight.dump_on(
            "out", signal=signal.SIGUSR1, every=0.5, exception=True, exit=True, memory_error=True
        )
        child = os.fork()
        if child == 0:
            assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            dumps.take("child")
            time.sleep(0.7)
            raise ValueError("of the child")
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(status, "child" in str(os.listdir("out")))
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1 False\n"
    assert "ValueError: of the child" in done.stderr
    assert done.stderr.count("heapsight: wrote") == 1
    found = occasions(tmp_path / "out")
    assert set(found) <= {"timer", "exit"}
    assert found[-1] == "exit"


# ---- refusals and failures ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "error", "word"),
    [
        ({"every": 0}, ValueError, "every"),
        ({"every": -1.5}, ValueError, "every"),
        ({"every": float("nan")}, ValueError, "every"),
        ({"every": 1e15}, ValueError, "every"),
        ({"every": "60"}, TypeError, "every"),
        ({"rss": 0}, ValueError, "rss"),
        ({"rss": 1 << 70}, ValueError, "rss"),
        ({"rss": "2GB"}, TypeError, "rss"),
        ({"rss": True}, TypeError, "rss"),
        ({"growth": -5}, ValueError, "growth"),
        ({"growth": 1.5}, TypeError, "growth"),
        ({"keep": 0}, ValueError, "keep"),
        ({"keep": "all"}, TypeError, "keep"),
        ({"signal": 0}, ValueError, "signal"),
        ({"signal": 4000}, ValueError, "signal"),
        ({"signal": signal.SIGKILL}, ValueError, "signal"),
        ({"signal": signal.SIGSEGV}, ValueError, "signal"),
        ({"signal": signal.SIGPIPE}, ValueError, "SIGPIPE is ignored by Python"),
        ({"signal": "USR1"}, TypeError, "signal"),
        ({"folder": 3}, TypeError, "folder"),
    ],
)
def test_bad_arguments(tmp_path, wrong, error, word):
    before = sys.excepthook
    with pytest.raises(package.HeapsightError) as caught:
        package.dump_on(**{"folder": tmp_path / "out", "exception": True, "exit": True, **wrong})
    assert isinstance(caught.value, error)
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sys.excepthook is before
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert not (tmp_path / "out").exists()


def test_a_folder_is_a_path_of_any_kind(program, tmp_path):
    done = program(
        """
        from pathlib import Path
        for folder in (Path("a"), os.path.abspath("b"), b"c", "d/e", None):
            with heapsight.dump_on(folder) as dumps:
                dumps.take()
            os.unlink(dumps.files[0])
        print(os.getpid())
        """
    )
    assert done.returncode == 0, done.stderr
    made = {"a", "b", "c", "d", f"heapsight-{done.stdout.strip()}"}
    assert made == {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert names(tmp_path / "d") == ["e"]


def test_a_folder_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    before = sys.excepthook
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(package.HeapsightOSError, match=r"cannot use .*folder="):
            package.dump_on(folder, exception=True, signal=signal.SIGUSR1)
    assert sys.excepthook is before
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


def test_a_folder_that_goes_away_is_one_sentence(program, tmp_path):
    done = program(
        """
        with heapsight.dump_on("out") as dumps:
            dumps.take("first")
            os.rename("out", "moved")
            dumps.take("second")
            os.rename("moved", "out")
            dumps.take("third")
        """
    )
    assert done.returncode == 0, done.stderr
    (said,) = done.stderr.splitlines()
    assert said.startswith("heapsight: could not write 002-second.hsnap: ")
    assert "No such file or directory" in said
    assert names(tmp_path / "out") == ["001-first.hsnap", "003-third.hsnap"]


def test_a_disk_that_is_full_is_one_sentence(program, tmp_path):
    done = program(
        """
        import resource
        dumps = heapsight.dump_on("out")
        dumps.take("before")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
        dumps.take("full")
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        dumps.take("after")
        """
    )
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    assert said[0].startswith("heapsight: could not write 002-full.hsnap: ")
    assert "File too large" in said[0]
    assert "wrote 2 snapshots" in said[1]
    assert names(tmp_path / "out") == ["001-before.hsnap", "003-after.hsnap"], "no half file"
    assert occasions(tmp_path / "out") == ["before", "after"]


# ---- killed -------------------------------------------------------------------------------------

KILLS = 12
MOST_KILLS = 80  # until one hits a writer, which about every fourth does
LOOP = """
import heapsight
kept = [bytearray(10) for _ in range(3000)]
with heapsight.Tracer("exact"):
    more = [[] for _ in range(1000)]
    dumps = heapsight.dump_on("out", every=0.03)
    dumps.take()
    print("ready", flush=True)
    while True:
        dumps.take()
"""
FINAL = re.compile(r"\d{3,}-(code|timer)\.hsnap")
TEMPORARY = re.compile(r"\.heapsight-\S+\.tmp")


def test_a_kill_leaves_whole_snapshots_only(tmp_path):
    """Whatever the moment: files under final names load, and the earlier ones are as before."""
    (tmp_path / "prog.py").write_text(LOOP)
    seed = random.randrange(1 << 32)
    moments = random.Random(seed)
    whole = {}
    kills = halves = 0
    while kills < KILLS or (not halves and kills < MOST_KILLS):
        kills += 1
        process = subprocess.Popen(
            [sys.executable, "prog.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0, 0.15))
        process.kill()
        process.communicate()
        for name in names(tmp_path / "out"):
            path = tmp_path / "out" / name
            if TEMPORARY.fullmatch(name):
                halves += 1
                path.unlink()
                continue
            assert FINAL.fullmatch(name), f"{name}, seed {seed}"
            state = path.stat().st_mtime_ns, path.stat().st_size
            assert whole.get(name, state) == state, f"{name} was touched, seed {seed}"
            if name not in whole:
                with package.load(path) as heap:
                    assert heap.types(1, by="site"), f"{name}, seed {seed}"
                whole[name] = state
        assert set(whole) <= set(names(tmp_path / "out"))
    assert len(whole) >= KILLS
    assert halves, f"no kill hit a writer: the test shows nothing, seed {seed}"
