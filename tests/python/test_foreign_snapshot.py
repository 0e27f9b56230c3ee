# SPDX-License-Identifier: MIT
"""A snapshot of another machine: heapsight lay in another folder when it was written."""

import json
import os
import shutil
import sys
from pathlib import Path

import heapsight
import pytest
from running import finished

PROGRAM = """
import heapsight, json, sys

class Doc:
    def __init__(self):
        self.text = bytearray(50_000)

def load():
    return [Doc() for _ in range(20)]

tracker = heapsight.ClassTracker()
tracker.track_class(Doc)
KEPT = load()
tracker.close()
heapsight.snapshot("inside")
"""


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """A snapshot that was written by a copy of the package."""
    folder = tmp_path_factory.mktemp("foreign")
    package = Path(heapsight.__file__).parent
    copy = folder / "server" / "lib" / "heapsight"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "prog.py").write_text(PROGRAM)
    line = [sys.executable, "-m", "heapsight", "run", "--exact", "-o", "out", "prog.py"]
    environment = {**os.environ, "PYTHONPATH": str(copy.parent)}
    done = finished(line, folder, env=environment)
    assert done.returncode == 0, done.stderr
    return folder, environment


STACKS = """
import heapsight, json, sys
with heapsight.load("out/002-exit.hsnap") as heap:
    trace = heap.trace
    rows = [[figure, *row] for figure in ("live", "peak", "total") for row in trace.stacks(figure)]
    print(json.dumps([heapsight.__file__, rows, heap.types(None, by="site")]))
"""


def test_it_reads_as_where_it_was_written(foreign):
    folder, environment = foreign
    seen = []
    for more in ({"env": environment}, {}):
        done = finished([sys.executable, "-c", STACKS], folder, **more)
        assert done.returncode == 0, done.stderr
        seen.append(json.loads(done.stdout))
    (there, *written), (here, *read) = seen
    assert there != here
    assert read == written
    rows, sites = read
    frames = [frame for row in rows for frame in row[1]]
    assert not [file for _, file, _ in frames if "heapsight" in file]
    assert not [function for function, _, _ in frames if "run_module" in function]
    assert not [site for site, *_ in sites if "heapsight/" in site]


def test_the_tree_begins_with_the_program(foreign):
    folder, _ = foreign
    tree = heapsight.load(folder / "out" / "002-exit.hsnap").trace.report("tree").splitlines()
    first = tree[5]
    assert first.endswith("prog.py:13 in <module>"), "\n".join(tree)
    assert first.split()[0] == "977.8" or float(first.split()[0]) > 970  # KiB: 20 times 50,000
