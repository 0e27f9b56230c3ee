# SPDX-License-Identifier: MIT
"""Profiles for pprof: read back field by field, and opened by the real program."""

import gzip
import os
import re
import shutil
import subprocess

import pytest
from heapsight import reports
from hypothesis import given
from made_traces import FEW, TRACES, made_trace, stack, sums
from read_protobuf import fields, numbers


def read(data):
    """A profile as a dict: field -> its values."""
    profile = {}
    for field, value in fields(gzip.decompress(data)):
        profile.setdefault(field, []).append(value)
    return profile


def samples(profile):
    """(locations, values, label or None) of every sample."""
    for encoded in profile.get(2, []):
        sample = dict(fields(encoded))
        yield numbers(sample[1]), numbers(sample[2]), sample.get(3)


@FEW
@given(TRACES)
def test_the_values_are_the_sums_of_the_trace(trace):
    profile = read(reports.make(trace, "pprof"))
    values = [values for _, values, _ in samples(profile)]
    added = [sum(column) for column in zip(*values, strict=True)] or [0] * 4
    total, live = sums(trace, "total"), sums(trace, "live")
    assert added == [total[1], total[0], live[1], live[0]]


@FEW
@given(TRACES)
def test_every_number_points_at_something(trace):
    profile = read(reports.make(trace, "pprof"))
    strings, locations = profile[6], [dict(fields(one)) for one in profile.get(4, [])]
    functions = [dict(fields(one)) for one in profile.get(5, [])]
    assert strings[0] == b"" and len(set(strings)) == len(strings)
    assert [one[1] for one in locations] == list(range(1, len(locations) + 1))
    assert [one[1] for one in functions] == list(range(1, len(functions) + 1))
    for numbers_of_places, _, label in samples(profile):
        assert numbers_of_places and max(numbers_of_places) <= len(locations)
        assert label is None or strings[dict(fields(label))[1]] == b"thread"
    assert all(dict(fields(one[4]))[1] <= len(functions) for one in locations)
    assert all(one[2] < len(strings) and one.get(4, 0) < len(strings) for one in functions)


def test_the_innermost_frame_comes_first():
    trace = made_trace([stack(("main", "/a.py", 9), ("load", "/a.py", 3))])
    profile = read(reports.make(trace, "pprof"))
    ((places, _, _),) = samples(profile)
    lines = [dict(fields(dict(fields(profile[4][place - 1]))[4]))[2] for place in places]
    assert lines == [3, 9]


def test_a_sampled_profile_tells_its_period(sampled, trace):
    assert read(reports.make(sampled, "pprof"))[12] == [8192]
    assert read(reports.make(trace, "pprof"))[12] == [1]


# --- go tool pprof -------------------------------------------------------------------------------


@pytest.fixture
def pprof(tmp_path):
    """pprof(trace, *options): what the real program says."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("go is not installed, so there is no go tool pprof to open the profile")

    def run(trace, *options):
        path = trace.report("pprof", tmp_path / "memory.pb.gz")
        environment = {**os.environ, "PPROF_TMPDIR": str(tmp_path), "GOFLAGS": "-mod=mod"}
        words = [go, "tool", "pprof", "-symbolize=none", *options, path]
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=120, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_top_shows_what_the_trace_shows(pprof, trace):
    said = pprof(trace, "-top", "-unit=B", "-nodefraction=0")
    rows = re.findall(r"^ *(\d+)B .*%  (\S+)$", said, re.MULTILINE)
    expected = {row.stack[0].function: row.bytes for row in functions(trace) if row.bytes}
    assert {name: int(size) for size, name in rows if int(size)} == expected
    assert "Type: inuse_space" in said


def functions(trace):
    rows = trace.live(None, by="function")
    names = [row.stack[0].function for row in rows if row.stack]
    assert len(set(names)) == len(names), "two functions of one name: choose others for the test"
    return rows


def test_threads_are_tags(pprof, trace):
    said = pprof(trace, "-tags")
    assert "thread: Total" in said and "background" in said and ": main" in said


def test_raw_and_other_values(pprof, trace):
    raw = pprof(trace, "-raw")
    assert (
        "alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes[dflt]" in raw
    )
    assert re.search(r"make_session \S+shop\.py:\d+", raw)
    total = pprof(trace, "-top", "-sample_index=alloc_objects")
    assert "Type: alloc_objects" in total
    assert f"Total samples = {sums(trace, 'total')[1]} " in total


def test_an_empty_profile_opens(pprof, without_stacks):
    assert "inuse_space" in pprof(without_stacks, "-raw")
    assert "Type: inuse_space" in pprof(without_stacks, "-top")


def test_strange_names_open(pprof):
    names = ["</script>", "a;b", "x\ny", "caf\xe9", "\udc80"]
    trace = made_trace([stack((name, "/srv/app.py", 1)) for name in names] + [stack()])
    said = pprof(trace, "-raw")
    assert "caf\xe9" in said and "\\udc80" in said and "(no Python code)" in said
