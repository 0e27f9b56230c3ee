# SPDX-License-Identifier: MIT
"""The snapshots that a program left in a folder."""

import heapsight as package


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def occasions(folder):
    """The occasions of the snapshots in a folder, which load and say the same."""
    found = []
    for name in names(folder):
        with package.load(folder / name) as heap:
            assert name.endswith(f"-{heap.label}.hsnap")
            found.append(heap.label)
    return found
