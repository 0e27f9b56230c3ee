# SPDX-License-Identifier: MIT
"""Snapshots, paths and pictures through the package's face."""

import gc
import os
import re
import stat
import subprocess
import sys
import time
from collections import Counter
from xml.etree import ElementTree

import heapsight
import pytest


class Holder:
    def __init__(self, held):
        self.held = held


class Leaf:
    pass


KEPT = Holder(Leaf())
MANY = [Leaf() for _ in range(20)]


def test_info_names_where_and_when():
    with heapsight.snapshot("here") as heap:
        info = heap.info
    assert info["label"] == "here"
    assert info["process_id"] == os.getpid()
    assert abs(info["taken_at_ns"] - time.time_ns()) < 60e9
    assert info["interpreter"].startswith(f"CPython {sys.version_info[0]}.{sys.version_info[1]}")
    assert info["rss_bytes"] > 1_000_000
    assert info["reference_count"] > info["object_count"] > 10_000
    assert info["overcounted_count"] == 0
    assert info["has_values"] is False


def test_a_type_whose_name_has_no_utf8_is_found_by_it():
    class Coffee:
        __module__ = "menu"
        __qualname__ = "caf\udce9"

    kept = Coffee()
    with heapsight.snapshot("odd") as heap:
        assert heap.addresses("menu.caf\udce9") == [id(kept)]
        assert heap.why("menu.caf\udce9").paths()[0].object_count == 1


def test_label_and_sums():
    with heapsight.snapshot("sums") as heap:
        assert heap.label == "sums"
        assert heap.object_count > 10_000
        assert heap.reference_count > heap.object_count
        assert heap.total_bytes > 1_000_000


def test_print_is_the_table():
    with heapsight.snapshot("table") as heap:
        lines = str(heap).splitlines()
        assert any(line.split()[-1:] == ["dict"] for line in lines)
        assert len(heap.text(limit=4).splitlines()) == len(heap.text(limit=3).splitlines()) + 1
        assert len(lines) < 30
        assert repr(heap).startswith("<heapsight.Snapshot 'table': ")


def columns(text, names):
    """The rows of a printed table whose type name begins with one of some names."""
    lines = (re.split(r" {2,}", line.strip()) for line in text.splitlines())
    return [(cells[-1], *cells[:2]) for cells in lines if cells[-1].startswith(names)]


def test_a_table_of_one_package_has_the_rows_of_the_whole():
    kept = Counter()
    with heapsight.snapshot() as before:
        more = [Counter() for _ in range(5)]
        with heapsight.snapshot() as after, heapsight.diff(before, after) as growth:
            rows = columns(after.text(limit=None, only="collections"), "collections.")
            assert rows == columns(after.text(limit=None), "collections.")
            changed = columns(growth.text(limit=None, only="collections"), "collections.")
            assert changed == columns(growth.text(), "collections.")
    assert ("collections.Counter", "6") in [row[:2] for row in rows]
    assert ("collections.Counter", "+5") in [row[:2] for row in changed]
    assert len(kept) + len(more) == 5


def test_tables_that_are_cut_say_so():
    with heapsight.snapshot() as heap:
        number = len(heap.types(limit=None))
        assert f"... {number - 3:,} more types" in heap.text(limit=3)
        builtin = len(heap.types(limit=None, only="collections"))
        assert heap.text(limit=1, only="collections").endswith(f"... {builtin - 1} more types\n")


def test_closed_handles_say_so():
    heap = heapsight.snapshot()
    answers = [heap, heapsight.diff(heap, heap), heap.why("dict", limit=1)]
    answers.append(answers[-1].graph())
    for answer in answers:
        with answer as entered:
            assert entered is answer
            assert str(answer)
        answer.close()
        assert repr(answer) == f"<closed heapsight.{type(answer).__name__}>"
        with pytest.raises(heapsight.HeapsightValueError, match="is closed"):
            str(answer)


def test_an_answer_outlives_its_snapshot():
    heap = heapsight.snapshot()
    answer = heap.why(f"{__name__}.Holder")
    heap.close()
    del heap
    gc.collect()
    assert "KEPT" in answer.paths()[0].expression


def test_save_and_load(tmp_path):
    path = tmp_path / "heap.hsnap"
    heap = heapsight.snapshot("saved", values=True)
    heap.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with heapsight.load(path) as loaded:
        assert loaded.info == heap.info
        assert loaded.types(limit=None) == heap.types(limit=None)
        assert loaded.why(f"{__name__}.Leaf").paths() == heap.why(f"{__name__}.Leaf").paths()
    assert heapsight.load(os.fsencode(path)).label == heapsight.load(str(path)).label == "saved"


def test_why_names_the_attribute():
    answer = heapsight.why(KEPT.held)
    row = answer.paths()[0]
    assert row.root_kind == "module"
    assert row.root_name == __name__
    assert row.expression.endswith("KEPT.held")
    assert row.steps[-1].type == f"{__name__}.Leaf"
    assert row.steps[-1].label == ".held"
    assert row.steps[-1].address == id(KEPT.held)
    assert row.object_count == 1
    assert row.expression in str(answer)


def test_why_counts_objects_that_are_held_alike():
    with heapsight.snapshot() as heap:
        rows = heap.why(f"{__name__}.Leaf").paths()
    assert sum(row.object_count for row in rows) == 21
    assert rows[0].object_count == 20
    assert "MANY" in rows[0].expression


def test_why_is_a_sequence_of_its_rows():
    answer = heapsight.why(KEPT.held)
    assert list(answer) == answer.paths()
    assert len(answer) == len(answer.paths()) >= 1
    assert answer.omitted_count == 0
    assert answer.unreached_count == 0


def test_why_counts_what_lies_beyond_the_limit():
    with heapsight.snapshot() as heap:
        everything = heap.why("tuple", limit=None)
        few = heap.why("tuple", limit=2)
    assert len(few) == 2
    assert few.omitted_count == len(everything) - 2
    assert everything.omitted_count == 0


def test_why_of_a_local_variable_names_the_frame():
    only_here = Leaf()
    row = heapsight.why(only_here).paths()[0]
    assert row.root_kind == "thread frame"
    assert row.function.endswith("test_why_of_a_local_variable_names_the_frame")
    assert row.file == __file__
    assert row.root_name == "only_here"
    assert row.thread == "MainThread"


def test_values_are_shown_only_where_asked_for():
    secret = "a string that nobody else has"
    shown = [step.preview for row in heapsight.why(secret) for step in row.steps]
    assert any("nobody else" in preview for preview in shown)
    hidden = [step.preview for row in heapsight.why(secret, values=False) for step in row.steps]
    assert not any("nobody else" in preview for preview in hidden)
    with heapsight.snapshot() as heap:
        assert "nobody else" not in str(heap.why(id(secret)))


def test_graph_of_an_object():
    picture = heapsight.graph(KEPT.held, depth=1)
    assert picture.node_count >= 2
    assert picture.edge_count >= 1
    dot = picture.to_dot()
    assert dot.startswith(("digraph", "strict digraph"))
    assert "held" in dot
    assert str(picture) == dot
    assert "objects" in repr(picture)


def test_graph_of_referents():
    picture = heapsight.graph(KEPT, direction="referents", depth=1)
    assert "Leaf" in picture.to_dot()


def test_graph_of_a_type_shows_few_objects():
    with heapsight.snapshot() as heap:
        few = heap.graph(f"{__name__}.Holder", depth=1)
        many = heap.graph(f"{__name__}.Leaf")
        inside = heap.graph(f"{__name__}.Leaf", direction="referents", depth=0)
    assert "KEPT" in few.to_dot()
    assert many.node_count < 15
    assert "MANY" in many.to_dot()
    assert inside.node_count == 3


@pytest.mark.parametrize(
    ("ending", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF"), ("dot", b"")]
)
def test_render_writes_a_picture(tmp_path, ending, magic):
    path = tmp_path / f"leak.{ending}"
    assert heapsight.graph(KEPT.held, depth=2).render(path) == str(path)
    data = path.read_bytes()
    assert data.startswith(magic)
    assert len(data) > 100
    assert heapsight.why(KEPT.held).render(str(path)) == str(path)
    assert sorted(os.listdir(tmp_path)) == [path.name]


def test_dot_source_is_what_dot_reads():
    picture = heapsight.graph(KEPT.held, depth=2)
    source = picture.to_dot()
    done = subprocess.run(
        ["dot", "-Tplain"], input=source, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert sum(line.startswith("node ") for line in lines) >= picture.node_count
    assert sum(line.startswith("edge ") for line in lines) >= picture.edge_count
    assert "KEPT" in source


def test_notebooks_get_tables_and_pictures():
    heap = heapsight.snapshot("<label>")
    for answer in (heap, heapsight.diff(heap, heapsight.snapshot()), heap.why("dict")):
        html = answer._repr_html_()
        table = ElementTree.fromstring(html[: html.index("</table>") + len("</table>")])
        assert table.tag == "table"
        assert table.find("tbody") is not None
    assert "&lt;label&gt;" in heap._repr_html_()
    drawing = ElementTree.fromstring(heapsight.graph(KEPT.held, depth=1)._repr_html_())
    assert drawing.tag.endswith("svg")


def test_notebooks_get_the_source_where_dot_is_missing(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    html = heapsight.graph(KEPT.held, depth=1)._repr_html_()
    assert "Graphviz" in html
    assert "<pre>" in html
    assert "-&gt;" in html


def test_collect_is_left_to_the_caller():
    class Cycle:
        def __init__(self):
            self.me = self

    gc.collect()
    gc.disable()
    try:
        Cycle()
        name = f"{__name__}.{Cycle.__qualname__}"
        with heapsight.snapshot(collect=False) as heap:
            assert len(heap.addresses(name)) == 1
            assert heap.why(name).unreached_count == 1
        with heapsight.snapshot() as heap, pytest.raises(heapsight.HeapsightLookupError):
            heap.addresses(name)
    finally:
        gc.enable()
