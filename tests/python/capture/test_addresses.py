# SPDX-License-Identifier: MIT
"""Addresses to the objects of a snapshot: a few are looked up one by one, many by one scan."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

import heapsight
from heapsight import _core
from references import Heap

FEW, MANY = 3, 40


def _held(count: int) -> list[tuple[str, ...]]:
    """Told apart by their number of items: 1, 2, 3, ..."""
    return [tuple(f"{count}-{item}" for item in range(number + 1)) for number in range(count)]


def _drawn(snapshot: _core.Snapshot, addresses: list[int]) -> list[int]:
    """Numbers of items of the objects in a picture of just those, in the picture's order."""
    picture = snapshot.around(addresses, "referents", 0, 0).dot()
    return [int(number) for number in re.findall(r"(\d+) items?<", picture)]


@pytest.mark.parametrize("count", [1, FEW, MANY])
def test_the_order_is_the_callers(count: int) -> None:
    held = _held(count)
    snapshot = _core.capture("order")
    for order in (held, held[::-1], held[1::2] + held[::2]):
        assert _drawn(snapshot, [id(item) for item in order]) == [len(item) for item in order]


@pytest.mark.parametrize("count", [1, FEW, MANY])
def test_an_address_may_come_twice(count: int) -> None:
    held = _held(count)
    addresses = [id(item) for item in held]
    snapshot = _core.capture("twice")
    assert _drawn(snapshot, addresses * 2) == [len(item) for item in held]
    assert sum(row["object_count"] for row in snapshot.paths(addresses * 2).rows()) == count


@pytest.mark.parametrize("count", [1, FEW, MANY])
@pytest.mark.parametrize("missing", [0, 8, 2**64 - 8])
def test_the_first_address_without_an_object_is_named(count: int, missing: int) -> None:
    held = _held(count)
    snapshot = _core.capture("missing")
    with pytest.raises(heapsight.HeapsightLookupError, match=f"no object at address {missing:#x} "):
        snapshot.paths([id(item) for item in held] + [missing, 16])


@pytest.mark.parametrize("wrong", [None, "1", -1, 2**64])
def test_what_is_no_address(wrong: object) -> None:
    with pytest.raises((TypeError, OverflowError)):
        _core.capture("wrong").paths([id(test_what_is_no_address), wrong])  # type: ignore[list-item]


def test_many_addresses_cost_one_scan() -> None:
    """Not a scan each, which takes seconds; the bound is far from either."""
    held = [(str(number),) for number in range(200_000)]
    addresses = [id(item) for item in held]
    snapshot = _core.capture("many")
    start = time.process_time()
    picture = snapshot.around(addresses[-40_000:], "referents", 0, 0)
    assert picture.node_count == 40_000
    assert time.process_time() - start < 2


def test_neighbours_of_sixteen_bytes_are_told_apart(tmp_path: Path) -> None:
    """The smallest objects there are lie two to 32 bytes; no larger one shares them with another."""
    held = [object() for _ in range(30_000)]
    addresses = {id(item) for item in held}
    assert sum(at % 32 == 0 and at + 16 in addresses for at in addresses) > 10_000
    heap = Heap(tmp_path / "neighbours.hsnap")
    assert heap.references_at(id(held))[: len(held)] == [
        (f"index {number}", id(item)) for number, item in enumerate(held)
    ]
    assert {heap.type_at(address) for address in addresses} == {"object"}
    assert _core.capture("counts").info["overcounted_count"] == 0
