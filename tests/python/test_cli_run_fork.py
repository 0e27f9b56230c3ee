# SPDX-License-Identifier: MIT
"""heapsight run: children are as without it, and the timer stands still while a process forks."""

import os
import sys

from running import without_us
from snapshot_files import names


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
