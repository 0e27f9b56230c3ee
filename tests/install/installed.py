# SPDX-License-Identifier: MIT
"""What `meson install` gives is enough for somebody else's program.

Usage: installed.py [--self-test] --build DIR --version VERSION

Installs the build into a temporary folder, compares the files with what is promised (shared library,
every public header, heapsight.pc), then compiles consumer.c by pkg-config as C and as C++ and runs
it. The self-test takes one installed file away at a time and expects the check to fail.

Needs a C and a C++ compiler (CC, CXX), meson (MESON) and pkg-config; exits with 77 and the reason without them.
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

HERE = Path(__file__).resolve().parent
HEADERS = HERE.parents[1] / "include" / "heapsight"


class Failed(Exception):
    """The installation is not usable; the message says why."""


def run(command: list[str], **variables: str) -> str:
    """Standard output of a command; Failed with its words when it fails."""
    done = subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Failed(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def find(root: Path, name: str) -> Path:
    """The one installed file of that name."""
    found = list(root.rglob(name))
    if len(found) != 1:
        raise Failed(f"{name}: {len(found)} files of that name were installed, not 1")
    return found[0]


def check_files(root: Path, version: str) -> None:
    """Shared library with its two links, pkg-config file, and exactly the public headers."""
    for name in ("libheapsight.so", "libheapsight.so.0", f"libheapsight.so.{version}"):
        find(root, name)
    promised = {path.name for path in HEADERS.glob("*.h")}
    installed = {path.name for path in find(root, "heapsight.h").parent.iterdir()}
    if promised != installed:
        raise Failed(f"headers installed and promised differ: {sorted(promised ^ installed)}")


def check_consumer(root: Path, version: str, compiler: list[str], language: list[str]) -> None:
    """Compile, link and run consumer.c with what pkg-config says."""
    variables = {
        "PKG_CONFIG_LIBDIR": str(find(root, "heapsight.pc").parent),
        "PKG_CONFIG_SYSROOT_DIR": str(root),
    }
    flags = run(["pkg-config", "--cflags", "--libs", "heapsight"], **variables).split()
    program = str(root / "consumer")
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    source = [*language, str(HERE / "consumer.c"), "-x", "none"]
    run([*compiler, *strict, *source, *flags, "-o", program])
    library = str(find(root, f"libheapsight.so.{version}").parent)
    said = run([program], LD_LIBRARY_PATH=library).strip()
    if said != f"{version} 2 1":
        raise Failed(f"consumer said {said!r}, not '{version} 2 1'")


def check(root: Path, version: str) -> None:
    """Everything, on one installation."""
    check_files(root, version)
    cc = shlex.split(os.environ.get("CC", "cc"))
    cxx = shlex.split(os.environ.get("CXX", "c++"))
    check_consumer(root, version, cc, ["-std=c11", "-x", "c"])
    check_consumer(root, version, cxx, ["-std=c++17", "-x", "c++"])


def self_test(root: Path, version: str) -> None:
    """Each promised file, when it is taken away, must be missed."""
    for name in ("libheapsight.so", f"libheapsight.so.{version}", "heapsight.pc", "graph.h"):
        path = find(root, name)
        hidden = path.with_name(path.name + ".hidden")
        path.rename(hidden)
        try:
            check(root, version)
        except Failed:
            print(f"missed, as it should be: {name}")
        else:
            raise Failed(f"{name} was taken away, and nothing was noticed")
        finally:
            hidden.rename(path)


def missing_tools() -> list[str]:
    """What this test needs and the machine does not have."""
    tools = [
        shlex.split(os.environ.get("CC", "cc"))[0],
        shlex.split(os.environ.get("CXX", "c++"))[0],
        shlex.split(os.environ.get("MESON", "meson"))[0],
        "pkg-config",
    ]
    return [tool for tool in tools if shutil.which(tool) is None]


def main() -> int:
    """0 good, 1 not, 77 skipped (for meson)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--build", required=True)
    parser.add_argument("--version", required=True)
    arguments = parser.parse_args()
    if missing := missing_tools():
        print(f"skipped: {', '.join(missing)} not found")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        meson = shlex.split(os.environ.get("MESON", "meson"))
        try:
            run([*meson, "install", "-C", arguments.build, "--no-rebuild", "--destdir", folder])
            (self_test if arguments.self_test else check)(root, arguments.version)
        except Failed as failure:
            print(failure, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
