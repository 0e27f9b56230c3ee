# SPDX-License-Identifier: MIT
"""The walk sees all of the heap: one marked object, found by a path with the right names, in each of the places
where it is easily missed. Every program is a process of its own, so that nothing of pytest leads to it."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from textwrap import dedent

import pytest

PRELUDE = """
    import asyncio, contextvars, gc, json, sys, threading, time, types, weakref
    import heapsight

    class Held:
        '''The object that is looked for.'''

    answers = []

    def find(address, **options):
        '''How an object is held: the first path. Nothing but its address may be kept.'''
        heap = heapsight.snapshot("complete", **options)
        assert heap.info["overcounted_count"] == 0, heap.info
        for path in heap.why(address, limit=1):
            answers.append([path.root, path.expression, [step.preview for step in path.steps if step.preview]])

    def aside(function, name):
        '''Run function(box, wait) in a thread until it waits; box[0] is what it left there.'''
        box, ready, done = [], threading.Event(), threading.Event()
        def wait():
            ready.set()
            done.wait()
        thread = threading.Thread(target=function, args=(box, wait), name=name)
        thread.start()
        ready.wait()
        return box[0], lambda: (done.set(), thread.join())
"""


def _run(program: str) -> list[list[object]]:
    """What find() found in a program."""
    source = dedent(PRELUDE) + dedent(program) + "\nprint(json.dumps(answers))\n"
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", source],
                          capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-3000:]
    return json.loads(done.stdout)  # type: ignore[no-any-return]


MAIN = "module __main__"

# name: the program, then for each find() what the root and the expression look like.
PLACES: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "frozen heap": (
        """
        frozen_list = [Held()]
        gc.collect()
        gc.freeze()
        assert all(type(item) is not Held for item in gc.get_objects())
        find(id(frozen_list[0]))
        """,
        [(MAIN, r"__main__\.frozen_list\[0\]")],
    ),
    "frozen object that only C code holds": (
        """
        import ctypes
        def make():
            lone = [Held()]
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(lone))
            return id(lone[0])
        address = make()
        gc.collect()
        gc.freeze()
        find(address)
        """,
        # What the call of Py_IncRef left on the stack may make its module look like the holder.
        [(r"held by C code \(1 reference(; C stack of .*)?\)", r"<list held by C code>\[0\]")],
    ),
    "local of another thread": (
        """
        def pin(box, wait):
            pinned = Held()
            box.append(id(pinned))
            wait()
        address, end = aside(pin, "pinner")
        find(address)
        end()
        """,
        [(r"thread 'pinner' in pin \(.*\), local variable 'pinned'", r"thread 'pinner' in pin .*")],
    ),
    "caller in another thread": (
        """
        def outer(box, wait):
            outer_local = [Held()]
            def inner():
                return wait()
            box.append(id(outer_local[0]))
            inner()
        address, end = aside(outer, "deep")
        find(address)
        end()
        """,
        [(r"thread 'deep' in outer \(.*\), local variable 'outer_local'", r"thread 'deep' in outer .*: outer_local\[0\]")],
    ),
    "suspended generator": (
        """
        def generate():
            generator_local = Held()
            yield id(generator_local)
        suspended = generate()
        find(next(suspended))
        """,
        [(MAIN, r"__main__\.suspended\.<local generator_local>")],
    ),
    "generator inside a generator": (
        """
        def inner():
            inner_local = Held()
            yield id(inner_local)
        def outer():
            yield from inner()
        suspended = outer()
        find(next(suspended))
        """,
        [(MAIN, r"__main__\.suspended\.<operand 0>\.<local inner_local>")],
    ),
    "suspended coroutine": (
        """
        @types.coroutine
        def pause(value):
            yield value
        async def inner():
            inner_local = Held()
            await pause(id(inner_local))
        async def outer():
            await inner()
        suspended = outer()
        find(suspended.send(None))
        suspended.close()
        """,
        [(MAIN, r"__main__\.suspended\.<operand 0>\.<local inner_local>")],
    ),
    "async generator": (
        """
        async def generate():
            async_local = Held()
            yield id(async_local)
        suspended = generate()
        try:
            suspended.asend(None).send(None)
        except StopIteration as stop:
            find(stop.value)
        """,
        [(MAIN, r"__main__\.suspended\.<local async_local>")],
    ),
    "contextvar of this thread": (
        """
        variable = contextvars.ContextVar("request_id")
        def enter():
            value = Held()
            variable.set(value)
            return id(value)
        find(enter())
        """,
        [("interpreter: context of thread 'MainThread'",
          r"<interpreter: context>\.<values>\.<values>\.<value of request_id>")],
    ),
    "contextvar of another thread": (
        """
        variables = [contextvars.ContextVar("filler%d" % i) for i in range(40)]  # a tree of several levels
        variable = contextvars.ContextVar("request_id")
        def enter(box, wait):
            for one in variables:
                one.set(1)
            value = Held()
            variable.set(value)
            box.append(id(value))
            del value
            wait()
        address, end = aside(enter, "handler-3")
        find(address)
        end()
        """,
        # Since 3.14 the Thread object has the context too, and a module leads to it.
        [(r"interpreter: context of thread 'handler-3'|module \w+",
          r"(<interpreter: context>|\w+\..*\._context)(\.<values>)+\.<value of request_id>")],
    ),
    "kept context": (
        """
        variable = contextvars.ContextVar("request_id")
        kept = contextvars.Context()
        def enter():
            value = Held()
            kept.run(variable.set, value)
            return id(value)
        find(enter())
        """,
        [(MAIN, r"__main__\.kept\.<values>\.<values>\.<value of request_id>")],
    ),
    "context that a context was entered from": (
        """
        variable = contextvars.ContextVar("request_id")
        def enter():
            value = Held()
            token = variable.set(value)
            address = id(value)
            del value, token
            contextvars.Context().run(find, address)
        contextvars.Context().run(enter)
        """,
        [(r"(interpreter: context of thread|thread) 'MainThread'.*", ".*<value of request_id>")],
    ),
    "thread-local of another thread": (
        """
        local = threading.local()
        def connect(box, wait):
            local.connection = Held()
            box.append(id(local.connection))
            wait()
        address, end = aside(connect, "worker-7")
        find(address)
        end()
        """,
        [(MAIN, r"__main__\.local\..*\[worker-7\]\['connection'\]")],
    ),
    "thread-local of this thread": (
        """
        class Local(threading.local):
            pass
        local = Local()
        local.connection = Held()
        find(id(local.connection))
        """,
        [(MAIN, r"__main__\.local\..*\[MainThread\]\['connection'\]")],
    ),
    "module that is imported lazily": (
        """
        import importlib.util
        spec = importlib.util.find_spec("colorsys")
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = importlib.util.module_from_spec(spec)
        sys.modules["colorsys"] = module
        spec.loader.exec_module(module)
        object.__getattribute__(module, "__dict__")["marked"] = Held()
        find(id(object.__getattribute__(module, "__dict__")["marked"]))
        assert type(module).__name__ == "_LazyModule", "the snapshot has loaded it"
        assert "rgb_to_hsv" not in object.__getattribute__(module, "__dict__")
        """,
        [("module (colorsys|__main__)", r"(colorsys|__main__\.module)\.marked")],
    ),
    "value of a WeakKeyDictionary": (
        """
        key = Held
        cache = weakref.WeakKeyDictionary({key: Held()})
        find(id(cache[key]))
        """,
        [(MAIN, r"__main__\.cache\.data\[<weakref.*>\]")],
    ),
    "what weak containers do not hold": (
        """
        strong = [Held()]
        values = weakref.WeakValueDictionary(a=strong[0])
        members = weakref.WeakSet(strong)
        keys = weakref.WeakKeyDictionary({strong[0]: 1})
        find(id(strong[0]))
        """,
        [(MAIN, r"__main__\.strong\[0\]")],
    ),
    "cell of a closure": (
        """
        def make():
            closed_over = Held()
            return (lambda: closed_over), id(closed_over)
        closure, address = make()
        find(address)
        """,
        [(MAIN, r"__main__\.closure\.<closure closed_over>")],
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_found_by_its_names(place: str) -> None:
    program, expected = PLACES[place]
    answers = _run(program)
    assert len(answers) == len(expected), "no root leads to it"
    for (root, expression, _), (root_like, expression_like) in zip(answers, expected):
        assert re.fullmatch(root_like, str(root)), (root, expression)
        assert re.fullmatch(expression_like, str(expression)), (root, expression)


TASKS = """
    async def fetch(address_of):
        local_of_fetch = Held()
        address_of.append(id(local_of_fetch))
        await asyncio.sleep(100)

    class Task(asyncio.Task):
        pass

    async def main():
        boxes = [[], [], []]
        loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(fetch(boxes[0]), name="fetch-orders"), asyncio.create_task(fetch(boxes[1])),
                 Task(fetch(boxes[2]), loop=loop, name="sub")]
        await asyncio.sleep(0)
        for box in boxes:
            find(box[0], values=True)
            find(box[0])
        number = tasks[1].get_name()
        answers.append(number)
        for task in tasks:
            task.cancel()

    asyncio.run(main())
"""


def test_tasks_of_asyncio_are_named() -> None:
    *found, number = _run(TASKS)
    assert re.fullmatch(r"Task-\d+", str(number)), number
    names = ["fetch-orders", "fetch-orders", number, number, "sub", "sub"]
    for (_, expression, previews), name in zip(found, names, strict=True):
        assert re.search(r"\._coro\.<local local_of_fetch>$", str(expression)), expression
        assert f"{name}, coroutine fetch" in previews, previews


EDGE = r"n0 -> .*?point-size=\"10\">(.*?)</font>"


def test_parts_of_futures_and_tasks_are_named() -> None:
    """The outcome, the callbacks, the context, the future that is waited for."""
    answers = _run("""
        async def wait(future):
            await future

        async def boom():
            raise ValueError(Held())

        async def main():
            global future, waiter, done, called, failed, listed
            loop = asyncio.get_running_loop()
            future, done, called, listed = (loop.create_future() for _ in range(4))
            waiter = asyncio.create_task(wait(future))
            done.set_result([Held()])
            address = id(done.result()[0])
            called.add_done_callback(types.MethodType(print, Held()))
            second = Held()
            called.add_done_callback(types.MethodType(print, second))
            failed = asyncio.create_task(boom())
            listed.set_result([Held()])
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            failed.exception()
            heap = heapsight.snapshot("futures")
            dot = {name: str(heap.graph(id(item), direction="referents", depth=1))
                   for name, item in globals().items() if isinstance(item, asyncio.Future)}
            answers.extend([name, text] for name, text in dot.items())
            second = None
            future.cancel()
            waiter.cancel()

        asyncio.run(main())
    """)
    labels = {str(name): [html.unescape(label).strip(".<>") for label in re.findall(EDGE, str(text))]
              for name, text in answers}
    assert {"_coro", "context", "_fut_waiter", "_loop"} <= set(labels["waiter"]), labels["waiter"]
    assert {"outcome", "_loop"} <= set(labels["done"]), labels["done"]
    assert {"outcome", "_loop"} <= set(labels["listed"]), labels["listed"]
    assert {"callback", "context of the callback", "_callbacks"} <= set(labels["called"]), labels["called"]
    assert {"_exception", "_coro"} <= set(labels["failed"]), labels["failed"]


@pytest.mark.skipif(sys.version_info < (3, 15), reason="frozendict and lazy imports came with 3.15")
def test_frozendict() -> None:
    (answer,) = _run("""
        frozen = frozendict(key=[Held()])
        find(id(frozen["key"][0]))
    """)
    assert answer[:2] == [MAIN, "__main__.frozen['key'][0]"]


@pytest.mark.skipif(sys.version_info < (3, 15), reason="frozendict and lazy imports came with 3.15")
def test_lazy_imports_stay_lazy() -> None:
    answers = _run("""
        source = "lazy import colorsys\\nlazy from chunk_that_is_not_there import name\\nmarked = Held()"
        module = types.ModuleType("has_lazy_imports")
        sys.modules["has_lazy_imports"] = module
        module.Held = Held
        exec(source, vars(module))
        find(id(vars(module)["marked"]), values=True)
        heap = heapsight.snapshot("lazy")
        kinds = {row.type: row.count for row in heap.types(limit=None) if "lazy" in row.type}
        heapsight.why(vars(module)["marked"])
        assert "colorsys" not in sys.modules, "the snapshot has imported it"
        answers.append([sum(kinds.values()), type(vars(module)["colorsys"]).__name__])
    """)
    assert answers[0][:2] == ["module has_lazy_imports", "has_lazy_imports.marked"]
    assert answers[1][0] >= 2 and "lazy" in str(answers[1][1]), answers  # type: ignore[operator]


def test_the_main_interpreter_is_walked_beside_others() -> None:
    """A subinterpreter that lives, with modules and objects of its own; the walk is the main one's."""
    answers = _run("""
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        other = interpreters.create()
        run = getattr(interpreters, "exec", None) or interpreters.run_string
        run(other, "import json, collections, weakref\\nclass OnlyThere: pass\\nkept = [OnlyThere() for _ in range(50)]")
        mine = [Held()]
        find(id(mine[0]))
        heap = heapsight.snapshot("beside")
        answers.append([heap.info["overcounted_count"], heap.info["doubted_count"], heap.info["invalid_count"],
                        [row.type for row in heap.types(limit=None) if "OnlyThere" in row.type]])
        run(other, "kept.clear()")
        interpreters.destroy(other)
        heapsight.snapshot("after")
    """)
    assert answers[0][:2] == [MAIN, "__main__.mine[0]"]
    assert answers[1][:3] == [0, 0, 0]
    if sys.version_info >= (3, 12):  # before, classes built in C know the subclasses of all interpreters
        assert answers[1][3] == []


@pytest.mark.skipif(sys.version_info < (3, 13), reason="free-threaded builds came with 3.13")
def test_free_threaded_builds_are_refused_in_a_sentence() -> None:
    """There may be none here: what is built for one compiles, and its check at import is that sentence."""
    folder = Path(__file__).parents[3] / "bindings" / "python" / "capture"
    headers = sysconfig.get_path("include")
    compiler = shutil.which("cc")
    if compiler is None or not Path(headers, "Python.h").is_file():
        pytest.skip("no C compiler, or no headers of this Python")
    command = [compiler, "-std=gnu11", "-DNDEBUG", "-DPy_GIL_DISABLED=1", f"-I{headers}", f"-I{folder}",
               f"-I{folder.parents[2] / 'include'}"]
    for source in sorted(folder.glob("compat_*.c")):
        subprocess.run([*command, "-fsyntax-only", source], check=True)
    seen = subprocess.run([*command, "-E", "-P", folder / "compat_gc.c"], capture_output=True, text=True,
                          check=True).stdout
    body = seen[seen.rindex("hsight__compat_check"):]
    assert re.fullmatch(r'hsight__compat_check\(void\)\s*{\s*return "[^"]*free-threaded[^"]*use a build with '
                        r'the GIL";\s*}\s*', body), body
