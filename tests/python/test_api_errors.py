# SPDX-License-Identifier: MIT
"""Bad input: each error is a HeapsightError and a builtin, and says what to do."""

import builtins
import errno

import heapsight
import pytest
from hypothesis import given
from hypothesis import strategies as st

KINDS = (
    "KeyError",
    "LookupError",
    "MemoryError",
    "OSError",
    "RuntimeError",
    "TypeError",
    "ValueError",
)


@pytest.fixture(scope="module")
def heap():
    with heapsight.snapshot("errors") as taken:
        yield taken


@pytest.mark.parametrize("name", KINDS)
def test_every_error_is_ours_and_a_builtin(name):
    kind = getattr(heapsight, f"Heapsight{name}")
    assert issubclass(kind, heapsight.HeapsightError)
    assert issubclass(kind, getattr(builtins, name))
    assert kind.__module__.partition(".")[0] == "heapsight"


def test_there_is_no_error_without_a_test():
    errors = {name for name in heapsight.__all__ if name.endswith("Error")}
    assert errors == {"HeapsightError", *(f"Heapsight{name}" for name in KINDS)}


def test_a_key_error_reads_as_a_sentence():
    assert str(heapsight.HeapsightKeyError("it is not there")) == "it is not there"


def test_a_missing_file(tmp_path):
    with pytest.raises(heapsight.HeapsightOSError) as caught:
        heapsight.load(tmp_path / "none.hsnap")
    assert "none.hsnap" in str(caught.value)
    assert caught.value.errno == errno.ENOENT


def test_text_that_has_no_utf8(heap):
    with pytest.raises(heapsight.HeapsightValueError, match=r"label 'caf\\udce9'"):
        heapsight.snapshot("caf\udce9")
    for ask in (heap.why, heap.graph, heap.addresses):
        with pytest.raises(heapsight.HeapsightLookupError, match=r"caf\\udce9"):
            ask("caf\udce9")


def test_a_file_of_another_kind(tmp_path):
    path = tmp_path / "text.hsnap"
    path.write_text("this is not a snapshot" * 100)
    with pytest.raises(heapsight.HeapsightValueError, match=r"text\.hsnap"):
        heapsight.load(path)


def test_a_truncated_file(tmp_path, heap):
    path = tmp_path / "cut.hsnap"
    heap.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(heapsight.HeapsightValueError, match=r"cut\.hsnap"):
        heapsight.load(path)


def test_a_place_where_nothing_can_be_written(tmp_path, heap):
    with pytest.raises(heapsight.HeapsightOSError, match="missing"):
        heap.save(tmp_path / "missing" / "heap.hsnap")
    with pytest.raises(heapsight.HeapsightOSError, match="missing"):
        heap.why("dict").render(tmp_path / "missing" / "leak.png")


def test_an_unknown_type_name_offers_near_ones(heap):
    for call in (heap.why, heap.graph, heap.addresses):
        with pytest.raises(heapsight.HeapsightLookupError, match=r"collections\.OrderedDict"):
            call("OrderedDict")


def test_an_unknown_address(heap):
    for call in (heap.why, heap.graph):
        with pytest.raises(heapsight.HeapsightLookupError, match="0x3"):
            call(3)


@pytest.mark.parametrize("target", [None, 1.5, b"dict", True, [1]])
def test_a_target_that_is_neither_name_nor_address(heap, target):
    for call in (heap.why, heap.graph):
        with pytest.raises(heapsight.HeapsightTypeError, match="type name or address"):
            call(target)


@given(address=st.integers())
def test_any_address_is_found_or_refused(heap, address):
    try:
        answer = heap.why(address)
    except heapsight.HeapsightError as problem:
        assert str(problem)
    else:
        assert answer.paths() or answer.unreached_count == 1


@given(name=st.text())
def test_any_name_is_found_or_refused(heap, name):
    try:
        answer = heap.why(name, limit=1)
    except heapsight.HeapsightError as problem:
        assert str(problem)
    else:
        assert name in {row.type for row in heap.types(limit=None)}
        assert answer.paths() or answer.unreached_count


@pytest.mark.parametrize("call", ["live", "snapshot"])
def test_graph_options_are_checked(heap, call):
    graph = heap.graph if call == "snapshot" else heapsight.graph
    target = "dict" if call == "snapshot" else heap
    for options, message in [
        ({"direction": "up"}, "direction must be"),
        ({"depth": -1}, "depth must be 0 or more"),
        ({"too_many": 0}, "too_many must be 1 or more"),
    ]:
        with pytest.raises(heapsight.HeapsightValueError, match=message):
            graph(target, **options)
    for options, message in [
        ({"depth": "4"}, "depth must be a whole number"),
        ({"too_many": 2.0}, "too_many must be a whole number"),
    ]:
        with pytest.raises(heapsight.HeapsightTypeError, match=message):
            graph(target, **options)


def test_an_unknown_kind_of_picture(tmp_path, heap):
    for name in ("leak.gif", "leak", ".png/leak.jpeg"):
        with pytest.raises(heapsight.HeapsightValueError, match=r"\.png"):
            heap.why("dict").render(tmp_path / name)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_time_limit_that_is_none(tmp_path, heap, timeout):
    with pytest.raises(heapsight.HeapsightValueError, match="timeout must be above 0"):
        heap.why("dict").render(tmp_path / "leak.png", timeout=timeout)


def test_a_dot_that_is_missing(tmp_path, heap, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(heapsight.HeapsightOSError, match=r"leak\.dot"):
        heap.why("dict").render(tmp_path / "leak.png")
    assert (tmp_path / "leak.dot").read_text().startswith(("digraph", "strict digraph"))


def test_a_dot_that_hangs(tmp_path, heap, monkeypatch):
    program = tmp_path / "bin" / "dot"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    with pytest.raises(heapsight.HeapsightOSError, match=r"leak\.dot"):
        heap.why("dict").render(tmp_path / "leak.png", timeout=0.2)
    assert (tmp_path / "leak.dot").exists()
    assert not (tmp_path / "leak.png").exists()


def test_a_path_with_a_zero_byte(heap):
    for call in (heap.save, heapsight.load, heap.why("dict", limit=1).render):
        with pytest.raises(ValueError, match="null"):
            call("a\0b.png")
