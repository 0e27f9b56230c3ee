# SPDX-License-Identifier: MIT
"""Children are followed when asked, and left alone when not; HEAPSIGHT in the environment."""

import os
import re

import pytest
from heapsight import load

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
            pool.close()
            pool.join()
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_write_a_snapshot_each(heapsight, write, tmp_path, method):
    write("jobs.py", POOL)
    done = heapsight("run", "--exact", "--children", "-o", "out", "jobs.py", method)
    assert done.returncode == 0, done.stderr
    workers = set(done.stdout.split())
    found = {path.stem.removeprefix("child-"): path for path in tmp_path.glob("out/child-*.hsnap")}
    assert workers <= found.keys()
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


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
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
    for value in ("exact", "exact,frames=1", f"exact,frames=3,dump={tmp_path}/a,b"):
        done = python("-c", SITE, env={**os.environ, "HEAPSIGHT": value})
        assert done.returncode == 0, done.stderr
        assert "Frame(" in done.stdout, value
    (file,) = tmp_path.glob("a,b/child-*.hsnap")
    with load(file) as heap:
        assert heap.trace is not None
        assert heap.trace.info["frame_limit"] == 3


@pytest.mark.parametrize("value", ["", "off"])
def test_the_environment_can_say_nothing(python, value):
    done = python("-c", SITE, env={**os.environ, "HEAPSIGHT": value})
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "None", "")


@pytest.mark.parametrize("value", ["loud", "exact,frames=x", "exact,sample", "exact,frames=0"])
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
