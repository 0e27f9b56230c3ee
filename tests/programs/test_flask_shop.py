# SPDX-License-Identifier: MIT
"""Somebody else's frameworks: a Flask and SQLAlchemy shop with a leak in its own code.

Real packages, real HTTP requests, a SQLite file, the command line as a user types it.
"""

import json
from pathlib import Path

import pytest
from heapsight import load
from under_heapsight import Running, heapsight, snapshot_pair

pytest.importorskip("flask", reason="flask is not installed")
pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed")

SHOP = Path(__file__).parent / "flask_shop" / "serve.py"
LEAKED = "shop.CartSession"
VISITORS = 100
WARM_UP = 5
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


def served(folder: Path, *options: str) -> tuple[Path, Path]:
    """Snapshot files before and after the visits."""
    with Running(SHOP, str(folder / "shop.sqlite"), folder=folder / "run",
                 options=options) as program:
        return snapshot_pair(program, visits(0, WARM_UP), visits(WARM_UP, VISITORS))


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """With every allocation watched."""
    return served(tmp_path_factory.mktemp("flask-shop"), "--exact")


def made_at() -> dict[str, str]:
    """The lines of the shop that make what it leaks, as far as a site names them, by view."""
    source = (SHOP.parent / "shop.py").read_text(encoding="utf-8").splitlines()
    lines = [number for number, text in enumerate(source, 1) if "= CartSession(" in text]
    return dict(zip(["products", "orders"], [f"shop.py:{n} in " for n in lines], strict=True))


def sites(snapshot: Path) -> dict[str, int]:
    """How many of the leaked objects each view made, by the line that is known; "" for no line."""
    counts = dict.fromkeys(["", *made_at()], 0)
    with load(snapshot) as heap:
        for row in heap.types(None, by="site"):
            if row.type == LEAKED:
                views = [view for view, line in made_at().items() if line in row.site]
                assert views or row.site in ("(not known)", "(not sampled)"), row
                counts[views[0] if views else ""] += row.count
    return counts


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


def test_each_leaked_object_was_made_by_the_line_of_its_view(snapshots: tuple[Path, Path]) -> None:
    count = VISITORS + WARM_UP
    assert sites(snapshots[1]) == {"": 0, "products": count, "orders": count}
    answer = heapsight("why", str(snapshots[1]), "--type", LEAKED).partition("allocated at")[2]
    assert all(line in answer for line in made_at().values())


def test_samples_name_the_same_line(tmp_path: Path) -> None:
    _, after = served(tmp_path, "--sample", "256B")
    found = sites(after)
    assert all(count > 0 for count in found.values()), found


def test_the_leak_can_be_seen_in_a_picture(snapshots: tuple[Path, Path], tmp_path: Path) -> None:
    picture = tmp_path / "leak.png"
    heapsight("graph", str(snapshots[1]), "--type", LEAKED, "-o", str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_table_as_printed_shows_the_leaked_class(snapshots: tuple[Path, Path]) -> None:
    assert LEAKED in heapsight("diff", *map(str, snapshots))
