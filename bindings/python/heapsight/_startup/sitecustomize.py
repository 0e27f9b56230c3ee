# SPDX-License-Identifier: MIT
"""Found first by the interpreters that a program starts while its children are followed.

Those that multiprocessing starts load the heapsight that this file belongs to, which does what the
environment variable HEAPSIGHT_CHILDREN says. Where that fails, as it does for another version of
Python, and in all other interpreters, nothing is left of us, neither here nor for their children.
Then comes the sitecustomize that this one stands in front of.

Any version of Python may read this: hence types in comments.
"""

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec, spec_from_file_location

HERE = os.path.dirname(os.path.abspath(__file__))
WORDS = getattr(sys, "orig_argv", [])
IS_WORKER = "--multiprocessing-fork" in WORDS
IS_SERVER = any("multiprocessing.forkserver" in word for word in WORDS)


def follow():
    # type: () -> bool
    """False: this heapsight is not for this interpreter."""
    try:
        _load_package()
        from heapsight._children import begin_followed

        begin_followed(IS_SERVER)
    except Exception:
        for name in [name for name in sys.modules if name.partition(".")[0] == "heapsight"]:
            del sys.modules[name]
        return False
    return True


def _load_package():
    # type: () -> None
    """Without sys.path: what else lies beside heapsight is not for this interpreter."""
    package = os.path.dirname(HERE)
    spec = spec_from_file_location(
        "heapsight", os.path.join(package, "__init__.py"), submodule_search_locations=[package]
    )
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["heapsight"] = module
    spec.loader.exec_module(module)


def clean_environment():
    # type: () -> None
    """What the program's own environment was."""
    os.environ.pop("HEAPSIGHT_CHILDREN", None)
    first, _, others = os.environ.get("PYTHONPATH", "").partition(os.pathsep)
    if first and os.path.abspath(first) == HERE:
        os.environ["PYTHONPATH"] = others
        if not others:
            del os.environ["PYTHONPATH"]


def go_on():
    # type: () -> None
    """What would have happened without us."""
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != HERE]
    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


if not ((IS_WORKER or IS_SERVER) and follow()):
    clean_environment()
go_on()
