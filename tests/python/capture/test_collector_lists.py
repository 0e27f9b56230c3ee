# SPDX-License-Identifier: MIT
"""Every object of the collector's lists is in the snapshot, whatever generation it is in and however many
there are: the lists are gone through from both ends, and may meet at any place."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from references import Heap


@pytest.fixture(autouse=True)
def no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.unfreeze()
    gc.enable()


def check(held: list[list[int]], folder: Path) -> None:
    heap = Heap(folder / "lists.hsnap", collect=False)
    assert heap.references_at(id(held)) == [
        (f"index {number}", id(item)) for number, item in enumerate(held)]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 1001])
@pytest.mark.parametrize("generation", [0, 1, 2])
def test_objects_of_a_generation(count: int, generation: int, tmp_path: Path) -> None:
    held = [[number] for number in range(count)]
    for older in range(generation):
        gc.collect(older)
    check(held, tmp_path)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_frozen_objects_beside_few_others(count: int, tmp_path: Path) -> None:
    """A list of one, two or three objects, or of none, is the shortest there is."""
    gc.freeze()
    check([[number] for number in range(count)], tmp_path)


@pytest.mark.parametrize("count", [1000, 1001, 1002, 1003])
def test_objects_that_nothing_refers_to(count: int, tmp_path: Path) -> None:
    """Garbage is in the collector's lists alone; here it is in the middle of one, of odd or even length."""
    addresses = []
    for _ in range(count):
        lone: list[object] = []
        lone.append(lone)
        addresses.append(id(lone))
    del lone
    heap = Heap(tmp_path / "garbage.hsnap", collect=False)
    assert {heap.type_at(address) for address in addresses} == {"list"}  # KeyError: it is not there
