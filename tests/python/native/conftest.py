# SPDX-License-Identifier: MIT
"""The leaking extension module and its clean twin, built for the interpreter of the tests."""

import os
import sysconfig
from pathlib import Path

import pytest
from building import built


@pytest.fixture(scope="session")
def extensions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the modules leaky, clean, keeper and waiter, for PYTHONPATH."""
    folder = tmp_path_factory.mktemp("extensions")
    for name, file, defined in (
        ("leaky", "leaky.c", []),
        ("clean", "leaky.c", ["-DCLEAN"]),
        ("keeper", "keeper.c", []),
        ("waiter", "waiter.c", []),
    ):
        library = folder / (name + sysconfig.get_config_var("EXT_SUFFIX"))
        built(Path(__file__).with_name(file), library, "-O1", *defined)
    return folder


@pytest.fixture
def environment(extensions: Path) -> dict[str, str]:
    """The environment of programs that import them."""
    return {**os.environ, "PYTHONPATH": str(extensions)}
