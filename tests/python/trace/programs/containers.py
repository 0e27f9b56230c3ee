# SPDX-License-Identifier: MIT
"""Sets, deques, dicts that grow and shrink, arrays, ordered dicts."""

import array
import collections


def run():
    table = {}
    for number in range(3000):
        table["key%d" % number] = number
    for number in range(0, 3000, 3):
        del table["key%d" % number]
    numbers = {number * 7 for number in range(2000)}
    queue = collections.deque()
    for number in range(5000):
        queue.append(number)
        if number % 2:
            queue.popleft()
    ordered = collections.OrderedDict()
    for number in range(300):
        ordered[str(number)] = None
    values = array.array("d")
    for number in range(1000):
        values.append(number)
    return table, numbers, queue, ordered, values, set(table)
