# SPDX-License-Identifier: MIT
"""Trees made and thrown away by recursion."""


class Node:
    __slots__ = ("left", "right")

    def __init__(self, left, right):
        self.left = left
        self.right = right


def make(depth):
    return Node(make(depth - 1), make(depth - 1)) if depth else Node(None, None)


def run():
    for _ in range(3):
        make(8)
    return make(10), [make(number) for number in range(6)]
