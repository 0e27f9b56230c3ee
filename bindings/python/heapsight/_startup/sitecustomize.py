# SPDX-License-Identifier: MIT
"""Found first by the interpreters that multiprocessing starts for a program that is followed.

Loads heapsight, which starts as the environment variable HEAPSIGHT says, and then the sitecustomize
that this one stands in front of.
"""

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

HERE = os.path.dirname(os.path.abspath(__file__))


def is_followed() -> bool:
    """Is this a worker, or the server that forks workers?"""
    words = sys.orig_argv
    return "--multiprocessing-fork" in words or any("multiprocessing.forkserver" in w for w in words)


def go_on() -> None:
    """What would have happened without us."""
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != HERE]
    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


if is_followed():
    import heapsight  # noqa: F401
go_on()
