# SPDX-License-Identifier: MIT
"""Errors that only the Python face raises; the others come from the extension."""

from heapsight._core import HeapsightError, HeapsightLookupError

__all__ = ["HeapsightKeyError", "HeapsightTypeError"]


class HeapsightTypeError(HeapsightError, TypeError):
    """An argument of a kind that the call cannot work with."""


class HeapsightKeyError(HeapsightLookupError, KeyError):
    """Something that was never registered."""

    def __str__(self) -> str:
        """The sentence itself; KeyError would show it quoted."""
        return Exception.__str__(self)
