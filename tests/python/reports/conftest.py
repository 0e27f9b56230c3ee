# SPDX-License-Identifier: MIT
"""A traced program that all tests of reports look at."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest
from heapsight import Trace, Tracer
from made_traces import made_trace

PROGRAM = """\
    import json
    import threading

    CACHE = {}
    KEPT = []


    class Session:
        def __init__(self, number):
            self.basket = {"item": number, "note": "x" * 200}


    def make_session(number):
        return Session(number)


    def handle(number):
        CACHE[number] = make_session(number)
        return render(CACHE[number])


    def render(session):
        return json.loads(json.dumps(session.basket))


    def countdown(number):
        held = bytearray(5000)
        return [held] if number == 0 else [held, *countdown(number - 1)]


    def worker():
        KEPT.append(bytearray(300_000))


    def main():
        for number in range(500):
            KEPT.append(handle(number))
        KEPT.append(countdown(10))
        scratch = [bytearray(1000) for _ in range(400)]
        thread = threading.Thread(target=worker, name="background")
        thread.start()
        thread.join()
        del scratch
    """


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The program, as the module shop."""
    folder = tmp_path_factory.mktemp("program")
    (folder / "shop.py").write_text(dedent(PROGRAM))
    sys.path.insert(0, str(folder))
    import shop

    yield shop
    sys.path.remove(str(folder))


def traced(shop: ModuleType, tracer: Tracer) -> Trace:
    """A run in a thread, where the stacks are the program's alone and no limit cuts them."""
    shop.CACHE.clear()
    shop.KEPT.clear()
    thread = threading.Thread(target=shop.main, name="main")
    with tracer:
        thread.start()
        thread.join()
    return tracer.trace()


@pytest.fixture(scope="session")
def trace(shop: ModuleType) -> Trace:
    """Every block of the program."""
    return traced(shop, Tracer("exact"))


@pytest.fixture(scope="session")
def sampled(shop: ModuleType) -> Trace:
    """Some blocks of the program."""
    return traced(shop, Tracer("sampled", sample_bytes=8192, seed=5))


@pytest.fixture(scope="session", params=["counts", "empty"])
def without_stacks(shop: ModuleType, request: pytest.FixtureRequest) -> Trace:
    """A trace that has nothing to show."""
    return traced(shop, Tracer("counts")) if request.param == "counts" else made_trace([])


@pytest.fixture(scope="session")
def source(shop: ModuleType) -> Path:
    """The file of the program."""
    return Path(shop.__file__)
