# SPDX-License-Identifier: MIT
"""Runs a Python program in this process as the interpreter would run it.

The program gets sys.argv, sys.path[0] and a __main__ module of its own. What it raises travels out
of heapsight unchanged, so that the interpreter prints it and chooses the exit code; only our frames
are left out of the traceback.
"""

import builtins
import os
import pkgutil
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import (
    BuiltinImporter,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from importlib.util import find_spec
from textwrap import dedent
from types import CodeType, ModuleType, TracebackType
from typing import Any, Protocol

from heapsight import HeapsightLookupError, HeapsightOSError
from heapsight.cli._exit import ProgramFailed
from heapsight._recorder import Recorder

__all__ = ["Command", "Module", "Program", "located_script", "run_program"]


class NotFound(HeapsightLookupError):
    """There is no such program."""


class Program(Protocol):
    """Something that can be run."""

    def load(self) -> CodeType:
        """Prepare sys and __main__ and return the code to run there."""


def run_program(program: Program, recorder: Recorder) -> None:
    """Load and run a program between the first and the last snapshot.

    Raises ProgramFailed with whatever the program raises, SystemExit included.
    """
    code = _call(recorder, program.load)
    recorder.begin()
    _call(recorder, exec, code, sys.modules["__main__"].__dict__)


def _call(recorder: Recorder, step: Callable[..., Any], *args: Any) -> Any:
    """Call into the program. What comes out of it is the program's own affair."""
    try:
        return step(*args)
    except NotFound:
        raise
    except BaseException as problem:
        failure = problem
    if isinstance(failure, Exception):
        try:
            recorder.note_failure()
        except BaseException as problem:  # of a signal handler of the program
            problem.__context__ = failure.with_traceback(_program_part(failure.__traceback__))
            failure = problem
    _hide_own_frames()
    raise ProgramFailed(failure)


def _hide_own_frames() -> None:
    """Have the traceback of the program begin where the program does."""
    shown = sys.excepthook

    def hook(
        kind: type[BaseException], problem: BaseException, trace: TracebackType | None
    ) -> None:
        problem.__traceback__ = _program_part(trace)
        shown(kind, problem, problem.__traceback__)

    sys.excepthook = hook


def _program_part(trace: TracebackType | None) -> TracebackType | None:
    """A traceback from the first entry after _call() on that is not heapsight's."""
    entry = trace
    while entry is not None and entry.tb_frame.f_code is not _call.__code__:
        entry = entry.tb_next
    if entry is None:
        return trace
    while entry is not None and _is_ours(entry):
        entry = entry.tb_next
    return entry


def _is_ours(entry: TracebackType) -> bool:
    return str(entry.tb_frame.f_globals.get("__name__")).startswith("heapsight.")


# ---- kinds of programs -------------------------------------------------------------------------


class Script:
    """A file with source or compiled code."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = list(words)
        self._path = words[0]
        try:
            with open(self._path, "rb") as file:
                self._source = file.read()
        except OSError as problem:
            raise HeapsightOSError(f"cannot read {self._path}: {problem.strerror}") from problem

    def load(self) -> CodeType:
        """As `python SCRIPT` does."""
        sys.argv = self._words
        _set_first_path(os.path.dirname(os.path.realpath(self._path)))
        path = os.path.abspath(self._path)
        if path.endswith(".pyc"):
            compiled = SourcelessFileLoader("__main__", path)
            _new_main(path, compiled)
            return _code(compiled, "__main__")
        _new_main(path, SourceFileLoader("__main__", path))
        return compile(self._source, path, "exec", dont_inherit=True)


class Command:
    """Code that is no file: that of `python -c CODE` or `python -`."""

    def __init__(self, words: Sequence[str], source: str | bytes | None = None) -> None:
        """words: the code and the arguments; with `source` "-" and the arguments."""
        self._words = ["-c" if source is None else "-", *words[1:]]
        self._source = words[0] if source is None else source

    def load(self) -> CodeType:
        """As `python -c CODE` or `python -` does."""
        sys.argv = self._words
        _set_first_path("")
        is_stdin = self._words[0] == "-"
        name = "<stdin>" if is_stdin else "<string>"
        main = _new_main(name, BuiltinImporter)
        if not is_stdin:
            for attribute in ("__file__", "__cached__"):
                vars(main).pop(attribute, None)
        source = self._source
        if not is_stdin and sys.version_info >= (3, 14):  # whose -c takes indented code
            source = dedent(os.fsdecode(source))
        return compile(source, name, "exec", dont_inherit=True)


class Container:
    """A folder or a zip file with a __main__ module."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = list(words)
        self._path = os.path.abspath(words[0])
        spec = PathFinder.find_spec("__main__", [self._path])
        if spec is None:
            raise NotFound(f"{words[0]} has no __main__ module: it cannot be run")
        self._spec = spec

    def load(self) -> CodeType:
        """As `python FOLDER` does."""
        sys.argv = self._words
        _set_first_path(self._path)
        return _load_spec(self._spec)


class Module:
    """A module or package that the import system finds."""

    def __init__(self, words: Sequence[str]) -> None:
        self._name = words[0]
        self._arguments = list(words[1:])

    def load(self) -> CodeType:
        """As `python -m MODULE` does: packages around the module are imported."""
        sys.argv = ["-m", *self._arguments]
        _set_first_path(os.getcwd())
        spec = self._find()
        sys.argv[0] = str(spec.origin)
        return _load_spec(spec)

    def _find(self) -> ModuleSpec:
        spec = self._spec_of(self._name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = self._spec_of(f"{self._name}.__main__")
            if spec is None:
                raise NotFound(
                    f"the package {self._name} has no __main__ module: name a module in it"
                )
        if spec is None or not hasattr(spec.loader, "get_code"):
            raise NotFound(f"no module that can be run is called {self._name!r}")
        return spec

    @staticmethod
    def _spec_of(name: str) -> ModuleSpec | None:
        package = name.rpartition(".")[0]
        if name.startswith(".") or name.endswith("."):
            return None
        if package:
            try:
                __import__(package)
            except ModuleNotFoundError as problem:
                if problem.name is not None and f"{package}.".startswith(f"{problem.name}."):
                    return None
                raise
            if not hasattr(sys.modules[package], "__path__"):
                return None
        try:
            return find_spec(name)
        except ValueError:  # a module in sys.modules without a spec
            return None


def located_script(words: Sequence[str]) -> Program:
    """The program at a path, or stdin for "-".

    Raises HeapsightOSError or HeapsightLookupError if there is none.
    """
    path = words[0]
    if path == "-":
        with open(0, "rb", closefd=False) as stdin:
            return Command(words, stdin.read())
    is_container = pkgutil.get_importer(path) is not None
    return Container(words) if is_container else Script(words)


def _set_first_path(folder: str) -> None:
    if not sys.flags.safe_path:
        sys.path[0] = folder


def _load_spec(spec: ModuleSpec) -> CodeType:
    """Make the main module of a spec and return its code."""
    code = _code(spec.loader, spec.name)
    main = _new_main(spec.origin, spec.loader)
    vars(main).update(__spec__=spec, __package__=spec.parent)
    if "__cached__" in vars(main):
        vars(main)["__cached__"] = spec.cached
    return code


def _code(loader: Any, name: str) -> CodeType:
    code: CodeType | None = loader.get_code(name)
    if code is None:
        raise NotFound(f"{name} has no Python code: it cannot be run")
    return code


def _new_main(path: str | None, loader: object) -> ModuleType:
    """Put a fresh __main__ in place with the attributes that the interpreter gives to a script.

    Which ones differs from version to version: those that heapsight's own __main__ was given.
    """
    given = vars(sys.modules["__main__"])
    main = ModuleType("__main__")
    vars(main).update(__builtins__=builtins, __file__=path, __loader__=loader)
    for name, value in (("__annotations__", {}), ("__cached__", None)):
        if name in given:
            vars(main)[name] = value
    sys.modules["__main__"] = main
    return main
