# SPDX-License-Identifier: MIT
"""Tuples, lists and dicts: most free lists of CPython at work."""


def run():
    kept = []
    for number in range(300):
        pair = (number + 1000, number + 2000)
        record = {"pair": pair, "list": [number, pair]}
        if number % 3:
            kept.append(record)
        wide = tuple(range(number % 25))
        kept.append(wide)
    for number in range(0, len(kept), 4):
        kept[number] = None
    return [list(item) for item in kept if isinstance(item, tuple)], kept
