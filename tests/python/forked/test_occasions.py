# SPDX-License-Identifier: MIT
"""Snapshots on occasions that forked children take: heapsight run --fork and dump_on(fork=True)."""

from collections.abc import Callable
from pathlib import Path

import pytest
from snapshot_files import names, occasions

Passes = Callable[..., str]

WATCH = """
        def seen_within(seconds, wanted=lambda: True):
            seen, deadline = set(), time.monotonic() + seconds
            while time.monotonic() < deadline and not (seen and wanted()):
                seen.update(children())
                time.sleep(0.0005)
            return seen

        def wait_for(dumps, count):
            deadline = time.monotonic() + 60
            while len(dumps.files) < count and time.monotonic() < deadline:
                time.sleep(0.02)
        """


@pytest.mark.parametrize("option", ["--fork", "--no-fork"])
def test_the_timer_of_run(heapsight, write, tmp_path: Path, option: str) -> None:
    write("prog.py", """
        import glob, os, time
        kept = [[number] for number in range(100_000)]
        seen, deadline = set(), time.monotonic() + 60
        while time.monotonic() < deadline:
            for listed in glob.glob("/proc/self/task/*/children"):
                with open(listed) as text:
                    seen.update(text.read().split())
            try:
                os.waitpid(-1, os.WNOHANG)
                raise AssertionError("the program has no child")
            except ChildProcessError:
                pass
            files = os.listdir("out")
            if len([name for name in files if "timer" in name]) >= 3:
                break
            time.sleep(0.0005)
        print("child" if seen else "none")
        """)
    done = heapsight("run", "-o", "out", option, "--every", "0.05", "--memory-limit", "1GB",
                     "prog.py")
    assert (done.returncode, done.stdout) == (0, "child\n" if option == "--fork" else "none\n")
    found = occasions(tmp_path / "out")
    assert (found[0], found[-1]) == ("start", "exit") and len(found) >= 5
    assert set(found[1:-1]) == {"timer"}
    assert not [name for name in names(tmp_path / "out") if name.startswith(".")]
    assert "heapsight: wrote " in done.stderr and "could not" not in done.stderr, done.stderr


def test_it_is_for_large_heaps_only_unless_asked_for(passes: Passes) -> None:
    passes(WATCH + """
        from heapsight import _recorder
        large = lambda: len(os.listdir("out")) > 1
        with heapsight.dump_on("out", every=0.02) as dumps:
            wait_for(dumps, 3)
            assert not seen_within(0.5), "the heap is small"
            _recorder.FORK_BLOCKS = sys.getallocatedblocks() - 1000
            assert seen_within(20)
            _recorder.FORK_BYTES_PER_BLOCK = 1
            wait_for(dumps, len(dumps.files) + 2)
            assert not seen_within(0.5), "most of its memory is no heap"
        assert _recorder.FORK_BLOCKS >= 1000
        """)


def test_only_while_the_program_is_at_its_work(passes: Passes) -> None:
    passes("""
        from heapsight._recorder import Forking
        due = [name for name in ("start", "timer", "signal", "rss", "growth", "memory_error",
                                 "exit", "exception", "code", "child") if Forking(True).is_due(name)]
        assert due == ["timer", "signal", "rss", "growth"], due
        assert not any(Forking(False).is_due(name) for name in due)
        """)


def test_a_signal_does_not_wait_and_loses_nothing(passes: Passes) -> None:
    passes(WATCH + """
        kept = heap(300_000)
        with heapsight.dump_on("out", signal=signal.SIGUSR1, fork=True) as dumps:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert len(children()) == 1 and dumps.files == [], "the handler waited"
            os.kill(os.getpid(), signal.SIGUSR1)
            os.kill(os.getpid(), signal.SIGUSR1)
            assert len(children()) == 1, "one at a time"
            wait_for(dumps, 3)
            assert len(dumps.files) == 3, dumps.files
            os.kill(os.getpid(), signal.SIGUSR1)
        assert len(dumps.files) == 4, "one under way is finished"
        assert sorted(os.listdir("out")) == [f"00{n}-signal.hsnap" for n in (1, 2, 3, 4)]
        assert children() == []
        """)


def test_a_child_that_does_not_get_on_does_not_hold_the_next_one_up(
    passes: Passes, program, tmp_path: Path
) -> None:
    done = program("""
        import glob
        from heapsight import _recorder
        _recorder.CHILD_SECONDS = 0.3
        kept = [[number] for number in range(300_000)]
        with heapsight.dump_on("out", signal=signal.SIGUSR1, fork=True) as dumps:
            os.kill(os.getpid(), signal.SIGUSR1)
            (child,) = open(glob.glob("/proc/self/task/*/children")[0]).read().split()
            os.kill(int(child), signal.SIGSTOP)
            os.kill(os.getpid(), signal.SIGUSR1)
            _recorder.CHILD_SECONDS = 30
        print(dumps.files)
        """)
    assert (done.returncode, done.stdout) == (0, "['out/002-signal.hsnap']\n"), done.stderr
    (said,) = done.stderr.splitlines()
    assert said.startswith("heapsight: could not write 001-signal.hsnap: its child was not done 0.3 s")
    assert names(tmp_path / "out") == ["002-signal.hsnap"]


def test_growth_and_a_cap_on_files(passes: Passes, tmp_path: Path) -> None:
    passes(WATCH + """
        with heapsight.dump_on("out", growth=20 << 20, keep=2, fork=True) as dumps:
            kept = []
            for count in (1, 2, 3):
                before = list(dumps.files)
                kept.append(b"x" * (60 << 20))
                deadline = time.monotonic() + 60
                while dumps.files == before and time.monotonic() < deadline:
                    time.sleep(0.02)
        """)
    assert names(tmp_path / "out") == ["001-growth.hsnap", "003-growth.hsnap"]


def test_what_fails_in_the_child_is_one_sentence(passes: Passes, program, tmp_path: Path) -> None:
    done = program("""
        kept = [[number] for number in range(50_000)]
        with heapsight.dump_on("out", signal=signal.SIGUSR1, fork=True, memory_limit=1 << 20):
            os.kill(os.getpid(), signal.SIGUSR1)
        print("on we go")
        """)
    assert (done.returncode, done.stdout) == (0, "on we go\n")
    (said,) = done.stderr.splitlines()
    assert said.startswith("heapsight: could not write 001-signal.hsnap: ")
    assert "memory limit of 1048576 bytes" in said
    assert names(tmp_path / "out") == []


def test_the_program_forks_meanwhile(passes: Passes) -> None:
    passes("""
        kept = heap(300_000)
        with heapsight.dump_on("out", signal=signal.SIGUSR1, fork=True) as dumps:
            os.kill(os.getpid(), signal.SIGUSR1)
            begun = time.monotonic()
            own = os.fork()
            if own == 0:
                dumps.stop()
                os._exit(0 if dumps.files == [] else 1)
            assert time.monotonic() - begun < 1, "fork waits for the child"
            assert os.waitstatus_to_exitcode(os.waitpid(own, 0)[1]) == 0
        assert os.listdir("out") == ["001-signal.hsnap"]
        """)


def test_the_end_of_the_program_waits_for_it(heapsight, write, tmp_path: Path) -> None:
    write("prog.py", """
        import os, signal
        kept = [[number] for number in range(300_000)]
        os.kill(os.getpid(), signal.SIGUSR1)
        print("end")
        """)
    done = heapsight("run", "-o", "out", "--fork", "--signal", "USR1", "prog.py")
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr
    assert occasions(tmp_path / "out") == ["start", "signal", "exit"]
    assert "wrote 3 snapshots" in done.stderr


def test_the_end_waits_where_it_brings_no_snapshot_itself(program, tmp_path: Path) -> None:
    done = program("""
        kept = [[number] for number in range(300_000)]
        dumps = heapsight.dump_on("out", signal=signal.SIGUSR1, fork=True)
        os.kill(os.getpid(), signal.SIGUSR1)
        """)
    assert done.returncode == 0
    assert occasions(tmp_path / "out") == ["signal"]
    assert "wrote 1 snapshot: out/001-signal.hsnap" in done.stderr
