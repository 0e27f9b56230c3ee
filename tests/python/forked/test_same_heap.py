# SPDX-License-Identifier: MIT
"""What a forked child writes is what a snapshot in the program would hold."""

from collections.abc import Callable
from textwrap import dedent

import pytest
from running import LITTLE_STACK

Passes = Callable[..., str]


def test_types_sizes_and_paths_are_the_same(passes: Passes) -> None:
    passes("""
        class Registry:
            cache = {number: Item(number) for number in range(500)}

        def held():
            local = Item(1)
            yield local

        kept = heap(3000), held()
        next(kept[1])
        pending = heapsight.snapshot("x", fork=True)
        plain = heapsight.snapshot("x", collect=False)
        forked = pending.result()
        differing = {row.type for row in heapsight.diff(forked, plain).types(limit=None)}
        parts_of_the_handle = {"_thread.RLock", "weakref.ReferenceType"}
        assert differing <= {"dict", "list", "str", "int", "tuple", "cell", "bytes",
                             "float"} | parts_of_the_handle, differing
        assert abs(forked.object_count - plain.object_count) < 20
        assert abs(forked.total_bytes - plain.total_bytes) < 4000
        assert [row for row in forked.types(None) if row.type == "__main__.Item"] == \\
            [row for row in plain.types(None) if row.type == "__main__.Item"]
        expressions = [{path.expression for path in heap.why("__main__.Item").paths()}
                       for heap in (forked, plain)]
        assert expressions[0] == expressions[1] and len(expressions[0]) >= 3, expressions
        assert sorted(forked.addresses("__main__.Item")) == sorted(plain.addresses("__main__.Item"))
        for key in ("label", "interpreter", "platform", "arguments", "capture", "process_id",
                    "has_values"):
            assert forked.info[key] == plain.info[key], key
        assert forked.info["dropped_count"] == forked.info["overcounted_count"] == 0
        assert abs(forked.info["rss_bytes"] - plain.info["rss_bytes"]) < 32 << 20
        """)


def test_frames_of_other_threads_are_there(passes: Passes) -> None:
    passes("""
        ready, go = threading.Event(), threading.Event()

        def work():
            mine = Item(7)
            ready.set()
            go.wait()

        thread = threading.Thread(target=work, name="worker")
        thread.start()
        ready.wait()
        snapshot = heapsight.snapshot("x", fork=True).result()
        (path,) = snapshot.why("__main__.Item").paths()
        assert path.root_kind == "thread frame" and "worker" in str(snapshot.why("__main__.Item"))
        go.set()
        thread.join()
        """)


@pytest.mark.parametrize("mode", ["exact", "sampled", "counts"])
def test_stacks_are_the_same(passes: Passes, mode: str) -> None:
    passes(f"""
        with heapsight.Tracer({mode!r}, sample_bytes=1000) as tracer:
            kept = heap(3000)
            pending = heapsight.snapshot("x", fork=True)
            plain = heapsight.snapshot("x", collect=False)
            forked = pending.result()
            rows = [
                [(row.site, row.count, row.bytes) for row in heap.types(None, by="site")
                 if row.type == "__main__.Item"] if {mode!r} != "counts" else []
                for heap in (forked, plain)
            ]
            assert rows[0] == rows[1], rows
            assert bool(rows[0]) == ({mode!r} != "counts")
            if {mode!r} == "exact":
                native = [sum(row.bytes for row in heap.trace.native(None))
                          for heap in (forked, plain)]
                assert abs(native[0] - native[1]) < 20_000, native
            assert tracer.trace().info["dropped_count"] == 0
            more = heap(10)
            assert heapsight.allocation_site(more[0]) is not None or {mode!r} != "exact"
        """)


def test_values_are_kept_only_where_asked_for(passes: Passes) -> None:
    passes("""
        secret = " ".join(["correct", "horse", "battery"])  # the command line is in each file
        heapsight.snapshot("x", fork=True, path="plain.hsnap").result()
        heapsight.snapshot("x", values=True, fork=True, path="shown.hsnap").result()
        assert secret.encode() not in open("plain.hsnap", "rb").read()
        assert secret.encode() in open("shown.hsnap", "rb").read()
        """)


def test_garbage_is_collected_only_where_asked_for(passes: Passes) -> None:
    passes("""
        import gc
        gc.disable()

        def count(**more):
            with heapsight.snapshot("x", fork=True, **more) as pending:
                rows = pending.result().types(None)
                return sum(row.count for row in rows if row.type == "__main__.Item")

        item = Item(1)
        item.itself = item
        del item
        assert (count(), count(collect=False), count(collect=True), count()) == (1, 1, 0, 0)
        """)


def test_the_program_is_left_alone(passes: Passes) -> None:
    passes("""
        import gc
        kept = heap(1000)
        heapsight.snapshot("warm", fork=True).result().close()

        def look():
            return [len(gc.get_objects()), gc.isenabled(), sys.getrefcount(Item),
                    len(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
                    len(os.listdir("/proc/self/fd"))]

        seen = [look()]
        seen[0] = look()
        for _ in range(20):
            heapsight.snapshot("x", fork=True).result().close()
        seen.append(look())
        assert seen[0] == seen[1], seen
        """)


def test_little_stack_is_enough(passes: Passes) -> None:
    """The child walks and writes on the stack of the thread that asked."""
    printed = passes(LITTLE_STACK + dedent("""
        def ask():
            print(heapsight.snapshot("small stack", fork=True).result().object_count > 1000)

        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        """))
    assert printed == "True\n"
