# SPDX-License-Identifier: MIT
"""Trace.report(): names, endings, options, files that are whole or not there."""

import os
import stat
from typing import get_type_hints

import pytest
from heapsight import HeapsightOSError, HeapsightTypeError, HeapsightValueError, reports
from hypothesis import given
from made_traces import FEW, TRACES

BINARY = {"pprof", "pstats"}


def test_names_and_endings_are_unique():
    assert len(set(reports.NAMES)) == len(reports.NAMES)
    endings = [suffix for module in reports.REPORTS for suffix in module.SUFFIXES]
    assert len(set(endings)) == len(endings)


@pytest.mark.parametrize("module", reports.REPORTS, ids=reports.NAMES)
def test_a_report_has_what_the_table_needs(module):
    assert module.HELP and module.HELP[0].islower() or module.NAME in module.HELP
    assert module.make.__doc__
    assert get_type_hints(module.make)["return"] is (bytes if module.NAME in BINARY else str)
    assert all(suffix.startswith(".") for suffix in module.SUFFIXES)


@pytest.mark.parametrize("module", reports.REPORTS, ids=reports.NAMES)
def test_every_ending_chooses_its_report(module, trace, tmp_path):
    for suffix in module.SUFFIXES:
        path = tmp_path / f"memory{suffix.upper()}"
        assert trace.report(path=path) == str(path)
        made = reports.make(trace, module.NAME)
        assert path.read_bytes() == (made.encode() if isinstance(made, str) else made)


@pytest.mark.parametrize("name", [name for name in reports.NAMES if name not in BINARY])
def test_text_is_returned_without_a_path(trace, name):
    assert "make_session" in trace.report(name) and name not in BINARY


@pytest.mark.parametrize("name", reports.NAMES)
def test_a_trace_without_stacks_makes_every_report(without_stacks, name, tmp_path):
    without_stacks.report(name, tmp_path / "file")
    assert (tmp_path / "file").exists()


@FEW
@given(TRACES)
def test_any_trace_makes_every_report_and_the_same_twice(trace):
    for name in reports.NAMES:
        made = reports.make(trace, name)
        assert made == reports.make(trace, name)
        if isinstance(made, str):
            made.encode()


@pytest.mark.parametrize("name", ["table", "tree", "annotate"])
def test_sampled_numbers_are_called_estimates(trace, sampled, name):
    assert "estimated" in sampled.report(name).splitlines()[0]
    assert "estimated" not in trace.report(name)


@pytest.mark.parametrize("name", ["table", "tree", "annotate", "flame"])
def test_a_reader_is_told_why_there_is_nothing(without_stacks, name):
    text = without_stacks.report(name)
    counts = without_stacks.info["mode"] == "counts"
    assert ("holds totals and no stacks" in text) == counts
    assert ("nothing was seen" in text) != counts


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        ({}, HeapsightValueError, "give a path, or name a report"),
        ({"name": "graph"}, HeapsightValueError, 'one of "table"'),
        ({"name": "pprof"}, HeapsightValueError, 'such as "memory.pb.gz"'),
        ({"path": "memory.xyz"}, HeapsightValueError, "memory.xyz tells no report"),
        ({"name": "tree", "figure": "new"}, HeapsightValueError, "figure must be one of"),
        ({"name": "tree", "depth": 3}, HeapsightTypeError, '"figure", "percent"'),
        ({"name": "tree", "percent": 101}, HeapsightValueError, "percent must be 0 to 100"),
        ({"name": "tree", "percent": "1"}, HeapsightTypeError, "percent must be a number"),
        ({"name": "annotate", "context": -1}, HeapsightValueError, "context must be 0 or more"),
        ({"name": "annotate", "context": None}, HeapsightTypeError, "context must be a whole"),
        ({"name": "annotate", "files": 0}, HeapsightValueError, "files must be 1 or more"),
        ({"name": "flame", "boxes": 0}, HeapsightValueError, "boxes must be 1 or more"),
    ],
)
def test_what_cannot_be_made_is_one_sentence(trace, words, error, says):
    with pytest.raises(error) as caught:
        trace.report(**words)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_missing_is_named(trace, tmp_path):
    path = tmp_path / "missing" / "memory.html"
    with pytest.raises(HeapsightOSError) as caught:
        trace.report(path=path)
    assert str(path) in str(caught.value) and caught.value.errno == 2


@pytest.mark.parametrize("place", ["folder", "pipe"])
def test_what_is_not_a_file_is_not_replaced(trace, tmp_path, place):
    path = tmp_path / "memory.txt"
    path.mkdir() if place == "folder" else os.mkfifo(path)
    with pytest.raises(HeapsightValueError, match="not a file"):
        trace.report(path=path)
    assert os.listdir(tmp_path) == ["memory.txt"]


@pytest.mark.parametrize("step", ["write", "replace"])
def test_a_failure_leaves_the_old_file_and_no_other(trace, tmp_path, monkeypatch, step):
    path = tmp_path / "memory.txt"
    path.write_text("old")

    def full(*_words):
        raise OSError(28, "No space left on device")

    if step == "replace":
        monkeypatch.setattr(os, "replace", full)
    else:
        monkeypatch.setattr("heapsight.reports._files.open", full, raising=False)
    with pytest.raises(HeapsightOSError, match="No space left on device; nothing was replaced"):
        trace.report(path=path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["memory.txt"]


def test_a_file_has_the_rights_of_any_new_file(trace, tmp_path):
    before = os.umask(0o027)
    try:
        trace.report(path=tmp_path / "memory.txt")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "memory.txt").stat().st_mode) == 0o640


def test_a_symbolic_link_stays_one(trace, tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    trace.report(path=tmp_path / "link.txt")
    assert (tmp_path / "link.txt").is_symlink()
    assert "make_session" in (tmp_path / "real.txt").read_text()
