# SPDX-License-Identifier: MIT
"""Reports for people without a viewer: table, tree, annotate; and collapsed stacks."""

import re

from heapsight._text import size_text
from hypothesis import given
from hypothesis import strategies as st
from made_traces import FEW, TRACES, made_trace, stack, sums

MAIN, LOAD, SAVE = ("main", "/srv/app.py", 9), ("load", "/srv/app.py", 3), ("save", "/srv/b.py", 5)


def test_table_is_the_text_of_the_trace(trace):
    assert trace.report("table", limit=3, by="file") == trace.text(limit=3, by="file")


def test_tree_shows_callers_above_calls_and_counts_the_rest():
    trace = made_trace(
        [
            stack(MAIN, LOAD, size=9000, blocks=9),
            stack(MAIN, SAVE, size=900),
            stack(MAIN, ("log", "/srv/c.py", 1), size=60),
            stack(MAIN, ("log", "/srv/c.py", 2), size=50),
            stack(("other", "/srv/c.py", 1), size=2),
        ]
    )
    lines = trace.report("tree").splitlines()
    assert lines[0].endswith("9.8 KiB in 13 blocks (exact)")
    assert lines[-6:] == [
        "   size  blocks  percent  call",
        "9.8 KiB      12    100.0  /srv/app.py:9 in main",
        "8.8 KiB       9     89.9    /srv/app.py:3 in load",
        "  900 B       1      9.0    /srv/b.py:5 in save",
        "  110 B       2      1.1    ... 2 smaller calls",
        "    2 B       1      0.0  ... 1 smaller call in other places",
    ]


def test_tree_does_not_indent_a_chain_of_only_calls():
    trace = made_trace([stack(MAIN, LOAD, SAVE)])
    assert [line[-30:].strip() for line in trace.report("tree").splitlines()[-3:]] == [
        f"{figures}{place}"
        for figures, place in zip(
            ["100.0  "] * 3,
            ["/srv/app.py:9 in main", "/srv/app.py:3 in load", "/srv/b.py:5 in save"],
            strict=True,
        )
    ]


def test_tree_of_deep_recursion_is_no_recursion():
    frames = [("down", "/srv/app.py", line % 2 + 1) for line in range(5000)]
    assert trace_lines(made_trace([stack(*frames)], frame_limit=5001)) == 5000


def trace_lines(trace):
    return len(trace.report("tree", percent=0).split("call\n", 1)[1].splitlines())


@FEW
@given(TRACES)
def test_a_tree_that_is_not_pruned_has_a_row_for_every_call(trace):
    calls = {(frames or ((),))[:end] for frames, _, _, _ in trace.stacks() for end in range(1, 8)}
    text = trace.report("tree", percent=0)
    rows = text.split("percent  call\n")[1].splitlines() if calls else []
    assert len(rows) == len(calls)


def test_annotate_puts_figures_beside_the_lines(trace, source):
    listing = trace.report("annotate", files=1)
    size, blocks = by_line(trace, source, "Session(number)")
    (row,) = [line for line in listing.splitlines() if "return Session(number)" in line]
    number = 1 + source.read_text().splitlines().index("    return Session(number)")
    assert row.split()[:3] == [*size_text(size).split(), f"{blocks:,}"]
    assert row.split()[-3:] == [str(number), "return", "Session(number)"]


def test_annotate_shows_what_a_line_leads_to(trace):
    listing = trace.report("annotate", files=1).splitlines()
    (call,) = [line for line in listing if "make_session(number)" in line and "CACHE" in line]
    (below,) = [line for line in listing if "return Session(number)" in line]
    columns = re.compile(r"([\d.]+) (?:KiB|B)")
    assert float(columns.findall(call)[-1]) >= float(columns.findall(below)[-1])


def by_line(trace, source, text):
    number = 1 + next(
        index for index, line in enumerate(source.read_text().splitlines()) if text in line
    )
    rows = [row for row in trace.rows(limit=None, by="line") if row.stack]
    found = [row for row in rows if row.stack[0][1:] == (str(source), number)]
    return sum(row.bytes for row in found), sum(row.blocks for row in found)


def test_annotate_counts_a_recursive_line_once(trace, source):
    (row,) = [
        line for line in trace.report("annotate", files=1).splitlines() if "*countdown(" in line
    ]
    with_calls = float(re.findall(r"([\d.]+) KiB", row)[-1])
    assert 10 * 5000 / 1024 < with_calls < 12 * 5000 / 1024


def long_file(folder):
    path = folder / "long.py"
    path.write_text("".join(f"line_{number} = {number}\n" for number in range(1, 201)))
    return str(path)


def test_annotate_shows_parts_of_a_long_file(tmp_path):
    path = long_file(tmp_path)
    rows = [stack(("f", path, line), size=1000) for line in (50, 52, 150)]
    rows += [stack(("f", path, 100), size=1), stack(("f", path, 999), size=7, blocks=2)]
    listing = made_trace(rows).report("annotate", context=2, percent=1)
    shown = [int(number) for number in re.findall(r"line_(\d+) =", listing)]
    assert shown == [*range(48, 55), *range(148, 153)]
    assert listing.count("   ...\n") == 3
    assert "... 1 more lines with 1 B in 1 blocks of their own" in listing
    assert "7 B in 2 blocks belong to lines that are not in the file" in listing


def test_annotate_says_where_there_is_no_source(tmp_path):
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty.py").touch()
    names = [str(tmp_path / "binary.py"), str(tmp_path / "empty.py"), "<string>", "/missing.py"]
    rows = [stack(("f", name, 1), size=10 - at) for at, name in enumerate(names)]
    listing = made_trace([*rows, stack(size=1)]).report("annotate")
    listed = ", ".join([*names, "(no Python code)"])
    assert listing.endswith(
        f"35 B in 5 blocks were allocated where no source can be read: {listed}\n"
    )


def test_annotate_counts_the_files_it_leaves_out(tmp_path):
    rows = []
    for name in "abc":
        (tmp_path / f"{name}.py").write_text("x = 1\n")
        rows.append(stack(("f", str(tmp_path / f"{name}.py"), 1)))
    listing = made_trace(rows).report("annotate", files=2)
    assert "a.py" in listing and "b.py" in listing and "c.py" not in listing
    assert listing.endswith("... 1 more files\n")


def test_annotate_reads_the_encoding_a_file_declares(tmp_path):
    (tmp_path / "old.py").write_bytes(b"# coding: latin-1\nname = 'caf\xe9'\x0c\n")
    listing = made_trace([stack(("f", str(tmp_path / "old.py"), 2))]).report("annotate")
    assert "name = 'caf\xe9'\\x0c\n" in listing


@FEW
@given(TRACES)
def test_nothing_in_a_text_moves_the_cursor(trace):
    """Neither a command for the terminal nor a line more than with harmless names."""
    for name in ("table", "tree", "annotate", "collapsed"):
        lines = trace.report(name).split("\n")
        assert all(line.isprintable() for line in lines)
        assert len(lines) == len(harmless(trace).report(name).split("\n"))


def harmless(trace):
    """The same stacks with a plain name for every name in them."""
    plain = {}

    def named(text):
        return text and plain.setdefault(text, f"name{len(plain):04}")

    held = trace._held
    frames = [(named(frame[0]), named(frame[1]), *frame[2:]) for frame in held.frames()]
    copy = made_trace([], **held.info)
    vars(copy._held).update(_frames=frames, _stacks=held.stacks(), _rows=held.rows())
    return copy


def read_collapsed(text):
    """As flamegraph.pl reads it: the last blank parts the stack from its weight."""
    for line in text.splitlines():
        names, weight = line.rsplit(" ", 1)
        yield names.split(";"), int(weight)


@FEW
@given(TRACES, st.sampled_from(["live", "peak", "total", "temporary"]))
def test_collapsed_weights_are_all_bytes(trace, figure):
    read = list(read_collapsed(trace.report("collapsed", figure=figure)))
    assert sum(weight for _, weight in read) == sums(trace, figure)[0]
    deepest = max((len(frames) for frames, size, _, _ in trace.stacks(figure) if size), default=0)
    assert max((len(names) for names, _ in read), default=0) == max(deepest, bool(read))


def test_collapsed_has_one_line_a_stack():
    trace = made_trace([stack(MAIN, LOAD, size=5), stack(MAIN, LOAD, size=6), stack(size=7)])
    assert trace.report("collapsed") == (
        "(no Python code) 7\nmain (/srv/app.py:9);load (/srv/app.py:3) 11\n"
    )
