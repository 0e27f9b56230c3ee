# SPDX-License-Identifier: MIT
"""Floats live on a free list: their blocks pass from one line to another."""


def run():
    sums = []
    for number in range(200):
        half = number * 0.5
        third = half / 3.0
        sums.append(half + third)
    squares = [value * value for value in sums]
    return sums[::2], squares
