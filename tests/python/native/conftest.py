# SPDX-License-Identifier: MIT
"""The leaking extension module and its clean twin, built for the interpreter of the tests."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def extensions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the modules leaky, clean and keeper, for PYTHONPATH."""
    compiler = shutil.which("cc")
    headers = sysconfig.get_path("include")
    if compiler is None or not Path(headers, "Python.h").is_file():
        pytest.skip("no C compiler, or no headers of this Python")
    folder = tmp_path_factory.mktemp("extensions")
    for name, file, defined in (
        ("leaky", "leaky.c", []),
        ("clean", "leaky.c", ["-DCLEAN"]),
        ("keeper", "keeper.c", []),
    ):
        source = Path(__file__).with_name(file)
        library = folder / (name + sysconfig.get_config_var("EXT_SUFFIX"))
        subprocess.run(
            [compiler, "-std=gnu11", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", *defined,
             f"-I{headers}", source, "-o", library],
            check=True,
        )  # fmt: skip
    return folder


@pytest.fixture
def environment(extensions: Path) -> dict[str, str]:
    """The environment of programs that import them."""
    return {**os.environ, "PYTHONPATH": str(extensions)}
