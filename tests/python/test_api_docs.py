# SPDX-License-Identifier: MIT
"""The examples in the docstrings run, and every public name has a docstring."""

import doctest
import importlib
import inspect
import pkgutil

import heapsight
import pytest

MODULES = [
    "heapsight",
    *sorted(
        found.name
        for found in pkgutil.walk_packages(heapsight.__path__, "heapsight.")
        if found.name not in ("heapsight._core", "heapsight.__main__")
    ),
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


def test_there_are_examples():
    counts = {
        name: doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS).attempted
        for name in ("heapsight", "heapsight.classtracker", "heapsight._text")
    }
    assert all(counts.values()), counts


@pytest.mark.parametrize("name", MODULES)
def test_all_is_explicit_and_true(name):
    module = importlib.import_module(name)
    assert module.__doc__
    assert isinstance(module.__all__, list)
    for public in module.__all__:
        value = getattr(module, public)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), public


def test_public_methods_have_docstrings():
    for name in heapsight.__all__:
        value = getattr(heapsight, name)
        if inspect.isclass(value) and value.__module__.startswith("heapsight."):
            for attribute, member in vars(value).items():
                is_code = inspect.isfunction(member) or isinstance(member, property)
                if is_code and not attribute.startswith("_"):
                    assert inspect.getdoc(member), f"{name}.{attribute}"


def test_lists_are_sorted():
    assert heapsight.__all__ == sorted(heapsight.__all__)


def test_the_package_imports_little():
    import subprocess
    import sys

    source = (
        "import sys; before = set(sys.modules); import heapsight.cli;"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], text=True, capture_output=True, check=True
    )
    heavy = {"json", "subprocess", "asyncio", "logging", "threading", "inspect", "pickle"}
    assert heavy.isdisjoint(done.stdout.split())
