# SPDX-License-Identifier: MIT
"""dump_on(): a program that is killed at any moment leaves whole snapshots."""

import random
import re
import subprocess
import sys
import time

import heapsight as package
from snapshot_files import names

KILLS = 12
MOST_KILLS = 80  # until one hits a writer, which about every fourth does
LOOP = """
import heapsight
kept = [bytearray(10) for _ in range(3000)]
with heapsight.Tracer("exact"):
    more = [[] for _ in range(1000)]
    dumps = heapsight.dump_on("out", every=0.03)
    dumps.take()
    print("ready", flush=True)
    while True:
        dumps.take()
"""
FINAL = re.compile(r"\d{3,}-(code|timer)\.hsnap")
TEMPORARY = re.compile(r"\.heapsight-\S+\.tmp")


def test_a_kill_leaves_whole_snapshots_only(tmp_path):
    """Whatever the moment: files under final names load, and the earlier ones are as before."""
    (tmp_path / "prog.py").write_text(LOOP)
    seed = random.randrange(1 << 32)
    moments = random.Random(seed)
    whole = {}
    kills = halves = 0
    while kills < KILLS or (not halves and kills < MOST_KILLS):
        kills += 1
        process = subprocess.Popen(
            [sys.executable, "prog.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0, 0.15))
        process.kill()
        process.communicate()
        for name in names(tmp_path / "out"):
            path = tmp_path / "out" / name
            if TEMPORARY.fullmatch(name):
                halves += 1
                path.unlink()
                continue
            assert FINAL.fullmatch(name), f"{name}, seed {seed}"
            state = path.stat().st_mtime_ns, path.stat().st_size
            assert whole.get(name, state) == state, f"{name} was touched, seed {seed}"
            if name not in whole:
                with package.load(path) as heap:
                    assert heap.types(1, by="site"), f"{name}, seed {seed}"
                whole[name] = state
        assert set(whole) <= set(names(tmp_path / "out"))
    assert len(whole) >= KILLS
    assert halves, f"no kill hit a writer: the test shows nothing, seed {seed}"
