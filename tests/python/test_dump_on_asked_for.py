# SPDX-License-Identifier: MIT
"""dump_on(): snapshots that were asked for, by a signal, by the clock, by the code."""

import heapsight as package
from snapshot_files import names, occasions


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
