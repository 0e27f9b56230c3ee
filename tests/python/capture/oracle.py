# SPDX-License-Identifier: MIT
"""Cases for tests that compare every reference of an object with what Python says."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from typing import Any

HEAP_TYPE = 1 << 9

Expected = Mapping[str, object]


class Cases(dict[str, tuple[object, Callable[[Any], Expected]]]):
    """By name: an object, and what tells its references after the snapshot."""

    def add(self, name: str, holder: object) -> Callable[[Callable[[Any], Expected]], None]:
        """Decorates the function that tells the references of `holder`."""
        return lambda expected: self.update({name: (holder, expected)})


def attributes(holder: object, *names: str) -> dict[str, object]:
    """References that are attributes of the same name."""
    return {f"attribute {name}": [getattr(holder, name)] for name in names}


def class_of(made: object) -> dict[str, object]:
    """Objects own a reference to their class where it is one that was made while the program ran."""
    return {"class": type(made)} if type(made).__flags__ & HEAP_TYPE else {}


def referent(holder: object, accept: Callable[[Any], bool]) -> Any:
    """The one thing of this kind that tp_traverse tells of, where Python shows no attribute."""
    (found,) = [held for held in gc.get_referents(holder) if accept(held)]
    return found


class Part:
    """Something to refer to."""
