# SPDX-License-Identifier: MIT
"""Somebody else's frameworks: a Flask and SQLAlchemy shop with a leak in its own code.

Real packages, real HTTP requests, a SQLite file, the command line as a user types it.
"""

import json
from pathlib import Path

import pytest
from under_heapsight import Running, heapsight, snapshot_pair

pytest.importorskip("flask", reason="flask is not installed")
pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed")

SHOP = Path(__file__).parent / "flask_shop" / "serve.py"
LEAKED = "shop.CartSession"
VISITORS = 100
REQUESTS_PER_VISITOR = 2


def visits(first: int, count: int) -> list[tuple[str, str]]:
    return [
        request
        for number in range(first, first + count)
        for request in (
            ("GET", f"/products?visitor=visitor-{number}"),
            ("POST", f"/orders?visitor=visitor-{number}&product={number % 10 + 1}"),
        )
    ]


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Snapshot files before and after the visits."""
    folder = tmp_path_factory.mktemp("flask-shop")
    with Running(SHOP, str(folder / "shop.sqlite"), folder=folder / "run") as program:
        return snapshot_pair(program, visits(0, 5), visits(5, VISITORS))


def test_diff_ranks_the_leaked_class_first_among_the_application_s_types(
    snapshots: tuple[Path, Path],
) -> None:
    rows = json.loads(heapsight("diff", "--json", *map(str, snapshots)))["types"]
    own = [row for row in rows if row["type"].startswith("shop.")]
    assert own[0]["type"] == LEAKED, own
    assert own[0]["count_delta"] == VISITORS * REQUESTS_PER_VISITOR


def test_why_names_the_attribute_that_holds_them(snapshots: tuple[Path, Path]) -> None:
    answer = heapsight("why", str(snapshots[1]), "--type", LEAKED)
    assert "shop.AUDIT.sessions[" in answer


def test_the_leak_can_be_seen_in_a_picture(snapshots: tuple[Path, Path], tmp_path: Path) -> None:
    picture = tmp_path / "leak.png"
    heapsight("graph", str(snapshots[1]), "--type", LEAKED, "-o", str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_table_as_printed_shows_the_leaked_class(snapshots: tuple[Path, Path]) -> None:
    assert LEAKED in heapsight("diff", *map(str, snapshots))
