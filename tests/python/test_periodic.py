# SPDX-License-Identifier: MIT
"""Periodic: it can be stopped by whoever holds a lock, and paused by several at a time."""

import threading
import time

import pytest
from heapsight._periodic import Periodic

INTERVAL = 0.01


@pytest.fixture
def counting():
    """(a Periodic, the list that each call adds a thread to)"""
    calls = []
    made = Periodic(INTERVAL, lambda: calls.append(threading.get_native_id()))
    yield made, calls
    made.stop()


def goes_on(calls):
    """Whether there is a call from now on."""
    before = len(calls)
    deadline = time.monotonic() + 10
    while len(calls) == before and time.monotonic() < deadline:
        time.sleep(INTERVAL)
    return len(calls) > before


def stands_still(calls):
    before = len(calls)
    time.sleep(20 * INTERVAL)
    return len(calls) == before


def test_stop_and_start(counting):
    periodic, calls = counting
    assert periodic.stop(), "never started"
    periodic.start()
    assert goes_on(calls)
    assert periodic.stop()
    assert stands_still(calls)
    assert periodic.stop(), "twice"
    periodic.start()
    assert goes_on(calls)


def test_every_pause_needs_its_resume(counting):
    periodic, calls = counting
    periodic.start()
    periodic.pause(10)
    periodic.pause(10)
    periodic.resume()
    assert stands_still(calls)
    periodic.resume()
    assert goes_on(calls)
    del calls[:]
    assert goes_on(calls)
    time.sleep(5 * INTERVAL)
    assert len(set(calls)) == 1, "one thread"


def test_a_call_that_does_not_end_is_not_waited_for_without_limit():
    begun, lock, calls = threading.Event(), threading.Lock(), []

    def action():
        calls.append(threading.get_native_id())
        begun.set()
        with lock:
            pass

    periodic = Periodic(INTERVAL, action, at_once=True)
    with lock:
        periodic.start()
        assert begun.wait(10)
        assert periodic.stop(0.1) is False
        periodic.pause(0.1)
    periodic.resume()
    begun.clear()
    assert begun.wait(10)
    assert periodic.stop()
    assert stands_still(calls)
    assert len(set(calls)) == 2, "the first thread made no second call"


def test_the_first_call_may_be_at_once():
    begun = threading.Event()
    periodic = Periodic(3600, begun.set, at_once=True)
    periodic.start()
    assert begun.wait(10)
    periodic.stop()
