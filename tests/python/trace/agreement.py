# SPDX-License-Identifier: MIT
"""Runs run() of a program under a tracer and prints live (bytes, blocks) of each line.

Usage: agreement.py exact|sampled|tracemalloc PROGRAM. The answer is a JSON list of
[file, line, bytes, blocks]; the file is "" for the program itself. Lines of this file, of heapsight
and of tracemalloc.py are left out: there the two tracers start and stop.
"""

import gc
import importlib.util
import json
import re
import sys
import tracemalloc
from typing import Any

import heapsight


def by_tracemalloc(run: Any) -> list[Any]:
    tracemalloc.start(1)
    kept = run()
    snapshot = tracemalloc.take_snapshot()
    tracemalloc.stop()
    del kept
    frames = [(row.traceback[0], row) for row in snapshot.statistics("lineno")]
    return [[frame.filename, frame.lineno, row.size, row.count] for frame, row in frames]


def by_heapsight(run: Any, tracer: heapsight.Tracer) -> list[Any]:
    tracer.start()
    kept = run()
    tracer.stop()
    del kept
    nowhere = heapsight.Frame("", "<unknown>", 0)
    frames = [(row.stack[0] if row.stack else nowhere, row) for row in tracer.live(None, by="line")]
    return [[frame.file, frame.line, row.bytes, row.blocks] for frame, row in frames]


def main() -> None:
    mode, path = sys.argv[1:]
    spec = importlib.util.spec_from_file_location("program", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    run = module.run
    tracer = heapsight.Tracer("sampled" if mode == "sampled" else "exact", 1, 4096)
    re.purge()
    gc.collect()  # free lists are empty then
    gc.disable()  # tracemalloc makes objects of its own, which would move the next collection
    rows = by_tracemalloc(run) if mode == "tracemalloc" else by_heapsight(run, tracer)
    rows = [row for row in rows if row[0] not in (__file__, tracemalloc.__file__)]
    print(json.dumps([["" if row[0] == path else row[0], *row[1:]] for row in rows]))


main()
