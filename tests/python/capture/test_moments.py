# SPDX-License-Identifier: MIT
"""Snapshots at awkward moments: from the destructor of an object that is half gone, while a collection is due,
from an __init__ that the interpreter entered by a frame of its own."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest


def _python(program: str, *arguments: str) -> list[str]:
    """What a program of its own prints, which may crash; a crash fails with the place it happened at."""
    result = subprocess.run([sys.executable, "-X", "faulthandler", "-c", dedent(program), *arguments],
                            capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr[:2000]
    return result.stdout.splitlines()


DYING = """
    import sys
    import heapsight

    class Destructor:
        def __del__(self):
            if armed:
                heapsight.snapshot(collect=False)
                print("walked")

    class Callable(list):
        def __call__(self):
            return 1

    def rows():
        return [Destructor(), b"x" * 10_000_000]  # the second item is freed first

    calls = {
        "argument": lambda: repr(rows())[:0],
        "callable": lambda: Callable(rows())(),
        "iterated": lambda: [None for row in rows()],
        "compared": lambda: rows() == 5,
    }
    call = calls[sys.argv[1]]
    armed = False
    for _ in range(20):
        call()  # until it is specialised
    armed = True
    call()
"""


@pytest.mark.parametrize("call", ["argument", "callable", "iterated", "compared"])
def test_a_dying_object_that_an_operand_still_names_is_left_out(call: str) -> None:
    assert _python(DYING, call) == ["walked"]


COLLECTION_DUE = """
    import gc, io, sys
    from heapsight import _core

    class Cycle:
        def __init__(self):
            self.me = [self]

    started = []
    gc.callbacks.append(lambda phase, info: phase == "start" and measuring and started.append(due))
    measuring = False
    call, arguments = _core.capture, ("due", False)
    for due in range(4):
        gc.collect()
        gc.disable()
        held = io.BytesIO()  # met before the garbage
        held.write(b"a buffer of its own: __sizeof__ makes a method object to ask for its size")
        if sys.argv[1] == "deep_sizes":
            call, arguments = _core.deep_sizes, ([held],)
        garbage = [Cycle() for _ in range(20_000)]
        del garbage
        gc.set_threshold(gc.get_count()[0] + due)  # so many objects more and the collector runs
        gc.enable()
        measuring = True
        call(*arguments)
        measuring = False
        assert gc.isenabled()
        gc.disable()
        call(*arguments)
        assert not gc.isenabled()
    print(started)
"""


def test_no_collection_starts_while_sizes_are_added_up() -> None:
    assert _python(COLLECTION_DUE, "deep_sizes") == ["[]"]


def test_no_collection_frees_objects_under_the_walk() -> None:
    """A collection of garbage that the walk has yet to visit. (It may start before the walk or after it.)"""
    assert len(_python(COLLECTION_DUE, "capture")) == 1


INITIALISING = """
    from heapsight import _core

    class Made:
        def __init__(self, snapshots):
            if snapshots is not None:
                snapshots.append(_core.capture("init", False))

    def make(snapshots):
        return Made(snapshots)

    for _ in range(200):
        make(None)  # until the interpreter enters __init__ by a frame of its own (3.13 and later)
    snapshots = []
    make(snapshots)
    (snapshot,) = snapshots
    print(snapshot.info["overcounted_count"])
    for row in snapshot.paths(snapshot.addresses("__main__.Made")).rows():
        if row["root_kind"] != "held by C code":  # type.__call__, before 3.13
            print(row["root_kind"], row["function"], row["root_name"])
"""


def test_the_frame_under_an_init_is_no_root() -> None:
    assert _python(INITIALISING) == ["0", "thread frame Made.__init__ self"]


OTHER_LAYOUT = """
    import ctypes, gc, sys

    def word(address):
        return ctypes.c_uint64.from_address(address)

    def is_refused():
        try:
            import heapsight._core
        except ImportError as error:
            return "cannot find objects" in str(error)
        return False

    gc.collect()
    gc.disable()
    objects = gc.get_objects()
    heads = {id(item) - 16 for item in objects}
    heads |= {id(objects) - 16, id(heads) - 16}
    gc.freeze()
    ring = id(objects[0]) - 16
    while ring in heads:  # the one that is no object's is the interpreter's
        ring = word(ring).value & ~3
    changed = {
        "ring": word((word(ring).value & ~3) + 8),  # the way back from the first object
        "offset": word(ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime")) + 80),
    }[sys.argv[1]]
    changed.value += 64
    refused = is_refused()
    changed.value -= 64
    print(refused, is_refused())
"""


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="the interpreter itself visits frozen objects")
@pytest.mark.parametrize("what", ["ring", "offset"])
def test_another_layout_of_frozen_objects_is_refused(what: str) -> None:
    if what == "offset" and sys.version_info < (3, 13):
        pytest.skip("the interpreter does not tell its offsets before 3.13")
    assert _python(OTHER_LAYOUT, what) == ["True False"]
