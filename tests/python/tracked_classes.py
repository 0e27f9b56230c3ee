# SPDX-License-Identifier: MIT
"""The classes that the tests of ClassTracker follow, and the number of their instances."""


class Plain:
    def __init__(self, value=None):
        self.value = value


class Derived(Plain):
    pass


class Slots:
    __slots__ = ("value",)

    def __init__(self, value=None):
        self.value = value


class Pair(tuple):
    def __new__(cls, *items):
        return super().__new__(cls, items)


def active(tracker, name):
    tracker.create_snapshot()
    return tracker.snapshots[-1].classes.get(name, {"active": 0})["active"]
