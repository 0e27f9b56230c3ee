# SPDX-License-Identifier: MIT
"""The tables of the class tracker, line by line against Pympler's where that is installed."""

import contextlib
import io
import json
import re
import subprocess
import sys

import heapsight
import pytest
import tracker_story
from heapsight import ClassTracker
from heapsight.classtracker_stats import ConsoleStats, Stats, clipped, pretty_size, pretty_time
from hypothesis import given
from hypothesis import strategies as st
from tracker_story import Sized, story


def told():
    """The story of tracker_story.py by our tracker: it, where it prints, what is alive."""
    stream = io.StringIO()
    tracker, kept = story(ClassTracker, stream)
    return tracker, stream, kept


@pytest.fixture(scope="module")
def printed():
    """The tables of the story as our tracker and as Pympler's prints them, numbers blanked out."""
    texts = []
    for module in ("heapsight.classtracker", "pympler.classtracker"):
        line = [sys.executable, "-W", "ignore", tracker_story.__file__, module]
        done = subprocess.run(line, text=True, capture_output=True, check=False)
        if module.startswith("pympler") and done.returncode != 0:
            pytest.skip(f"Pympler does not run here: {done.stderr.splitlines()[-1]}")
        assert done.returncode == 0, done.stderr
        texts.append(blanked(done.stdout))
    return texts


def blanked(text):
    """Numbers and addresses replaced, the widths of the columns kept."""
    text = re.sub(r"0x[0-9a-f]+", lambda match: "x" * len(match[0]), text)
    text = re.sub(r"[ \d.]{7} [KMG]B|[ \d]{4}     B", "SSSSSSSSSS", text)
    return re.sub(r"[ \d]{3}\d%", "PPP%", re.sub(r"\d\d:\d\d:\d\d\.\d\d", "TIME", text))


def test_the_summary_is_laid_out_as_pympler_does(printed):
    ours, theirs = (text[: text.index("-\n", 100) + 2] for text in printed)
    assert ours == theirs
    assert ours.count("\n") == 1 + 4 * 4 + 1


def test_the_objects_are_laid_out_as_pympler_does(printed):
    """Pympler goes on to print sizes of an object that is dead."""
    ours, theirs = (text[text.index("-\n", 100) + 2 :].splitlines() for text in printed)
    assert [line for line in ours if "TIME" not in line] == [
        line for line in theirs if "TIME" not in line
    ]
    assert len([line for line in ours if "TIME" not in line]) == 4
    assert set(ours) == set(theirs)


def test_the_summary(capsys):
    tracker = ClassTracker()
    tracker.track_class(Sized, name="Sized")
    tracker.create_snapshot("Begin")
    kept = [Sized(1_000_000) for _ in range(3)]
    tracker.create_snapshot("End")
    tracker.stats.print_summary()
    tracker.close()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "---- SUMMARY " + "-" * 66
    assert lines[1] == "Begin" + " " * 36 + "active      0     B      average   pct"
    assert lines[2] == "  Sized" + " " * 39 + "0      0     B      0     B    0%"
    assert lines[3].startswith("End ")
    assert re.fullmatch(r"  Sized {39}3 {6}2\.86 MB {4}976\.\d\d KB +\d+%", lines[4]), lines[4]
    assert lines[5:] == ["-" * 79]
    assert len(kept) == 3


def test_a_tracker_without_objects_prints_its_frame(capsys):
    ClassTracker().stats.print_summary()
    assert capsys.readouterr().out.splitlines() == ["---- SUMMARY " + "-" * 66, "-" * 79]


def test_print_stats_prints_all_by_default():
    tracker, stream, kept = told()
    tracker.stats.print_stats()
    heads = [line for line in stream.getvalue().splitlines() if not line.startswith(" ")]
    assert len(heads) == 4
    assert sum("( free )" in head for head in heads) == 1
    assert "finalize" in stream.getvalue()
    assert len(kept) == 3


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ({"limit": 1}, 1),
        ({"limit": 2}, 2),
        ({"limit": 2.0}, 2),
        ({"limit": 0.5}, 2),
        ({"limit": 0.01}, 1),
        ({"limit": 100}, 4),
        ({"clsname": "Sized"}, 2),
        ({"clsname": "Sized", "limit": 0.5}, 1),
        ({"clsname": "nothing"}, 0),
    ],
)
def test_print_stats_limits(arguments, count):
    tracker, stream, kept = told()
    tracker.stats.print_stats(**arguments)
    heads = [line for line in stream.getvalue().splitlines() if not line.startswith(" ")]
    assert len(heads) == count
    assert kept


@pytest.mark.parametrize("limit", [0, -1, float("nan")])
def test_print_stats_refuses_other_limits(limit):
    with pytest.raises(heapsight.HeapsightValueError, match="limit must be above 0"):
        ClassTracker().stats.print_stats(limit=limit)


def test_sorting():
    tracker, _, kept = told()
    stats = tracker.stats
    assert stats.sort_stats("size") is stats
    sizes = [record.size for record in stats.sorted]
    assert sizes == sorted(sizes, reverse=True)
    births = [record.birth for record in stats.sort_stats("birth").sorted]
    assert births == sorted(births)
    assert stats.reverse_order() is stats
    assert [record.birth for record in stats.sorted] == births[::-1]
    assert not stats.sort_stats("death").sorted[0].alive
    names = [record.name for record in stats.sort_stats().sorted]
    assert names == sorted(names)
    assert stats.sort_stats("classname", "size").sorted[-1].size < 5_000_000
    assert kept
    with pytest.raises(ValueError, match="cannot sort by 'weight'"):
        stats.sort_stats("weight")


def test_tsize_is_that_of_the_largest_snapshot():
    tracker = ClassTracker()
    tracker.track_object(kept := Sized(10), name="it")
    for size in (100, 500_000, 10):
        kept.data = bytearray(size)
        tracker.create_snapshot()
    stats = tracker.stats
    assert stats.tsize(stats.index["it"][0]) > 500_000


def test_print_object_with_trace_and_referents(capsys):
    tracker = ClassTracker()
    tracker.track_class(Sized, name="Sized", trace=True, resolution_level=2)
    kept = Sized(70_000)
    tracker.create_snapshot()
    tracker.stats.print_stats()
    tracker.close()
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"Sized {28}0x[0-9a-f]{8,} <tracker_story\.Sized object at 0\.\.\.", lines[0]
    )
    assert "    kept = Sized(70_000)" in lines
    assert any(re.fullmatch(rf"  {re.escape(__file__)}: *\d+ in \w+", line) for line in lines)
    (part,) = [line for line in lines if line.startswith("    __dict__ ")]
    assert re.fullmatch(r"    __dict__ {39}  68\.\d\d KB      9\d% \[1\]", part), part
    assert any(line.startswith("      [V] data: <bytearray of 70000>") for line in lines)
    assert kept


@pytest.mark.parametrize("form", ["path", "text", "file", "open file"])
def test_dump_and_load(tmp_path, form):
    tracker, _, kept = told()
    tracker.track_class(Sized, name="traced", trace=True, resolution_level=2)
    kept.append(Sized(1000))
    tracker.create_snapshot("last")
    tracker.close()
    path = tmp_path / "stats.json"
    if form == "path":
        tracker.stats.dump_stats(path)
    elif form == "text":
        tracker.stats.dump_stats(str(path))
    else:
        file = open(path, "wb")
        tracker.stats.dump_stats(file, close=form == "file")
        assert file.closed == (form == "file")
        file.close()
    texts = []
    if form == "file":
        with open(path, "rb") as source:
            loaded = ConsoleStats(stream=io.StringIO())
            loaded.load_stats(source)
    else:
        loaded = ConsoleStats(filename=path, stream=io.StringIO())
    assert loaded.tracked_classes == tracker.stats.tracked_classes
    for stats in (ConsoleStats(tracker, stream=io.StringIO()), loaded):
        stats.print_summary()
        stats.sort_stats("birth").print_stats()
        texts.append(stats.stream.getvalue())
    assert texts[0] == texts[1]
    assert json.loads(path.read_bytes())["format"] == "heapsight class tracker"


def test_bad_files(tmp_path):
    good = tmp_path / "good.json"
    tracker, _, kept = told()
    tracker.stats.dump_stats(good)
    document = json.loads(good.read_bytes())
    for damage in (
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"[" * 100_000,
        json.dumps({**document, "format": "another"}).encode(),
        json.dumps({**document, "version": 2}).encode(),
        json.dumps({**document, "objects": [1]}).encode(),
        json.dumps({**document, "snapshots": [{}]}).encode(),
    ):
        path = tmp_path / "bad.json"
        path.write_bytes(damage)
        with pytest.raises(heapsight.HeapsightValueError, match=r"bad\.json is not a file"):
            Stats(filename=path)
    with pytest.raises(heapsight.HeapsightOSError, match=r"none\.json"):
        Stats(filename=tmp_path / "none.json")
    with pytest.raises(heapsight.HeapsightOSError, match="cannot write"):
        tracker.stats.dump_stats(tmp_path / "none" / "stats.json")
    assert kept


@pytest.fixture(scope="module")
def dumped():
    tracker, _, kept = told()
    buffer = io.BytesIO()
    tracker.stats.dump_stats(buffer, close=False)
    del kept
    return buffer.getvalue()


@given(cut=st.integers(min_value=0), byte=st.integers(0, 255))
def test_any_change_of_a_file_is_read_or_refused(dumped, cut, byte):
    data = bytearray(dumped)
    data[cut % len(data)] = byte
    for damaged in (bytes(data), bytes(data)[: cut % len(data)]):
        with contextlib.suppress(heapsight.HeapsightValueError):
            stats = ConsoleStats(stream=io.StringIO())
            stats.load_stats(io.BytesIO(damaged))
            stats.print_summary()
            stats.print_stats()


@pytest.mark.parametrize("number", ["1e999", "Infinity", "NaN"])
def test_a_number_without_end_is_refused(dumped, number):
    damaged = re.sub(rb'("asizeof_total":)[0-9.]+', rb"\g<1>" + number.encode(), dumped, count=1)
    assert damaged != dumped
    with pytest.raises(heapsight.HeapsightValueError, match="is not a file that dump_stats"):
        ConsoleStats(stream=io.StringIO()).load_stats(io.BytesIO(damaged))


@given(size=st.floats(min_value=0, max_value=2**70))
def test_sizes_fill_their_column(size):
    text = pretty_size(size)
    assert len(text) == 10
    number, unit = text.split()
    scale = 1024 ** ("B", "KB", "MB", "GB", "TB", "PB", "EB").index(unit)
    assert abs(float(number) * scale - size) <= max(1, 0.01 * scale)


def test_sizes():
    assert [pretty_size(size) for size in (0, 1023, 1024, 40_865_264)] == [
        "   0     B",
        "1023     B",
        "   1.00 KB",
        "  38.97 MB",
    ]


@given(text=st.text(), width=st.integers(4, 80), left=st.booleans())
def test_clipped_text_fits(text, width, left):
    shown = clipped(text, width, left)
    assert len(shown) == min(len(text), width)
    assert "\n" not in shown
    if len(text) <= width:
        assert shown == text.replace("\n", "|")


def test_times():
    assert pretty_time(0) == "00:00:00.00"
    assert pretty_time(59.999) == "00:01:00.00"
    assert pretty_time(3725.5) == "01:02:05.50"
