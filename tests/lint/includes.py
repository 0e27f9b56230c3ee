#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do the #include lines keep to the one-way architecture?

    includes.py [--root DIR]   check lib/, include/ and bindings/ of the project
    includes.py --self-test    break every rule once in a scratch tree; each must be found

Rules (ARCHITECTURE.md): base <- graph, trace <- snapshot <- store, analyse <- report; siblings do
not know each other; the capture layer sees only public headers of base, graph, trace and snapshot,
the module all public headers and the capture layer; nothing in lib/ or include/ knows Python; only
capture/compat* tests a Python version or includes a private header. Headers for extension modules
(bindings/python/include) count as public ones of the capture layer.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from csource import strip_comments, strip_literals

__all__ = ["check", "main"]

# Layer of lib/ -> layers whose headers it may include, itself left out.
MAY_SEE = {
    "base": set(),
    "graph": {"base"},
    "trace": {"base"},
    "snapshot": {"base", "graph", "trace"},
    "store": {"base", "graph", "trace", "snapshot"},
    "analyse": {"base", "graph", "trace", "snapshot"},
    "report": {"base", "graph", "trace", "snapshot", "store", "analyse"},
    "capture": {"base", "graph", "trace", "snapshot"},
    "module": {"base", "graph", "trace", "snapshot", "store", "analyse", "report", "capture"},
}

# Public header -> the layer that implements it. A new header needs a line here.
PUBLIC_LAYER = {
    "base.h": "base",
    "error.h": "base",
    "builder.h": "graph",
    "graph.h": "graph",
    "trace.h": "trace",
    "tracer.h": "trace",
    "reach.h": "trace",
    "snapshot.h": "snapshot",
    "store.h": "store",
    "diff.h": "analyse",
    "histogram.h": "analyse",
    "native_references.h": "analyse",
    "path.h": "analyse",
    "site.h": "analyse",
    "sort.h": "analyse",
    "subgraph.h": "analyse",
    "report.h": "report",
}
UMBRELLA = "heapsight.h"
REMEDY = "give it one in tests/lint/includes.py"

# Where an #include is looked up after the directory of the including file, as the build does.
SEARCH = ("include", "lib", "bindings/python", "bindings/python/include")
SUFFIXES = {".c", ".h", ".cc", ".cpp", ".hpp", ".inc"}

INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*(.*?)[ \t]*$", re.MULTILINE)
VERSION_TEST = re.compile(
    r"\b(?:PY_VERSION_HEX|PY_(?:MAJOR|MINOR|MICRO)_VERSION|Py_GIL_DISABLED|Py_Version)\b"
)
PRIVATE_PYTHON = re.compile(r"(?:^|/)(?:pycore_\w+\.h$|internal/)")
PYTHON = re.compile(
    r"^(?:Python|pyconfig|structmember|frameobject|datetime|patchlevel|pymem)\.h$|^cpython/"
)


@dataclass(frozen=True)
class Violation:
    """One line that breaks a rule."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True)
class Place:
    """Where a file stands: its layer, and whether it is a public header or the compat module."""

    layer: str
    public: bool = False
    compat: bool = False


def place_of(path: PurePosixPath) -> Place | None:
    """The place of a file by its path from the project's root; None: no layer is known for it."""
    parts = path.parts
    if parts[:2] == ("include", "heapsight") and len(parts) == 3:
        layer = "umbrella" if path.name == UMBRELLA else PUBLIC_LAYER.get(path.name)
        return Place(layer, public=True) if layer else None
    if parts[:4] == ("bindings", "python", "include", "heapsight") and len(parts) == 5:
        return Place("capture", public=True)
    if parts[0] == "lib" and len(parts) > 2 and parts[1] in MAY_SEE:
        return Place(parts[1])
    if parts[:2] == ("bindings", "python") and len(parts) > 3 and parts[2] in ("capture", "module"):
        return Place(parts[2], compat=parts[2] == "capture" and parts[3].startswith("compat"))
    return None


def resolve(root: Path, file: Path, name: str) -> PurePosixPath | None:
    """The project's file that an #include names, or None for one from outside."""
    for base in (file.parent, *(root / place for place in SEARCH)):
        found = (base / name).resolve()
        if found.is_file() and found.is_relative_to(root):
            return PurePosixPath(found.relative_to(root).as_posix())
    return None


def judge(place: Place, target: PurePosixPath) -> str | None:
    """What is wrong with including a file of the project, or None."""
    goal = place_of(target)
    if goal is None:
        return f"{target} belongs to no layer; {REMEDY}"
    if goal.layer == "umbrella":
        users = "is for users and the module; include the header of the concept"
        return None if place.layer == "module" else f"{target} {users}"
    if place.layer == "umbrella":
        return None if goal.public else f"the umbrella may not include {target}"
    if place.public and not goal.public:
        return f"a public header may not include {target}: it is not installed"
    if place.layer in ("capture", "module") and target.parts[0] == "lib":
        return f"{place.layer} may use public headers only, not {target}"
    if goal.layer != place.layer and goal.layer not in MAY_SEE[place.layer]:
        return f"{place.layer} may not know {goal.layer} ({target})"
    return None


def judge_outside(place: Place, name: str, quoted: bool) -> str | None:
    """What is wrong with including a header that is not the project's, or None."""
    engine = place.layer not in ("capture", "module")
    private = PRIVATE_PYTHON.search(name)
    if engine and (private or PYTHON.search(name)):
        return f"the engine knows no Python: {name}"
    if private and not place.compat:
        return f"private header {name} outside capture/compat*"
    if quoted and not private:
        return f'"{name}" is not in the project'
    return None


def check_include(root: Path, file: Path, place: Place, spec: str) -> str | None:
    """Judge the operand of one #include line."""
    match = re.fullmatch(r'"([^"]+)"|<([^>]+)>', spec)
    if match is None:
        return f"computed include {spec}: the lint cannot follow it"
    quoted = match[1] is not None
    name = match[1] or match[2]
    target = resolve(root, file, name)
    return judge(place, target) if target else judge_outside(place, name, quoted)


def check_file(root: Path, file: Path) -> list[Violation]:
    """All violations of one file."""
    path = PurePosixPath(file.relative_to(root).as_posix())
    place = place_of(path)
    if place is None:
        return [Violation(str(path), 1, f"belongs to no layer; {REMEDY}")]
    source = strip_comments(file.read_text(encoding="utf-8"))
    found = []
    for match in INCLUDE.finditer(source):
        text = check_include(root, file, place, match[1])
        if text:
            found.append(Violation(str(path), source.count("\n", 0, match.start()) + 1, text))
    if not place.compat:
        for match in VERSION_TEST.finditer(strip_literals(source)):
            line = source.count("\n", 0, match.start()) + 1
            found.append(Violation(str(path), line, f"{match[0]} outside capture/compat*"))
    return found


def sources(root: Path) -> list[Path]:
    """Every C file the rules speak about."""
    return sorted(
        path
        for top in ("lib", "include", "bindings")
        for path in (root / top).rglob("*")
        if path.suffix in SUFFIXES and path.is_file()
    )


def check(root: Path) -> tuple[int, list[Violation]]:
    """Check a tree. Returns the number of files read and the violations; O(bytes of source)."""
    root = root.resolve()
    files = sources(root)
    return len(files), [found for file in files for found in check_file(root, file)]


# ---- self-test --------------------------------------------------------------------------------

GOOD = {
    "include/heapsight/base.h": "#include <stdint.h>\n",
    "include/heapsight/error.h": '#include "base.h"\n',
    "include/heapsight/graph.h": '#include "error.h"\n',
    "include/heapsight/snapshot.h": '#include "graph.h"\n',
    "include/heapsight/store.h": '#include "snapshot.h"\n',
    "include/heapsight/path.h": '#include "graph.h"\n',
    "include/heapsight/report.h": '#include "path.h"\n',
    "include/heapsight/heapsight.h": '#include "report.h"\n#include "store.h"\n',
    "lib/base/vec.h": "#include <heapsight/base.h>\n",
    "lib/graph/columns.h": '#include "base/vec.h"\n#include <heapsight/graph.h>\n',
    "lib/trace/table.h": '#include "../base/vec.h"\n',
    "lib/snapshot/snapshot.c": '#include "graph/columns.h"\n#include "trace/table.h"\n',
    "lib/store/format.h": "#include <heapsight/snapshot.h>\n",
    "lib/analyse/path.c": "/* #include <Python.h> */\n#include <heapsight/path.h>\n",
    "lib/report/text.c": '#include "store/format.h"\n#include <heapsight/report.h>\n',
    "bindings/python/include/heapsight/labels.h": "#include <Python.h>\n",
    "bindings/python/capture/walk.h": "#include <Python.h>\n#include <heapsight/graph.h>\n"
    "#include <heapsight/labels.h>\n",
    "bindings/python/capture/compat.h": "#include <pycore_frame.h>\n#if PY_VERSION_HEX\n#endif\n",
    "bindings/python/module/core.c": '#include "capture/walk.h"\n#include <heapsight/report.h>\n',
    "bindings/python/module/module.h": "#include <heapsight/heapsight.h>\n",
}

# Rule -> (file, its text, part of the message that must come).
BAD = {
    "base knows nothing": ("lib/base/vec.h", "#include <heapsight/graph.h>", "may not know graph"),
    "graph does not see traces": (
        "lib/graph/a.c",
        '#include "trace/table.h"',
        "may not know trace",
    ),
    "trace does not see the graph": ("lib/trace/a.c", '#include "graph/columns.h"', "may not know"),
    "snapshot does not see the store": (
        "lib/snapshot/a.c",
        '#include "store/format.h"',
        "know store",
    ),
    "store does not see analyses": ("lib/store/a.c", "#include <heapsight/path.h>", "know analyse"),
    "analyse does not see the store": (
        "lib/analyse/a.c",
        '#include "../store/format.h"',
        "know store",
    ),
    "angle brackets hide nothing": ("lib/analyse/a.c", "#include <store/format.h>", "know store"),
    "analyse does not see reports": (
        "lib/analyse/a.c",
        "#include <heapsight/report.h>",
        "know report",
    ),
    "no umbrella inside": ("lib/report/a.c", "#include <heapsight/heapsight.h>", "for users"),
    "no umbrella in the capture layer": (
        "bindings/python/capture/a.c",
        "#include <heapsight/heapsight.h>",
        "for users",
    ),
    "public headers are one-way": (
        "include/heapsight/graph.h",
        '#include "snapshot.h"',
        "may not know",
    ),
    "public headers stay public": (
        "include/heapsight/graph.h",
        '#include "../../lib/graph/columns.h"',
        "not installed",
    ),
    "every header has a layer": ("include/heapsight/new.h", "", "belongs to no layer"),
    "every directory has a layer": ("lib/misc/a.c", "", "belongs to no layer"),
    "capture uses public headers": (
        "bindings/python/capture/a.c",
        '#include "graph/columns.h"',
        "public headers only",
    ),
    "capture does not see analyses": (
        "bindings/python/capture/a.c",
        "#include <heapsight/path.h>",
        "may not know analyse",
    ),
    "capture does not see the module": (
        "bindings/python/capture/a.c",
        '#include "module/core.c"',
        "may not know module",
    ),
    "headers for extensions stay public": (
        "bindings/python/include/heapsight/labels.h",
        '#include "../../capture/walk.h"',
        "not installed",
    ),
    "the engine does not see headers for extensions": (
        "lib/graph/a.c",
        "#include <heapsight/labels.h>",
        "may not know capture",
    ),
    "module uses public headers": (
        "bindings/python/module/a.c",
        '#include "../../../lib/base/vec.h"',
        "public headers only",
    ),
    "no Python.h in lib": ("lib/graph/a.c", "  #  include <Python.h>", "knows no Python"),
    "no Python.h in include": (
        "include/heapsight/graph.h",
        '#include "Python.h"',
        "knows no Python",
    ),
    "no private header in lib": (
        "lib/graph/a.c",
        "#include <internal/pycore_gc.h>",
        "knows no Python",
    ),
    "no version test in lib": ("lib/graph/a.c", "#if PY_VERSION_HEX > 1", "outside capture/compat"),
    "version tests in compat": (
        "bindings/python/capture/a.c",
        "#ifdef Py_GIL_DISABLED",
        "outside capture/compat",
    ),
    "version tests in compat, also the module": (
        "bindings/python/module/compat.c",
        "#if PY_MINOR_VERSION > 11",
        "outside capture/compat",
    ),
    "private headers in compat": (
        "bindings/python/capture/a.c",
        '#include "pycore_frame.h"',
        "outside capture/compat",
    ),
    "no computed include": ("lib/graph/a.c", "#define H <Python.h>\n#include H", "computed"),
    "quoted headers exist": ("lib/graph/a.c", '#include "gone.h"', "not in the project"),
}


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")


def self_test() -> list[str]:
    """Run the lint over scratch trees. Returns what it did not find, or found wrongly."""
    failures = []
    with tempfile.TemporaryDirectory() as scratch:
        good = Path(scratch) / "good"
        _write(good, GOOD)
        count, found = check(good)
        if found or count != len(GOOD):
            failures.append(f"clean tree: {count} files read, {[str(f) for f in found]}")
        for number, (rule, (name, text, message)) in enumerate(BAD.items()):
            root = Path(scratch) / f"bad{number}"
            _write(root, GOOD | {name: text})
            _, found = check(root)
            if not any(f.path == name and message in f.text for f in found):
                failures.append(f"{rule}: not found; the lint said {[str(f) for f in found]}")
    return failures


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0: clean, 1: violations (printed one a line)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2])
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args(arguments)
    if options.self_test:
        failures = self_test()
        print(*failures, f"{len(BAD)} rules broken on purpose, {len(failures)} failures", sep="\n")
        return 1 if failures else 0
    count, found = check(options.root)
    if count == 0:
        print(f"{options.root}: no C files in lib/, include/ and bindings/; wrong --root?")
        return 1
    print(*found, f"{count} files, {len(found)} violations", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
