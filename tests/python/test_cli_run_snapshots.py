# SPDX-License-Identifier: MIT
"""heapsight run: the snapshots are there, at the start, at the end and by the clock."""

import os
import re
import sys
import time

import heapsight as package
import pytest
from snapshot_files import names

# ---- occasions ----------------------------------------------------------------------------------


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


# ---- the folder ---------------------------------------------------------------------------------


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


# ---- what is in them ----------------------------------------------------------------------------


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


# ---- failures -----------------------------------------------------------------------------------


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
