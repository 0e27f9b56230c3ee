# SPDX-License-Identifier: MIT
"""dump_on(): an allocator that is watched by a Tracer has no memory."""

import os

import heapsight as package
import pytest
from snapshot_files import names, occasions


def test_an_allocator_has_no_memory(program, tmp_path):
    done = program(
        """
        dumps = heapsight.dump_on("out", memory_error=True)
        other = heapsight.dump_on("other", memory_error=True)
        def refused():
            try:
                bytes(1 << 62)
            except MemoryError:
                return
            raise AssertionError
        refused()  # no tracer watches the allocators
        assert dumps.files == []
        with heapsight.Tracer("exact"):
            kept = [bytearray(10) for _ in range(100)]
            refused()
            refused()  # the same occasion: one snapshot is enough
            sum(range(1000))
        print(*dumps.files, *other.files)
        other.stop()
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "out/001-memory_error.hsnap other/001-memory_error.hsnap\n"
    with package.load(tmp_path / "out" / "001-memory_error.hsnap") as heap:
        sites = {row.site for row in heap.types(None, by="site", only="bytearray")}
    assert any("prog.py" in site for site in sites), sites


def test_memory_errors_without_a_tracer_are_a_sentence(program):
    done = program(
        """
        heapsight.dump_on("out", memory_error=True)
        with heapsight.Tracer():
            heapsight.dump_on("out", memory_error=True)
        """
    )
    (said,) = done.stderr.splitlines()
    assert said.startswith("heapsight: memory_error= has no effect before a Tracer runs")


def test_an_allocator_cannot_make_a_block_larger(program, tmp_path):
    done = program(
        """
        dumps = heapsight.dump_on("out", memory_error=True)
        with heapsight.Tracer("counts"):
            grown = bytearray(100)
            try:
                grown.__init__(1 << 60)
            except MemoryError:
                sum(range(1000))
        print(*dumps.files)
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "out/001-memory_error.hsnap\n"


def test_stopping_one_leaves_the_other_to_memory_errors(program):
    done = program(
        """
        first, second = (heapsight.dump_on(name, memory_error=True) for name in ("a", "b"))
        first.stop()
        with heapsight.Tracer():
            try:
                bytes(1 << 62)
            except MemoryError:
                pass
            sum(range(1000))
        print(first.files, second.files)
        """
    )
    assert done.stdout == "[] ['b/001-memory_error.hsnap']\n", done.stderr


def test_a_real_lack_of_memory(program, tmp_path):
    done = program(
        """
        import resource
        dumps = heapsight.dump_on("out", memory_error=True)
        with heapsight.Tracer(sample_bytes=4096):
            with open("/proc/self/statm") as file:
                in_use = int(file.read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (in_use + (100 << 20), resource.RLIM_INFINITY))
            kept = []
            try:
                while True:
                    kept.append(bytes(1 << 20))
            except MemoryError:
                del kept[50:]
            sum(range(1000))
        print("goes on", len(kept))
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "goes on 50\n"
    assert "Traceback" not in done.stderr
    assert occasions(tmp_path / "out") in (["memory_error"], [])
    if not names(tmp_path / "out"):
        assert "could not write 001-memory_error.hsnap" in done.stderr


# Between two samples nothing but the raw domain tells that a small block was refused; where it is
# never asked, or where tracemalloc lies below and may refuse by itself, the allocator is watched.
@pytest.mark.parametrize(
    "allocator, below", [("default", "pass"), ("malloc", "pass"), ("default", "tracemalloc.start(1)")]
)
def test_a_real_lack_of_memory_for_small_blocks(program, tmp_path, allocator, below):
    done = program(
        f"""
        import resource, tracemalloc
        {below}
        dumps = heapsight.dump_on("out", memory_error=True)
        with heapsight.Tracer(sample_bytes=1 << 40):
            with open("/proc/self/statm") as file:
                in_use = int(file.read().split()[0]) * resource.getpagesize()
            newest = None
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.setrlimit(resource.RLIMIT_AS, (in_use + (50 << 20), resource.RLIM_INFINITY))
            try:
                while True:
                    newest = (newest,)
            except MemoryError:
                resource.setrlimit(resource.RLIMIT_AS, unlimited)
            sum(range(1000))
            while newest is not None:
                (newest,) = newest
        """,
        env={**os.environ, "PYTHONMALLOC": allocator},
    )
    assert done.returncode == 0, done.stderr
    assert occasions(tmp_path / "out") == ["memory_error"], done.stderr
