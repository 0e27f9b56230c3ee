#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does every public header compile alone, as C11 and as C++, without a warning?

    headers.py              compile each header of include/heapsight twice
    headers.py --self-test  three broken headers; each must be refused

Compilers are $CC and $CXX, or cc and c++. Exit code 77 (skipped) when there is no C++ compiler.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["main"]

INCLUDE = Path(__file__).resolve().parents[2] / "include"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
SKIPPED = 77


def languages() -> dict[str, list[str]]:
    """Language -> compiler command."""
    c = shlex.split(os.environ.get("CC") or "cc")
    cxx = shlex.split(os.environ.get("CXX") or "c++")
    return {
        "C11": [*c, "-std=c11", "-xc", *WARNINGS],
        "C++11": [*cxx, "-std=c++11", "-xc++", *WARNINGS],
    }


def compile_alone(include: Path, header: str) -> list[str]:
    """Include a header twice (its guard too) as the only thing in a file. Returns complaints."""
    found = []
    source = f"#include <heapsight/{header}>\n" * 2
    for language, command in languages().items():
        run = subprocess.run(
            [*command, f"-I{include}", "-"], input=source, capture_output=True, text=True
        )
        if run.returncode != 0:
            found.append(f"{header} as {language}:\n{run.stderr.rstrip()}")
    return found


def check(include: Path) -> tuple[int, list[str]]:
    """Compile all headers of a tree. Returns their number and the complaints."""
    headers = sorted(path.name for path in (include / "heapsight").glob("*.h"))
    return len(headers), [text for header in headers for text in compile_alone(include, header)]


BAD = {
    "needs another header": "size_t heapsight_size(void);\n",
    "no guard": "struct heapsight_thing { int x; };\n",
    "C only": "#ifndef G\n#define G\nint heapsight_f(int class);\n#endif\n",
}


def self_test() -> list[str]:
    """Returns what the lint did not find, or found wrongly."""
    failures = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "heapsight"
        folder.mkdir()
        header = folder / "a.h"
        header.write_text(
            "#ifndef G\n#define G\nint heapsight_f(void);\n#endif\n", encoding="utf-8"
        )
        if check(Path(scratch)) != (1, []):
            failures.append(f"a good header was refused: {check(Path(scratch))}")
        for case, text in BAD.items():
            header.write_text(text, encoding="utf-8")
            if not check(Path(scratch))[1]:
                failures.append(f"{case}: not found")
    return failures


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0: all compile, 1: some do not, 77: no C++ compiler."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args(arguments)
    for command in languages().values():
        if shutil.which(command[0]) is None:
            print(f"skipped: no compiler {command[0]}; install g++ or set CC and CXX")
            return SKIPPED
    if options.self_test:
        count, found = len(BAD), self_test()
    else:
        count, found = check(INCLUDE)
        if count == 0:
            found = [f"{INCLUDE}: no headers"]
    print(*found, f"{count} headers, {len(found)} complaints", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
