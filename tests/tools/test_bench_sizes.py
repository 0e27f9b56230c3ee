# SPDX-License-Identifier: MIT
"""Sizes of whole heaps are those of their blocks; and tools/bench sizes would say so if not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tools"))

from bench_lib import process, size_command  # noqa: E402
from bench_lib.size_command import Row  # noqa: E402


@pytest.fixture(scope="module", params=["bare", "standard"])
def rows(request: pytest.FixtureRequest) -> list[Row]:
    command = [sys.executable, "-W", "ignore", size_command.WORKER, request.param]
    measured = process.measure(command, request.param, 120, RuntimeError)
    return [Row(*row) for row in measured["rows"]]


def test_sizes_are_those_of_the_blocks(rows: list[Row], capsys: pytest.CaptureFixture[str]) -> None:
    summary = size_command.summarise(rows)
    with capsys.disabled():
        size_command.print_heap("sizes", rows, summary, 5)
    assert summary["objects"] > 5_000
    assert summary["equal_objects_percent"] >= size_command.LEAST_PERCENT
    assert summary["equal_bytes_percent"] >= size_command.LEAST_PERCENT
    assert size_command.is_met(summary)
    assert summary["given_objects_percent"] < 1  # the others agree by their own rules


def test_a_size_that_is_not_that_of_its_blocks_shows(capsys: pytest.CaptureFixture[str]) -> None:
    good = Row("good", 990, 0, 990, 9_900, 9_900, 9_900)
    bad = Row("bad", 10, 0, 0, 0, 1_000, 100)
    summary = size_command.summarise([good, bad])
    assert summary["equal_objects_percent"] == pytest.approx(99.0)
    assert not size_command.is_met(summary)
    size_command.print_heap("heap", [good, bad], summary, 5)
    table = capsys.readouterr().out
    assert "good" not in table and table.splitlines()[-1].split() == ["10", "10", "1,000", "bad"]
    assert not size_command.is_met(size_command.summarise([]))  # nothing was seen
