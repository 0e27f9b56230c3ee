# SPDX-License-Identifier: MIT
"""heapsight run: the program behaves as without it, and the snapshots are there."""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
import zipfile

import heapsight as package
import pytest
from heapsight.cli import run
from running import one_sentence


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def without_us(text):
    """What the program itself wrote to stderr."""
    return "".join(line for line in text.splitlines(True) if not line.startswith("heapsight: "))


def without_numbers(text):
    """Text without the numbers that differ between any two runs."""
    return re.sub(r"0x[0-9a-f]{6,}|started \d+", "N", text)


SCRIPTS = {
    "quiet": "print('fine')",
    "arguments": "import sys; print(sys.argv, sys.path[0], __file__, __name__, __spec__)",
    "namespace": """
        import sys
        main = sys.modules["__main__"]
        print(sorted(vars()), vars(main) is globals(), __builtins__, __package__, __doc__)
        print(type(__loader__).__name__, __loader__.path)
    """,
    "exit-3": "import sys; sys.exit(3)",
    "exit-message": "import sys; sys.exit('no more')",
    "exit-nothing": "raise SystemExit",
    "exit-object": "raise SystemExit([1])",
    "exception": """
        def fail():
            raise ValueError("not today")
        fail()
    """,
    "chained": """
        try:
            1 / 0
        except ZeroDivisionError as problem:
            raise RuntimeError("after that") from problem
    """,
    "group": "raise ExceptionGroup('two', [ValueError(1), TypeError(2)])",
    "syntax": "def broken(:\n    pass",
    "interrupt": "raise KeyboardInterrupt",
    "sigint": "import os, signal; os.kill(os.getpid(), signal.SIGINT); [0 for _ in range(10**6)]",
    "sigterm": "import os, signal; os.kill(os.getpid(), signal.SIGTERM); [0 for _ in range(10**6)]",
    "own-hook": """
        import sys
        sys.excepthook = lambda kind, problem, trace: print(
            kind, problem, trace.tb_frame.f_code.co_filename, file=sys.stderr)
        raise ValueError("hooked")
    """,
    "own-exit": """
        import atexit, sys
        atexit.register(print, "handler", file=sys.stderr)
        raise ValueError("then the handler")
    """,
    "thread": """
        import threading, time
        def late():
            time.sleep(0.2)
            print("late")
        threading.Thread(target=late).start()
        raise ValueError("main is gone")
    """,
    "threads-seen": """
        import threading, sys
        print(threading.active_count(), threading.enumerate(), len(sys._current_frames()))
    """,
    "future": """
        def typed(x: undefined): pass
    """,
    "warning": "import warnings; warnings.warn('look', DeprecationWarning)",
    "pickle": """
        import pickle
        class Local: pass
        print(type(pickle.loads(pickle.dumps(Local()))) is Local)
    """,
}


@pytest.mark.parametrize("kind", SCRIPTS)
def test_the_program_does_what_it_does_alone(write, python, heapsight, kind):
    write("prog.py", SCRIPTS[kind])
    words = ("prog.py", "one", "--two", "-m", "-h")
    alone = python(*words)
    watched = heapsight("run", "-o", "out", *words)
    assert watched.returncode == alone.returncode
    assert without_numbers(watched.stdout) == without_numbers(alone.stdout)
    assert without_us(watched.stderr) == alone.stderr


MODULES = {
    "module": ("mod", {"mod.py": SCRIPTS["arguments"]}),
    "in-package": (
        "pkg.deep.mod",
        {"pkg/__init__.py": "print(__name__)", "pkg/deep/mod.py": SCRIPTS["arguments"]},
    ),
    "package": (
        "pkg",
        {"pkg/__init__.py": "x = 1", "pkg/__main__.py": "from . import x; print(x, __package__)"},
    ),
    "exit": ("mod", {"mod.py": "import sys; sys.exit(4)"}),
    "standard": ("json.tool", {}),
}


@pytest.mark.parametrize("kind", MODULES)
def test_a_module_does_what_it_does_alone(write, python, heapsight, kind):
    name, files = MODULES[kind]
    for path, source in files.items():
        write(path, source)
    words = ("-m", name, "--help") if kind == "standard" else ("-m", name, "one", "--two", "-m")
    alone = python(*words)
    watched = heapsight("run", "-o", "out", *words)
    assert watched.returncode == alone.returncode
    assert without_numbers(watched.stdout) == without_numbers(alone.stdout)
    assert without_us(watched.stderr) == alone.stderr


def test_a_module_may_be_joined_to_its_option(write, python, heapsight):
    write("mod.py", SCRIPTS["arguments"])
    for words in (("-mmod", "one", "--values"), ("-mmod", "--every", "-mother"), ("-mmod",)):
        alone = python(*words)
        watched = heapsight("run", "-o", "out", "--every", "60", *words)
        assert watched.returncode == 0, watched.stderr
        assert without_numbers(watched.stdout) == without_numbers(alone.stdout)


CODE = """
import sys
print(sys.argv, repr(sys.path[0]), sorted(vars()), __name__, __spec__, __package__, __loader__)
sys.exit(4)
"""


@pytest.mark.parametrize("before", [["-c", CODE], [f"-c{CODE}"], ["-"]], ids=["c", "joined", "-"])
def test_code_that_is_no_file(python, heapsight, before):
    words = (*before, "one", "--every", "-m", "-")
    alone = python(*words, input=CODE)
    watched = heapsight("run", "-o", "out", "--every", "60", *words, input=CODE)
    assert (watched.returncode, watched.stdout) == (4, alone.stdout), watched.stderr
    assert without_us(watched.stderr) == ""


def test_indented_code_is_taken_as_this_python_takes_it(python, heapsight):
    code = "  x = 1\n  print(x)"
    alone, watched = python("-c", code), heapsight("run", "-o", "out", "-c", code)
    assert (watched.returncode, watched.stdout) == (alone.returncode, alone.stdout)
    assert (alone.returncode == 0) is (sys.version_info >= (3, 14))


def test_the_options_that_take_a_value_are_those_of_the_parser():
    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    taking = {
        option
        for action in parser._actions
        if action.nargs is None
        for option in action.option_strings
    }
    assert set(run.WITH_VALUE) == taking


def test_an_exception_in_a_module(write, heapsight):
    write("pkg/__init__.py", "")
    write("pkg/mod.py", "1 / 0")
    done = heapsight("run", "-o", "out", "-m", "pkg.mod")
    assert done.returncode == 1
    lines = without_us(done.stderr).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].endswith('mod.py", line 1, in <module>')
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_an_exception_in_the_package_of_a_module(write, heapsight, tmp_path):
    write("pkg/__init__.py", "import missing_thing")
    write("pkg/mod.py", "")
    done = heapsight("run", "-o", "out", "-m", "pkg.mod")
    assert done.returncode == 1
    assert "missing_thing" in done.stderr.splitlines()[-1]
    assert "heapsight" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["folder", "zip", "pyc"])
def test_other_kinds_of_scripts(write, python, heapsight, tmp_path, kind):
    source = write("app/__main__.py", "import sys, side; print(sys.argv, sys.path[0], __file__)")
    side = write("app/side.py", "")
    target = "app"
    if kind == "zip":
        target = "app.pyz"
        with zipfile.ZipFile(tmp_path / target, "w") as archive:
            archive.write(source, "__main__.py")
            archive.write(side, "side.py")
    if kind == "pyc":
        import py_compile

        target = "app/main.pyc"
        py_compile.compile(str(source), str(tmp_path / target), doraise=True)
    alone = python(target, "x")
    watched = heapsight("run", "-o", "out", target, "x")
    assert alone.returncode == 0, alone.stderr
    assert watched.returncode == 0, watched.stderr
    assert watched.stdout == alone.stdout


def test_snapshots_at_start_and_exit(write, heapsight, tmp_path):
    write(
        "prog.py",
        """
        class Session: pass
        KEPT = [Session() for _ in range(100)]
        """,
    )
    done = heapsight("run", "-o", "out", "prog.py")
    assert done.returncode == 0, done.stderr
    assert names(tmp_path / "out") == ["001-start.hsnap", "002-exit.hsnap"]
    said = done.stderr.splitlines()
    assert said[0] == "heapsight: wrote 2 snapshots: out/001-start.hsnap out/002-exit.hsnap"
    command = said[1].removeprefix("heapsight: next: heapsight ").split()
    assert command == ["diff", "out/001-start.hsnap", "out/002-exit.hsnap"]
    difference = heapsight(*command, "--json", "--only", "__main__")
    assert '"__main__.Session"' in difference.stdout
    reason = heapsight("why", "out/002-exit.hsnap", "--type", "__main__.Session")
    assert "KEPT" in reason.stdout
    with package.load(tmp_path / "out" / "001-start.hsnap") as start:
        assert start.label == "start"
        assert start.info["arguments"].endswith("prog.py")
        assert [row.type for row in start.types(None, only="heapsight")] == []


def test_the_folder_is_named_after_the_process(write, heapsight, tmp_path):
    write("prog.py", "import os; print(os.getpid())")
    done = heapsight("run", "prog.py")
    assert (tmp_path / f"heapsight-{int(done.stdout)}" / "001-start.hsnap").exists()


def test_numbers_go_on_where_a_folder_is_used_again(write, heapsight, tmp_path):
    write("prog.py", "")
    heapsight("run", "-o", "out", "prog.py")
    heapsight("run", "-o", "out", "prog.py")
    assert names(tmp_path / "out") == [
        "001-start.hsnap",
        "002-exit.hsnap",
        "003-start.hsnap",
        "004-exit.hsnap",
    ]


def test_the_folder_stays_where_it_was_named(write, heapsight, tmp_path):
    write("prog.py", "import os; os.mkdir('else'); os.chdir('else')")
    done = heapsight("run", "-o", "my out", "prog.py")
    assert names(tmp_path / "my out") == ["001-start.hsnap", "002-exit.hsnap"]
    assert "heapsight diff 'my out/001-start.hsnap'" in done.stderr


def test_an_exception_is_seen_with_its_frames(write, heapsight, tmp_path):
    write(
        "prog.py",
        """
        class Culprit: pass

        def handle():
            request = Culprit()
            raise ValueError("boom")

        handle()
        """,
    )
    done = heapsight("run", "-o", "out", "prog.py")
    assert done.returncode == 1
    assert names(tmp_path / "out") == ["001-start.hsnap", "002-exception.hsnap"]
    with package.load(tmp_path / "out" / "002-exception.hsnap") as heap:
        row = heap.why("__main__.Culprit").paths()[0]
    assert "request" in row.expression


def test_the_timer(write, heapsight, tmp_path):
    write("prog.py", "import time; time.sleep(1.5)")
    done = heapsight("run", "-o", "out", "--every", "0.2", "prog.py")
    assert done.returncode == 0, done.stderr
    found = names(tmp_path / "out")
    assert found[0] == "001-start.hsnap"
    assert found[-1].endswith("-exit.hsnap")
    timer = found[1:-1]
    assert len(timer) >= 2
    assert all(re.fullmatch(r"\d{3}-timer\.hsnap", name) for name in timer)
    for name in found:
        package.load(tmp_path / "out" / name).close()


def test_the_timer_does_not_hold_up_the_end(write, heapsight, tmp_path):
    write("prog.py", "")
    started = time.monotonic()
    done = heapsight("run", "-o", "out", "--every", "3600", "prog.py")
    assert done.returncode == 0
    assert time.monotonic() - started < 60
    assert names(tmp_path / "out") == ["001-start.hsnap", "002-exit.hsnap"]


def test_many_snapshots_are_not_all_listed(write, heapsight, tmp_path):
    write("prog.py", "import os, signal\nfor _ in range(8): os.kill(os.getpid(), signal.SIGUSR2)")
    done = heapsight("run", "-o", "out", "--signal", "USR2", "prog.py")
    assert "wrote 10 snapshots: out/001-start.hsnap ... out/010-exit.hsnap" in done.stderr
    assert len(names(tmp_path / "out")) == 10


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


def test_sigterm_while_nobody_reads_stderr(write, tmp_path):
    """The handler interrupts a write to sys.stderr, which must not be written to again from there."""
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


def test_children_write_nothing(write, heapsight, tmp_path):
    write(
        "prog.py",
        """
        import multiprocessing, os, signal, subprocess, sys

        def work():
            sys.exit(5)

        if __name__ == "__main__":
            child = os.fork()
            if child == 0:
                assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
                assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
                sys.exit(3)  # runs the handlers of atexit
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
            for method in ("fork", "spawn"):
                process = multiprocessing.get_context(method).Process(target=work)
                process.start()
                process.join()
                print(process.exitcode, flush=True)
            print(subprocess.run([sys.executable, "-c", "print('child')"]).returncode)
        """,
    )
    done = heapsight("run", "-o", "out", "--signal", "USR1", "--every", "60", "prog.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["3", "5", "5", "child", "0"]
    assert names(tmp_path / "out") == ["001-start.hsnap", "002-exit.hsnap"]
    assert done.stderr.count("heapsight: wrote") == 1


def test_a_signal_sent_to_a_child_that_is_just_born_is_not_lost(write, heapsight):
    write(
        "prog.py",
        """
        import os, signal, time
        for number in range(60):
            child = os.fork()
            if child == 0:
                time.sleep(60)
            os.kill(child, (signal.SIGTERM, signal.SIGUSR1)[number % 2])
            deadline = time.monotonic() + 20
            while os.waitpid(child, os.WNOHANG)[0] == 0:
                if time.monotonic() > deadline:
                    os.kill(child, signal.SIGKILL)
                    raise SystemExit(f"child {number} goes on")
                time.sleep(0.001)
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
        """,
    )
    done = heapsight("run", "-o", "out", "--on-signal", "USR1", "prog.py")
    assert done.returncode == 0, done.stderr


def test_forking_with_a_timer_is_as_without(write, python, heapsight, tmp_path):
    """The interpreter warns when a process with several threads forks; the timer goes on."""
    write(
        "prog.py",
        """
        import os, sys, time
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            if os.fork() == 0:
                os._exit(0)
            os.wait()
            time.sleep(0.03)
        """,
    )
    environment = {**os.environ, "PYTHONWARNINGS": "always"}
    assert python("prog.py", env=environment).stderr == ""
    done = heapsight("run", "-o", "out", "--every", "0.3", "prog.py", env=environment)
    assert done.returncode == 0
    if sys.version_info[:2] != (3, 13):  # which counts threads after the timer is back
        assert without_us(done.stderr) == ""
    timer = [name for name in names(tmp_path / "out") if name.endswith("-timer.hsnap")]
    assert len(timer) >= 2


def test_threads_that_fork_leave_one_timer(write, heapsight):
    write(
        "prog.py",
        """
        import os, threading, time

        def fork():
            for _ in range(20):
                child = os.fork()
                if child == 0:
                    os._exit(0)
                os.waitpid(child, 0)

        threads = [threading.Thread(target=fork) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(0.5)  # the system's threads end a moment later
        print(len(os.listdir("/proc/self/task")))
        """,
    )
    done = heapsight("run", "-o", "out", "--every", "60", "prog.py")
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr


def test_the_timer_waits_for_no_lock_of_the_program(write, heapsight, tmp_path):
    """A finaliser wants a lock that is held during a fork, which waits for the timer's snapshot."""
    write(
        "prog.py",
        """
        import gc, os, threading, time
        gc.disable()
        lock = threading.RLock()
        finalised_by = set()

        class Node:
            def __init__(self):
                self.me = self

            def __del__(self):
                with lock:
                    finalised_by.add(threading.get_ident())

        with lock:
            Node()
            time.sleep(1)  # the timer is due several times
            if os.fork() == 0:
                os._exit(0)
            os.wait()
        time.sleep(0.5)
        print(finalised_by)
        """,
    )
    done = heapsight("run", "-o", "out", "--every", "0.1", "prog.py")
    assert (done.returncode, done.stdout) == (0, "set()\n"), done.stderr
    assert len([name for name in names(tmp_path / "out") if "-timer" in name]) >= 2


def test_a_disk_that_is_full(write, python, tmp_path):
    (tmp_path / "full").mkdir()
    write("prog.py", "print('on we go')")
    write(
        "steps.sh",
        """
        mount -t tmpfs -o size=64k tmpfs full || exit 99
        "$PYTHON" -m heapsight run -o full/out prog.py; echo "code $?"
        ls -A full/out
        """,
    )
    shell = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"
    environment = {**os.environ, "PYTHON": sys.executable}
    done = python("-c", shell, "unshare", "--mount", "sh", "steps.sh", env=environment)
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()[-100:]}")
    assert done.stdout == "on we go\ncode 0\n", done.stderr
    said = done.stderr.splitlines()
    assert len(said) == 3
    assert said[0].startswith("heapsight: could not write 001-start.hsnap: ")
    assert "No space left on device" in said[0]
    assert said[2] == "heapsight: no snapshot was written"


def test_a_snapshot_that_fails_is_a_sentence(write, heapsight, tmp_path):
    write(
        "prog.py",
        """
        import os, shutil
        shutil.rmtree("out")
        print("on we go")
        """,
    )
    done = heapsight("run", "-o", "out", "prog.py")
    assert (done.returncode, done.stdout) == (0, "on we go\n")
    lines = done.stderr.splitlines()
    assert lines[0].startswith("heapsight: could not write 002-exit.hsnap: ")
    assert "Traceback" not in done.stderr


def test_output_that_is_closed(write, heapsight, tmp_path):
    write("prog.py", "import sys, os; sys.stderr.close(); os.close(2)")
    done = heapsight("run", "-o", "out", "prog.py")
    assert done.returncode == 0
    assert names(tmp_path / "out") == ["001-start.hsnap", "002-exit.hsnap"]


def test_without_a_stderr_nothing_is_said(write, heapsight, tmp_path):
    write("prog.py", "print('fine')")
    done = heapsight("run", "-o", "out", "prog.py", preexec_fn=lambda: os.close(2))
    assert (done.returncode, done.stdout) == (0, "fine\n")
    assert names(tmp_path / "out") == ["001-start.hsnap", "002-exit.hsnap"]


def test_modules_of_the_program_do_not_get_in_our_way(write, heapsight, tmp_path):
    for name in ("json", "types", "signal", "shlex", "tempfile", "weakref"):
        write(f"app/{name}.py", "raise SystemExit('the wrong module')")
    write("app/prog.py", "import sys; print(sys.path[0])")
    done = heapsight("run", "-o", "out", "--every", "60", "app/prog.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'app'}\n"
    assert names(tmp_path / "out") == ["001-start.hsnap", "002-exit.hsnap"]


def test_values_are_kept_only_where_asked_for(write, heapsight, tmp_path):
    write("prog.py", "SECRET = 'correct horse battery staple'")
    heapsight("run", "-o", "plain", "prog.py")
    heapsight("run", "-o", "shown", "--values", "prog.py")
    assert b"correct horse" not in (tmp_path / "plain" / "002-exit.hsnap").read_bytes()
    assert b"correct horse" in (tmp_path / "shown" / "002-exit.hsnap").read_bytes()


def test_our_frames_hold_nothing(write, heapsight, tmp_path):
    write("prog.py", "KEPT = object()")
    heapsight("run", "-o", "out", "prog.py")
    with package.load(tmp_path / "out" / "002-exit.hsnap") as heap:
        frames = [row for row in heap.why("object", limit=None) if row.root_kind == "thread frame"]
    assert frames == []


# ---- bad input -----------------------------------------------------------------------------------


def test_a_missing_script(heapsight, tmp_path):
    assert "none.py" in one_sentence(heapsight("run", "-o", "out", "none.py"))
    assert not (tmp_path / "out").exists()


def test_a_missing_module(heapsight, write, tmp_path):
    write("pkg/__init__.py", "")
    write("plain.py", "")
    for name in ("none", "pkg.none", "none.none", "plain.none", "pkg", ".rel", "a..b", "sys"):
        assert name in one_sentence(heapsight("run", "-o", "out", "-m", name))
    assert not (tmp_path / "out").exists()


def test_a_folder_without_main(heapsight, write, tmp_path):
    write("app/other.py", "")
    assert "__main__" in one_sentence(heapsight("run", "-o", "out", "app"))


def test_no_program_at_all(heapsight):
    assert "SCRIPT" in one_sentence(heapsight("run"))
    assert "SCRIPT" in one_sentence(heapsight("run", "--"))
    assert "MODULE" in one_sentence(heapsight("run", "-m"))
    assert "CODE" in one_sentence(heapsight("run", "-c"))


UNUSABLE = ["USR9", "", "0", "99", "KILL", "SIGSTOP", "TERM", "INT", "SEGV", "PIPE", "XFSZ"]


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_signal_that_cannot_be_used(heapsight, write, name):
    write("prog.py", "print('ran')")
    assert "USR1" in one_sentence(heapsight("run", f"--signal={name}", "prog.py"))


@pytest.mark.parametrize("every", ["0", "-1", "soon", "nan", "inf", "1e30", ""])
def test_a_time_that_cannot_be_waited_for(heapsight, write, every):
    write("prog.py", "print('ran')")
    assert "seconds" in one_sentence(heapsight("run", f"--every={every}", "prog.py"))


def test_a_folder_that_cannot_be_used(heapsight, write):
    write("prog.py", "print('ran')")
    write("file", "")
    for folder in ("file", "file/deeper", "/proc/heapsight"):
        said = one_sentence(heapsight("run", "-o", folder, "prog.py"))
        assert folder in said
        assert "-o names another folder" in said
