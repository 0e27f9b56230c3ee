# SPDX-License-Identifier: MIT
"""heapsight run: signals that ask for a snapshot, end the program, or come at a bad moment."""

import os
import signal
import subprocess
import sys
import time

import heapsight as package
import pytest
from running import without_us
from snapshot_files import names

# ---- the signal that asks for a snapshot --------------------------------------------------------


@pytest.mark.parametrize("name", ["USR1", "SIGUSR1", "usr1", str(int(signal.SIGUSR1))])
def test_the_signal(write, heapsight, tmp_path, name):
    write(
        "prog.py",
        """
        import os, signal
        def waiting():
            in_the_middle = [0] * 1000
            os.kill(os.getpid(), signal.SIGUSR1)
            return sum(in_the_middle)
        waiting()
        """,
    )
    done = heapsight("run", "-o", "out", "--signal", name, "prog.py")
    assert done.returncode == 0, done.stderr
    assert names(tmp_path / "out") == ["001-start.hsnap", "002-signal.hsnap", "003-exit.hsnap"]
    with package.load(tmp_path / "out" / "002-signal.hsnap") as heap:
        held = [row.root_name for row in heap.why("list", limit=None)]
    assert "in_the_middle" in held


def test_a_program_with_snapshots_of_its_own(write, heapsight, tmp_path):
    write(
        "prog.py",
        """
        import heapsight, os, signal
        heapsight.dump_on("own", signal=signal.SIGUSR1, exit=True)
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGTERM)
        """,
    )
    done = heapsight("run", "-o", "out", "--on-signal", "USR1", "prog.py")
    assert done.returncode == -signal.SIGTERM, done.stderr
    assert names(tmp_path / "own") == ["001-signal.hsnap", "002-exit.hsnap"]
    assert names(tmp_path / "out") == ["001-start.hsnap", "002-signal.hsnap", "003-exit.hsnap"]


def test_a_signal_that_is_ignored_is_a_sentence(write, heapsight):
    write("prog.py", "")
    done = heapsight(
        *("run", "-o", "out", "--on-signal", "HUP", "prog.py"),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert done.returncode == 0
    assert "the program handles or ignores SIGHUP itself" in done.stderr.splitlines()[0]


# ---- sigterm ------------------------------------------------------------------------------------


def test_a_program_that_is_terminated(write, tmp_path):
    write("prog.py", "import time\nprint('ready', flush=True)\ntime.sleep(60)")
    line = [sys.executable, "-m", "heapsight", "run", "-o", "out", "--every", "50", "prog.py"]
    process = subprocess.Popen(
        line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)  # a signal just before time.sleep() begins is handled after its end
    process.terminate()
    said = process.communicate(timeout=60)[1]
    assert process.returncode == -signal.SIGTERM
    assert names(tmp_path / "out") == ["001-start.hsnap", "002-exit.hsnap"]
    assert "wrote 2 snapshots" in said


def test_a_program_that_handles_sigterm_itself(write, heapsight, tmp_path):
    write(
        "prog.py",
        """
        import os, signal, sys
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        os.kill(os.getpid(), signal.SIGTERM)
        """,
    )
    done = heapsight("run", "-o", "out", "prog.py")
    assert done.returncode == 7
    assert names(tmp_path / "out") == ["001-start.hsnap", "002-exit.hsnap"]


def test_an_ignored_sigterm_stays_ignored(write, heapsight, tmp_path):
    write("prog.py", "import os, signal; os.kill(os.getpid(), signal.SIGTERM); print('alive')")
    done = heapsight(
        "run",
        "-o",
        "out",
        "prog.py",
        preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    )
    assert (done.returncode, done.stdout) == (0, "alive\n")


def test_sigterm_during_a_snapshot(write, heapsight, tmp_path):
    """The finaliser runs inside the snapshot's garbage collection, in the handler of USR1."""
    write(
        "prog.py",
        """
        import gc, os, signal
        gc.disable()
        class Late:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGTERM)
                for _ in range(100_000): pass
        cycle = Late()
        cycle.me = cycle
        del cycle
        os.kill(os.getpid(), signal.SIGUSR1)
        """,
    )
    done = heapsight("run", "-o", "out", "--signal", "USR1", "prog.py")
    assert done.returncode == -signal.SIGTERM
    assert names(tmp_path / "out") == ["001-start.hsnap", "002-signal.hsnap", "003-exit.hsnap"]
    assert "wrote 3 snapshots" in done.stderr


def test_sigterm_while_nobody_reads_stderr(write, tmp_path):
    """The handler interrupts a write to sys.stderr, which must not be written to again there."""
    write(
        "prog.py",
        """
        import sys
        print("ready", flush=True)
        while True:
            try:
                print("x" * 500, file=sys.stderr)
            except Exception:
                pass
        """,
    )
    line = [sys.executable, "-m", "heapsight", "run", "-o", "out", "prog.py"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(line, cwd=tmp_path, env=environment, text=True, **pipes) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(1)  # the pipe is full
        process.terminate()
        try:
            assert process.wait(timeout=60) == -signal.SIGTERM
        finally:
            process.kill()
    assert names(tmp_path / "out") == ["001-start.hsnap", "002-exit.hsnap"]


# ---- signals inside a snapshot ------------------------------------------------------------------

# A program whose garbage sends a signal when it is collected, and so inside the next snapshot. No
# Python code of the program runs there: the handler is called when the snapshot's code goes on.
LATE = """
import _thread, functools, gc, os, signal
gc.disable()

def expired(*_):
    raise TimeoutError("expired")

signal.signal(signal.SIGALRM, expired)

class Late:
    __del__ = staticmethod(functools.partial(_thread.interrupt_main, signal.{late}))

cycle = Late()
cycle.me = cycle
del cycle
"""


@pytest.mark.parametrize("late", ["SIGINT", "SIGALRM", "SIGTERM"])
def test_nothing_comes_between_sigterm_and_the_end(write, heapsight, tmp_path, late):
    source = """
try:
    os.kill(os.getpid(), signal.SIGTERM)
finally:
    print("still there", flush=True)
"""
    write("prog.py", LATE.format(late=late) + source)
    done = heapsight("run", "-o", "out", "prog.py")
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "")
    assert names(tmp_path / "out") == ["001-start.hsnap"]
    assert ("was interrupted" in done.stderr) is (late == "SIGINT")
    assert "Traceback" not in done.stderr


def test_sigterm_ends_a_program_that_breaks_off_the_snapshot_under_way(write, heapsight, tmp_path):
    source = """
terminate = functools.partial(os.kill, os.getpid(), signal.SIGTERM)
signal.signal(signal.SIGALRM, lambda *_: terminate() or expired())
os.kill(os.getpid(), signal.SIGUSR1)
print("still there")
"""
    write("prog.py", LATE.format(late="SIGALRM") + source)
    done = heapsight("run", "-o", "out", "--signal", "USR1", "prog.py")
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "")
    assert "wrote 1 snapshot" in done.stderr


def test_what_a_signal_handler_raises_reaches_the_program(write, heapsight, tmp_path):
    source = """
try:
    os.kill(os.getpid(), signal.SIGUSR1)
except TimeoutError as problem:
    print(problem)
os.kill(os.getpid(), signal.SIGUSR1)
"""
    write("prog.py", LATE.format(late="SIGALRM") + source)
    done = heapsight("run", "-o", "out", "--signal", "USR1", "prog.py")
    assert (done.returncode, done.stdout) == (0, "expired\n"), done.stderr
    assert "could not write" not in done.stderr
    found = names(tmp_path / "out")
    assert found == ["001-start.hsnap", "003-signal.hsnap", "004-exit.hsnap"]


def test_what_a_signal_handler_raises_as_the_program_dies(write, heapsight):
    write("prog.py", LATE.format(late="SIGALRM") + "raise ValueError('first')\n")
    done = heapsight("run", "-o", "out", "prog.py")
    assert done.returncode == 1
    lines = without_us(done.stderr).splitlines()
    assert lines[-1] == "TimeoutError: expired"
    assert "ValueError: first" in lines
    assert "heapsight" not in without_us(done.stderr)
