# SPDX-License-Identifier: MIT
"""dump_on(): the end of the program or of a thread: an exception, an exit, SIGTERM."""

import signal
import subprocess
import sys

import heapsight as package
import pytest
from snapshot_files import names, occasions


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
