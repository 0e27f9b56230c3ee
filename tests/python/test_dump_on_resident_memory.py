# SPDX-License-Identifier: MIT
"""dump_on(): resident memory passes a threshold, or has grown since the last snapshot."""

import math
import re

import heapsight as package
from snapshot_files import occasions

MEGABYTE = 1 << 20


def test_resident_memory_passes_a_threshold_and_again(program, tmp_path):
    done = program(
        """
        from heapsight._core import resident_bytes
        limit = resident_bytes() + (60 << 20)
        dumps = heapsight.dump_on("out", rss=limit)
        for number in range(2):
            time.sleep(1.2)  # far below: nothing happens, and the threshold is armed again
            assert len(dumps.files) == number, dumps.files
            kept = [bytearray(2 << 20) for _ in range(100)]
            wait_for(dumps, number + 1)
            time.sleep(1.2)  # still above: that is no new occasion
            assert len(dumps.files) == number + 1, dumps.files
            del kept
        """
    )
    assert done.returncode == 0, done.stderr
    assert occasions(tmp_path / "out") == ["rss", "rss"]
    with package.load(tmp_path / "out" / "001-rss.hsnap") as heap:
        assert heap.types(1)[0].type == "bytearray"
        assert heap.types(1)[0].bytes >= 50 * MEGABYTE


def test_resident_memory_grows_since_the_last_snapshot(program, tmp_path):
    done = program(
        """
        dumps = heapsight.dump_on("out", growth=40 << 20)
        kept = []
        for number in range(1, 4):
            kept.append(bytearray(100 << 20))
            wait_for(dumps, number)
        time.sleep(0.7)
        """
    )
    assert done.returncode == 0, done.stderr
    assert occasions(tmp_path / "out") == ["growth", "growth", "growth"]


GROWING = """
import shutil
from heapsight._core import resident_bytes
dumps = heapsight.dump_on("out", growth=20 << 20)
shutil.rmtree("out")
kept = []
def grow():
    kept.append(b"x" * (30 << 20))
"""


def test_growth_that_cannot_be_written_is_tried_once(program):
    done = program(f"{GROWING}\ngrow()\ntime.sleep(4)\n")
    assert done.stderr.count("could not write") == 1, done.stderr


def test_growth_that_goes_on_is_tried_less_and_less_often(program, tmp_path):
    done = program(
        GROWING
        + """
began = time.monotonic()
for _ in range(17):
    grow()
    time.sleep(0.2)
print("over", time.monotonic() - began)
os.mkdir("out")
grow()
wait_for(dumps, 1)
"""
    )
    seconds = float(re.search(r"^over (.+)", done.stdout, re.M)[1])
    most = 2 + math.log2(1 + seconds)  # rests of 1, 2, 4... seconds
    assert 1 <= done.stderr.count("could not write") <= most, (done.stderr, seconds)
    assert occasions(tmp_path / "out") == ["growth"]
