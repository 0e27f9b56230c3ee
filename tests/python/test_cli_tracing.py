# SPDX-License-Identifier: MIT
"""Allocations on the command line: run --exact and --report, stacks, and the joins they show in."""

import json
import os
import signal
import subprocess
import sys

import heapsight as package
import pytest
from heapsight import reports
from heapsight.cli.run import _size
from running import finished, one_sentence

PROGRAM = """
import threading

class Session:
    pass

def login():
    return Session()

def work():
    global made
    made = [bytearray(5000) for _ in range(20)]

KEPT = [login() for _ in range(300)]
thread = threading.Thread(target=work, name="mailer")
thread.start()
thread.join()
"""
MADE_AT = "prog.py:8 in login"


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    """A folder with prog.py, exact/ and sampled/ with two snapshots each, and plain/ without."""
    folder = tmp_path_factory.mktemp("traced")
    (folder / "prog.py").write_text(PROGRAM)
    for name, words in {
        "exact": ["--exact", "--frames", "4"],
        "sampled": ["--sample", "64"],
        "plain": ["--off"],
    }.items():
        line = [sys.executable, "-m", "heapsight", "run", *words, "-o", name, "prog.py"]
        done = finished(line, folder)
        assert done.returncode == 0, done.stderr
    return folder


LAST = "exact/002-exit.hsnap"


# ---- run ----------------------------------------------------------------------------------------


def test_what_a_run_watches(traced):
    expected = {
        "exact": {"mode": "exact", "frame_limit": 4, "sample_bytes": 0},
        "sampled": {"mode": "sampled", "frame_limit": 32, "sample_bytes": 64},
    }
    for name, info in expected.items():
        with package.load(traced / name / "002-exit.hsnap") as heap:
            assert {key: heap.trace.info[key] for key in info} == info
    with package.load(traced / "plain" / "002-exit.hsnap") as heap:
        assert heap.trace is None


def test_a_run_samples_by_default(write, heapsight, tmp_path):
    write("prog.py", "")
    assert heapsight("run", "-o", "out", "prog.py").returncode == 0
    with package.load(tmp_path / "out" / "002-exit.hsnap") as heap:
        info = heap.trace.info
    assert (info["mode"], info["sample_bytes"]) == ("sampled", 512 * 1024)


SUFFIXES = {name: reports.find(name).SUFFIXES[0] for name in reports.NAMES}


@pytest.mark.parametrize("name", reports.NAMES)
def test_each_report_of_a_run(write, heapsight, tmp_path, name):
    write("prog.py", PROGRAM)
    done = heapsight("run", "--exact", "--report", name, "-o", "mine.out", "prog.py", "x")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "heapsight: wrote mine.out\n"
    made = tmp_path / "mine.out"
    assert made.stat().st_size > 100
    if name not in ("pprof", "pstats"):
        assert "prog.py" in made.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.out", "prog.py"]


def test_a_report_is_named_after_the_process(write, heapsight, tmp_path):
    write("prog.py", "import os\nprint(os.getpid())")
    done = heapsight("run", "--report", "tree", "prog.py")
    made = f"heapsight-{done.stdout.strip()}{SUFFIXES['tree']}"
    assert done.stderr == f"heapsight: wrote {made}\n"
    assert (tmp_path / made).exists()


ENDS = {
    "exception": ("raise ValueError('boom')", 1),
    "exit": ("sys.exit(7)", 7),
    "sigterm": ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
}


@pytest.mark.parametrize("kind", ENDS)
@pytest.mark.parametrize("watch", [["--exact"], ["--exact", "--report", "table"]], ids=len)
def test_however_the_program_ends(write, heapsight, tmp_path, kind, watch):
    source, code = ENDS[kind]
    begin = "import os, signal, sys\nkept = [bytearray(9) for _ in range(99)]\n"
    write("prog.py", begin + source)
    done = heapsight("run", *watch, "-o", "out", "prog.py")
    assert done.returncode == code, done.stderr
    assert ("ValueError: boom" in done.stderr) == (kind == "exception")
    if "--report" in watch:
        assert done.stderr.endswith("heapsight: wrote out\n")
        assert "prog.py:2" in (tmp_path / "out").read_text()
    else:
        last = "exception" if kind == "exception" else "exit"
        with package.load(tmp_path / "out" / f"002-{last}.hsnap") as heap:
            assert "prog.py:2" in heap.types(1, by="site", only="bytearray")[0].site


def test_a_report_and_snapshots_on_occasions(write, heapsight, tmp_path):
    write("prog.py", "import os, signal\nos.kill(os.getpid(), signal.SIGUSR1)\nprint(os.getpid())")
    done = heapsight(
        "run", "--exact", "--report", "tree", "-o", "tree.txt", "--on-signal", "USR1", "prog.py"
    )
    assert done.returncode == 0, done.stderr
    folder = f"heapsight-{done.stdout.strip()}"
    assert done.stderr.splitlines() == [
        "heapsight: wrote tree.txt",
        f"heapsight: wrote 1 snapshot: {folder}/001-signal.hsnap",
        f"heapsight: next: heapsight types {folder}/001-signal.hsnap",
    ]
    assert (tmp_path / "tree.txt").exists()


NOWHERE = ["no/such/tree.txt", "folder", "folder/", "prog.py/tree.txt", "/proc/tree.txt", "pipe"]


@pytest.mark.parametrize("place", NOWHERE)
def test_a_report_that_cannot_be_written_is_refused_at_once(write, heapsight, tmp_path, place):
    write("prog.py", "print('done')")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    said = one_sentence(heapsight("run", "--report", "tree", "-o", place, "prog.py"))
    assert f"cannot write {place}: " in said
    assert said.endswith("; -o names another file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe", "prog.py"]


def test_a_report_that_cannot_be_written_in_the_end_is_a_sentence(write, heapsight):
    write("folder/prog.py", "import shutil\nshutil.rmtree('folder')\nprint('done')")
    done = heapsight("run", "--report", "tree", "-o", "folder/tree.txt", "folder/prog.py")
    assert (done.returncode, done.stdout) == (0, "done\n")
    (said,) = done.stderr.splitlines()
    assert said.startswith("heapsight: could not write the report: ")


def test_a_program_that_loses_its_folder_keeps_its_report(write, heapsight, tmp_path):
    write("prog.py", "import os\nos.mkdir('gone')\nos.chdir('gone')\nos.rmdir('../gone')")
    done = heapsight("run", "--report", "tree", "-o", "tree.txt", "prog.py")
    assert (done.returncode, done.stderr) == (0, "heapsight: wrote tree.txt\n")
    assert (tmp_path / "tree.txt").exists()


def test_a_module_with_the_options_before_it(write, heapsight, tmp_path):
    write("mod.py", "import sys\nprint(sys.argv[1:])")
    for words in (
        ("--exact", "--frames", "9", "-mmod", "--off"),
        ("--sample", "4KiB", "--report", "table", "-mmod", "--off"),
        ("--off", "--on-rss", "9TB", "--on-growth", "9TB", "--keep", "3", "-mmod", "--off"),
        ("--on-memory-error", "--on-signal", "USR2", "-m", "mod", "--off"),
    ):
        done = heapsight("run", "-o", "out", *words)
        assert (done.returncode, done.stdout) == (0, "['--off']\n"), done.stderr
        out = tmp_path / "out"
        if "--report" in words:
            out.unlink()
        else:
            (out / "001-start.hsnap").unlink()
            (out / "002-exit.hsnap").unlink()
            out.rmdir()


def test_occasions_of_the_command(write, heapsight, tmp_path):
    write(
        "prog.py",
        """
        import os, time
        def wait_for(word):
            deadline = time.monotonic() + 60
            while not any(word in name for name in os.listdir("out")):
                assert time.monotonic() < deadline, word
                time.sleep(0.05)
        try:
            bytes(1 << 62)
        except MemoryError:
            wait_for("memory_error")
        kept = [bytearray(2 << 20) for _ in range(150)]
        wait_for("rss")
        kept += [bytearray(2 << 20) for _ in range(150)]
        wait_for("growth")
        """,
    )
    done = heapsight(
        *("run", "-o", "out", "--on-memory-error", "--on-rss", "200MB", "--on-growth", "250MiB"),
        "prog.py",
    )
    assert done.returncode == 0, done.stderr
    words = [path.stem.partition("-")[2] for path in sorted((tmp_path / "out").iterdir())]
    assert words == ["start", "memory_error", "rss", "growth", "exit"]


def test_files_that_are_kept(write, heapsight, tmp_path):
    write("prog.py", "import os, signal\nfor _ in range(4): os.kill(os.getpid(), signal.SIGUSR1)")
    done = heapsight("run", "-o", "out", "--on-signal", "USR1", "--keep", "3", "prog.py")
    left = ["001-start.hsnap", "005-signal.hsnap", "006-exit.hsnap"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == left
    listed = " ".join(f"out/{name}" for name in left)
    assert f"wrote 3 snapshots: {listed} (3 older ones removed)" in done.stderr


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("1000", 1000),
        ("512KiB", 512 * 1024),
        ("512kib", 512 * 1024),
        ("1K", 1000),
        ("200MB", 200_000_000),
        ("1.5GiB", 3 << 29),
        ("2GB", 2_000_000_000),
        ("2 GB", 2_000_000_000),
        ("1TiB", 1 << 40),
        ("7B", 7),
    ],
)
def test_sizes(text, size):
    assert _size(text) == size


REFUSED = {
    "report-off": (["--off", "--report", "flame", "prog.py"], "--off watches none"),
    "memory-error-off": (["--off", "--on-memory-error", "prog.py"], "--off watches none"),
    "two-modes": (["--off", "--exact", "prog.py"], "not allowed with"),
    "size": (["--sample", "zzz", "prog.py"], "'zzz' is not a size such as 512KiB"),
    "size-0": (["--sample", "0", "prog.py"], "is not a size"),
    "size-fraction": (["--on-rss", "0.1", "prog.py"], "is not a size"),
    "size-negative": (["--on-growth=-5MB", "prog.py"], "is not a size"),
    "size-huge": (["--sample", "99999999999TiB", "prog.py"], "is not a size"),
    "size-digits": (["--sample", "9" * 5000, "prog.py"], "is not a size"),
    "frames": (["--frames", "5000", "prog.py"], "frames must be 1 to 1,024"),
    "frames-0": (["--frames", "0", "prog.py"], "is not a whole number above 0"),
    "frames-digits": (["--frames", "9" * 5000, "prog.py"], "frame"),
    "keep": (["--keep", "none", "prog.py"], "is not a whole number above 0"),
    "report": (["--report", "cake", "prog.py"], "invalid choice: 'cake'"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused(write, heapsight, tmp_path, kind):
    write("prog.py", "print('started')")
    words, sentence = REFUSED[kind]
    assert sentence in one_sentence(heapsight("run", *words))
    assert [path.name for path in tmp_path.iterdir()] == ["prog.py"]


# ---- stacks -------------------------------------------------------------------------------------


def test_the_table(ask):
    done = ask("stacks", LAST)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "Allocated and not freed (exact, 4 frames)"
    assert lines[1].split() == ["size", "blocks", "allocated", "at"]
    assert any(line.endswith(MADE_AT) for line in lines), done.stdout


def test_a_sampled_trace_says_that_it_estimates(ask):
    done = ask("stacks", "sampled/002-exit.hsnap", "--limit", "1")
    title, _, row, rest = done.stdout.splitlines()
    assert title.startswith("Allocated and not freed (sampled, 32 frames, estimated from one")
    assert row
    assert rest.endswith(" more lines")


def test_the_document(ask):
    done = ask("stacks", LAST, "--json", "--by", "stack", "--source", "prog.py", "--limit", "2")
    document = json.loads(done.stdout)
    assert list(document) == ["file", "figure", "info", "rows", "omitted_count"]
    assert (document["file"], document["figure"]) == (LAST, "live")
    assert document["info"]["mode"] == "exact"
    assert len(document["rows"]) == 2
    assert document["omitted_count"] > 0
    row = document["rows"][0]
    assert list(row) == ["stack", "bytes", "blocks", "thread"]
    assert list(row["stack"][0]) == ["function", "file", "line"]


def rows(done):
    return json.loads(done.stdout)["rows"]


def test_which_rows(ask):
    threads = rows(ask("stacks", LAST, "--json", "--by", "thread"))
    by_thread = {row["thread"]: row for row in threads}
    assert by_thread["mailer"]["bytes"] >= 20 * 5000
    mailer = rows(ask("stacks", LAST, "--json", "--thread", "mailer", "--source", "prog.py"))
    assert mailer
    assert all(row["stack"][0]["function"].startswith("work") for row in mailer)
    module = rows(ask("stacks", LAST, "--json", "--module", "threading", "--by", "stack"))
    assert module
    assert all(any("threading" in at["file"] for at in row["stack"]) for row in module)
    nothing = ask("stacks", LAST, "--json", "--module", "no.such")
    assert rows(nothing) == []


def test_sorting_and_figures(ask):
    by_count = [row["blocks"] for row in rows(ask("stacks", LAST, "--json", "--sort", "count"))]
    assert by_count == sorted(by_count, reverse=True)
    by_size = [row["bytes"] for row in rows(ask("stacks", LAST, "--json"))]
    assert by_size == sorted(by_size, reverse=True)
    sums = {}
    for figure in ("live", "peak", "total", "temporary"):
        found = rows(ask("stacks", LAST, "--json", "--limit", "0", "--figure", figure))
        sums[figure] = sum(row["bytes"] for row in found)
    assert sums["total"] > max(sums["live"], sums["temporary"]) > 0
    assert sums["peak"] >= 20 * 5000


@pytest.mark.parametrize("name", reports.NAMES)
def test_each_report_of_a_snapshot(ask, traced, tmp_path, name):
    made = tmp_path / f"a{SUFFIXES[name]}"
    done = ask("stacks", LAST, "--report", name, "-o", made)
    assert (done.returncode, done.stdout) == (0, f"wrote {made}\n"), done.stderr
    printed = ask("stacks", LAST, "--report", name)
    if name in ("pprof", "pstats"):
        assert "heapsight" in one_sentence(printed)
    else:
        assert printed.returncode == 0, printed.stderr
        assert printed.stdout == made.read_text()


def test_the_ending_chooses_the_report(ask, tmp_path):
    made = tmp_path / "memory.html"
    done = ask("stacks", LAST, "-o", made)
    assert done.stdout == f"wrote {made}\n", done.stderr
    assert "<html" in made.read_text()
    assert "figure" in one_sentence(ask("stacks", LAST, "-o", made, "--figure", "total"))
    assert ask("stacks", LAST, "--report", "collapsed", "--figure", "total").returncode == 0
    assert "cake" in one_sentence(ask("stacks", LAST, "-o", tmp_path / "a.cake"))


def test_a_snapshot_without_allocations(ask):
    for words in ((), ("--json",), ("--report", "tree")):
        said = one_sentence(ask("stacks", "plain/002-exit.hsnap", *words))
        assert "plain/002-exit.hsnap has no allocations" in said
        assert "heapsight run --exact" in said


def test_files_that_are_no_snapshots(ask):
    assert "prog.py" in one_sentence(ask("stacks", "prog.py"))
    assert "missing.hsnap" in one_sentence(ask("stacks", "missing.hsnap"))


def test_a_reader_that_goes_away(traced):
    for words in (("--report", "flame"), ("--json", "--limit", "0"), ()):
        process = subprocess.Popen(
            [sys.executable, "-m", "heapsight", "stacks", LAST, *words],
            cwd=traced,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        process.stdout.close()
        said = process.stderr.read()
        assert (process.wait(timeout=60), said) == (141, b"")
        process.stderr.close()


# ---- the joins ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["exact", "sampled"])
def test_why_tells_who_allocated(ask, name):
    done = ask("why", f"{name}/002-exit.hsnap", "--type", "__main__.Session")
    assert done.returncode == 0, done.stderr
    told = done.stdout.partition("\nallocated at")[2]
    assert MADE_AT in told, done.stdout


def test_why_tells_of_one_object(ask, traced):
    with package.load(traced / LAST) as heap:
        address = heap.addresses("__main__.Session", 1)[0]
    done = ask("why", LAST, "--address", f"{address:#x}")
    assert done.stdout.rstrip().endswith(MADE_AT)
    assert "\nallocated at " in done.stdout


def test_why_says_nothing_where_nothing_is_known(ask):
    done = ask("why", "plain/002-exit.hsnap", "--type", "__main__.Session")
    assert done.returncode == 0
    assert "allocated" not in done.stdout


def test_why_as_a_document(ask):
    done = ask("why", LAST, "--type", "__main__.Session", "--json")
    (row,) = json.loads(done.stdout)["sites"]
    assert row["site"].endswith(MADE_AT)
    assert (row["type"], row["count"]) == ("__main__.Session", 300)
    plain = ask("why", "plain/002-exit.hsnap", "--type", "__main__.Session", "--json")
    assert json.loads(plain.stdout)["sites"] == []


def test_a_picture_tells_who_allocated(ask, traced, tmp_path):
    made = tmp_path / "leak.dot"
    done = ask("graph", LAST, "--type", "__main__.Session", "-o", made)
    assert done.returncode == 0, done.stderr
    assert "allocated at" in made.read_text()
    assert "prog.py:8" in made.read_text()


def test_types_by_site(ask, traced):
    with package.load(traced / LAST) as heap:
        row = heap.types(1, only="__main__.Session", by="site")[0]
        assert (row.type, row.count) == ("__main__.Session", 300)
        assert row.site.endswith(MADE_AT)
        everything = heap.types(None, by="site")
        objects = [row for row in everything if row.type != "(no object)"]
        assert sum(row.count for row in objects) == heap.object_count
        assert sum(row.bytes for row in objects) == heap.total_bytes
    done = ask("types", LAST, "--by", "site", "--only", "__main__")
    assert done.returncode == 0, done.stderr
    head, first, *_ = done.stdout.splitlines()
    assert head.split() == "objects size type and where it was allocated".split()
    assert first.split()[0] == "300"
    assert f"__main__.Session at {traced}/{MADE_AT}" in first
    document = json.loads(ask("types", LAST, "--by", "site", "--json", "--limit", "3").stdout)
    assert list(document) == ["file", "mode", "sites", "omitted_count"]
    assert list(document["sites"][0]) == ["site", "type", "count", "bytes"]
    assert len(document["sites"]) == 3
    assert document["omitted_count"] == len(everything) - 3
    said = one_sentence(ask("types", "plain/002-exit.hsnap", "--by", "site"))
    assert "plain/002-exit.hsnap" in said


def test_diff_by_site(ask, traced):
    first = "exact/001-start.hsnap"
    with (
        package.load(traced / first) as before,
        package.load(traced / LAST) as after,
        package.diff(before, after) as difference,
    ):
        row = difference.sites(1, only="__main__.Session")[0]
        text = difference.sites_text(10, only="__main__")
        objects = [row for row in difference.sites() if row.type != "(no object)"]
        assert sum(row.count_delta for row in objects) == after.object_count - before.object_count
    assert row.site.endswith(MADE_AT)
    assert (row.type, row.count_delta) == ("__main__.Session", 300)
    done = ask("diff", "--sites", "--only", "__main__", "--limit", "10", first, LAST)
    assert (done.returncode, done.stdout) == (0, text), done.stderr
    assert done.stdout.splitlines()[1].split()[0] == "+300"
    words = ("diff", "--sites", "--json", "--sort", "count", "--limit", "2", first, LAST)
    document = json.loads(ask(*words).stdout)
    assert list(document) == ["before", "after", "mode", "sites", "omitted_count"]
    assert list(document["sites"][0]) == ["site", "type", "count_delta", "bytes_delta"]
    assert document["omitted_count"] > 0
    said = one_sentence(ask("diff", "--sites", first, "plain/002-exit.hsnap"))
    assert "plain/002-exit.hsnap" in said
    without_before = ask("diff", "--sites", "plain/001-start.hsnap", LAST, "--only", "__main__")
    assert MADE_AT in without_before.stdout
