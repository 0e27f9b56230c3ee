#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Replay the golden files, and let the two readers answer each other.

    replay.py --tool PATH              PATH is the built hsnap_tool
    replay.py --tool PATH --self-test  damage the expectations; each damage must be noticed

1. v1/X.hsnap: the library and read_hsnap.py both print v1/X.txt.
2. bad/X.hsnap: the library refuses it with exactly the words of bad/X.txt, read_hsnap.py too.
3. The files of bad/ are those that make_bad.py describes.
4. Random snapshots, most of them with a trace: both readers print the same.
5. The bytes that docs/snapshot-format.md shows are those of v1/tiny.hsnap.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import make_bad
import read_hsnap

__all__ = ["main"]

HERE = Path(__file__).resolve().parent
DOCUMENT = HERE.parents[1] / "docs" / "snapshot-format.md"
RANDOM_FILES = 60


def run(tool: Path, *arguments: str, folder: Path) -> tuple[int, str, str]:
    """Exit code, output, errors."""
    done = subprocess.run(
        [tool, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def read_python(path: Path) -> str | None:
    """What read_hsnap.py prints, or None when it refuses."""
    try:
        return "".join(f"{line}\n" for line in read_hsnap.dump(read_hsnap.read(path)))
    except read_hsnap.FormatError:
        return None


def check_good(tool: Path, folder: Path) -> list[str]:
    """Rule 1."""
    found = []
    for path in sorted(folder.glob("*.hsnap")):
        expected = path.with_suffix(".txt").read_text(encoding="ascii")
        answer = run(tool, "dump", path.name, folder=folder)
        if answer != (0, expected, ""):
            found.append(f"v1/{path.name}: the library says {answer}")
        if read_python(path) != expected:
            found.append(f"v1/{path.name}: read_hsnap.py says {read_python(path)}")
    return found or ([] if list(folder.glob("*.hsnap")) else [f"{folder} has no files"])


def check_bad(tool: Path, folder: Path) -> list[str]:
    """Rule 2."""
    found = []
    for path in sorted(folder.glob("*.hsnap")):
        expected = path.with_suffix(".txt").read_text(encoding="utf-8")
        answer = run(tool, "dump", path.name, folder=folder)
        if answer != (1, "", expected):
            found.append(f"bad/{path.name}: expected {expected!r}, the library says {answer}")
        if read_python(path) is not None:
            found.append(f"bad/{path.name}: read_hsnap.py accepts it")
    return found or ([] if list(folder.glob("*.hsnap")) else [f"{folder} has no files"])


def check_random(tool: Path, seeds: range) -> list[str]:
    """Rule 4."""
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for seed in seeds:
            path = folder / f"{seed}.hsnap"
            saved = run(tool, "random", str(seed), path.name, folder=folder)
            answer = run(tool, "dump", path.name, folder=folder)
            if saved != (0, "", "") or answer != (0, read_python(path), ""):
                found.append(f"random snapshot {seed}: {saved}, the two readers differ")
    return found


def check_document(document: Path) -> list[str]:
    """Rule 5."""
    shown = re.findall(
        r"^    [0-9a-f]{8}((?: [0-9a-f]{2}){1,16})  ", document.read_text("utf-8"), re.M
    )
    data = bytes.fromhex("".join(shown))
    if len(data) < 112 or not make_bad.tiny().startswith(data):
        return [f"{document.name}: the {len(data)} bytes it shows are not those of v1/tiny.hsnap"]
    return []


def self_test(tool: Path) -> list[str]:
    """Returns the damages that were not noticed."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        for folder in ("v1", "bad"):
            shutil.copytree(HERE / folder, place / folder)
        with (place / "v1" / "tiny.txt").open("a", encoding="ascii") as file:
            file.write("total 0\n")
        traced = place / "v1" / "traced.txt"
        lines = traced.read_text(encoding="ascii").replace("allocated 7 9", "allocated 7 8")
        traced.write_text(lines, encoding="ascii")
        native = place / "v1" / "native.txt"
        lines = native.read_text(encoding="ascii").replace("native 1 7 24 1", "native 1 7 24 2")
        native.write_text(lines, encoding="ascii")
        with (place / "bad" / "empty.txt").open("a", encoding="ascii") as file:
            file.write("more\n")
        shutil.copy(HERE / "v1" / "tiny.hsnap", place / "bad" / "text.hsnap")
        (place / "none").mkdir()
        document = place / "document.md"
        document.write_text(DOCUMENT.read_text("utf-8").replace("89 48 53", "89 48 54"), "utf-8")
        good, bad = check_good(tool, place / "v1"), check_bad(tool, place / "bad")
        cases = {
            "other contents, library": any("tiny.hsnap: the library" in text for text in good),
            "other contents, read_hsnap.py": any("tiny.hsnap: read_hsnap" in text for text in good),
            "other stack, library": any("traced.hsnap: the library" in text for text in good),
            "other stack, read_hsnap.py": any("traced.hsnap: read_hsnap" in text for text in good),
            "other native row, library": any("native.hsnap: the lib" in text for text in good),
            "other native row, read_hsnap.py": any("native.hsnap: read_" in text for text in good),
            "other message": any("empty.hsnap: expected" in text for text in bad),
            "good file, library": any("text.hsnap: expected" in text for text in bad),
            "good file, read_hsnap.py": any("text.hsnap: read_hsnap" in text for text in bad),
            "nothing else": len(good) == 6 and len(bad) == 3,
            "no good files": bool(check_good(tool, place / "none")),
            "no bad files": bool(check_bad(tool, place / "none")),
            "document": bool(check_document(document)),
        }
    return [f"not noticed: {case}" for case, noticed in cases.items() if not noticed]


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0: all as expected, 1: not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", type=lambda text: Path(text).resolve(), required=True)
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args(arguments)
    if options.self_test:
        found = self_test(options.tool)
    else:
        found = check_good(options.tool, HERE / "v1") + check_bad(options.tool, HERE / "bad")
        found += make_bad.check() + check_document(DOCUMENT)
        found += check_random(options.tool, range(RANDOM_FILES))
    count = len(list((HERE / "bad").glob("*.hsnap")))
    print(*found, f"{count} bad files, {RANDOM_FILES} random files, {len(found)} faults", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
