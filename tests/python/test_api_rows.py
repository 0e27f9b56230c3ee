# SPDX-License-Identifier: MIT
"""The rows that answers are made of: names, order, limits."""

import heapsight
import pytest
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def heap():
    with heapsight.snapshot("rows") as taken:
        yield taken


@pytest.fixture(scope="module")
def growth():
    before = heapsight.snapshot("before")
    kept = [bytearray(1000) for _ in range(50)]
    after = heapsight.snapshot("after")
    del kept
    return heapsight.diff(before, after)


def test_fields_are_those_of_the_documentation():
    assert heapsight.TypeRow._fields == ("type", "count", "bytes", "sizes")
    assert heapsight.DiffRow._fields == ("type", "count_delta", "bytes_delta")
    assert heapsight.PathStep._fields == ("label", "type", "address", "bytes", "preview")
    assert heapsight.PathRow._fields[:4] == ("expression", "root", "root_kind", "root_name")


def test_types_by_default_are_the_ten_largest(heap):
    rows = heap.types()
    assert len(rows) == 10
    assert all(isinstance(row, heapsight.TypeRow) for row in rows)
    sizes = [row.bytes for row in heap.types(limit=None)]
    assert sizes == sorted(sizes, reverse=True)
    assert [row.bytes for row in rows] == sizes[:10]


def test_types_add_up_to_the_heap(heap):
    rows = heap.types(limit=None)
    assert sum(row.bytes for row in rows) == heap.total_bytes
    assert sum(row.count for row in rows) == heap.object_count
    # Types that share a name share a row.
    assert len({row.type for row in rows}) == len(rows) <= heap.info["type_count"]


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("size", lambda row: -row.bytes),
        ("count", lambda row: -row.count),
        ("type", lambda row: row.type),
    ],
)
def test_types_are_sorted_as_asked(heap, sort, key):
    rows = heap.types(limit=None, sort=sort)
    assert rows == sorted(rows, key=key)
    assert set(rows) == set(heap.types(limit=None))


@given(limit=st.integers(min_value=1, max_value=2**70))
def test_a_limit_takes_the_first_rows(heap, limit):
    rows = heap.types(limit=None)
    assert heap.types(limit=limit) == rows[:limit]


@given(name=st.text(alphabet="ab.", max_size=6))
def test_only_takes_whole_parts_of_names(name):
    from heapsight._rows import type_filter

    wanted = type_filter("a.b")
    parts = name.split(".")
    assert wanted(name) == (parts[:2] == ["a", "b"])


def test_only_leaves_other_types_out(heap):
    rows = heap.types(limit=None, only="collections")
    assert rows
    assert all(row.type.startswith("collections.") for row in rows)
    assert heap.types(only="colle") == []
    assert [row.type for row in heap.types(only="dict")] == ["dict"]


def test_diff_rows_are_what_changed(growth):
    rows = growth.types()
    assert all(isinstance(row, heapsight.DiffRow) for row in rows)
    grown = {row.type: row for row in rows}
    assert grown["bytearray"].count_delta == 50
    assert 50 * 1000 <= grown["bytearray"].bytes_delta <= 50 * 1200
    assert not [row for row in rows if row.count_delta == 0 == row.bytes_delta]
    assert growth.types(limit=1) == rows[:1]


def test_diff_rows_are_sorted_as_asked(growth):
    rows = growth.types()
    assert rows == sorted(rows, key=lambda row: -row.bytes_delta)
    by_count = growth.types(sort="count")
    assert by_count == sorted(by_count, key=lambda row: -row.count_delta)
    by_type = growth.types(sort="type")
    assert by_type == sorted(by_type, key=lambda row: row.type)
    assert set(by_type) == set(rows)


def test_diff_is_the_difference_of_the_histograms():
    before = heapsight.snapshot("before")
    kept = [{number} for number in range(100)]
    after = heapsight.snapshot("after")
    old = {row.type: row for row in before.types(limit=None)}
    new = {row.type: row for row in after.types(limit=None)}
    for row in heapsight.diff(before, after).types():
        counts = [rows[row.type].count if row.type in rows else 0 for rows in (old, new)]
        sizes = [rows[row.type].bytes if row.type in rows else 0 for rows in (old, new)]
        assert (row.count_delta, row.bytes_delta) == (counts[1] - counts[0], sizes[1] - sizes[0])
    assert len(kept) == 100


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(heap, growth, limit):
    for call in (heap.types, growth.types, heap.text, growth.text):
        with pytest.raises(heapsight.HeapsightValueError, match="limit must be 1 or more"):
            call(limit=limit)


@pytest.mark.parametrize("limit", ["10", 1.5, True])
def test_a_limit_that_is_no_number_is_refused(heap, growth, limit):
    for call in (heap.types, growth.types, heap.text, growth.text):
        with pytest.raises(heapsight.HeapsightTypeError, match="limit must be a whole number"):
            call(limit=limit)


def test_an_unknown_order_is_refused(heap, growth):
    for call in (heap.types, growth.types, heap.text, growth.text):
        with pytest.raises(heapsight.HeapsightValueError, match="sort must be"):
            call(sort="bytes")
