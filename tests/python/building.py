# SPDX-License-Identifier: MIT
"""Compiling C for the interpreter of the tests."""

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest


def built(source: Path, library: Path, *options: str) -> Path:
    """A C file as a shared library; skips the test where nothing can be compiled."""
    compiler = shutil.which("cc")
    headers = sysconfig.get_path("include")
    if compiler is None or not Path(headers, "Python.h").is_file():
        pytest.skip("no C compiler, or no headers of this Python")
    strict = ["-std=gnu11", "-Wall", "-Werror", "-shared", "-fPIC"]
    subprocess.run(
        [compiler, *strict, *options, f"-isystem{headers}", source, "-o", library], check=True
    )
    return library
