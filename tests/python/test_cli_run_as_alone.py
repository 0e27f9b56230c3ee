# SPDX-License-Identifier: MIT
"""heapsight run: the program behaves as without it."""

import os
import re
import sys
import zipfile

import pytest
from running import without_us
from snapshot_files import names


def without_numbers(text):
    """Text without the numbers that differ between any two runs."""
    return re.sub(r"0x[0-9a-f]{6,}|started \d+", "N", text)


# ---- scripts ------------------------------------------------------------------------------------

SCRIPTS = {
    "quiet": "print('fine')",
    "arguments": "import sys; print(sys.argv, sys.path[0], __file__, __name__, __spec__)",
    "namespace": """
        import sys
        main = sys.modules["__main__"]
        print(sorted(vars()), vars(main) is globals(), __builtins__, __package__, __doc__)
        print(type(__loader__).__name__, __loader__.path)
    """,
    "exit-3": "import sys; sys.exit(3)",
    "exit-message": "import sys; sys.exit('no more')",
    "exit-nothing": "raise SystemExit",
    "exit-object": "raise SystemExit([1])",
    "exception": """
        def fail():
            raise ValueError("not today")
        fail()
    """,
    "chained": """
        try:
            1 / 0
        except ZeroDivisionError as problem:
            raise RuntimeError("after that") from problem
    """,
    "group": "raise ExceptionGroup('two', [ValueError(1), TypeError(2)])",
    "syntax": "def broken(:\n    pass",
    "interrupt": "raise KeyboardInterrupt",
    "sigint": "import os, signal; os.kill(os.getpid(), signal.SIGINT); [0 for _ in range(10**6)]",
    "sigterm": "import os, signal; os.kill(os.getpid(), signal.SIGTERM); [0 for _ in range(10**6)]",
    "own-hook": """
        import sys
        sys.excepthook = lambda kind, problem, trace: print(
            kind, problem, trace.tb_frame.f_code.co_filename, file=sys.stderr)
        raise ValueError("hooked")
    """,
    "own-exit": """
        import atexit, sys
        atexit.register(print, "handler", file=sys.stderr)
        raise ValueError("then the handler")
    """,
    "thread": """
        import threading, time
        def late():
            time.sleep(0.2)
            print("late")
        threading.Thread(target=late).start()
        raise ValueError("main is gone")
    """,
    "threads-seen": """
        import threading, sys
        print(threading.active_count(), threading.enumerate(), len(sys._current_frames()))
    """,
    "future": """
        def typed(x: undefined): pass
    """,
    "warning": "import warnings; warnings.warn('look', DeprecationWarning)",
    "pickle": """
        import pickle
        class Local: pass
        print(type(pickle.loads(pickle.dumps(Local()))) is Local)
    """,
}


@pytest.mark.parametrize("kind", SCRIPTS)
def test_the_program_does_what_it_does_alone(write, python, heapsight, kind):
    write("prog.py", SCRIPTS[kind])
    words = ("prog.py", "one", "--two", "-m", "-h")
    alone = python(*words)
    watched = heapsight("run", "-o", "out", *words)
    assert watched.returncode == alone.returncode
    assert without_numbers(watched.stdout) == without_numbers(alone.stdout)
    assert without_us(watched.stderr) == alone.stderr


@pytest.mark.parametrize("kind", ["folder", "zip", "pyc"])
def test_other_kinds_of_scripts(write, python, heapsight, tmp_path, kind):
    source = write("app/__main__.py", "import sys, side; print(sys.argv, sys.path[0], __file__)")
    side = write("app/side.py", "")
    target = "app"
    if kind == "zip":
        target = "app.pyz"
        with zipfile.ZipFile(tmp_path / target, "w") as archive:
            archive.write(source, "__main__.py")
            archive.write(side, "side.py")
    if kind == "pyc":
        import py_compile

        target = "app/main.pyc"
        py_compile.compile(str(source), str(tmp_path / target), doraise=True)
    alone = python(target, "x")
    watched = heapsight("run", "-o", "out", target, "x")
    assert alone.returncode == 0, alone.stderr
    assert watched.returncode == 0, watched.stderr
    assert watched.stdout == alone.stdout


# ---- modules ------------------------------------------------------------------------------------

MODULES = {
    "module": ("mod", {"mod.py": SCRIPTS["arguments"]}),
    "in-package": (
        "pkg.deep.mod",
        {"pkg/__init__.py": "print(__name__)", "pkg/deep/mod.py": SCRIPTS["arguments"]},
    ),
    "package": (
        "pkg",
        {"pkg/__init__.py": "x = 1", "pkg/__main__.py": "from . import x; print(x, __package__)"},
    ),
    "exit": ("mod", {"mod.py": "import sys; sys.exit(4)"}),
    "standard": ("json.tool", {}),
}


@pytest.mark.parametrize("kind", MODULES)
def test_a_module_does_what_it_does_alone(write, python, heapsight, kind):
    name, files = MODULES[kind]
    for path, source in files.items():
        write(path, source)
    words = ("-m", name, "--help") if kind == "standard" else ("-m", name, "one", "--two", "-m")
    alone = python(*words)
    watched = heapsight("run", "-o", "out", *words)
    assert watched.returncode == alone.returncode
    assert without_numbers(watched.stdout) == without_numbers(alone.stdout)
    assert without_us(watched.stderr) == alone.stderr


def test_a_module_may_be_joined_to_its_option(write, python, heapsight):
    write("mod.py", SCRIPTS["arguments"])
    for words in (("-mmod", "one", "--values"), ("-mmod", "--every", "-mother"), ("-mmod",)):
        alone = python(*words)
        watched = heapsight("run", "-o", "out", "--every", "60", *words)
        assert watched.returncode == 0, watched.stderr
        assert without_numbers(watched.stdout) == without_numbers(alone.stdout)


def test_an_exception_in_a_module(write, heapsight):
    write("pkg/__init__.py", "")
    write("pkg/mod.py", "1 / 0")
    done = heapsight("run", "-o", "out", "-m", "pkg.mod")
    assert done.returncode == 1
    lines = without_us(done.stderr).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].endswith('mod.py", line 1, in <module>')
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_an_exception_in_the_package_of_a_module(write, heapsight, tmp_path):
    write("pkg/__init__.py", "import missing_thing")
    write("pkg/mod.py", "")
    done = heapsight("run", "-o", "out", "-m", "pkg.mod")
    assert done.returncode == 1
    assert "missing_thing" in done.stderr.splitlines()[-1]
    assert "heapsight" not in done.stderr
    assert not (tmp_path / "out").exists()


# ---- code that is no file -----------------------------------------------------------------------

CODE = """
import sys
print(sys.argv, repr(sys.path[0]), sorted(vars()), __name__, __spec__, __package__, __loader__)
sys.exit(4)
"""


@pytest.mark.parametrize("before", [["-c", CODE], [f"-c{CODE}"], ["-"]], ids=["c", "joined", "-"])
def test_code_that_is_no_file(python, heapsight, before):
    words = (*before, "one", "--every", "-m", "-")
    alone = python(*words, input=CODE)
    watched = heapsight("run", "-o", "out", "--every", "60", *words, input=CODE)
    assert (watched.returncode, watched.stdout) == (4, alone.stdout), watched.stderr
    assert without_us(watched.stderr) == ""


def test_indented_code_is_taken_as_this_python_takes_it(python, heapsight):
    code = "  x = 1\n  print(x)"
    alone, watched = python("-c", code), heapsight("run", "-o", "out", "-c", code)
    assert (watched.returncode, watched.stdout) == (alone.returncode, alone.stdout)
    assert (alone.returncode == 0) is (sys.version_info >= (3, 14))


# ---- what it might trip over --------------------------------------------------------------------


def test_modules_of_the_program_do_not_get_in_our_way(write, heapsight, tmp_path):
    for name in ("json", "types", "signal", "shlex", "tempfile", "weakref"):
        write(f"app/{name}.py", "raise SystemExit('the wrong module')")
    write("app/prog.py", "import sys; print(sys.path[0])")
    done = heapsight("run", "-o", "out", "--every", "60", "app/prog.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'app'}\n"
    assert names(tmp_path / "out") == ["001-start.hsnap", "002-exit.hsnap"]


def test_output_that_is_closed(write, heapsight, tmp_path):
    write("prog.py", "import sys, os; sys.stderr.close(); os.close(2)")
    done = heapsight("run", "-o", "out", "prog.py")
    assert done.returncode == 0
    assert names(tmp_path / "out") == ["001-start.hsnap", "002-exit.hsnap"]


def test_without_a_stderr_nothing_is_said(write, heapsight, tmp_path):
    write("prog.py", "print('fine')")
    done = heapsight("run", "-o", "out", "prog.py", preexec_fn=lambda: os.close(2))
    assert (done.returncode, done.stdout) == (0, "fine\n")
    assert names(tmp_path / "out") == ["001-start.hsnap", "002-exit.hsnap"]
