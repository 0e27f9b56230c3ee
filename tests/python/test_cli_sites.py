# SPDX-License-Identifier: MIT
"""stacks, types --by site and diff --sites: options, samples that tell of few, hostile names."""

import json
import sys

import heapsight as package
import pytest
from heapsight import _diff, _sites, _snapshot, reports
from running import finished, one_sentence

PROGRAM = r"""
class Session:
    pass

namespace = {"Session": Session}
exec(compile("def make(): return Session()", "/x/\x1b[31mRED\nsecond line", "exec"), namespace)
KEPT = [namespace["make"]() for _ in range(500)]
""" + "".join(f"kept_{number} = bytearray(1000)\n" for number in range(30))
LAST = "exact/002-exit.hsnap"
FEW = "sampled/002-exit.hsnap"
PLACE = r"/x/\x1b[31mRED\nsecond line:1 in make"


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    """A folder with prog.py, and exact/, sampled/ and plain/ with two snapshots each."""
    folder = tmp_path_factory.mktemp("traced")
    (folder / "prog.py").write_text(PROGRAM)
    for name, words in {
        "exact": ["--exact"],
        "sampled": ["--sample", "2000"],
        "plain": ["--off"],
    }.items():
        line = [sys.executable, "-m", "heapsight", "run", *words, "-o", name, "prog.py"]
        done = finished(line, folder)
        assert done.returncode == 0, done.stderr
    return folder


def answered(done):
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# ---- stacks: options that a report has, and those that it has not -------------------------------

VALUES = {
    "--figure": "total",
    "--by": "file",
    "--sort": "count",
    "--limit": "2",
    "--module": "prog",
    "--source": "prog.py",
    "--thread": "MainThread",
}
KEYWORDS = {"--source": "file"}


@pytest.mark.parametrize("name", reports.NAMES)
@pytest.mark.parametrize("option", VALUES)
def test_an_option_is_heard_or_refused(ask, traced, tmp_path, name, option):
    known = reports.find(name).make.__kwdefaults__ or {}
    keyword = KEYWORDS.get(option, option[2:])
    made = tmp_path / f"a{reports.find(name).SUFFIXES[0]}"
    for words in (("--report", name, "-o", made), ("-o", made)):
        done = ask("stacks", LAST, *words, option, VALUES[option])
        if keyword in known:
            value = int(VALUES[option]) if keyword == "limit" else VALUES[option]
            with package.load(traced / LAST) as heap:
                expected = reports.make(heap.trace, name, **{keyword: value})
            assert answered(done) == f"wrote {made}\n"
            assert made.read_bytes() == (
                expected if isinstance(expected, bytes) else expected.encode()
            )
        else:
            assert f'report "{name}" does not take {option};' in one_sentence(done)
            assert not made.exists()


def test_no_limit_is_heard_by_the_table(ask, traced):
    text = answered(ask("stacks", LAST, "--report", "table", "--limit", "0"))
    assert "... " not in text
    assert text == answered(ask("stacks", LAST, "--limit", "0"))
    assert len(answered(ask("stacks", LAST)).splitlines()) == 23 < len(text.splitlines())


def test_json_is_no_report(ask, tmp_path):
    for words in (("--report", "flame"), ("-o", tmp_path / "x.json"), ("--report", "speedscope")):
        said = one_sentence(ask("stacks", LAST, "--json", *words))
        assert "--json" in said and "--report" in said
    assert list(tmp_path.iterdir()) == []


def test_filters_that_fit_nothing(ask):
    assert answered(ask("stacks", LAST, "--module", "no.such")) == (
        "Allocated and not freed: no stack passes through module no.such.\n"
    )
    assert "one in 2.0 KiB is drawn" in answered(ask("stacks", FEW, "--module", "no.such"))


# ---- samples ------------------------------------------------------------------------------------


def test_a_sampled_table_of_sites_says_how_few_it_tells_of(ask, traced):
    lines = answered(ask("types", FEW, "--by", "site", "--only", "__main__")).splitlines()
    assert lines[1].endswith(f"__main__.Session at {PLACE}")
    assert lines[2].endswith("__main__.Session at (not sampled)")
    known, unknown = (int(line.split()[0]) for line in lines[1:3])
    assert 0 < known < 100 and known + unknown == 500
    assert lines[3] == (
        f"{unknown} of 500 objects were not sampled (or are older than the tracer);"
        " --exact watches every allocation"
    )
    assert len(lines) == 4
    with package.load(traced / FEW) as heap:
        rows = heap.types(None, by="site")
        assert sum(row.count for row in rows) == heap.object_count
        assert len({(row.type, row.site) for row in rows}) == len(rows)
    names = [row.site == "(not sampled)" for row in rows]
    assert names == sorted(names)
    for part in ([row for row in rows if row.site != "(not sampled)"], rows[names.index(True) :]):
        sizes = [row.bytes for row in part]
        assert sizes == sorted(sizes, reverse=True)


def test_a_sampled_diff_of_sites_too(ask):
    words = ("diff", "--sites", "sampled/001-start.hsnap", FEW, "--only", "__main__")
    lines = answered(ask(*words)).splitlines()
    assert lines[1].endswith(f"__main__.Session at {PLACE}")
    assert lines[2].endswith("__main__.Session at (not sampled)")
    assert lines[3].startswith(lines[2].split()[0][1:] + " of 500 objects were not sampled")
    mixed = answered(ask(*words[:2], "plain/001-start.hsnap", *words[3:])).splitlines()
    assert [line.split()[0] for line in mixed[1:3]] == [line.split()[0] for line in lines[1:3]]


def test_an_exact_table_does_not_speak_of_samples(ask):
    for words in (
        ("types", LAST, "--by", "site", "--limit", "0"),
        ("diff", "--sites", "--limit", "0", "exact/001-start.hsnap", LAST),
    ):
        text = answered(ask(*words))
        assert "sampled" not in text
        assert "(not known)" in text


@pytest.mark.parametrize("name", ["exact", "sampled"])
def test_documents_tell_the_mode(ask, name):
    first, last = (f"{name}/{at}.hsnap" for at in ("001-start", "002-exit"))
    for words in (("types", last, "--by", "site"), ("diff", "--sites", first, last)):
        assert json.loads(answered(ask(*words, "--json")))["mode"] == name
    for words in (("types", last), ("diff", first, last)):
        assert "mode" not in json.loads(answered(ask(*words, "--json")))


# ---- names that would move the cursor -----------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("stacks", LAST),
        ("stacks", LAST, "--by", "stack"),
        ("stacks", LAST, "--report", "table"),
        ("stacks", LAST, "--report", "tree"),
        ("types", LAST, "--by", "site"),
        ("diff", "--sites", "exact/001-start.hsnap", LAST),
        ("why", LAST, "--type", "__main__.Session"),
    ],
)
def test_names_of_files_are_escaped(ask, words):
    text = answered(ask(*words))
    assert all(line.isprintable() for line in text.split("\n"))
    assert PLACE in text
    assert not [line for line in text.splitlines() if line.startswith("second line")]


def test_a_type_name_is_escaped():
    row = package.SiteRow("a.py:1 in f", "\x1b[31m\nX", 1, 2)
    assert _sites.sites_table([row], 0).splitlines()[1].endswith(r"\x1b[31m\nX at a.py:1 in f")
    types = _snapshot.types_table([package.TypeRow("\x1b[31m\nX", 1, 2)], 0)
    assert types.splitlines()[1].endswith(r"\x1b[31m\nX")
    grown = _diff.diff_table([package.DiffRow("\x1b[31m\nX", 1, 2)], 0)
    assert grown.splitlines()[1].endswith(r"\x1b[31m\nX")


def test_rows_with_one_place_are_one_row():
    """Two threads without Python code, and two lines of heapsight."""
    counted = [
        (("one", "", 0, 1), "str", 1, 10),
        (("two", "", 0, 2), "str", 2, 20),
        (("f", "/a/heapsight/_hooks.py", 3, 0), "str", 4, 40),
        (("g", "/a/heapsight/cli/__init__.py", 3, 0), "str", 5, 50),
    ]
    assert _sites.site_rows(counted) == [
        ("(heapsight)", "str", 9, 90),
        ("(no Python code)", "str", 3, 30),
    ]


# ---- work that is done once ---------------------------------------------------------------------


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_table_of_sites_is_made_once(ask, monkeypatch, more):
    calls = []

    def counted(module):
        made = module.snapshot_sites
        monkeypatch.setattr(module, "snapshot_sites", lambda *words: calls.append(1) or made(*words))

    counted(_snapshot)
    counted(_diff)
    answered(ask("types", LAST, "--by", "site", *more))
    assert len(calls) == 1
    calls.clear()
    answered(ask("diff", "--sites", "exact/001-start.hsnap", LAST, *more))
    assert len(calls) == 2  # of either snapshot


def test_the_table_report_makes_its_rows_once(traced, monkeypatch):
    with package.load(traced / LAST) as heap:
        trace = heap.trace
        rows = package.Trace.rows
        calls = []
        monkeypatch.setattr(
            package.Trace, "rows", lambda *words, **more: calls.append(1) or rows(*words, **more)
        )
        trace.report("table")
    assert len(calls) == 1


def test_a_snapshot_keeps_its_trace(traced):
    heap = package.load(traced / LAST)
    trace = heap.trace
    assert heap.trace is trace
    heap.close()
    with pytest.raises(package.HeapsightValueError, match="closed"):
        _ = heap.trace
    assert trace.live(1)  # an answer outlives its snapshot
    with package.load(traced / "plain/002-exit.hsnap") as plain:
        assert plain.trace is None
