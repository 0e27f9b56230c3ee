# SPDX-License-Identifier: MIT
"""Shell scripts pass shellcheck and stop at the first command that fails."""

import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDERS = (".ci", "tools", "demo", "tests")


def is_shell(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.readline(80)
    return first.startswith((b"#!/usr/bin/env bash", b"#!/bin/sh", b"#!/bin/bash",
                             b"# shellcheck shell="))


def scripts() -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((CHECKOUT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and is_shell(path):
                yield path


@pytest.fixture(scope="module")
def shellcheck() -> str:
    beside_python = shutil.which("shellcheck", path=sysconfig.get_path("scripts"))
    found = beside_python or shutil.which("shellcheck")
    if not found:
        pytest.skip("shellcheck is not installed")
    return found


def complaints(shellcheck: str, path: Path) -> str:
    done = subprocess.run([shellcheck, "--external-sources", str(path)], cwd=CHECKOUT,
                          capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def is_strict(path: Path) -> bool:
    """bash: `set -euo pipefail`; sh, which has no pipefail everywhere: `set -eu`."""
    text = path.read_text()
    wanted = "set -eu" if text.startswith("#!/bin/sh") else "set -euo pipefail"
    return f"\n{wanted}\n" in text


def test_the_scripts_are_found() -> None:
    found = {str(path.relative_to(CHECKOUT)) for path in scripts()}
    assert {"tools/demo", "tools/test", ".ci/run", "tools/lib/common.sh"} <= found


@pytest.mark.parametrize("path", list(scripts()), ids=lambda path: path.name)
def test_shellcheck_has_no_complaint(shellcheck: str, path: Path) -> None:
    assert complaints(shellcheck, path) == ""


@pytest.mark.parametrize("path", list(scripts()), ids=lambda path: path.name)
def test_every_program_is_strict(path: Path) -> None:
    is_sourced = path.read_text().startswith("# shellcheck shell=")
    assert is_sourced or is_strict(path)


def test_a_bad_script_is_caught(shellcheck: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_text("#!/bin/bash\nrm -rf $1/*\n")
    assert is_shell(bad)
    assert "SC2086" in complaints(shellcheck, bad)
    assert not is_strict(bad)
