# SPDX-License-Identifier: MIT
"""module=, file= and thread= of a trace, stacks that the frame limit cut, and why rows are missing."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "reports"))

from made_traces import made_trace, stack

LIBRARY = "/srv/app/venv/lib/python3.11/site-packages"
MAIN = ("<module>", "/srv/app/main.py", 3)
FILES = {
    "main": "/srv/app/main.py",
    "package": "/srv/app/shop/__init__.py",
    "models": "/srv/app/shop/models.py",
    "server": f"{LIBRARY}/uvicorn/server.py",
    "shops": f"{LIBRARY}/vendor/shop/thing.py",
    "alone": f"{LIBRARY}/six.py",
    "json": "/usr/lib/python3.11/json/decoder.py",
    "threading": "/opt/py/lib/python3.13/threading.py",
    "debian": "/usr/lib/python3/dist-packages/yaml/reader.py",
    "editable": "/data/other/src/other/core.py",
    "frozen": "<frozen importlib._bootstrap>",
    "text": "<string>",
}
TRACE = made_trace([stack(MAIN, (name, file, 1)) for name, file in FILES.items()])


def found(**chosen):
    rows = TRACE.rows(limit=None, **chosen)
    return {row.stack[0].function for row in rows}


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("srv", set()),
        ("tmp", set()),
        ("venv", set()),
        ("site-packages", set()),
        ("app", set(FILES)),  # the folder of the main script: all that is called from there
        ("main", set(FILES)),
        ("__main__", set(FILES)),
        ("shop", {"package", "models"}),
        ("shop.models", {"models"}),
        ("models", {"models"}),
        ("uvicorn", {"server"}),
        ("vendor", {"shops"}),
        ("vendor.shop.thing", {"shops"}),
        ("thing", set()),
        ("six", {"alone"}),
        ("json", {"json"}),
        ("json.decoder", {"json"}),
        ("decoder", set()),
        ("threading", {"threading"}),
        ("yaml", {"debian"}),
        ("other", {"editable"}),
        ("other.core", {"editable"}),
        ("importlib", {"frozen"}),
        ("importlib._boot", set()),
    ],
)
def test_modules(module, names):
    assert found(module=module) == names


def test_a_service_without_its_dependencies():
    """Here the service is not called from its main script: the server has threads."""
    trace = made_trace(
        [
            stack(("<module>", f"{LIBRARY}/uvicorn/__main__.py", 1)),
            stack(("work", f"{LIBRARY}/uvicorn/server.py", 1), ("get", "/srv/app/views.py", 2)),
            stack(("work", f"{LIBRARY}/uvicorn/server.py", 1), ("own", f"{LIBRARY}/x.py", 2)),
        ]
    )
    rows = trace.rows(limit=None, module="app")
    assert [row.stack[0].function for row in rows] == ["get"]


@pytest.mark.parametrize(
    ("main", "module", "is_found"),
    [
        ("/tmp/x/leaky.py", "tmp", False),
        ("/tmp/x/leaky.py", "leaky", True),
        ("leaky.py", "leaky", True),
        ("<string>", "__main__", True),
        ("/srv/shop/__main__.py", "shop", True),
        ("/srv/shop/__main__.py", "srv", False),
        ("/srv/shop/deep/run.py", "shop.deep.run", True),
        ("/srv/shop/deep/run.py", "srv", False),
    ],
)
def test_the_main_script(main, module, is_found):
    stacks = [stack(("<module>", main, 1))]
    if "deep" in main:
        packages = ("/srv/shop/__init__.py", "/srv/shop/deep/__init__.py")
        stacks += [stack(("_call", "/lib/x.py", 1), ("<module>", name, 1)) for name in packages]
    rows = made_trace(stacks).rows(limit=None, module=module)
    assert any(row.stack[-1].file == main for row in rows) == is_found


def test_the_main_script_under_python_m():
    runpy = [("_run_module_as_main", "<frozen runpy>", 1), ("_run_code", "<frozen runpy>", 2)]
    trace = made_trace([stack(*runpy, ("<module>", "/srv/shop/__main__.py", 1))])
    assert len(trace.rows(module="__main__")) == 1


def test_no_main_script():
    assert made_trace([stack(("f", "/srv/a.py", 1))]).rows(module="__main__") == []


@pytest.mark.parametrize(
    "name",
    ["models.py", "./models.py", "shop/models.py", "./shop//models.py", "/srv/app/shop/models.py"],
)
def test_files_by_the_end_of_their_path(name):
    assert found(file=name) == {"models"}
    assert found(file=name, module="shop") == {"models"}
    assert found(file=name, module="json") == set()


def test_files_that_are_none():
    assert found(file="<string>") == {"text"}
    assert found(file="odels.py") == set()


# ---- nothing to show ----------------------------------------------------------------------------


@pytest.mark.parametrize("figure", ["live", "peak", "total", "temporary"])
def test_a_filter_that_fits_nothing_says_so(figure):
    text = TRACE.text(figure, module="no.such")
    assert text.endswith(": no stack passes through module no.such.\n")
    assert TRACE.report("table", figure=figure, module="no.such") == text
    both = TRACE.text(figure, file="a\nb.py", thread="mailer")
    assert both.endswith(": no stack passes through file a\\nb.py and thread mailer.\n")


def test_no_sample_is_not_nothing():
    trace = made_trace([], mode="sampled", sample_bytes=524288)
    text = trace.text()
    assert text == (
        "Allocated and not freed: no sample fell into it: one in 512.0 KiB is drawn;"
        " use --exact or a smaller --sample.\n"
    )
    for name in ("table", "tree", "annotate", "flame"):
        assert text.strip() in trace.report(name)
        assert "nothing was seen" not in trace.report(name)
    filtered = trace.text(module="json")
    assert "no sampled stack passes through module json: one in 512.0 KiB is drawn" in filtered


def test_an_exact_trace_without_rows():
    assert made_trace([]).text() == "Allocated and not freed: nothing was seen.\n"


# ---- stacks of full length ----------------------------------------------------------------------

DOWN = [("f", "/srv/app/deep.py", 6)] * 31 + [("f", "/srv/app/deep.py", 5)]
BEYOND = "(callers beyond 32 frames)"


def test_stacks_of_full_length_say_that_callers_are_missing():
    trace = made_trace([stack(MAIN, ("f", "/srv/app/deep.py", 6)), stack(*DOWN, size=900)])
    tops = {frames[0].function: size for frames, size, _, _ in trace.stacks()}
    assert tops == {"<module>": 100, BEYOND: 900}
    assert BEYOND in trace.report("tree")
    assert f" in {BEYOND}" not in trace.report("tree")
    assert BEYOND in trace.report("flame")
    assert BEYOND in trace.report("speedscope")
    assert f"{BEYOND};f (" in trace.report("collapsed")
    assert "(no Python code)" not in trace.report("annotate")
    assert len(trace.rows(limit=1)[0].stack) == 32


def test_a_whole_stack_of_full_length_is_whole():
    trace = made_trace([stack(MAIN), stack(MAIN, *DOWN[1:], size=900)])
    assert {frames[0].function for frames, _, _, _ in trace.stacks()} == {"<module>"}


def test_one_frame():
    trace = made_trace([stack(("f", "/srv/a.py", 1))], frame_limit=1)
    assert [frames[0].function for frames, *_ in trace.stacks()] == ["(callers beyond 1 frame)"]


RECURSION = """
import sys
def f(n):
    return f(n - 1) if n else bytearray(1_000_000)
sys.setrecursionlimit(10_000)
kept = f(5_000)
other = bytearray(500_000)
"""


def test_recursion_in_a_program(write, heapsight, tmp_path):
    write("deep.py", RECURSION)
    done = heapsight("run", "--exact", "--report", "tree", "-o", "t.txt", "deep.py")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "t.txt").read_text().splitlines()
    rows = [line.split(maxsplit=4)[-1] for line in lines if line]
    assert rows[4] == BEYOND
    assert rows[5].endswith("deep.py:4 in f")
    assert any(row.endswith("deep.py:7 in <module>") for row in rows)
    assert rows.count(BEYOND) == 1
