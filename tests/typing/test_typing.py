# SPDX-License-Identifier: MIT
"""The package type checks strictly, the stub says what the extension has, users get types."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import heapsight
import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("mypy") is None, reason="mypy is not installed for this Python"
)
PACKAGE = Path(heapsight.__file__).parent

GOOD = """\
import heapsight
from heapsight import ClassTracker, DiffRow, NativeReferenceRow, PathRow, TypeRow

before: heapsight.Snapshot = heapsight.snapshot("before")
with heapsight.snapshot("after", collect=False, values=True) as after:
    rows: list[TypeRow] = after.types(limit=None, sort="count")
    grown: list[DiffRow] = heapsight.diff(before, after).types()
    held: list[NativeReferenceRow] = heapsight.native_references(before, after).types(3)
    paths: list[PathRow] = after.why("app.Session").paths()
    total: int = sum(row.bytes + row.count for row in rows)
    name: str = paths[0].steps[-1].type
    picture: str = heapsight.graph(before, depth=2).render("leak.png")
with heapsight.snapshot("busy", fork=True, memory_limit=1 << 30) as pending:
    forked: heapsight.Snapshot = pending.result(timeout=60)
heapsight.register_fields(type(iter([])), {"sequence": 24}, rest="others")
include: str = heapsight.get_include()
tracker = ClassTracker()
tracker.track_class(dict, name="dict")
tracker.stats.sort_stats("size").print_stats(limit=3)
"""

WRONG = [
    "heapsight.snapshot(label=3)",
    "heapsight.snapshot(fork=True).types()",
    "heapsight.load(3)",
    'heapsight.snapshot().types(limit="all")',
    "heapsight.snapshot().types()[0].size",
    'heapsight.diff(heapsight.snapshot(), "after.hsnap")',
    "heapsight.snapshot().why(1.5)",
    "heapsight.graph([], depth=None)",
    "heapsight.ClassTracker().track_class(3)",
    "heapsight.register_fields(3, {})",
    'heapsight.register_fields(dict, {"name": "16"})',
    "heapsight.nothing()",
]


def run(*words, folder, **environment):
    return subprocess.run(
        [sys.executable, "-m", *map(str, words)],
        cwd=folder,
        env={**os.environ, "MYPY_CACHE_DIR": str(folder / "cache"), **environment},
        text=True,
        capture_output=True,
        check=False,
    )


def test_the_package_is_strictly_typed(tmp_path):
    done = run("mypy", "--strict", "-p", "heapsight", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_users_get_the_types(tmp_path):
    (tmp_path / "user.py").write_text(GOOD)
    done = run("mypy", "--strict", "user.py", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_users_are_told_of_mistakes(tmp_path):
    (tmp_path / "user.py").write_text("import heapsight\n" + "\n".join(WRONG) + "\n")
    done = run("mypy", "--strict", "user.py", folder=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    told = {line.split(":")[1] for line in done.stdout.splitlines() if ": error:" in line}
    assert told == {str(number) for number in range(2, 2 + len(WRONG))}, done.stdout


def test_the_stub_says_what_the_extension_has(tmp_path):
    done = run("mypy.stubtest", "heapsight._core", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def resident_bytes() -> int:", "def resident_bytes(unit: int) -> int:"),
        ("def info_text(self) -> str: ...", "def info_texts(self) -> str: ..."),
        ("class Subgraph:", "class Subgraphs:"),
    ],
)
def test_a_stub_that_is_wrong_is_noticed(tmp_path, old, new):
    copy = tmp_path / "heapsight"
    copy.mkdir()
    for name in ("__init__.py", "_core.pyi"):
        text = (PACKAGE / name).read_text()
        if name.endswith("pyi"):
            assert old in text
            text = text.replace(old, new)
        else:
            text = ""
        (copy / name).write_text(text)
    done = run("mypy.stubtest", "heapsight._core", folder=tmp_path, MYPYPATH=str(tmp_path))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "error:" in done.stdout


def test_the_marker_and_the_stub_are_installed():
    assert (PACKAGE / "py.typed").is_file()
    assert (PACKAGE / "_core.pyi").is_file()
