# SPDX-License-Identifier: MIT
"""With an exact tracer a snapshot has the objects that nothing refers to and no collector knows."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from textwrap import dedent

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

BEGIN = """
    import ctypes, datetime, sys
    import heapsight

    c = ctypes.pythonapi
    c.PyObject_Malloc.restype, c.PyObject_Malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]

    def forget(item):
        c.Py_IncRef(ctypes.py_object(item))

    def held(before, after):
        rows = heapsight.native_references(before, after).types()
        return {row.type: (row.count_delta, row.reference_delta) for row in rows}
"""


def passes(python: Run, *sources: str) -> None:
    done = python("-X", "faulthandler", "-c", "".join(map(dedent, (BEGIN, *sources))))
    assert (done.returncode, done.stderr) == (0, ""), (done.returncode, done.stderr[-3000:])


KINDS = {
    "str": '"forgotten text %d" % n',
    "str of wide characters": '"\\u1234 text %d" % n',
    "bytes": 'b"forgotten %d" % n',
    "int": "10**30 + n",
    "float": "1.5 + n",
    "complex": "complex(n, 1)",
    "dict": '{"n": n}',
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_object_that_was_forgotten(python: Run, kind: str) -> None:
    passes(python, f"""
        def make(n):
            item = {KINDS[kind]}
            forget(item)
            return type(item).__qualname__

        with heapsight.Tracer("exact", frames=3):
            for n in range(30):
                make(n)
            heapsight.snapshot()
            before = heapsight.snapshot()
            for n in range(50):
                make(n)
            after = heapsight.snapshot()
            found = held(before, after)
            # Before 3.14 stale words of this frame's operand stack may pass for references.
            least = 50 if sys.version_info >= (3, 14) else 47
            ((name, (count, references)),) = found.items()
            assert name == {kind.split(" ")[0]!r} and least <= count == references <= 50, found
            assert after.info["overcounted_count"] == 0
        """)


def test_what_lies_in_free_lists_is_no_object(python: Run) -> None:
    passes(python, """
        def fill():
            return [[float(n), n + 10**6, (n, n), [n], {n: n}, {n: n}.items(), slice(n), str(n),
                     complex(n), n * 10**20, (n, n, n), range(n, 10**9), iter((n,))]
                    for n in range(200)]

        fill()
        with heapsight.Tracer("exact", frames=3):
            heapsight.snapshot()
            before = heapsight.snapshot()
            fill()
            found = held(before, heapsight.snapshot())
            assert found == {}, found
        """)


def test_memory_that_only_looks_like_an_object(python: Run) -> None:
    """A type at the place of a type, but no such refcount, or not so many bytes."""
    passes(python, """
        def block(bytes, refcount, type):
            address = c.PyObject_Malloc(bytes)
            ctypes.memset(address, 0, bytes)
            words = (ctypes.c_void_p * (bytes // 8)).from_address(address)
            words[0], words[1] = refcount, id(type)

        class Plain:
            pass

        def blocks():
            for _ in range(10):
                block(24, id(int), float)
                block(24, 0, float)
                block(24, 0x500000, float)
                block(64, 1, float)
                block(16, 1, float)
                block(64, 1, str)  # a text of no characters has fewer bytes
                block(64, 1, Plain)  # known to the collector, if it were one
                block(24, 1, number)  # no type

        words_of = [ctypes.c_void_p * count for count in range(9)]  # ctypes keeps each in a cache
        number = float("1.5")
        with heapsight.Tracer("exact", frames=3):
            blocks()
            heapsight.snapshot()
            before = heapsight.snapshot()
            blocks()
            found = heapsight.native_references(before, heapsight.snapshot())
            assert found.types() == [], found
        """)


def test_numbers_that_are_laid_out_like_objects_are_numbers(python: Run) -> None:
    """What an object of these types would refer to is nowhere."""
    passes(python, """
        import array

        class Row:
            pass

        def make():
            for kind in (tuple, dict, range, list, datetime.date, slice, type(iter([])), Row):
                for words in ([3, id(kind), 4096, 4096, 4096], [3, id(kind), 7, 8, 9, 10, 11, 12],
                              [0, 0, 3, id(kind), 4096], [0, 0, 3, id(kind), 5, 0, 4096, 0]):
                    kept.append(array.array("Q", words))
                    kept.append(bytearray(kept[-1].tobytes()))
                    kept.append((ctypes.c_size_t * len(words))(*words))

        kept = []
        with heapsight.Tracer("exact", frames=3):
            make()  # ctypes keeps its array types
            heapsight.snapshot()
            before = heapsight.snapshot()
            make()
            found = held(before, heapsight.snapshot())
            assert found == {}, found
        """)


def test_what_a_c_type_counts_as_its_own_is_no_object_beside_it(python: Run) -> None:
    passes(python, """
        import io, pickle

        with heapsight.Tracer("exact", frames=3):
            kept = [pickle.Pickler(io.BytesIO()) for _ in range(3)]
            for pickler in kept:
                pickler.dump(None)
            heapsight.snapshot()
            before = heapsight.snapshot()
            for _ in range(20):
                kept.append(pickle.Pickler(io.BytesIO(b"x" * 100)))
                kept[-1].dump("text" * 100)
            found = held(before, heapsight.snapshot())
            assert found == {}, found
        """)


@pytest.mark.parametrize("mode", ["sampled", "counts"])
def test_only_an_exact_tracer_knows(python: Run, mode: str) -> None:
    passes(python, f"""
        with heapsight.Tracer({mode!r}, sample_bytes=64):
            heapsight.snapshot()
            before = heapsight.snapshot()
            for n in range(50):
                forget("forgotten text %d" % n)
            found = held(before, heapsight.snapshot())
            assert found == {{}}, found
        """)


def test_they_survive_the_file(python: Run) -> None:
    passes(python, """
        with heapsight.Tracer("exact", frames=3):
            heapsight.snapshot("a").save("a.hsnap")
            for n in range(50):
                forget("forgotten text %d" % n)
            heapsight.snapshot("b").save("b.hsnap")
        with heapsight.load("a.hsnap") as a, heapsight.load("b.hsnap") as b:
            (row,) = [row for row in heapsight.native_references(a, b).types() if row.type == "str"]
            assert row.sites[0][1] == 50, row
            assert "held by C code" in str(b.why(row.examples[0][0]))
        """)
