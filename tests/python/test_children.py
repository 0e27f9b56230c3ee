# SPDX-License-Identifier: MIT
"""Children are followed when asked, and left alone when not; HEAPSIGHT in the environment."""

import os
import re
import shutil
import signal
import sys
from pathlib import Path

import heapsight as heapsight_package
import pytest
from heapsight import load
from running import finished

POOL = """
    import multiprocessing
    import os
    import sys

    KEPT = []

    def work(count):
        KEPT.append([bytearray(1000) for _ in range(count)])
        return os.getpid()

    if __name__ == "__main__":
        context = multiprocessing.get_context(sys.argv[1])
        with context.Pool(2) as pool:
            print(*pool.map(work, [300, 300, 300, 300], chunksize=1))
            if sys.argv[2:] == ["close"]:
                pool.close()
                pool.join()
"""
METHODS = ["fork", "spawn", "forkserver"]
every_method = pytest.mark.parametrize("method", METHODS)


@pytest.mark.parametrize("end", ["terminate", "close"])
@every_method
def test_children_of_multiprocessing_write_a_snapshot_each(
    heapsight, write, tmp_path, method, end
):
    write("jobs.py", POOL)
    done = heapsight("run", "--exact", "--children", "-o", "out", "jobs.py", method, end)
    assert done.returncode == 0, done.stderr
    workers = set(done.stdout.split())
    found = {path.stem.removeprefix("child-"): path for path in tmp_path.glob("out/child-*.hsnap")}
    assert workers <= found.keys()
    assert len(found) <= 2
    told = "1 child wrote" if len(found) == 1 else f"{len(found)} children wrote"
    assert done.stderr.splitlines()[-1] == f"heapsight: {told} child-PID.hsnap into out"
    for worker in workers:
        with load(found[worker]) as heap:
            assert heap.info["process_id"] == int(worker)
            assert heap.trace is not None
            rows = heap.trace.rows(limit=None, by="line", file="jobs.py")
            largest = [row for row in rows if row.stack[0].file.endswith("jobs.py")][0]
            assert largest.bytes > 300 * 1000
            assert "bytearray(1000)" in POOL.splitlines()[largest.stack[0].line - 1]


def test_a_forked_child_writes_one_too(heapsight, write, tmp_path):
    write("fork.py", """
        import os
        import sys

        child = os.fork()
        if child == 0:
            sys.exit(0)
        os.waitpid(child, 0)
        print(child)
    """)
    done = heapsight("run", "--children", "-o", "out", "fork.py")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.glob("out/child-*")] == [
        f"child-{done.stdout.strip()}.hsnap"
    ]


@every_method
def test_nobody_but_the_children_writes_a_snapshot(heapsight, write, tmp_path, method):
    """The forkserver is none, and ends after the program."""
    write("jobs.py", """
        import multiprocessing
        import sys

        if __name__ == "__main__":
            process = multiprocessing.get_context(sys.argv[1]).Process(target=print)
            process.start()
            process.join()
            print(process.pid)
    """)
    done = heapsight("run", "--children", "-o", "out", "jobs.py", method)
    assert done.returncode == 0, done.stderr
    found = [path.name for path in tmp_path.glob("out/child-*")]
    assert found == [f"child-{done.stdout.strip()}.hsnap"]


FORK = """
import os
import signal
import sys
import time

ready, said = os.pipe()
child = os.fork()
if child == 0:
    {work}
os.read(ready, 1)
{then}
print(child, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_that_is_terminated_writes_one_too(heapsight, write, tmp_path):
    work = "os.write(said, b'x'); time.sleep(60)"
    write("fork.py", FORK.format(work=work, then="time.sleep(0.5); os.kill(child, signal.SIGTERM)"))
    done = heapsight("run", "--children", "-o", "out", "fork.py")
    child, code = done.stdout.split()
    assert int(code) == -signal.SIGTERM, done.stderr
    load(tmp_path / "out" / f"child-{child}.hsnap").close()


def test_sigterm_waits_for_the_snapshot_of_a_child_under_way(heapsight, write, tmp_path):
    """The finaliser runs inside the garbage collection of that snapshot."""
    write("late.py", """
        import os, signal

        class Late:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGTERM)
                for _ in range(100_000): pass

        def leave():
            cycle = Late()
            cycle.me = cycle
    """)
    work = "import late; late.leave(); os.write(said, b'x'); sys.exit(0)"
    write("fork.py", FORK.format(work=work, then=""))
    done = heapsight("run", "--children", "-o", "out", "fork.py")
    child, code = done.stdout.split()
    assert int(code) == -signal.SIGTERM, done.stderr
    load(tmp_path / "out" / f"child-{child}.hsnap").close()


@every_method
def test_a_child_that_waits_for_a_lock_handles_sigterm(heapsight, write, tmp_path, method):
    """The signal goes to another thread, so that it does not interrupt the main one: as one that
    comes just before the wait begins."""
    write("late.py", """
        import multiprocessing, signal, sys, threading, time

        def receive():
            time.sleep(0.5)
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

        def wait():
            lock = multiprocessing.Lock()
            lock.acquire()
            threading.Thread(target=receive).start()
            lock.acquire()

        if __name__ == "__main__":
            child = multiprocessing.get_context(sys.argv[1]).Process(target=wait)
            child.start()
            child.join(60)
            print(child.pid, child.exitcode)
            child.kill()
    """)
    done = heapsight("run", "--children", "-o", "out", "late.py", method)
    child, code = done.stdout.split()
    assert int(code) == -signal.SIGTERM, done.stderr
    load(tmp_path / "out" / f"child-{child}.hsnap").close()


def test_a_child_that_handled_sigterm_lives_on(heapsight, write, tmp_path):
    work = (
        "theirs = signal.signal(signal.SIGTERM, lambda *_: None);"
        " os.kill(os.getpid(), signal.SIGTERM); signal.signal(signal.SIGTERM, theirs);"
        " time.sleep(1); os.write(said, b'x'); sys.exit(3)"
    )
    write("fork.py", FORK.format(work=work, then=""))
    done = heapsight("run", "--children", "-o", "out", "fork.py")
    assert done.stdout.split()[1] == "3", done.stderr


def test_a_child_keeps_its_descriptors(heapsight, write, tmp_path):
    """As one that becomes a daemon, which closes all of them and opens others."""
    work = (
        "os.write(said, b'x'); os.closerange(3, 100); import socket; one, other = socket.socketpair();"
        " other.send(b'payload'); time.sleep(1); print(one.recv(9), flush=True);"
        " os.fork() or os._exit(0); sys.exit(4)"
    )
    write("fork.py", FORK.format(work=work, then=""))
    done = heapsight("run", "--children", "-o", "out", "fork.py")
    assert done.stdout.splitlines()[0] == "b'payload'"
    assert done.stdout.split()[-1] == "4" and "Error" not in done.stderr, done.stderr


def test_a_signal_that_the_program_handles_is_not_held_back_around_a_fork(python, write):
    write("held.py", """
        import signal
        from heapsight import _signals

        def is_blocked():
            _signals._block()
            held = signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, ())
            _signals._unblock()
            return held

        _signals.listen(signal.SIGTERM, print)
        assert is_blocked()
        signal.signal(signal.SIGTERM, lambda *_: None)
        assert not is_blocked()
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
    """)
    done = python("held.py")
    assert done.returncode == 0, done.stderr


def test_followed_children_may_fork(heapsight, write, tmp_path):
    """The interpreter warns when a process with several threads forks."""
    write("prog.py", """
        import os, time
        for _ in range(3):
            if os.fork():
                status = os.wait()[1]
                raise SystemExit(os.waitstatus_to_exitcode(status))
            time.sleep(0.3)
        raise SystemExit(5)
    """)
    environment = {**os.environ, "PYTHONWARNINGS": "always"}
    done = heapsight("run", "--children", "-o", "out", "prog.py", env=environment)
    assert done.returncode == 5
    if sys.version_info[:2] != (3, 13):  # which counts threads after the helper is back
        assert "Warning" not in done.stderr
    assert len(list(tmp_path.glob("out/child-*.hsnap"))) == 3


def test_a_child_that_handles_sigterm_itself(heapsight, write, tmp_path):
    work = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); os.write(said, b'x')"
    work += "; time.sleep(60)"
    write("fork.py", FORK.format(work=work, then="time.sleep(0.5); os.kill(child, signal.SIGTERM)"))
    done = heapsight("run", "--children", "-o", "out", "fork.py")
    assert done.stdout.split()[1] == "7", done.stderr
    assert len(list(tmp_path.glob("out/child-*.hsnap"))) == 1


@every_method
def test_children_are_followed_without_tracing(heapsight, write, tmp_path, method):
    write("jobs.py", POOL)
    done = heapsight("run", "--off", "--children", "-o", "out", "jobs.py", method)
    assert done.returncode == 0, done.stderr
    assert "HEAPSIGHT" not in done.stderr
    workers = set(done.stdout.split())
    assert workers
    for worker in workers:
        with load(tmp_path / "out" / f"child-{worker}.hsnap") as heap:
            assert heap.trace is None


@every_method
def test_values_are_kept_in_children_where_asked_for(heapsight, write, tmp_path, method):
    write("jobs.py", POOL + "    SECRET = 'correct horse battery staple'\n")
    for words in ((), ("--values",)):
        done = heapsight("run", "--children", "-o", "out", *words, "jobs.py", method)
        assert done.returncode == 0, done.stderr
        for worker in done.stdout.split():
            file = tmp_path / "out" / f"child-{worker}.hsnap"
            assert (b"correct horse" in file.read_bytes()) is bool(words)


def test_a_report_tells_where_the_snapshots_of_children_are(heapsight, write, tmp_path):
    write("fork.py", FORK.format(work="os.write(said, b'x'); sys.exit(0)", then="os.chdir('/')"))
    done = heapsight("run", "--children", "--report", "tree", "-o", "tree.txt", "fork.py")
    (folder,) = tmp_path.glob("heapsight-*")
    assert done.stderr.splitlines() == [
        "heapsight: wrote tree.txt",
        f"heapsight: 1 child wrote child-PID.hsnap into {folder.name}",
    ]
    assert len(list(folder.iterdir())) == 1


def test_a_child_in_another_folder_writes_into_the_same(heapsight, write, tmp_path):
    (tmp_path / "sub").mkdir()
    fork = FORK.format(work="os.write(said, b'x'); os.chdir('/'); sys.exit(0)", then="")
    write("fork.py", f"import os; os.chdir('sub')\n{fork}")
    heapsight("run", "--children", "-o", "out", "fork.py")
    assert len(list(tmp_path.glob("out/child-*.hsnap"))) == 1


# ---- other interpreters that the program starts -------------------------------------------------

LOOK = """
import os, sys
names = [name for name in os.environ if name in ("PYTHONPATH", "HEAPSIGHT_CHILDREN")]
print([(name, os.environ[name]) for name in names], sys.path, "heapsight" in sys.modules)
"""
USES = "import heapsight; print(heapsight.allocation_site([]))"
STARTS = f"""
import subprocess, sys
for code in ({LOOK!r}, {USES!r}):
    subprocess.run([sys.executable, "-c", code], check=True)
"""


@pytest.mark.parametrize("path", [None, "", "some/where", "some/where:else:"])
def test_other_interpreters_are_started_as_without(python, heapsight, write, tmp_path, path):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if path is not None:
        environment["PYTHONPATH"] = path
    write("prog.py", STARTS)
    alone = python("prog.py", env=environment)
    watched = heapsight("run", "--exact", "--children", "-o", "out", "prog.py", env=environment)
    assert watched.returncode == 0, watched.stderr
    if path == "":  # an empty variable is as none
        alone.stdout = alone.stdout.replace("[('PYTHONPATH', '')]", "[]")
    assert watched.stdout == alone.stdout
    assert list(tmp_path.glob("out/child-*.hsnap")) == []


def test_the_command_writes_nothing_where_children_are_followed(heapsight, write, tmp_path):
    write("prog.py", """
        import subprocess, sys
        subprocess.run([sys.executable, "-m", "heapsight", "--version"], check=True)
    """)
    done = heapsight("run", "--children", "-o", "out", "prog.py")
    assert done.stdout.startswith("heapsight "), done.stderr
    assert list(tmp_path.glob("out/child-*.hsnap")) == []


def test_a_worker_that_this_heapsight_is_not_for_runs_as_without(python, tmp_path):
    """As one of another version of Python: the extension is not found there."""
    assert python("-m", "venv", "--without-pip", "venv").returncode == 0
    package = tmp_path / "beside" / "heapsight"
    shutil.copytree(Path(heapsight_package.__file__).parent, package,
                    ignore=shutil.ignore_patterns("_core.*", "__pycache__"))
    words = [tmp_path / "venv/bin/python", "-c", LOOK, "--multiprocessing-fork"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    alone = finished(words, tmp_path, env=environment)
    environment |= {"PYTHONPATH": str(package / "_startup"),
                    "HEAPSIGHT_CHILDREN": f"exact,frames=3,sample=1;0;{tmp_path}/out"}
    watched = finished(words, tmp_path, env=environment)
    assert (watched.stdout, watched.stderr) == (alone.stdout, "")
    assert not (tmp_path / "out").exists()


# ---- children that are not followed -------------------------------------------------------------


@every_method
def test_children_that_are_not_followed_write_nothing(heapsight, write, tmp_path, method):
    write("jobs.py", POOL)
    done = heapsight("run", "--exact", "-o", "out", "jobs.py", method)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.glob("out/*.hsnap")) == [
        "001-start.hsnap", "002-exit.hsnap"
    ]


def test_a_child_that_is_not_followed_is_not_traced(python, write):
    write("fork.py", """
        import os
        import heapsight

        with heapsight.Tracer("exact") as tracer:
            kept = [bytearray(10) for _ in range(100)]
            child = os.fork()
            if child == 0:
                os._exit(0 if not tracer.running and heapsight.allocation_site(kept) is None else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            assert tracer.running
    """)
    done = python("fork.py")
    assert done.returncode == 0, done.stderr


def test_a_child_that_is_not_followed_gives_the_tables_back(python, write):
    write("fork.py", """
        import os
        import heapsight
        from heapsight._core import resident_bytes

        def resident_in_a_child(follow):
            with heapsight.Tracer("exact", follow_children=follow) as tracer:
                kept = [bytearray(10) for _ in range(200_000)]
                tables = tracer.trace().info["memory_bytes"]
                ready, said = os.pipe()
                if os.fork() == 0:
                    os.write(said, b"%d" % resident_bytes())
                    os._exit(0)
                os.wait()
                return int(os.read(ready, 99)), tables

        followed, tables = resident_in_a_child(True)
        left, _ = resident_in_a_child(False)
        print(followed - left, tables)
    """)
    given_back, tables = map(int, python("fork.py").stdout.split())
    assert tables > 1 << 20
    assert given_back > tables // 2


def test_the_sitecustomize_of_the_program_is_loaded_in_its_children(heapsight, write, tmp_path):
    write("jobs.py", POOL)
    write("site/sitecustomize.py", "print('customized')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = heapsight("run", "--children", "-o", "out", "jobs.py", "spawn", env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("customized") >= 3, done.stdout
    assert list(tmp_path.glob("out/child-*.hsnap"))


SITE = """
import heapsight
kept = [bytearray(9) for _ in range(99)]
print(heapsight.allocation_site(kept[0]))
"""


def test_the_environment_starts_the_tracer(python, tmp_path):
    for value in ("exact", "exact,frames=1", "exact,frames=3,sample=9"):
        done = python("-c", SITE, env={**os.environ, "HEAPSIGHT": value})
        assert done.returncode == 0, done.stderr
        assert "Frame(" in done.stdout, value
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ["", "off", "off,frames=32"])
def test_the_environment_can_say_nothing(python, value):
    done = python("-c", SITE, env={**os.environ, "HEAPSIGHT": value})
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "None", "")


WRONG = ["loud", "exact,dump=out", "exact,frames=x", "exact,sample", "exact,frames=0"]


@pytest.mark.parametrize("value", WRONG)
def test_a_wrong_value_is_one_sentence_and_the_program_runs(python, value):
    done = python("-c", SITE, env={**os.environ, "HEAPSIGHT": value})
    assert (done.returncode, done.stdout.strip()) == (0, "None")
    assert re.fullmatch(r"heapsight: HEAPSIGHT=[^\n]+\n", done.stderr), done.stderr


def test_the_command_line_says_more_than_the_environment(heapsight, write, tmp_path):
    write("prog.py", "kept = [bytearray(9) for _ in range(999)]")
    environment = {**os.environ, "HEAPSIGHT": "exact,frames=2"}
    done = heapsight("run", "--exact", "--frames", "7", "-o", "out", "prog.py", env=environment)
    assert done.returncode == 0, done.stderr
    with load(tmp_path / "out" / "002-exit.hsnap") as heap:
        assert heap.trace is not None
        assert heap.trace.info["frame_limit"] == 7
