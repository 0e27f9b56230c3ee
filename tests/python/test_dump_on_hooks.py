# SPDX-License-Identifier: MIT
"""dump_on(): the hooks and signal handlers that it sets, in threads and children, too, and puts
back."""

import signal
import sys
import threading

import heapsight as package
from snapshot_files import names, occasions


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
