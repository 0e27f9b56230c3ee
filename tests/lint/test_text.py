# SPDX-License-Identifier: MIT
"""What no file of the project may hold: paths of one machine, registry addresses, loose ends."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

# Patterns are split so that this file does not hold what it forbids.
FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.])/(?:wor" r"k|roo" r"t|home/\w+)/"),
    "a registry address": re.compile(r"https?://[^\s\"'>)]*(?:/simp" r"le/|pythonhos" r"ted)|"
                                     r"--(?:extra-)?index-u" r"rl|--find-lin" r"ks"),
    "a loose end": re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b"),
}
SPDX = "SPDX-License-Identifier: MIT"
CODE = re.compile(r"(\.(c|h|py|pyi|sh|build)|meson_options\.txt)$")


def tracked_files() -> Iterator[Path]:
    if not shutil.which("git") or not (CHECKOUT / ".git").exists():
        pytest.skip("git does not tell here which files belong to the project")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True,
                             check=True)
    for name in listing.stdout.decode().split("\0"):
        path = CHECKOUT / name
        if name and path.is_file():
            yield path


def text_of(path: Path) -> str | None:
    data = path.read_bytes()
    return None if b"\0" in data else data.decode("utf-8", "replace")


def objections(text: str) -> list[str]:
    return [f"line {number}: {what}: {line.strip()}"
            for number, line in enumerate(text.splitlines(), 1)
            for what, pattern in FORBIDDEN.items() if pattern.search(line)]


def test_no_file_holds_what_is_forbidden() -> None:
    found = [f"{path.relative_to(CHECKOUT)}: {objection}" for path in tracked_files()
             for objection in objections(text_of(path) or "")]
    assert found == []


def test_every_source_names_its_licence() -> None:
    without = [str(path.relative_to(CHECKOUT)) for path in tracked_files()
               if CODE.search(path.name) and SPDX not in (text_of(path) or "")[:300]]
    assert without == []


@pytest.mark.parametrize(("line", "what"), [
    ("see /wor" "k/notes", "a path of one machine"),
    ("PATH=/home/" "ada/bin/x", "a path of one machine"),
    ("pip install --index-u" "rl https://x", "a registry address"),
    ("/* TO" "DO later */", "a loose end"),
])
def test_each_pattern_can_fail(line: str, what: str) -> None:
    assert what in objections(line)[0]


@pytest.mark.parametrize("line", ["build/work/x", "the root/child path", "mastodon", "./root/x"])
def test_harmless_lines_pass(line: str) -> None:
    assert objections(line) == []
