#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do the exported symbols, the committed list and the HSIGHT_API declarations agree?

symbols.py --library libheapsight.so   compare all three, both directions
symbols.py --library ... --update      rewrite symbols.txt from the headers, then compare
symbols.py --extension _core.so        the extension exports PyInit__core and nothing else
symbols.py --self-test                 break every rule once with a real library
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from csource import strip_literals

__all__ = ["main"]

HERE = Path(__file__).resolve().parent
LIST = HERE / "symbols.txt"
HEADERS = HERE.parents[1] / "include" / "heapsight"
ENTRY = "PyInit__core"

# What linkers add to every shared object on some systems.
LINKER = {"_init", "_fini", "_edata", "_end", "__bss_start"}
# A function declaration: HSIGHT_API, a type, a name, its parameters.
DECLARATION = re.compile(r"\bHSIGHT_API\b([^;{]*)[;{]")


def exported(library: Path) -> set[str]:
    """Symbols that a shared object defines for others."""
    command = ["nm", "--dynamic", "--defined-only", "--format=posix", str(library)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {line.split()[0].split("@")[0] for line in output.splitlines() if line} - LINKER


def declared(headers: Path) -> set[str]:
    """Functions that the headers declare with HSIGHT_API."""
    names = set()
    for header in sorted(headers.glob("*.h")):
        text = strip_literals(header.read_text(encoding="utf-8"))
        text = re.sub(r"^[ \t]*#.*$", "", text, flags=re.MULTILINE)
        for match in DECLARATION.finditer(text):
            name = re.search(r"\b(\w+)\s*\(", match[1])
            if name is None:
                raise SystemExit(
                    f"{header}: HSIGHT_API on something that is not a function: {match[0]}"
                )
            names.add(name[1])
    return names


def committed(path: Path) -> list[str]:
    """The list as it is in the repository."""
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line]


def differences(library: set[str], headers: set[str], names: list[str]) -> list[str]:
    """One sentence per disagreement."""
    listed = set(names)
    found = []
    if names != sorted(listed):
        found.append("symbols.txt is not sorted, or names a symbol twice")
    if not headers:
        found.append("the headers declare nothing: wrong --headers?")
    for name in sorted(library - headers):
        found.append(f"{name}: exported, but no header declares it with HSIGHT_API")
    for name in sorted(headers - library):
        found.append(f"{name}: declared with HSIGHT_API, but the library does not export it")
    for name in sorted(library - listed):
        found.append(f"{name}: exported, but not in symbols.txt (symbols.py --update adds it)")
    for name in sorted(listed - library):
        found.append(f"{name}: in symbols.txt, but not exported (users lose it: is that meant?)")
    return found


def extension_differences(symbols: set[str]) -> list[str]:
    """One sentence per symbol the extension should not, or does not, export."""
    found = [f"{name}: exported by the extension" for name in sorted(symbols - {ENTRY})]
    return found if ENTRY in symbols else [f"{ENTRY}: not exported by the extension", *found]


# ---- self-test --------------------------------------------------------------------------------


def _build(folder: Path, source: str) -> set[str]:
    """Compile a scratch shared library and read what it exports."""
    code, library = folder / "scratch.c", folder / "scratch.so"
    code.write_text(source, encoding="utf-8")
    compiler = shlex.split(os.environ.get("CC") or "cc")
    options = ["-shared", "-fPIC", "-fvisibility=hidden", "-o", str(library), str(code)]
    subprocess.run([*compiler, *options], check=True)
    return exported(library)


def _headers(folder: Path, text: str) -> set[str]:
    place = folder / "include"
    place.mkdir(exist_ok=True)
    (place / "a.h").write_text(text, encoding="utf-8")
    return declared(place)


API = '__attribute__((visibility("default"))) '
ONE = API + "int hsight_one(void) { return 1; } int hidden(void) { return 2; }"
TWO = ONE + API + "int hsight_two(void) { return 2; }"
ONE_H = """#define HSIGHT_API x
/* HSIGHT_API int hsight_no(void); */
HSIGHT_API int
hsight_one(void);
"""
TWO_H = ONE_H + "HSIGHT_API const char *hsight_two(int (*f)(int));\n"


def self_test() -> list[str]:
    """Returns what the lint did not find, or found wrongly."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        one, two = _build(folder, ONE), _build(folder, TWO)
        one_h, two_h = _headers(folder, ONE_H), _headers(folder, TWO_H)
        entry = _build(folder, API + "void PyInit__core(void) { }")
    both = ["hsight_one", "hsight_two"]
    cases = {
        "agreement": (differences(two, two_h, both), ""),
        "undeclared export": (differences(two, one_h, both), "no header declares it"),
        "declared, not exported": (differences(one, two_h, both[:1]), "does not export it"),
        "exported, not listed": (differences(two, two_h, both[:1]), "not in symbols.txt"),
        "listed, not exported": (differences(one, one_h, both), "not exported"),
        "unsorted list": (differences(two, two_h, both[::-1]), "not sorted"),
        "doubled name": (differences(two, two_h, both[:1] + both), "not sorted"),
        "no headers": (differences(two, set(), both), "declare nothing"),
        "clean extension": (extension_differences(entry), ""),
        "leaking extension": (extension_differences(entry | one), "hsight_one: exported by"),
        "extension without entry": (extension_differences(one), "PyInit__core: not exported"),
    }
    failures = []
    for case, (found, message) in cases.items():
        if bool(found) != bool(message) or not any(message in text for text in found or [""]):
            failures.append(f"{case}: expected {message!r}, the lint said {found}")
    return failures


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0: all agree, 1: they do not (one line each)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", type=Path)
    parser.add_argument("--extension", type=Path)
    parser.add_argument("--headers", type=Path, default=HEADERS)
    parser.add_argument("--list", type=Path, default=LIST)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args(arguments)
    if not (options.self_test or options.library or options.extension):
        parser.error("give --library, --extension or --self-test")
    found = self_test() if options.self_test else []
    if options.library:
        headers = declared(options.headers)
        if options.update:
            options.list.write_text(
                "".join(f"{name}\n" for name in sorted(headers)), encoding="utf-8"
            )
        found += differences(exported(options.library), headers, committed(options.list))
    if options.extension:
        found += extension_differences(exported(options.extension))
    print(*found, f"{len(found)} disagreements", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
